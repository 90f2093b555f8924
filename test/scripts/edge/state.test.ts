import { execFileSync, spawn } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, cp, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openPkcs12 } from "../../../scripts/certificates/pkcs12/read.ts";
import { lockFolder } from "../../../scripts/edge/state/lock.ts";
import { P12_PASSWORD, type StatePaths, statePaths } from "../../../scripts/edge/state/paths.ts";
import { claimFolder, openState } from "../../../scripts/edge/state/state.ts";
import { temporaryFolder } from "./client.ts";

const HOSTS = ["localhost", "app.localhost", "127.0.0.1"];
const NOW = new Date();
const YEAR_MS = 365 * 24 * 60 * 60 * 1000;

let parent: string;
let paths: StatePaths;
let cleanUp: () => Promise<void>;

/** A state folder after its first start: making one takes a while. */
let template: string;
let cleanUpTemplate: () => Promise<void>;

beforeAll(async () => {
  const [folder, remove] = await temporaryFolder();
  [template, cleanUpTemplate] = [join(folder, "state"), remove];
  const made = statePaths(template);
  await claimFolder(made);
  await openState(made, HOSTS, NOW);
});
afterAll(() => cleanUpTemplate());

beforeEach(async () => {
  [parent, cleanUp] = await temporaryFolder();
  paths = statePaths(join(parent, "state"));
});
afterEach(() => cleanUp());

/** A start: the first in a test finds what the first start ever has left. */
async function open(hosts: readonly string[] = HOSTS, now = NOW) {
  if (!existsSync(paths.folder)) await cp(template, paths.folder, { recursive: true });
  await claimFolder(paths);
  return openState(paths, hosts, now);
}

const mode = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

/** All files and what is in them. */
async function contents(): Promise<Record<string, string>> {
  const names = await readdir(paths.folder, { recursive: true, withFileTypes: true });
  const files = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(
    await Promise.all(files.map(async (file) => [file, await readFile(file, "latin1")])),
  );
}

describe("the state folder", () => {
  it("is made with everything in it, secrets for the owner alone", async () => {
    await open();
    const { devices } = paths;
    expect((await readdir(paths.folder)).sort()).toEqual(
      [
        "admin-token",
        "blocked.txt",
        "ca.key",
        "ca.pem",
        "devices",
        "registry",
        "revoked.txt",
        "server.key",
        "server.pem",
      ].sort(),
    );
    expect((await readdir(join(paths.folder, "devices"))).sort()).toEqual(
      ["alice-laptop", "alice-phone", "stranger"].flatMap((name) => [
        `${name}.key`,
        `${name}.p12`,
        `${name}.pem`,
      ]),
    );
    expect((await readFile(paths.adminToken, "utf8")).trim()).toMatch(/^[\w-]{43}$/);
    expect(await mode(paths.folder)).toBe("700");
    for (const secret of [
      paths.caKey,
      paths.serverKey,
      paths.adminToken,
      devices.stranger.key,
      devices.stranger.p12,
    ]) {
      expect([secret, await mode(secret)]).toEqual([secret, "600"]);
    }
  });

  it("is kept as it is on the next start", async () => {
    await open();
    const before = await contents();
    await open();
    expect(await contents()).toEqual(before);
  });

  it("gets its modes back", async () => {
    await open();
    await chmod(paths.folder, 0o755);
    await chmod(paths.caKey, 0o644);
    await open();
    expect([await mode(paths.folder), await mode(paths.caKey)]).toEqual(["700", "600"]);
  });

  it("signs the server and the devices with its own authority", async () => {
    const { authority, server } = await open();
    const ca = new X509Certificate(authority.certificate);
    expect(ca.ca).toBe(true);
    for (const pem of [server.certificate, ...(await devicePems())]) {
      const certificate = new X509Certificate(pem);
      expect(certificate.verify(ca.publicKey) && certificate.checkIssued(ca) && !certificate.ca).toBe(true);
    }
    expect(new X509Certificate(server.certificate).subjectAltName).toBe(
      "DNS:localhost, DNS:app.localhost, IP Address:127.0.0.1",
    );
  });

  const devicePems = () => Promise.all(Object.values(paths.devices).map(({ pem }) => readFile(pem, "utf8")));

  it("gives every certificate a serial of its own", async () => {
    await open();
    const serials = (await devicePems()).map((pem) => new X509Certificate(pem).serialNumber);
    expect(new Set(serials).size).toBe(3);
  });

  it.each([
    "devices/alice-phone.key",
    "devices/alice-phone.pem",
    "devices/alice-phone.p12",
    "server.key",
    "admin-token",
    "revoked.txt",
  ])("is healed when %s is missing, and the rest stays", async (name) => {
    await open();
    const before = await contents();
    await rm(join(paths.folder, name));
    await open();
    const after = await contents();
    expect(Object.keys(after).sort()).toEqual(Object.keys(before).sort());
    const others = Object.keys(before).filter((file) => !file.includes(name.split(".")[0] ?? name));
    for (const file of others) expect(after[file]).toBe(before[file]);
  });

  it("is healed when a crash left a key beside the certificate of another", async () => {
    await open();
    const { "alice-phone": phone, stranger } = paths.devices;
    await writeFile(phone.key, await readFile(stranger.key));
    await writeFile(join(paths.folder, "devices", "alice-phone.pem.0123.unfinished"), "half");
    await open();
    const certificate = new X509Certificate(await readFile(phone.pem));
    const opened = openPkcs12(await readFile(phone.p12), P12_PASSWORD);
    expect(opened).toMatchObject({ kind: "opened", certificates: [{ der: certificate.raw, hasKey: true }] });
    expect((await contents())[`${phone.pem}.0123.unfinished`]).toBeUndefined();
  });

  it("signs everything anew when the authority is gone", async () => {
    const first = await open();
    await rm(paths.caKey);
    const second = await open();
    expect(second.authority.certificate).not.toBe(first.authority.certificate);
    const ca = new X509Certificate(second.authority.certificate);
    for (const pem of await devicePems()) expect(new X509Certificate(pem).verify(ca.publicKey)).toBe(true);
  });

  it("renews the server's certificate for other hosts and before it expires, and nothing else", async () => {
    const first = await open();
    const more = await open([...HOSTS, "vault.example.com"]);
    expect(new X509Certificate(more.server.certificate).subjectAltName).toContain("DNS:vault.example.com");
    const later = await open([...HOSTS, "vault.example.com"], new Date(NOW.getTime() + 1.05 * YEAR_MS));
    expect(later.server.certificate).not.toBe(more.server.certificate);
    expect(later.authority).toEqual(first.authority);
  });

  it("replaces a token that is too short", async () => {
    await open();
    await writeFile(paths.adminToken, "short\n");
    expect((await open()).adminToken.length).toBeGreaterThanOrEqual(32);
  });

  it("is not made among the owner's documents", async () => {
    await mkdir(paths.folder);
    await writeFile(join(paths.folder, "thesis.txt"), "mine");
    await expect(open()).rejects.toThrow("is not a state folder");
    expect(await readdir(paths.folder)).toEqual(["thesis.txt"]);
  });

  it("is not a file", async () => {
    await writeFile(paths.folder, "");
    await expect(open()).rejects.toThrow("is a file, not a folder");
  });
});

