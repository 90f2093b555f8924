// Renewing a certificate: the command line, the local edge with real TLS, and the real Worker.
import { X509Certificate } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Credential, issueDeviceCertificate } from "../../../scripts/certificates/authority.ts";
import { type Edge, startEdge } from "../../../scripts/edge/edge.ts";
import type { AuditList, Device } from "../../../src/contract/answers.ts";
import { send, temporaryFolder } from "../edge/client.ts";
import { failure, fixture, type Run } from "./run.ts";
import { runHere } from "./run-here.ts";

const DELAY_SECONDS = 1;
const WEB = "app.localhost";

let edge: Edge;
let cleanUp: () => Promise<void>;
let folder: string;
const latchkey = (...words: string[]): Promise<Run> =>
  runHere(words, {
    LATCHKEY_URL: edge.url(edge.apiHost),
    LATCHKEY_TOKEN_FILE: edge.paths.adminToken,
    LATCHKEY_CA: edge.paths.ca,
  });

beforeAll(async () => {
  const [stateDir, remove] = await temporaryFolder();
  folder = stateDir;
  const APPS = { [WEB]: {}, localhost: {} };
  edge = await startEdge({ port: 0, stateDir, vars: { APPS, REVOCATION_DELAY_SECONDS: DELAY_SECONDS } });
  cleanUp = async () => {
    await edge.stop();
    await remove();
  };
  await latchkey("users", "add", "alice");
});
afterAll(() => cleanUp?.());

const statusOf = async (as: Credential) => (await send(edge, "/", { as, host: WEB })).status;
const shown = async (name: string): Promise<Device> =>
  JSON.parse((await latchkey("show", `alice/${name}`, "--json")).stdout) as Device;

/** A certificate of the edge's own authority, in a file of the test. */
async function issue(name: string): Promise<{ credential: Credential; file: string; digits: string }> {
  const authority = { certificate: edge.ca, key: readFileSync(edge.paths.caKey, "utf8") };
  const credential = await issueDeviceCertificate(authority, name);
  const file = join(folder, `${name}.pem`);
  writeFileSync(file, credential.certificate + credential.key, { mode: 0o600 });
  const digits = new X509Certificate(credential.certificate).fingerprint256.replaceAll(":", "").toLowerCase();
  return { credential, file, digits: digits.slice(0, 8) };
}

/** A device with its first certificate, and the next one, which nobody knows yet. */
async function renewable(name: string) {
  const [old, next] = [await issue(`${name}-1`), await issue(`${name}-2`)];
  expect(await latchkey("enrol", "alice", name, "--certificate", old.file)).toMatchObject({ code: 0 });
  return { old, next };
}

const TIME = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d \(.+\)`;

describe("rotate", () => {
  it("lets both in, then only the new one, within the delay, with one name and one history", async () => {
    const { old, next } = await renewable("phone");
    expect(await statusOf(old.credential)).toBe(200);
    expect(await statusOf(next.credential)).toBe(404);

    const rotated = await latchkey("rotate", "alice/phone", "--certificate", next.file, "--until", "30d");
    expect(rotated).toMatchObject({ code: 0, stderr: "" });
    expect(rotated.stdout).toMatch(
      new RegExp(
        `^alice/phone may use the certificate ${next.digits} from now on
