// latchkey rotate with a certificate that Cloudflare signs, and retire --at-cloudflare: as processes, against
// the stand-in and the real local edge.
import { createHash, X509Certificate } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Relay, startRelay } from "../../cloudflare/relay.ts";
import { type LocalZone, startLocalZone } from "../../cloudflare/zone.ts";
import { failure } from "../cli/run.ts";
import { runHere, runOnceAsProcess } from "../cli/run-here.ts";
import { send } from "../edge/client.ts";

let zone: LocalZone;
let relay: Relay;
beforeAll(async () => {
  zone = await startLocalZone({ REVOCATION_DELAY_SECONDS: 0 });
  relay = await startRelay(zone.edge, zone.edge.apiHost);
});
afterEach(() => zone.cloudflare.faults.clear());
afterAll(async () => {
  await relay?.stop();
  await zone?.stop();
});

const latchkey = (...words: string[]) => runOnceAsProcess(words, zone.environment);
/** The same without the start of a process. */
const here = (...words: string[]) => runHere(words, zone.environment);
const signatures = () => zone.cloudflare.requests.filter(({ method }) => method === "POST").length;
const named = (name: string) =>
  zone.cloudflare.state.zones
    .flatMap(({ certificates }) => certificates)
    .filter(({ common_name, status }) => common_name === `alice ${name}` && status === "active");
const certificatesOf = async (name: string) =>
  (await zone.devices("alice")).find((device) => device.name === name)?.credentials ?? [];
const fingerprintOf = (pem: string) =>
  createHash("sha256").update(new X509Certificate(pem).raw).digest("hex");

describe("rotate without a file", () => {
  it("has Cloudflare sign the next certificate, which ends the old one when it is seen", async () => {
    const old = await zone.issue("phone");
    const folder = zone.folder();
    const done = await latchkey("rotate", "alice/phone", "--out", folder, "--days", "90", "--mobileconfig");
    expect(done.code, done.stderr).toBe(0);
    const read = (end: string) => readFileSync(join(folder, `alice-phone${end}`), "utf8");
    const next = { certificate: read(".pem"), key: read(".key") };
    expect(readdirSync(folder)).toHaveLength(5);
    const [oldDigits, nextDigits] = [fingerprintOf(old.certificate), fingerprintOf(next.certificate)];
    expect(done.stdout.split("\n").slice(0, 3)).toEqual([
      `alice/phone may use the certificate ${nextDigits.slice(0, 8)} from now on`,
      `the old one, ${oldDigits.slice(0, 8)}, ends when the new one is first seen`,
      "install the new one on the device, then check: latchkey show alice/phone",
    ]);
    expect(new X509Certificate(next.certificate).subject).toBe("O=Latchkey\nCN=alice phone");
    expect(await certificatesOf("phone")).toMatchObject([
      { fingerprint: oldDigits, retiredAt: null },
      { fingerprint: nextDigits, replaces: oldDigits },
    ]);

    expect((await send(zone.edge, "/", { as: old })).status).toBe(200);
    expect((await send(zone.edge, "/", { as: next })).status).toBe(200);
    await expect.poll(async () => (await send(zone.edge, "/", { as: old })).status).toBe(404);
    expect((await send(zone.edge, "/", { as: next })).status).toBe(200);

    // Its slot at Cloudflare is freed when told to, the registry's word being given already.
    expect(old.atCloudflare.status).toBe("active");
    const retire = ["retire", "alice/phone", oldDigits.slice(0, 8), "--at-cloudflare", "--yes"];
    expect((await latchkey(...retire)).stdout).toContain(
      `certificate ${oldDigits.slice(0, 8)}: revocation at Cloudflare is pending; its slot is already free\n`,
    );
    expect(old.atCloudflare.status).toBe("pending_revocation");
    expect(named("phone")).toHaveLength(1);
    expect((await latchkey(...retire)).code).toBe(0);
  });

  it("is told to programs as one JSON object", async () => {
    await zone.issue("json");
    const folder = zone.folder();
    const { stdout } = await here("rotate", "alice/json", "--out", folder, "--until", "30d", "--json");
    const { device, files, password, cloudflare } = JSON.parse(stdout);
    expect(device).toMatchObject({ name: "json", credentials: [{ retireBy: expect.any(String) }, {}] });
    expect(files.p12).toBe(join(folder, "alice-json.p12"));
    expect(password).toMatch(/^[\w-]{19}$/);
    expect(cloudflare).toMatchObject({ zone: "localhost", id: expect.any(String) });
  });

  it("makes nothing where the registry would not take it", async () => {
    await zone.issue("twice");
    expect((await here("rotate", "alice/twice", "--out", zone.folder())).code).toBe(0);
    await zone.issue("gone");
    expect((await here("revoke", "alice/gone", "--yes")).code).toBe(0);
    const before = signatures();
    expect(await here("rotate", "alice/twice", "--out", zone.folder())).toEqual(
      failure(
        1,
        "alice/twice is being renewed already",
        "wait until the old certificate ends, or end one of the two: latchkey retire alice/twice FINGERPRINT",
      ),
    );
    expect(await here("rotate", "alice/gone", "--out", zone.folder())).toEqual(
      failure(1, "alice/gone is revoked", "only a device that is active or suspended can be renewed"),
    );
    expect((await here("rotate", "alice/nobody", "--out", zone.folder())).code).toBe(1);
    expect(signatures()).toBe(before);
  });

  it("leaves the retired certificate of a lost device at Cloudflare until its wipe was delivered", async () => {
    const old = await zone.issue("stolen");
    const digits = fingerprintOf(old.certificate).slice(0, 8);
    expect((await latchkey("rotate", "alice/stolen", "--out", zone.folder())).code).toBe(0);
    expect((await latchkey("retire", "alice/stolen", digits, "--yes")).code).toBe(0);
    expect((await latchkey("lost", "alice/stolen", "--yes")).code).toBe(0);
    const retire = ["retire", "alice/stolen", digits, "--at-cloudflare", "--yes"];
    const refused = await latchkey(...retire);
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("alice/stolen is lost and has not received the wipe yet"),
    });
    expect(old.atCloudflare.status).toBe("active");
    expect((await latchkey(...retire, "--force")).code).toBe(0);
    expect(old.atCloudflare.status).toBe("pending_revocation");
  });

  it("refuses options that belong to the other way", async () => {
    expect(await here("rotate", "alice/x", "--certificate", "x.pem", "--days", "3")).toEqual(
      failure(2, "--days means nothing with --certificate", "leave one of the two out"),
    );
    expect(await here("rotate", "alice/x", "--password", "secret")).toEqual(
      failure(2, "--password means nothing without --certificate", "leave it out: issuing makes a password"),
    );
    expect(await here("retire", "alice/x", "00000000", "--zone", "localhost", "--yes")).toEqual(
      failure(2, "--zone means nothing without --at-cloudflare", "add it, or leave both out"),
    );
  });
});

