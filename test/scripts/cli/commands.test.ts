import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Api, createApi } from "../../../scripts/client/api.ts";
import type { AuditEntry, Device } from "../../../src/contract/answers.ts";
import type { UserId } from "../../../src/domain/user.ts";
import { type Gate, startGate } from "./gate.ts";
import { DEVICE, failure, fixture, hasTerminal, RSA, type Run, runOnTerminal } from "./run.ts";
import { runOnceAsProcess } from "./run-here.ts";

/** A fingerprint that no other test uses. */
let made = 0;
const anyFingerprint = () => (++made).toString(16).padStart(64, "f");

let gate: Gate;
let environment: Record<string, string>;
beforeAll(async () => {
  gate = await startGate();
  api = createApi({
    origin: gate.url,
    token: readFileSync(gate.tokenFile, "utf8").trim(),
    ca: readFileSync(gate.ca, "utf8"),
    timeoutMs: 10_000,
  });
  environment = { LATCHKEY_URL: gate.url, LATCHKEY_TOKEN_FILE: gate.tokenFile, LATCHKEY_CA: gate.ca };
});
afterAll(() => gate.stop());

const latchkey = (...words: string[]): Promise<Run> => runOnceAsProcess(words, environment);
const said = (...lines: string[]): Run => ({ code: 0, stdout: `${lines.join("\n")}\n`, stderr: "" });

/** Runs a command that must succeed, and reads the object that it prints for programs. */
async function object<T>(...words: string[]): Promise<T> {
  const result = await latchkey(...words, "--json");
  expect(result).toMatchObject({ code: 0, stderr: "" });
  return JSON.parse(result.stdout);
}
// What a test only needs to be there is made without a process of its own.
let api: Api;
const addUser = (user: string) => api.putUser(user as UserId, undefined);
const enrol = async (user: string, name: string, more: { note?: string } = {}): Promise<Device> =>
  (await api.enrol(user as UserId, { name, fingerprint: anyFingerprint(), ...more })).value;
const registered = (user: string, id: string): Promise<Device> => api.device(user as UserId, id);
const DELAY = "everywhere within 10 seconds (or your REVOCATION_DELAY_SECONDS)";

describe.concurrent("users", () => {
  it("are added, listed, renamed and removed", async () => {
    expect(await latchkey("users", "add", "ursula", "--name", "Ursula K.")).toEqual(
      said("added user ursula, named 'Ursula K.'"),
    );
    expect(await latchkey("users", "add", "ursula")).toEqual(
      said("user ursula exists already, named 'Ursula K.'"),
    );
    expect(await latchkey("users", "rename", "ursula", "Ursula")).toEqual(
      said("user ursula is now named 'Ursula'"),
    );
    expect((await latchkey("users")).stdout).toMatch(
      /^USER +NAME +ROLE +ADDRESSES +SINCE\n(?:.+\n)*ursula +Ursula +member +\d{4}-\d\d-\d\d /,
    );
    expect(await object("users")).toMatchObject({
      users: expect.arrayContaining([expect.objectContaining({ id: "ursula", name: "Ursula" })]),
      next: null,
    });
    expect(await latchkey("users", "remove", "ursula")).toEqual(said("removed user ursula"));
    expect(await latchkey("users", "remove", "ursula")).toEqual(
      failure(1, "there is no user ursula", "list the users with: latchkey users"),
    );
  });

  it("are not added by renaming one who does not exist", async () => {
    await addUser("ulrich");
    expect(await latchkey("users", "rename", "ulrihc", "X")).toEqual(
      failure(1, "there is no user ulrihc", "did you mean ulrich"),
    );
    expect(JSON.stringify(await api.users())).not.toContain("ulrihc");
  });

  it("who still have devices stay", async () => {
    await addUser("uma");
    await enrol("uma", "phone");
    expect(await latchkey("users", "remove", "uma")).toEqual(
      failure(
        1,
        "the user still has devices",
        "revoke and forget them first; latchkey devices uma lists them",
      ),
    );
  });
});

