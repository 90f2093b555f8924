// latchkey issue, as a process, against the stand-in and the real local edge.
import { createPrivateKey, X509Certificate } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { openPkcs12 } from "../../../scripts/certificates/pkcs12/read.ts";
import { type Relay, startRelay } from "../../cloudflare/relay.ts";
import { type LocalZone, startLocalZone } from "../../cloudflare/zone.ts";
import { failure, startCommand } from "../cli/run.ts";
import { runHere, runOnceAsProcess } from "../cli/run-here.ts";
import { send } from "../edge/client.ts";

let zone: LocalZone;
let relay: Relay;
beforeAll(async () => {
  zone = await startLocalZone();
  relay = await startRelay(zone.edge, zone.edge.apiHost);
});
afterEach(() => zone.cloudflare.faults.clear());
afterAll(async () => {
  await relay?.stop();
  await zone?.stop();
});

const issue = (name: string, ...words: string[]) =>
  runOnceAsProcess(["issue", "alice", name, ...words], zone.environment);
const through = (name: string, ...words: string[]) =>
  runOnceAsProcess(
    ["issue", "alice", name, "--zone", "localhost", "--url", relay.url, ...words],
    zone.environment,
  );
/** The same without the start of a process, for tables of cases. */
const issueHere = (name: string, ...words: string[]) =>
  runHere(["issue", "alice", name, ...words], zone.environment);
const throughHere = (name: string, ...words: string[]) =>
  issueHere(name, "--zone", "localhost", "--url", relay.url, ...words);
const held = () => zone.cloudflare.state.zones.flatMap(({ certificates }) => certificates);
const active = () => held().filter(({ status }) => status === "active");
const named = (name: string) => active().filter(({ common_name }) => common_name === `alice ${name}`);
const read = (folder: string, name: string) => readFileSync(join(folder, name), "utf8");

/** The promise of the command: every certificate that is valid at Cloudflare is a device's, or was named. */
async function expectNoneUnknown(told: string): Promise<void> {
  const devices = await zone.devices("alice");
  const known = new Set(
    devices.flatMap(({ credentials }) => credentials.map(({ fingerprint }) => fingerprint)),
  );
  for (const { id, fingerprint_sha256, common_name } of active()) {
    const isTold = told.includes(id) || told.includes(`CN=${common_name}`);
    expect(known.has(fingerprint_sha256) || isTold, `${common_name} ${id} is unknown`).toBe(true);
  }
}