the old one, ${old.digits}, ends when the new one is first seen, or ${TIME} at the latest
install the new one on the device, then check: latchkey show alice/phone\n$`,
      ),
    );
    expect(await statusOf(old.credential)).toBe(200);
    const before = await latchkey("show", "alice/phone");
    expect(before.stdout).toMatch(
      new RegExp(
        `\n  ends +when ${next.digits} is first seen, or ${TIME}\n[^]+\n  replaces +${old.digits}, when it`,
      ),
    );
    expect((await latchkey("devices", "alice")).stdout).toMatch(
      new RegExp(`alice/phone +active +${old.digits}, ${next.digits} `),
    );

    // The refusal of a stranger is remembered for the delay at most.
    await expect.poll(() => statusOf(next.credential), { timeout: 5_000 }).toBe(200);
    const seenAt = performance.now();
    await expect.poll(() => statusOf(old.credential), { timeout: 5_000, interval: 20 }).toBe(404);
    expect(performance.now() - seenAt).toBeLessThan(DELAY_SECONDS * 1000 + 500);
    expect(await statusOf(next.credential)).toBe(200);

    const { stdout } = await latchkey("show", "alice/phone");
    expect(stdout).toMatch(new RegExp(`\n  retired +${TIME}\n`));
    expect(stdout).not.toMatch(/\n {2}ends /);
    expect((await latchkey("devices", "alice")).stdout).toMatch(
      new RegExp(`alice/phone +active +${next.digits} `),
    );
    const audit = JSON.parse((await latchkey("audit", "alice", "--json")).stdout) as AuditList;
    const { id } = await shown("phone");
    expect(
      audit.entries.filter(({ target }) => target?.id === id).map(({ act, actor }) => [act, actor]),
    ).toEqual([
      ["retire-credential", "gate"],
      ["add-credential", "admin"],
      ["enrol", "admin"],
    ]);
  });

  it("lets the old one in for good as long as the new one is not seen and no date is given", async () => {
    const { old, next } = await renewable("tablet");
    const rotated = await latchkey("rotate", "alice/tablet", "--certificate", next.file);
    expect(rotated.stdout).toContain(
      `\nthe old one, ${old.digits}, ends when the new one is first seen\ninstall`,
    );
    const beyondDelay = performance.now() + DELAY_SECONDS * 1000 + 100;
    while (performance.now() < beyondDelay) expect(await statusOf(old.credential)).toBe(200);
  });

  it("ends the old one when the date passes, though the new one was never seen", async () => {
    const { old, next } = await renewable("watch");
    const until = new Date(Math.ceil(Date.now() / 1000) * 1000 + 2000);
    const words = [
      "rotate",
      "alice/watch",
      "--certificate",
      next.file,
      "--until",
      until.toISOString().replace(".000", ""),
    ];
    expect(await latchkey(...words)).toMatchObject({ code: 0 });
    await expect.poll(() => statusOf(old.credential), { timeout: 8_000 }).toBe(404);
    expect(Date.now()).toBeGreaterThanOrEqual(until.getTime());
    expect(Date.now()).toBeLessThan(until.getTime() + DELAY_SECONDS * 1000 + 1500);
    expect(await statusOf(next.credential)).toBe(200);
    expect(await shown("watch")).toMatchObject({
      status: "active",
      credentials: [{ retiredAt: until.toISOString() }, { retiredAt: null }],
    });
  });

  it("again with the same certificate changes nothing, and with a third one it is refused", async () => {
    const { next } = await renewable("laptop");
    const words = ["rotate", "alice/laptop", "--certificate", next.file];
    await latchkey(...words);
    expect((await latchkey(...words, "--retire-after", "1d")).stdout).toBe(
      `alice/laptop has the certificate ${next.digits} already; nothing was changed\n`,
    );
    expect((await shown("laptop")).credentials).toMatchObject([{ retireBy: null }, { retireBy: null }]);
    const third = await issue("laptop-3");
    expect(await latchkey("rotate", "alice/laptop", "--certificate", third.file)).toEqual(
      failure(
        1,
        "alice/laptop is being renewed already",
        "wait until the old certificate ends, or end one of the two: latchkey retire alice/laptop FINGERPRINT",
      ),
    );
  });

  it("of a device that is lost is refused", async () => {
    const { next } = await renewable("gone");
    await latchkey("lost", "alice/gone", "--yes");
    const result = await latchkey("rotate", "alice/gone", "--certificate", next.file);
    expect(result).toMatchObject({ code: 1, stdout: "" });
    expect(result.stderr).toContain("hint: only a device that is active or suspended can be renewed");
  });

  it("of a certificate, with none and no token to have one signed, is misuse", async () => {
    await renewable("without");
    expect(await latchkey("rotate", "alice/without")).toEqual(
      failure(
        2,
        "the next certificate is missing",
        "name its file with --certificate FILE, or set CLOUDFLARE_API_TOKEN to have one made",
      ),
    );
  });

  it.each([
    [
      ["--certificate", fixture("device.pem"), "--until", "soon"],
      "--until 'soon' is not a time",
      "write a date (2026-12-24), a date and time (2026-12-24T18:00), a time (18:00), a weekday (sunday) or a time span (3d, 12h)",
    ],
    [
      ["--certificate", fixture("device.pem"), "--until", "2020-01-01"],
      "--until '2020-01-01' is in the past, or more than ten years away",
      "give a time within the next ten years",
    ],
  ])("called with %j ends before anything is sent", async (words, cause, hint) => {
    const nowhere = { LATCHKEY_URL: "https://127.0.0.1:1", LATCHKEY_TOKEN: "x".repeat(32) };
    expect(await runHere(["rotate", "alice/phone", ...words], nowhere)).toEqual(failure(2, cause, hint));
  });
});

describe("retire", () => {
  it("ends the old one at once, by its first digits", async () => {
    const { old, next } = await renewable("reader");
    await latchkey("rotate", "alice/reader", "--certificate", next.file);
    expect(await latchkey("retire", "alice/reader", old.digits, "--yes")).toEqual({
      code: 0,
      stdout: `the certificate ${old.digits} of alice/reader is retired: it is refused everywhere within 10 seconds (or your REVOCATION_DELAY_SECONDS)\n`,
      stderr: "",
    });
    expect(await statusOf(old.credential)).toBe(404);
    expect(await statusOf(next.credential)).toBe(200);
  });

  it("gives programs the device as it is afterwards", async () => {
    const { old, next } = await renewable("told");
    await latchkey("rotate", "alice/told", "--certificate", next.file);
    const { stdout } = await latchkey("retire", "alice/told", old.digits, "--yes", "--json");
    expect(JSON.parse(stdout)).toMatchObject({
      name: "told",
      credentials: [{ retiredAt: expect.any(String) }, { retiredAt: null }],
    });
  });

  it("of the next one calls the renewal off", async () => {
    const { old, next } = await renewable("camera");
    await latchkey("rotate", "alice/camera", "--certificate", next.file, "--until", "30d");
    await latchkey("retire", "alice/camera", next.digits, "--yes");
    expect(await statusOf(next.credential)).toBe(404);
    expect(await statusOf(old.credential)).toBe(200);
    expect((await shown("camera")).credentials[0]).toMatchObject({ retiredAt: null, retireBy: null });
  });

  it("of the only one, of none, and unasked is refused", async () => {
    const { old } = await renewable("single");
    expect(await latchkey("retire", "alice/single", old.digits, "--yes")).toEqual(
      failure(
        1,
        "the device has no other certificate or token",
        "revoke the device, or add a new one first with: latchkey rotate DEVICE",
      ),
    );
    const none = await latchkey("retire", "alice/single", "00000000", "--yes");
    expect(none.stderr).toMatch(
      /^latchkey: no certificate of alice\/single begins with 00000000\nhint: .+\n {2}[0-9a-f]{64}\n$/,
    );
    expect((await latchkey("retire", "alice/single", old.digits)).code).toBe(2);
    expect(await statusOf(old.credential)).toBe(200);
  });
});