describe("enrol", () => {
  beforeAll(async () => {
    await addUser("eve");
  });

  it("of an unknown user names the command that adds the user", async () => {
    expect(await latchkey("enrol", "nobody", "phone", "--fingerprint", anyFingerprint())).toEqual(
      failure(1, "there is no user nobody", "add the user first: latchkey users add nobody"),
    );
  });

  it("takes a certificate, even from a file with its private key, and knows its details", async () => {
    expect(
      await latchkey("enrol", "eve", "pixel 9", "--certificate", fixture("bundle.pem"), "--note", "new"),
    ).toEqual(said("enrolled eve/pixel 9 (certificate 286bd7cf): it is let in from now on"));
    const device = await object<Device>("show", "eve/pixel 9");
    expect(device).toMatchObject({
      user: "eve",
      name: "pixel 9",
      status: "active",
      note: "new",
      lastSeen: null,
    });
    expect(device.credentials).toMatchObject([
      { fingerprint: DEVICE, subject: "O=Home, CN=device", issuer: "CN=Test CA" },
    ]);
  });

  it("of the same certificate again changes nothing, and says so", async () => {
    expect(await latchkey("enrol", "eve", "other", "--certificate", fixture("device.der"))).toEqual(
      said("eve/pixel 9 is already enrolled with this certificate and active; nothing was changed"),
    );
  });

  it("takes PKCS#12, with its password from the environment", async () => {
    const words = ["enrol", "eve", "laptop", "--certificate", fixture("rsa-legacy.p12")];
    expect(await runOnceAsProcess(words, { ...environment, LATCHKEY_P12_PASSWORD: "geheim" })).toEqual(
      said("enrolled eve/laptop (certificate b6bbbe2c): it is let in from now on"),
    );
  });

  it("of somebody else's certificate is refused, and names nobody", async () => {
    await addUser("erich");
    const result = await latchkey("enrol", "erich", "laptop", "--fingerprint", RSA);
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(
      /^latchkey: this certificate or token is already enrolled.*\nhint: revoke and forget/,
    );
    expect(result.stderr).not.toContain("eve");
  });

  it("of an expired certificate is refused", async () => {
    const result = await latchkey("enrol", "eve", "old", "--certificate", fixture("expired.pem"));
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(
      /^latchkey: .*expired.*\nhint: issue a new certificate and enrol that one\n$/,
    );
  });

  it("under a name that another device has is refused, whatever its case", async () => {
    const result = await latchkey("enrol", "eve", "LAPTOP", "--fingerprint", anyFingerprint());
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/^latchkey: .+\nhint: choose another name\n$/);
  });
});

