// The proof with the real Bitwarden client: over real TLS with real client certificates, through the
// local edge and the real Worker, against a small Bitwarden-compatible server. Whatever the reason of
// a refusal, the vault on disk stays as it is and the password can be read; only a lost device's vault
// is wiped, and its receipt says so.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { issueDeviceCertificate, issueSelfSignedCertificate } from "../../scripts/certificates/authority.ts";
import { type Edge, startEdge } from "../../scripts/edge/edge.ts";
import type { Device } from "../../src/contract/answers.ts";
import { apiOf } from "./support/api.ts";
import { BitwardenClient } from "./support/bitwarden-cli.ts";
import { type BitwardenServer, startBitwardenServer } from "./support/bitwarden-server.ts";
import { breakRegistry } from "./support/registry-files.ts";
import { UNUSED_PROVIDER } from "./support/sign-in.ts";
import { stablePort } from "./support/stable-port.ts";

const DEVICES = ["home", "suspended", "revoked", "lost-1", "lost-2"] as const;
/** People may sign in to it from a browser as well, for the web vault: no client notices. */
const APPS = { localhost: { profile: "bitwarden", signIn: true }, "files.localhost": { basic: true } };
/** Asking the registry on every request: a status shows at once. Nobody asks the provider, which does not exist. */
const VARS = { APPS, SIGN_IN: UNUSED_PROVIDER, REVOCATION_DELAY_SECONDS: 0 };
const TABLE: string[] = [];

let folder: string;
let server: BitwardenServer;
let edge: Edge;
let session: string;
let snapshot: BitwardenClient;
const certificates = new Map<string, { certFile: string; keyFile: string }>();

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "latchkey-bitwarden-"));
  server = await startBitwardenServer();
  edge = await startAt(await stablePort(), VARS);

  const authority = {
    certificate: edge.ca,
    key: readFileSync(edge.paths.caKey, "utf8"),
  };
  const api = apiOf(edge);
  await api("PUT", "/users/alice", {});
  for (const name of DEVICES) {
    const credential = await issueDeviceCertificate(authority, name);
    keep(name, credential);
    await api("POST", "/users/alice/devices", { name, certificate: credential.certificate });
  }
  // Devices without a certificate, on another app: nothing about the vault's clients may change for it.
  for (const device of [{ kind: "token" }, { kind: "feed", paths: ["/feeds/*"] }]) {
    await api("POST", "/users/alice/device-tokens", {
      name: device.kind,
      apps: ["files.localhost"],
      ...device,
    });
  }
  keep("unknown", await issueDeviceCertificate(authority, "unknown"));
  keep("self-signed", await issueSelfSignedCertificate("self-signed"));

  const home = client("home", "home");
  await home.run("config", "server", edge.url("localhost"));
  const login = await home.run("login", server.email, server.password, "--raw");
  expect(login.stderr).toBe("");
  session = login.stdout.trim();
  snapshot = home;
  expect((await client("home", "home").run("sync")).stdout).toContain("Syncing complete");
  expect(home.itemsOnDisk()).toBe(1);
}, 120_000);

afterAll(async () => {
  await edge?.stop();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
  console.log(
    ["", "refused because      bw sync        bw get password   vault on disk", ...TABLE].join("\n"),
  );
});

/** The edge with the same state and, after the first time, on the same port. */
function startAt(port: number, vars: Record<string, unknown>): Promise<Edge> {
  return startEdge({ port, stateDir: join(folder, "state"), origin: server.origin, vars });
}

async function restartWith(vars: Record<string, unknown>): Promise<void> {
  const { port } = edge;
  await edge.stop();
  edge = await startAt(port, vars);
}

function keep(name: string, { certificate, key }: { certificate: string; key: string }): void {
  const files = { certFile: join(folder, `${name}.pem`), keyFile: join(folder, `${name}.key`) };
  writeFileSync(files.certFile, certificate);
  writeFileSync(files.keyFile, key, { mode: 0o600 });
  certificates.set(name, files);
}

/** A client with a data folder of its own, and with this device's certificate. */
function client(name: string, certificate: string | undefined): BitwardenClient {
  return new BitwardenClient({
    folder: join(folder, "clients", name),
    caFile: edge.paths.ca,
    certificate: certificate === undefined ? undefined : certificates.get(certificate),
    session,
  });
}

/** The same vault on another device: a copy of the signed-in client's data. */
function copyOfVault(name: string, certificate: string | undefined): BitwardenClient {
  snapshot.copyDataTo(join(folder, "clients", name));
  return client(name, certificate);
}