describe("the PKCS#12 files", () => {
  it("hold certificate and key, under the password that is printed", async () => {
    await open();
    const { p12, pem } = paths.devices["alice-phone"];
    const bytes = await readFile(p12);
    expect(openPkcs12(bytes, P12_PASSWORD)).toMatchObject({
      kind: "opened",
      certificates: [{ der: new X509Certificate(await readFile(pem)).raw, hasKey: true }],
    });
    expect(openPkcs12(bytes, "wrong").kind).toBe("wrong-password");
  });

  it.skipIf(!hasOpenssl())("open with OpenSSL, with 3DES and a SHA-1 MAC", async () => {
    await open();
    const { p12, key } = paths.devices["alice-phone"];
    const info = execFileSync(
      "sh",
      ["-c", 'openssl pkcs12 -legacy -info -nodes -in "$1" -passin "pass:$2" 2>&1', "sh", p12, P12_PASSWORD],
      { encoding: "utf8" },
    );
    expect(info).toMatch(/MAC: sha1/);
    expect(info).toMatch(/pbeWithSHA1And3-KeyTripleDES-CBC/);
    expect(info).toContain("friendlyName: alice-phone");
    expect(info).toContain((await readFile(key, "utf8")).trim());
  });
});

function hasOpenssl(): boolean {
  try {
    return execFileSync("openssl", ["version"], { encoding: "utf8" }).startsWith("OpenSSL 3");
  } catch {
    return false;
  }
}

describe("the lock", () => {
  it("has one holder when several come at once", async () => {
    await claimFolder(paths);
    for (let round = 0; round < 5; round++) {
      const all = await Promise.allSettled(Array.from({ length: 8 }, () => lockFolder(paths.lock)));
      const winners = all.filter((one) => one.status === "fulfilled");
      expect(winners).toHaveLength(1);
      winners[0]?.value();
    }
  });

  it("keeps a second edge out, until the first has ended", async () => {
    await claimFolder(paths);
    const unlock = await lockFolder(paths.lock);
    await expect(lockFolder(paths.lock)).rejects.toThrow("another edge uses this state folder");
    unlock();
    unlock();
    (await lockFolder(paths.lock))();
  });

  it("of another process holds while it lives, and is gone when it is killed", async () => {
    await claimFolder(paths);
    const module = JSON.stringify(new URL("../../../scripts/edge/state/lock.ts", import.meta.url).href);
    const program = `const { lockFolder } = await import(${module});
      await lockFolder(${JSON.stringify(paths.lock)});
      console.log("held");
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    try {
      await once(child.stdout, "data");
      await expect(lockFolder(paths.lock)).rejects.toThrow("another edge uses this state folder");
    } finally {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    }
    (await lockFolder(paths.lock))();
  });
});