describe.concurrent("a device", () => {
  beforeAll(async () => {
    await addUser("dora");
    await addUser("dirk");
  });

  it("is shown to people with its certificate, its note and when it was seen", async () => {
    await enrol("dora", "shown", { note: "line one\nline two" });
    const { code, stdout, stderr } = await latchkey("show", "dora/shown");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(
      /^device +dora\/shown\nid +[0-9a-f-]{36}\nstatus +active\nenrolled +.+ \(just now\)\nlast seen +never\n/,
    );
    expect(stdout).toMatch(/\n\ncertificate\n +fingerprint +f{60}/);
    expect(stdout).toMatch(/\n\nnote\n {2}line one\n {2}line two\n$/);
  });

  it("is found by its id, and by a name with spaces and slashes, in any case", async () => {
    const { id } = await enrol("dirk", "Work / old Pixel");
    const found = await Promise.all([
      object<Device>("show", id),
      object<Device>("show", id.toUpperCase()),
      object<Device>("show", `dirk/${id}`),
      object<Device>("show", "dirk/Work / old Pixel"),
      object<Device>("show", "dirk/work / OLD pixel"),
    ]);
    expect(found.map((device) => device.id)).toEqual([id, id, id, id, id]);
  });

  it("that is not there is an error, with the nearest name", async () => {
    await enrol("dora", "tablet");
    const [near, none, id] = await Promise.all([
      latchkey("show", "dora/tabelt"),
      latchkey("show", "dora/refrigerator"),
      latchkey("show", "00000000-0000-4000-8000-000000000000"),
    ]);
    expect(near).toEqual(failure(1, "dora has no device named 'tabelt'", "did you mean dora/tablet"));
    expect(none).toEqual(
      failure(1, "dora has no device named 'refrigerator'", "list the devices with: latchkey devices dora"),
    );
    expect(id).toEqual(
      failure(
        1,
        "no user has a device with the id 00000000-0000-4000-8000-000000000000",
        "list the devices with: latchkey devices",
      ),
    );
  });

  it("is renamed, and its note is written and removed", async () => {
    const { id } = await enrol("dora", "first");
    expect(await latchkey("rename", "dora/first", "second")).toEqual(said("dora/first is now dora/second"));
    expect(await latchkey("note", "dora/second", "in repair")).toEqual(said("wrote the note of dora/second"));
    expect(await registered("dora", id)).toMatchObject({ name: "second", note: "in repair" });
    expect(await latchkey("note", id, "")).toEqual(said("removed the note of dora/second"));
    expect(await registered("dora", id)).toMatchObject({ note: null });
    expect(await latchkey("note", id, "bell\x07")).toEqual(
      failure(
        1,
        "note: a note must not contain control characters",
        "correct it and try again; nothing was changed",
      ),
    );
  });

  it("is suspended, reinstated, lost, found, revoked and forgotten; each once", async () => {
    await enrol("dora", "phone", { note: "blue" });
    const phone = "dora/phone";
    expect(await latchkey("suspend", phone, "--reason", "in repair")).toEqual(
      said(`dora/phone is suspended: it is refused ${DELAY}`),
    );
    expect(await latchkey("suspend", phone)).toEqual(said("dora/phone was suspended already"));
    expect(await object("show", phone)).toMatchObject({ note: "blue", statusReason: "in repair" });
    expect((await latchkey("show", phone)).stdout).toMatch(/^reason +in repair$/m);
    expect(await latchkey("reinstate", phone)).toEqual(
      said("dora/phone was suspended and is active again: it is let in from now on"),
    );
    // What it says of the vault depends on the apps: see lost.test.ts.
    const lost = await latchkey("lost", phone, "--yes");
    expect(lost).toMatchObject({ code: 0, stderr: "" });
    expect(lost.stdout).toContain(`dora/phone is reported lost: it is refused ${DELAY}\n`);
    expect(await latchkey("suspend", phone)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/\nhint: suspend is for devices that are active; this one is lost\n$/),
    });
    expect(await object("reinstate", phone)).toMatchObject({ status: "active" });
    expect(await latchkey("forget", phone, "-y")).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/\nhint: revoke it first: latchkey revoke dora\/phone\n$/),
    });
    expect(await latchkey("revoke", phone, "-y")).toEqual(
      said(`dora/phone is revoked: it is refused ${DELAY}`),
    );
    expect(await latchkey("revoke", phone, "-y")).toEqual(said("dora/phone was revoked already"));
    expect(await latchkey("reinstate", phone)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /\nhint: revoked is final: forget the record with latchkey forget dora\/phone,/,
      ),
    });
    expect(await latchkey("forget", phone, "-y")).toEqual(
      said("forgot dora/phone: its certificate is unknown now, and can be enrolled again"),
    );
    expect((await latchkey("show", phone)).code).toBe(1);
  });

  it("that asks first does nothing if nobody can answer", async () => {
    const { id } = await enrol("dora", "careful");
    expect((await latchkey("revoke", "dora/careful")).code).toBe(2);
    expect((await latchkey("lost", "dora/careful")).code).toBe(2);
    expect(await registered("dora", id)).toMatchObject({ status: "active" });
  });

  it.skipIf(!hasTerminal)("that asks first is revoked after a yes, and after nothing else", async () => {
    const { id } = await enrol("dora", "asked");
    const question = `Revoke dora/asked for good? (active, id ${id})`;
    const no = await runOnTerminal(["revoke", "dora/asked"], environment, { answers: [[question, "\r"]] });
    expect(no).toMatchObject({ code: 1, shown: expect.stringContaining("latchkey: nothing was done") });
    expect(await registered("dora", id)).toMatchObject({ status: "active" });
    const yes = await runOnTerminal(["revoke", "dora/asked"], environment, { answers: [[question, "y"]] });
    expect(yes).toMatchObject({
      code: 0,
      shown: expect.stringContaining(`dora/asked is revoked: it is refused ${DELAY}`),
    });
    expect(await registered("dora", id)).toMatchObject({ status: "revoked" });
  });

  it.skipIf(!hasTerminal)("is reported lost after its name was typed, and after nothing else", async () => {
    const { id } = await enrol("dora", "Lost one");
    const question = `Report dora/Lost one lost? (active, id ${id}) Type its name, Lost one`;
    const ask = (...typed: string[]) =>
      runOnTerminal(["lost", "dora/lost one"], environment, {
        answers: typed.map((each, index) => [
          index === 0
            ? "Lost one\r\n"
            : new RegExp(`'${typed[index - 1]}' is not Lost one or dora/Lost one[^]*Type its name`),
          each === "\u0003" ? each : `${each}\r`,
        ]),
      });
    for (const typed of [["y", "", "dora/Lost"], ["\u0003"]]) {
      const { code, shown } = await ask(...typed);
      expect({ typed, code }).toEqual({ typed, code: 1 });
      expect(shown).toContain(
        "latchkey: nothing was done\r\nhint: type Lost one or dora/Lost one, or add --yes, to go ahead",
      );
      expect(await registered("dora", id)).toMatchObject({ status: "active" });
    }
    const { code, shown } = await ask("lost ONE");
    expect(code).toBe(0);
    expect(shown).toContain(question);
    expect(shown.slice(0, shown.indexOf(question))).toMatch(
      /^(On apps with|No app here has) the profile bitwarden.+\r\n[\s\S]*Other devices aren't affected\.\r\n/,
    );
    expect(shown).toContain(`dora/Lost one is reported lost: it is refused ${DELAY}`);
    expect(await registered("dora", id)).toMatchObject({ status: "lost", wipe: null });
  });

  it.skipIf(!hasTerminal)("is coloured on a terminal, and NO_COLOR is respected", async () => {
    await enrol("dirk", "colours");
    const bold = "\u001b[1m";
    const words = ["show", "dirk/colours"];
    expect((await runOnTerminal(words, environment)).shown).toContain(`${bold}device`);
    expect((await runOnTerminal(words, { ...environment, NO_COLOR: "1" })).shown).not.toContain("\u001b");
    expect((await latchkey(...words)).stdout).not.toContain("\u001b");
  });

  it("that is not revoked wins its name; among several revoked ones the id decides", async () => {
    const ids: string[] = [];
    for (const _ of [1, 2]) {
      const twin = await enrol("dora", "twin");
      ids.push(twin.id);
      await api.act(twin, "revoke", undefined);
    }
    const ambiguous = await latchkey("show", "dora/twin");
    expect(ambiguous).toMatchObject({ code: 1, stdout: "" });
    expect(ambiguous.stderr).toMatch(
      /^latchkey: dora has 2 devices named 'twin'\nhint: give the id of the one you mean\n {2}[0-9a-f-]{36} {2}revoked, enrolled .+\n {2}[0-9a-f-]{36} /,
    );
    for (const id of ids) expect(ambiguous.stderr).toContain(id);

    const { id: living } = await enrol("dora", "twin");
    expect(await object("show", "dora/twin")).toMatchObject({ id: living });
    expect((await latchkey("forget", "dora/twin", "--yes")).stderr).toContain(
      "dora has 2 devices named 'twin'",
    );
    expect((await latchkey("forget", ids[0] ?? "", "--yes")).code).toBe(0);
    // With a living one and one revoked of the same name, only the revoked one can be meant.
    expect((await latchkey("forget", "dora/twin", "--yes")).code).toBe(0);
    expect(await object("show", "dora/twin")).toMatchObject({ id: living, status: "active" });
  });

  it("that is still let in is never taken for a revoked one whose name is written so", async () => {
    await api.act(await enrol("dora", "Phablet"), "revoke", undefined);
    const { id } = await enrol("dora", "phablet");
    expect(await latchkey("revoke", "dora/Phablet", "--yes")).toEqual(
      said(`dora/phablet is revoked: it is refused ${DELAY}`),
    );
    expect(await registered("dora", id)).toMatchObject({ status: "revoked" });
  });

  it("is listed with the others of its user, or of all users", async () => {
    await enrol("dirk", "listed");
    expect((await latchkey("devices", "dirk")).stdout).toMatch(
      /^DEVICE +STATUS +CERTIFICATE +EXPIRES +LAST SEEN\n(?:.+\n)*dirk\/listed +active +f{8} +unknown +never\n/,
    );
    const { devices } = await object<{ devices: Device[] }>("devices");
    expect(devices.map(({ user }) => user)).toEqual(expect.arrayContaining(["dirk", "dora"]));
    await addUser("none");
    expect(await latchkey("devices", "none")).toEqual(
      said("no devices yet; enrol one with: latchkey enrol none phone --certificate phone.pem"),
    );
    expect(await latchkey("devices", "nobody")).toEqual(
      failure(1, "there is no user nobody", "list the users with: latchkey users"),
    );
  });
});