/** `bw sync`, then `bw get password` with the server's cached configuration two hours old. */
async function syncAndRead(bw: BitwardenClient, name: string) {
  server.takeCalls();
  const before = bw.vaultOnDisk();
  const sync = await bw.run("sync");
  const kept = bw.vaultOnDisk() === before;
  if (kept) bw.ageConfig();
  const read = await bw.run("get", "password", server.item.id);
  const items = bw.itemsOnDisk();
  TABLE.push(
    [
      name.padEnd(20),
      (sync.exitCode === 0 ? "done" : "refused").padEnd(14),
      (read.stdout === server.item.password ? "printed" : "not printed").padEnd(17),
      items === 1 && kept ? "unchanged" : items === 0 ? "WIPED" : "changed",
    ].join(" "),
  );
  return { sync, read, kept, items, reachedTheApp: server.takeCalls() };
}

async function expectNoHarm(name: string, certificate: string | undefined): Promise<void> {
  const { sync, read, kept, items, reachedTheApp } = await syncAndRead(copyOfVault(name, certificate), name);
  expect(sync.exitCode).toBe(1);
  expect(sync.stderr).toContain("Syncing failed");
  expect(reachedTheApp).toEqual([]);
  expect(kept).toBe(true);
  expect(items).toBe(1);
  expect(read.stdout).toBe(server.item.password);
}

async function changeStatus(name: string, act: string): Promise<Device> {
  const api = apiOf(edge);
  const { id } = await device(name);
  const body = act === "lost" ? { confirm: name } : {};
  return (await api("POST", `/users/alice/devices/${id}/${act}`, body)) as Device;
}

async function device(name: string): Promise<Device> {
  const { devices } = (await apiOf(edge)("GET", "/users/alice/devices")) as { devices: Device[] };
  const found = devices.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no device ${name}`);
  return found;
}

describe("the real Bitwarden client", () => {
  it("syncs and reads through the gate, as if there were none", async () => {
    const { sync, read, items } = await syncAndRead(copyOfVault("enrolled", "home"), "(enrolled)");
    expect(sync.stdout).toContain("Syncing complete");
    expect(read.stdout).toBe(server.item.password);
    expect(items).toBe(1);
  });

  // At once: a client waits more than it computes.
  it("keeps its vault without a certificate, with a self-signed one, unknown, suspended and revoked", async () => {
    await changeStatus("suspended", "suspend");
    await changeStatus("revoked", "revoke");
    await Promise.all([
      expectNoHarm("no certificate", undefined),
      expectNoHarm("self-signed", "self-signed"),
      expectNoHarm("unknown device", "unknown"),
      expectNoHarm("suspended", "suspended"),
      expectNoHarm("revoked", "revoked"),
    ]);
  }, 120_000);

  it("wipes its vault when the device is lost, and the receipt says so", async () => {
    await changeStatus("lost-1", "lost");
    await changeStatus("lost-2", "lost");
    expect((await device("lost-1")).wipe).toBeNull();

    const [any, token] = [copyOfVault("lost", "lost-1"), copyOfVault("lost, token call", "lost-2")];
    const [wiped, forced] = await Promise.all([syncAndRead(any, "lost"), token.run("sync", "--force")]);
    expect(wiped).toMatchObject({ kept: false, items: 0, reachedTheApp: [] });
    expect(wiped.read.stdout).not.toContain(server.item.password);
    expect(forced.exitCode).toBe(1);
    expect(token.itemsOnDisk()).toBe(0);
    TABLE.push("lost, token call     refused        not tried         WIPED");

    await expect.poll(async () => (await device("lost-1")).wipe).not.toBeNull();
    expect((await device("lost-1")).wipe?.count).toBeGreaterThan(0);
    await expect.poll(async () => (await device("lost-2")).wipe?.tokenRefresh).toBe(true);
  }, 60_000);

  it("loses its vault to a 403 of the app: this test is able to fail", async () => {
    server.answerEverythingWith = 403;
    try {
      const { kept, items, reachedTheApp } = await syncAndRead(
        copyOfVault("403", "home"),
        "(403 of the app)",
      );
      expect(reachedTheApp.length).toBeGreaterThan(0);
      expect({ kept, items }).toEqual({ kept: false, items: 0 });
    } finally {
      server.answerEverythingWith = undefined;
    }
  }, 60_000);

  it("keeps its vault when the country is refused, and when the registry does not answer", async () => {
    await restartWith({ ...VARS, APPS: { localhost: { ...APPS.localhost, countries: ["LI"] } } });
    await expectNoHarm("country", "home");

    const { port } = edge;
    await edge.stop();
    breakRegistry(edge.paths.registry);
    edge = await startAt(port, VARS);
    await expectNoHarm("registry unavailable", "home");
  }, 90_000);
});