describe("a fault of Cloudflare's", () => {
  const OUTAGE = { kind: "server-error", status: 503, retryAfterSeconds: 0 } as const;

  it.each([
    [1, "zones", OUTAGE],
    [2, "list", OUTAGE],
    [3, "sign", OUTAGE],
    [3, "sign, after the change", { ...OUTAGE, when: "after-the-change" }],
  ] as const)(
    "at call %i (%s) leaves the device as it is, and the next run mends it",
    async (n, call, fault) => {
      const name = `f${n}-${call.length}`;
      await zone.issue(name);
      const folder = zone.folder();
      zone.cloudflare.faults.at(n, fault, 99);
      const { code, stdout, stderr } = await here("rotate", `alice/${name}`, "--out", folder);
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      expect(readdirSync(folder)).toEqual([]);
      expect(await certificatesOf(name)).toHaveLength(1);
      const left = named(name).slice(0, -1);
      for (const { common_name } of left) expect(stderr).toContain(`CN=${common_name}`);

      zone.cloudflare.faults.clear();
      const again = await here("rotate", `alice/${name}`, "--out", folder, "--revoke-leftovers");
      expect(again.code, again.stderr).toBe(0);
      expect(named(name)).toHaveLength(2);
      expect(await certificatesOf(name)).toHaveLength(2);
    },
  );

  it("hinders no retirement, and the next run frees the slot", async () => {
    const { certificate, atCloudflare } = await zone.issue("slot");
    expect((await here("rotate", "alice/slot", "--out", zone.folder())).code).toBe(0);
    const retire = ["retire", "alice/slot", fingerprintOf(certificate), "--at-cloudflare", "--yes"];
    zone.cloudflare.faults.on("DELETE ", OUTAGE, 99);
    const first = await here(...retire);
    expect(first.code).toBe(1);
    expect(first.stdout).toContain("of alice/slot is retired");
    expect(first.stderr).toContain(
      "in the registry the certificate is retired: it is refused, whatever Cloudflare says",
    );
    expect(await certificatesOf("slot")).toMatchObject([{ retiredAt: expect.any(String) }, {}]);
    expect(atCloudflare.status).toBe("active");

    zone.cloudflare.faults.clear();
    expect(JSON.parse((await here(...retire, "--json")).stdout)).toMatchObject({
      device: { name: "slot", credentials: [{ fingerprint: fingerprintOf(certificate) }, {}] },
      cloudflare: [{ id: atCloudflare.id, status: "pending_revocation" }],
    });
    expect(atCloudflare.status).toBe("pending_revocation");
  });
});

describe("a fault of the gate's, when the next certificate is signed", () => {
  const rotate = (name: string, ...words: string[]) =>
    here("rotate", `alice/${name}`, "--zone", "localhost", "--url", relay.url, ...words);

  it.each(["lose-request", "lose-answer"] as const)("that passes (%s) is outlived", async (fault) => {
    const name = `p-${fault}`;
    await zone.issue(name);
    relay.fail("/certificates", fault);
    const done = await rotate(name, "--out", zone.folder());
    expect(done.code, done.stderr).toBe(0);
    expect(await certificatesOf(name)).toHaveLength(2);
    expect(named(name)).toHaveLength(2);
  });

  it("that lasts undoes all, and says what is not known", async () => {
    await zone.issue("undone");
    const folder = zone.folder();
    relay.fail("/certificates", "lose-request", 3);
    const { code, stdout, stderr } = await rotate("undone", "--out", folder);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain(
      "it is not known whether alice/undone has the new certificate: if latchkey show alice/undone lists it, retire it",
    );
    expect(stderr).toMatch(/undone: the certificate .* is revoked at Cloudflare \(pending\)/);
    expect(readdirSync(folder)).toEqual([]);
    expect(named("undone")).toHaveLength(1);
    expect(await certificatesOf("undone")).toHaveLength(1);
  });
});