describe.concurrent("unknown certificates", () => {
  // The gate notes a stranger after it has answered.
  const waiting = (fingerprint: string) =>
    expect
      .poll(async () => (await api.unknownCertificates()).map((certificate) => certificate.fingerprint), {
        timeout: 10_000,
      })
      .toContain(fingerprint);

  it("are listed, found by their first digits, and dismissed", async () => {
    await addUser("paula");
    const stranger = await gate.visitAsStranger("stranger");
    await waiting(stranger);

    const list = (await latchkey("unknown")).stdout;
    expect(list).toMatch(/^FINGERPRINT +SUBJECT +EXPIRES +APP +COUNTRY +LAST SEEN +SEEN\n/);
    expect(list).toContain(stranger);
    expect(await latchkey("dismiss", stranger.slice(0, 8).toUpperCase())).toEqual(
      said(`dismissed ${stranger.slice(0, 8)}`),
    );
    expect(await latchkey("dismiss", stranger)).toEqual(
      failure(
        1,
        "there is no such unknown certificate",
        "list the unknown certificates with: latchkey unknown",
      ),
    );
    expect(await latchkey("enrol", "paula", "phone", "--unknown", stranger.slice(0, 12))).toEqual(
      failure(
        1,
        `no unknown certificate begins with ${stranger.slice(0, 12)}`,
        "list the unknown certificates with: latchkey unknown",
      ),
    );
  });

  it("become devices by being enrolled", async () => {
    const fingerprint = await gate.visitAsStranger("second-stranger");
    await waiting(fingerprint);
    expect(await latchkey("enrol", "nobody", "phone", "--unknown", fingerprint)).toEqual(
      failure(1, "there is no user nobody", "add the user first: latchkey users add nobody"),
    );
    expect(await latchkey("enrol", "paula", "phone", "--unknown", fingerprint.slice(0, 10))).toEqual(
      said(`enrolled paula/phone (certificate ${fingerprint.slice(0, 8)}): it is let in from now on`),
    );
    expect(await object("show", "paula/phone")).toMatchObject({
      status: "active",
      credentials: [{ fingerprint }],
    });
    expect((await latchkey("unknown")).stdout).not.toContain(fingerprint);
  });

  it("may be limited as they are enrolled", async () => {
    const fingerprint = await gate.visitAsStranger("third-stranger");
    await waiting(fingerprint);
    const words = ["--unknown", fingerprint, "--app", "app.localhost", "--country", "ch"];
    expect(await latchkey("enrol", "paula", "guest", ...words)).toEqual(
      said(
        `enrolled paula/guest (certificate ${fingerprint.slice(0, 8)}): it is let in from now on, only at app.localhost, only from CH`,
      ),
    );
    expect(await object("show", "paula/guest")).toMatchObject({
      ...{ apps: ["app.localhost"], countries: ["CH"], expiresAt: null },
    });
  });
});