describe("a certificate for a new device", () => {
  it.each([
    ["ecdsa", [] as string[], "ec"],
    ["rsa", ["--rsa"], "rsa"],
  ])("with a key of kind %s passes the gate, in files for its owner alone", async (name, words, keyType) => {
    const folder = join(zone.folder(), "new");
    const sentBefore = zone.cloudflare.requests.length;
    const done = await issue(name, "--out", folder, "--days", "90", "--mobileconfig", ...words);
    expect(done.code, done.stderr).toBe(0);
    const base = `alice-${name}`;
    expect(readdirSync(folder).sort()).toEqual(
      [`${base}-modern.p12`, `${base}.key`, `${base}.mobileconfig`, `${base}.p12`, `${base}.pem`].sort(),
    );
    for (const file of readdirSync(folder)) expect(statSync(join(folder, file)).mode & 0o777).toBe(0o600);
    expect(statSync(folder).mode & 0o777).toBe(0o700);

    const certificate = read(folder, `${base}.pem`);
    const key = read(folder, `${base}.key`);
    const parsed = new X509Certificate(certificate);
    expect(parsed.subject).toBe(`O=Latchkey\nCN=alice ${name}`);
    expect(parsed.publicKey.asymmetricKeyType).toBe(keyType);
    expect(parsed.checkPrivateKey(createPrivateKey(key))).toBe(true);
    expect(Math.round((parsed.validToDate.getTime() - Date.now()) / 86_400_000)).toBe(90);

    // A real handshake, with the certificate that the stand-in signed.
    const as = { certificate, key };
    expect((await send(zone.edge, "/", { as })).status).toBe(200);
    expect((await send(zone.edge, "/")).status).toBe(404);

    const password = /^ {2}(\w{4}-\w{4}-\w{4}-\w{4})$/m.exec(done.stdout)?.[1] ?? "";
    for (const file of [`${base}.p12`, `${base}-modern.p12`]) {
      expect(openPkcs12(readFileSync(join(folder, file)), password)).toEqual({
        kind: "opened",
        certificates: [{ der: parsed.raw, hasKey: true }],
      });
    }
    expect(done.stdout.split(password)).toHaveLength(2);
    expect(done.stderr).not.toContain(password);
    for (const file of readdirSync(folder)) {
      expect(readFileSync(join(folder, file)).includes(password), file).toBe(false);
    }
    for (const system of ["Android", "iPhone", "macOS", "Windows", "Firefox", "Bitwarden"]) {
      expect(done.stdout).toContain(`  ${system} `);
    }

    // The key has left the machine in no form, and the token is nowhere but in its header.
    const secret = createPrivateKey(key).export({ format: "jwk" }).d ?? "";
    const pkcs8 = key.split("\n").slice(2, -2).join("");
    for (const { path, body } of zone.cloudflare.requests.slice(sentBefore)) {
      for (const text of [path, body, body.replaceAll("\\n", "")]) {
        expect(text).not.toContain("PRIVATE");
        expect(text).not.toContain(secret);
        if (pkcs8 !== "") expect(text).not.toContain(pkcs8);
      }
    }
    const { CLOUDFLARE_API_TOKEN: token = "" } = zone.environment;
    expect(done.stdout + done.stderr).not.toContain(token);
    await expectNoneUnknown("");
  });

  it("is told to programs as one JSON object", async () => {
    const folder = zone.folder();
    const done = await issue(
      "json",
      "--out",
      folder,
      "--note",
      "for a test",
      "--json",
      "--zone",
      "localhost",
    );
    const { device, files, password, cloudflare } = JSON.parse(done.stdout);
    expect(device).toMatchObject({ user: "alice", name: "json", status: "active", note: "for a test" });
    expect(files).toEqual({
      p12: join(folder, "alice-json.p12"),
      modern: join(folder, "alice-json-modern.p12"),
      certificate: join(folder, "alice-json.pem"),
      key: join(folder, "alice-json.key"),
      mobileConfig: null,
    });
    expect(password).toMatch(/^[\w-]{19}$/);
    expect(cloudflare).toEqual({
      zone: "localhost",
      id: named("json")[0]?.id,
      serial: device.credentials[0].serial,
    });
  });

  it("sends the gate the certificate and nothing of the key", async () => {
    const folder = zone.folder();
    expect((await through("sent", "--out", folder)).code).toBe(0);
    const enrolment = relay.requests.find(({ call }) => call.startsWith("POST "));
    expect(JSON.parse(enrolment?.body ?? "")).toEqual({
      name: "sent",
      certificate: read(folder, "alice-sent.pem"),
    });
  });
});