describe.concurrent("audit", () => {
  it("shows a user's changes, newest first, refused attempts included, as far as asked", async () => {
    await addUser("axel");
    await api.act(await enrol("axel", "phone"), "suspend", "in repair");
    await latchkey("forget", "axel/phone", "--yes");
    const { stdout } = await latchkey("audit", "axel");
    expect(stdout).toMatch(/^TIME +ACT +TARGET +OUTCOME +ACTOR +FROM +DETAIL\n/);
    expect(stdout).toMatch(/ forget +phone +refused +admin /);
    expect(stdout.indexOf("suspend")).toBeLessThan(stdout.indexOf("enrol"));
    expect(stdout).toContain("in repair");

    const first = await object<{ entries: AuditEntry[]; next: string | null }>(
      "audit",
      "axel",
      "--limit",
      "2",
    );
    expect(first.entries.map(({ act }) => act)).toEqual(["forget", "suspend"]);
    const rest = await object<{ entries: AuditEntry[]; next: string | null }>(
      "audit",
      "axel",
      "--before",
      first.next ?? "",
    );
    expect(rest.entries.at(0)).toMatchObject({ act: "enrol", outcome: "done", target: { name: "phone" } });
    expect((await latchkey("audit", "axel", "--limit", "1")).stdout).toMatch(
      /\n\n1 entry; older ones: --before \d+\n$/,
    );
  });

  it("shows the directory's own log when no user is named", async () => {
    await addUser("anna");
    expect((await latchkey("audit", "--limit", "500")).stdout).toMatch(/ create-user +anna +done /);
    expect(await latchkey("audit", "nobody")).toEqual(
      failure(1, "there is no user nobody", "list the users with: latchkey users"),
    );
  });
});