describe("before anything is signed", () => {
  const signatures = () => zone.cloudflare.requests.filter(({ method }) => method === "POST").length;

  it.each([".p12", "-modern.p12", ".pem", ".key", ".mobileconfig"])(
    "a file alice-twice%s that is there stays as it is",
    async (end) => {
      const folder = zone.folder();
      const path = join(folder, `alice-twice${end}`);
      if (end === ".key") symlinkSync("/nowhere/at/all", path);
      else writeFileSync(path, "mine");
      const before = signatures();
      expect(await issueHere("twice", "--out", folder, "--mobileconfig")).toEqual(
        failure(
          2,
          `${path} is there already, and files are never overwritten`,
          "move it away, or name another folder with --out",
        ),
      );
      expect(signatures()).toBe(before);
      expect(readdirSync(folder)).toEqual([`alice-twice${end}`]);
    },
  );

  it("limits the device as it is told", async () => {
    const { stdout } = await issueHere(
      "limited",
      "--app",
      "localhost",
      "--until",
      "30d",
      "--out",
      zone.folder(),
    );
    expect(stdout).toMatch(
      /enrolled alice\/limited \(.+\): it is let in from now on, only at localhost, until .+ \(in 30 days\)\n/,
    );
  });

  it("a name that is taken, a user who is not there, and odd words are refused", async () => {
    const folder = zone.folder();
    expect((await issueHere("Taken", "--out", folder)).code).toBe(0);
    const before = signatures();
    expect(await issueHere("taken", "--out", zone.folder())).toEqual(
      failure(
        1,
        "alice/Taken exists already",
        "choose another name, or give it a new certificate: latchkey rotate alice/Taken",
      ),
    );
    expect(await runHere(["issue", "bob", "x", "--out", zone.folder()], zone.environment)).toEqual(
      failure(1, "there is no user bob", "add the user first: latchkey users add bob"),
    );
    expect((await issueHere("x", "--app", "nowhere.example.com", "--out", zone.folder())).stderr).toContain(
      "latchkey: nowhere.example.com is not an app behind this gate\n",
    );
    expect((await issueHere("x", "--until", "yesterday")).code).toBe(2);
    expect((await issueHere("x", "--days", "0")).code).toBe(2);
    expect((await issueHere("x", "--days", "4000")).code).toBe(2);
    const { CLOUDFLARE_API_TOKEN: _, ...tokenless } = zone.environment;
    expect((await runHere(["issue", "alice", "x"], tokenless)).stderr).toContain(
      "CLOUDFLARE_API_TOKEN is not set",
    );
    expect((await issueHere("x", "--zone", "example.org", "--out", zone.folder())).code).toBe(1);
    expect(signatures()).toBe(before);
  });

  it("a full quota is explained", async () => {
    for (const each of zone.cloudflare.state.zones) each.certificateQuota = 0;
    const folder = zone.folder();
    const { code, stderr } = await issueHere("one-more", "--out", folder);
    for (const each of zone.cloudflare.state.zones) each.certificateQuota = 100;
    expect(code).toBe(1);
    expect(stderr).toContain(
      "latchkey: the zone localhost has as many client certificates as Cloudflare allows (code 1445, about 100)\n",
    );
    expect(stderr).toContain("latchkey revoke DEVICE --at-cloudflare");
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("a fault of Cloudflare's", () => {
  const RESET = ["reset", { kind: "reset" }] as const;
  const OUTAGE = ["outage", { kind: "server-error", status: 503, retryAfterSeconds: 0 }] as const;
  const FORBIDDEN = ["missing permission", { kind: "no-permission" }] as const;
  // A call that only reads has no change after which it could fail.
  const LOST = ["lost answer", { kind: "reset", when: "after-the-change" }] as const;
  const LATE_OUTAGE = [
    "outage after the change",
    { kind: "server-error", status: 503, retryAfterSeconds: 0, when: "after-the-change" },
  ] as const;
  const BUSY = ["rate limit", { kind: "rate-limit", retryAfterSeconds: 0 }] as const;

  describe.each([
    { n: 1, call: "zones", passing: [RESET], lasting: [OUTAGE, FORBIDDEN] },
    { n: 2, call: "list", passing: [RESET], lasting: [OUTAGE, FORBIDDEN] },
    { n: 3, call: "sign", passing: [RESET, LOST, BUSY], lasting: [OUTAGE, LATE_OUTAGE, FORBIDDEN] },
  ])("at call $n ($call)", ({ n, call, passing, lasting }) => {
    it.each(passing)("that passes (%s) leaves one device, or nothing", async (kind, fault) => {
      const name = `p${n}-${kind.replaceAll(" ", "-")}`;
      const folder = zone.folder();
      zone.cloudflare.faults.at(n, fault);
      const first = await issueHere(name, "--out", folder);
      await expectNoneUnknown(first.stderr);
      // Only a request for a signature that surely did not arrive is not repeated.
      const isLostSignature = call === "sign" && kind === "reset";
      expect(first.code, first.stderr).toBe(isLostSignature ? 1 : 0);
      if (isLostSignature) {
        expect(readdirSync(folder)).toEqual([]);
        expect((await issueHere(name, "--out", folder)).code).toBe(0);
      }
      expect(named(name)).toHaveLength(1);
    });

    it.each(lasting)("that lasts (%s) leaves nothing, and the next run mends it", async (kind, fault) => {
      const name = `l${n}-${kind.replaceAll(" ", "-")}`;
      const folder = zone.folder();
      zone.cloudflare.faults.at(n, fault, 99);
      const first = await issueHere(name, "--out", folder);
      expect(first.code).toBe(1);
      expect(first.stdout).toBe("");
      expect(first.stderr).toMatch(/^latchkey: .*\nhint: /m);
      await expectNoneUnknown(first.stderr);
      expect(readdirSync(folder)).toEqual([]);
      expect((await zone.devices("alice")).map((device) => device.name)).not.toContain(name);

      zone.cloudflare.faults.clear();
      const second = await issueHere(name, "--out", folder, "--revoke-leftovers");
      expect(second.code, second.stderr).toBe(0);
      expect(named(name)).toHaveLength(1);
      await expectNoneUnknown("");
    });
  });
});

describe("a fault of the gate's, when the certificate is signed", () => {
  const ENROL = "POST /.latchkey/api/v1/users/alice/devices";

  it.each(["lose-request", "lose-answer", "unavailable"] as const)(
    "that passes (%s) is outlived",
    async (fault) => {
      relay.fail(ENROL, fault);
      const done = await throughHere(`g-${fault}`, "--out", zone.folder());
      expect(done.code, done.stderr).toBe(0);
      expect(named(`g-${fault}`)).toHaveLength(1);
      await expectNoneUnknown("");
    },
  );

  it.each(["lose-request", "lose-answer"] as const)(
    "that lasts (%s) undoes all, and says so",
    async (fault) => {
      const folder = zone.folder();
      relay.fail(ENROL, fault, 3);
      const { code, stdout, stderr } = await throughHere(`h-${fault}`, "--out", folder);
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      expect(stderr).toContain(`it is not known whether alice/h-${fault} was enrolled`);
      expect(stderr).toMatch(/undone: the certificate .* is revoked at Cloudflare \(pending\)/);
      expect(readdirSync(folder)).toEqual([]);
      expect(named(`h-${fault}`)).toEqual([]);
    },
  );

  it("that lasts, with Cloudflare gone too, names what is left", async () => {
    const folder = zone.folder();
    relay.fail(ENROL, "lose-request", 3);
    zone.cloudflare.faults.on("DELETE ", { kind: "server-error", retryAfterSeconds: 0 }, 99);
    const { code, stderr } = await throughHere("both", "--out", folder);
    expect(code).toBe(1);
    const [left] = named("both");
    expect(stderr).toContain(
      `NOT undone: the certificate ${left?.id} (serial ${new X509Certificate(left?.certificate ?? "").serialNumber})`,
    );
    expect(readdirSync(folder)).toEqual([]);

    zone.cloudflare.faults.clear();
    const second = await throughHere("both", "--out", folder);
    expect(second.stderr).toContain(`still valid at Cloudflare: certificate ${left?.id}`);
    expect(second.code).toBe(0);
    expect(named("both")).toHaveLength(2);
  });
});

describe("an interruption", () => {
  const words = (name: string, folder: string) => ["issue", "alice", name, "--out", folder];

  it("by Ctrl-C waits for the answer, and undoes it", async () => {
    const folder = zone.folder();
    zone.cloudflare.faults.on("POST ", { kind: "slow", ms: 1500 });
    const running = startCommand(words("stopped", folder), zone.environment);
    await running.shows("having Cloudflare sign it");
    await expect.poll(() => named("stopped").length, { timeout: 20_000 }).toBe(1);
    const { code, stdout, stderr } = await running.end("SIGINT");
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain("latchkey: interrupted\n");
    expect(stderr).toContain("undone: the certificate ");
    expect(named("stopped")).toEqual([]);
    expect(readdirSync(folder)).toEqual([]);
  });

  it("by a kill leaves a certificate that the next run names, and revokes when told to", async () => {
    const folder = zone.folder();
    zone.cloudflare.faults.on("POST ", { kind: "slow", ms: 20_000 });
    const running = startCommand(words("killed", folder), zone.environment);
    await running.shows("having Cloudflare sign it");
    await expect.poll(() => named("killed").length, { timeout: 20_000 }).toBe(1);
    await running.end("SIGKILL");
    const [left] = named("killed");
    expect(left?.status).toBe("active");

    zone.cloudflare.faults.clear();
    const again = await issue("killed", "--out", folder, "--revoke-leftovers");
    expect(again.code, again.stderr).toBe(0);
    expect(again.stderr).toContain(`revoked at Cloudflare: certificate ${left?.id} `);
    expect(left?.status).toBe("pending_revocation");
    expect(named("killed")).toHaveLength(1);
    expect(existsSync(join(folder, "alice-killed.p12"))).toBe(true);
  });
});