describe.concurrent("the connection", () => {
  it("takes the token from the environment or a file, and the options before or after the command", async () => {
    const token = readFileSync(gate.tokenFile, "utf8").trim();
    const all = await Promise.all([
      runOnceAsProcess([
        "users",
        "--url",
        gate.url,
        "--ca",
        gate.ca,
        "--token-file",
        gate.tokenFile,
        "--json",
      ]),
      runOnceAsProcess(["--json", "--url", gate.url, "--ca", gate.ca, "users"], { LATCHKEY_TOKEN: token }),
      runOnceAsProcess(["users", "--json"], { ...environment, LATCHKEY_URL: `${gate.url}/.latchkey/` }),
    ]);
    for (const { code, stdout, stderr } of all) {
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(JSON.parse(stdout)).toHaveProperty("users");
    }
  });

  it("with a wrong token is refused", async () => {
    const token = "this-token-is-wrong-but-long-enough-0123456789";
    const result = await runOnceAsProcess(["users"], {
      LATCHKEY_URL: gate.url,
      LATCHKEY_CA: gate.ca,
      LATCHKEY_TOKEN: token,
    });
    expect(result).toMatchObject({ code: 1, stdout: "" });
    expect(result.stderr).toMatch(
      /^latchkey: .+\nhint: give the token that was set with npx wrangler secret put ADMIN_TOKEN, or one of your own .+\n$/,
    );
    expect(result.stderr).not.toContain(token);
  });

  it("to a server whose authority is not known is refused, and --ca is the remedy", async () => {
    const { LATCHKEY_CA: _, ...rest } = environment;
    expect(await runOnceAsProcess(["users"], rest)).toEqual(
      failure(
        1,
        "the certificate of latchkey.localhost is not signed by an authority that this machine trusts",
        "for a server of your own give its authority with --ca FILE or LATCHKEY_CA (local edge: .latchkey/ca.pem)",
      ),
    );
    expect(await runOnceAsProcess(["users", "--ca", fixture("ca.pem")], rest)).toEqual(
      failure(
        1,
        "the certificate of latchkey.localhost is not signed by the authority in the --ca file",
        "check that the file is that server's authority; for a public server leave --ca and LATCHKEY_CA out",
      ),
    );
  });

  it("where nothing listens is refused", async () => {
    expect(await latchkey("users", "--url", "https://app.localhost:1")).toEqual(
      failure(
        1,
        "nothing listens at https://app.localhost:1",
        "check the host and the port; for the local edge, start it with npm start",
      ),
    );
  });

  it("to a host that the server's certificate does not name is refused", async () => {
    expect(await latchkey("users", "--url", `https://other.localhost:${gate.port}`)).toEqual(
      failure(1, "the certificate of other.localhost is for other names", "check the host in --url"),
    );
  });

  it("to a host that is not an app behind the gate is distinguished from a wrong token", async () => {
    const origin = `https://127.0.0.1:${gate.port}`;
    const result = await latchkey("users", "--url", origin);
    expect(result).toMatchObject({ code: 1, stdout: "" });
    expect(result.stderr).toContain(
      `latchkey: the gate at ${origin} answers 503 Service Unavailable, as it does to strangers\n`,
    );
  });

  it("without TLS to a server that wants it is refused, and https:// is the remedy", async () => {
    expect(await latchkey("users", "--url", `http://127.0.0.1:${gate.port}`)).toEqual(
      failure(
        1,
        "127.0.0.1 closed the connection before it answered",
        "check whether it wants https:// in --url, or try again in a moment",
      ),
    );
  });
});
