// Backups: the command line, the local edge with real TLS, and the real Worker: out of one registry, into another.
import {
  chmodSync,
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checksumOf } from "../../../scripts/backup/canonical.ts";
import { chunks } from "../../../scripts/backup/parts.ts";
import { type Credential, issueDeviceCertificate } from "../../../scripts/certificates/authority.ts";
import { type Edge, startEdge } from "../../../scripts/edge/edge.ts";
import type { Device } from "../../../src/contract/answers.ts";
import { send, temporaryFolder } from "../edge/client.ts";
import { failure, hasTerminal, type Run, run, runOnTerminal } from "./run.ts";
import { runHere } from "./run-here.ts";

const WEB = "app.localhost";
const vars = { APPS: { [WEB]: {}, localhost: {} }, REVOCATION_DELAY_SECONDS: 0 };

let folder: string;
let old: Edge;
let fresh: Edge;
const cleanUp: (() => Promise<void>)[] = [];
const phones: Record<string, Credential> = {};
let backup: string;

const environmentOf = (edge: Edge) => ({
  LATCHKEY_URL: edge.url(edge.apiHost),
  LATCHKEY_TOKEN_FILE: edge.paths.adminToken,
  LATCHKEY_CA: edge.paths.ca,
});
const on = (edge: Edge, ...words: string[]): Promise<Run> => runHere(words, environmentOf(edge));

async function json<T>(edge: Edge, ...words: string[]): Promise<T> {
  const result = await on(edge, ...words, "--json");
  expect(result).toMatchObject({ code: 0, stderr: "" });
  return JSON.parse(result.stdout) as T;
}

/** With the authority of another edge, it takes the same devices' certificates: as an account's zones do. */
async function start(authorityOf?: Edge): Promise<Edge> {
  const [stateDir, remove] = await temporaryFolder();
  if (authorityOf !== undefined) {
    for (const name of ["ca.pem", "ca.key"])
      copyFileSync(join(authorityOf.paths.folder, name), join(stateDir, name));
  }
  const edge = await startEdge({ port: 0, stateDir, vars });
  cleanUp.push(async () => {
    await edge.stop();
    await remove();
  });
  return edge;
}

/** All lists of a registry, as the command line has them. */
async function lists(edge: Edge) {
  const [users, devices, unknown, token] = await Promise.all([
    json<{ users: unknown[] }>(edge, "users"),
    json<{ devices: Device[] }>(edge, "devices"),
    json<{ unknownCertificates: unknown[] }>(edge, "unknown"),
    json<{ tokens: unknown[] }>(edge, "token"),
  ]);
  return {
    users: users.users,
    devices: devices.devices,
    unknownCertificates: unknown.unknownCertificates,
    tokens: token.tokens,
  };
}

/** A certificate of the first edge's authority, in a file. */
async function issue(name: string): Promise<string> {
  const authority = { certificate: old.ca, key: readFileSync(old.paths.caKey, "utf8") };
  const credential = await issueDeviceCertificate(authority, name);
  phones[name] = credential;
  const file = join(folder, `${name}.pem`);
  writeFileSync(file, credential.certificate);
  return file;
}

/** The backup with a change, and its checksum right again or not. */
function changed(name: string, change: (content: Record<string, unknown>) => void, isRight = true): string {
  const { checksum, ...content } = JSON.parse(readFileSync(backup, "utf8")) as Record<string, unknown>;
  change(content);
  const path = join(folder, name);
  writeFileSync(path, JSON.stringify({ ...content, checksum: isRight ? checksumOf(content) : checksum }));
  return path;
}
type Users = { devices: Record<string, unknown>[] }[];

beforeAll(async () => {
  const [made, remove] = await temporaryFolder();
  folder = made;
  cleanUp.push(remove);
  old = await start();
  fresh = await start(old);
  await on(old, "users", "add", "alice", "--name", "Alice");
  await on(old, "users", "add", "bob");
  await on(old, "enrol", "alice", "phone", "--certificate", await issue("phone"), "--note", "black");
  await on(old, "rotate", "alice/phone", "--certificate", await issue("phone-2"), "--until", "30d");
  await on(old, "enrol", "alice", "old", "--certificate", await issue("old"));
  await on(old, "revoke", "alice/old", "--yes");
  await on(old, "enrol", "bob", "my tablet", "--certificate", await issue("tablet"), "--note", "a\u200fb");
  await on(old, "token", "create", "--everyone", "--for", "read", "--name", "monitor");
  await issue("stranger");
  await send(old, "/", { as: phones.stranger as Credential, host: WEB });
  await send(old, "/", { as: phones.phone as Credential, host: WEB });
  backup = join(folder, "backup.json");
});
afterAll(async () => {
  for (const clean of cleanUp.reverse()) await clean();
});

describe("backup", () => {
  it("writes one file that its owner alone can read, with a checksum, and says what is in it", async () => {
    expect(await on(old, "backup", "--out", backup)).toEqual({
      code: 0,
      stdout: `wrote ${backup}: 2 users, 3 devices, 1 token, 1 unknown certificate\n`,
      stderr: "",
    });
    expect(statSync(backup).mode & 0o777).toBe(0o600);
    const { checksum, ...content } = JSON.parse(readFileSync(backup, "utf8")) as Record<string, unknown>;
    expect(checksum).toBe(checksumOf(content));
    expect(content).toMatchObject({
      format: "latchkey-backup",
      version: 1,
      source: old.url(old.apiHost),
      users: [{ id: "alice", name: "Alice" }, { id: "bob" }],
      tokens: [{ name: "monitor", digest: expect.stringMatching(/^[0-9a-f]{64}$/) }],
      unknownCertificates: [{ notBefore: expect.any(String) }],
    });
    expect(JSON.stringify(content)).not.toContain(old.adminToken);
  });

  it("writes into a folder of the owner's without --out, and nothing into the folder it is called in", async () => {
    const home = join(folder, "home");
    const repository = mkdtempSync(join(folder, "repository-"));
    const environment = { ...environmentOf(old), XDG_DATA_HOME: home };
    const { code, stdout } = await run(["backup"], environment, "", { cwd: repository });
    const path = /^wrote (.*): 2 users/.exec(stdout)?.[1] ?? "";
    expect([code, dirname(path)]).toEqual([0, join(home, "latchkey", "backups")]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
    expect(readdirSync(repository)).toEqual([]);
    chmodSync(dirname(path), 0o770);
    expect(await run(["backup"], environment)).toEqual(
      failure(
        1,
        `other users may write to ${dirname(path)}`,
        `keep it to yourself: chmod 700 ${dirname(path)}; or give another folder`,
      ),
    );
    const relative = await run(["backup"], { ...environment, HOME: home, XDG_DATA_HOME: "data" }, "", {
      cwd: repository,
    });
    expect(relative.stdout).toContain(`wrote ${join(home, ".local/share/latchkey/backups")}/`);
    expect(readdirSync(repository)).toEqual([]);
    const taken = { ...environment, XDG_DATA_HOME: path };
    expect(await run(["backup"], taken, "", { cwd: repository })).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^latchkey: .* cannot be written \(ENOTDIR\)\nhint: /),
    });
  });

  it("never overwrites a file, and needs a place that can be written to", async () => {
    const before = readFileSync(backup, "utf8");
    expect(await on(old, "backup", "--out", backup)).toEqual(
      failure(2, `${backup} is there already, and is not overwritten`, "give another --out FILE"),
    );
    expect(readFileSync(backup, "utf8")).toBe(before);
    const nowhere = join(folder, "nothing", "b.json");
    expect(await on(old, "backup", "--out", nowhere)).toMatchObject({ code: 1, stdout: "" });
  });

  it("writes one a night into a folder, and keeps the newest", async () => {
    const nightly = join(folder, "nightly");
    const earlier = ["latchkey-backup-20250101T020000Z.json", "latchkey-backup-20250102T020000Z.json"];
    expect(await on(old, "backup", "--quiet", nightly)).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(statSync(nightly).mode & 0o777).toBe(0o700);
    for (const name of earlier) copyFileSync(backup, join(nightly, name));
    for (const name of readdirSync(nightly)) if (!earlier.includes(name)) rmSync(join(nightly, name));
    writeFileSync(join(nightly, "latchkey-backup-20240101T020000Z.json"), "{");
    const { code, stdout, stderr } = await on(old, "backup", "--keep", "2", nightly);
    expect([code, stderr]).toEqual([
      0,
      "latchkey: latchkey-backup-20240101T020000Z.json is not a whole backup: it is left alone, and does not count\n",
    ]);
    expect(stdout).toMatch(
      /^wrote .+\/nightly\/latchkey-backup-\d{8}T\d{6}Z\.json: 2 users.+\ndeleted 1 older backup\n$/,
    );
    expect(readdirSync(nightly)).toHaveLength(3);
    expect(readdirSync(nightly)).toContain(earlier[1]);
    expect(readdirSync(nightly)).not.toContain(earlier[0]);
  });

  it.each([
    [["--keep", "0"], "--keep '0' is not a number of backups", "give a whole number, 1 or more"],
    [["--keep", "some"], "--keep 'some' is not a number of backups", "give a whole number, 1 or more"],
    [
      ["--keep", "3", "--out", "a.json"],
      "--out names a file, and --keep is for a folder",
      "give one, not both",
    ],
    [["here", "--out", "a.json"], "--out names a file, and you also named a folder", "give one, not both"],
  ])("refuses %j before anything is asked", async (words, message, hint) => {
    expect(await on(old, "backup", ...words)).toEqual(failure(2, message, hint));
  });

  it("writes to the standard output, the same but for the time", async () => {
    const { stdout } = await on(old, "backup", "--out", "-");
    // A terminal may be there: nothing in it paints or turns text around.
    expect(stdout).not.toContain("\u200f");
    expect(readFileSync(backup, "utf8")).toContain("\u200f");
    const plain = (text: string) => ({ ...JSON.parse(text), createdAt: "", checksum: "" });
    expect(plain(stdout)).toEqual(plain(readFileSync(backup, "utf8")));
  });
});

describe("restore into an empty registry", () => {
  it("shows with --dry-run what would be done, and does nothing", async () => {
    const { code, stdout } = await on(fresh, "restore", backup, "--dry-run");
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^backup of https:\/\/latchkey\.localhost:\d+, made .+: 2 users, 3 devices\n\+ user alice\n\+ user bob\n\+ alice\/phone, active\n\+ alice\/old, revoked\n\+ bob\/my tablet, active\n\+ token \*\/monitor: .+\n\+ 1 unknown certificate\n/,
    );
    expect(stdout).toMatch(/\n0 devices already match the backup\nnothing was changed: --dry-run\n$/);
    expect((await lists(fresh)).users).toEqual([]);
  });

  it("asks first: without somebody to answer and without --yes, nothing is done", async () => {
    const { code, stderr } = await on(fresh, "restore", backup);
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /^latchkey: this needs a confirmation, and there is no terminal: Restore this into https:.+\?\nhint: add --yes /,
    );
    expect((await lists(fresh)).users).toEqual([]);
  });

  it.runIf(hasTerminal)("does nothing when the answer is no", async () => {
    const words = ["restore", backup];
    const { code, shown } = await runOnTerminal(words, environmentOf(fresh), {
      answers: [["Restore this into", "n"]],
    });
    expect(code).toBe(1);
    expect(shown).toContain("+ alice/phone, active");
    expect((await lists(fresh)).users).toEqual([]);
  });

  it("gives the same lists and logs, and the same devices pass a real handshake", async () => {
    const result = await on(fresh, "restore", backup, "--yes");
    expect(result).toMatchObject({ code: 0, stderr: "" });
    expect(result.stdout).toMatch(
      /\nrestored 2 users, 3 devices, 1 token, 1 unknown certificate; each is in the audit log\nrestored tokens work everywhere within 10 minutes\n$/,
    );
    expect(await lists(fresh)).toEqual(await lists(old));
    const [before, after] = await Promise.all(
      [old, fresh].map((edge) => json<{ entries: Record<string, unknown>[] }>(edge, "audit", "alice")),
    );
    expect(after?.entries.filter(({ restored }) => restored === true)).toEqual(
      before?.entries.map((entry) => ({ ...entry, restored: true })),
    );
    expect((await on(fresh, "audit", "alice")).stdout).toMatch(/ enrol +phone +done, from a backup +admin /);
    const statusOf = async (name: string) =>
      (await send(fresh, "/", { as: phones[name] as Credential, host: WEB })).status;
    expect(await Promise.all(["tablet", "old", "stranger"].map(statusOf))).toEqual([200, 404, 404]);
    // A renewal goes on where it was.
    expect([await statusOf("phone"), await statusOf("phone-2"), await statusOf("phone")]).toEqual([
      200, 200, 404,
    ]);
    const statuses = (await lists(fresh)).devices.map(({ name, status }) => [name, status]);
    expect(statuses).toEqual([
      ["phone", "active"],
      ["old", "revoked"],
      ["my tablet", "active"],
    ]);
  });

  it("again finds nothing to do", async () => {
    const before = (await lists(fresh)).users;
    const { code, stdout } = await on(fresh, "restore", backup, "--yes");
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/\n3 devices already match the backup\nthere is nothing to restore\n$/),
    ]);
    expect((await lists(fresh)).users).toEqual(before);
  });
});

describe("restore into a registry that went on", () => {
  const statusOf = async (name: string) => (await send(old, "/", { as: phones[name] as Credential })).status;

  it("leaves a revoked device revoked, and what is new alone; by name it is let in again", async () => {
    expect(await statusOf("tablet")).toBe(200);
    await on(old, "revoke", "bob/my tablet", "--yes");
    await on(old, "enrol", "bob", "new", "--certificate", await issue("new"));
    await on(old, "note", "alice/phone", "white");
    const dry = await on(old, "restore", backup, "--dry-run");
    expect(dry.stdout).toContain(
      "\n~ alice/phone: note\n  bob/my tablet stays revoked: it is revoked now; --resurrect 'bob/my tablet' restores it\n  bob/new is not in the backup, and is left alone\n",
    );

    expect(await on(old, "restore", backup, "--yes")).toMatchObject({ code: 0 });
    // Not at the gate: an isolate that has refused a revoked device remembers that for half a minute.
    expect((await on(old, "show", "bob/my tablet")).stdout).toContain("revoked");
    expect(await statusOf("new")).toBe(200);
    expect((await on(old, "show", "alice/phone")).stdout).toContain("\n  black\n");

    const named = await on(old, "restore", backup, "--yes", "--resurrect", "bob/My Tablet");
    expect(named.stdout).toContain("\n~ bob/my tablet: revoked -> active\n");
    expect(await statusOf("tablet")).toBe(200);
    expect(await statusOf("old")).toBe(404);
  });

  it("does not let a device in that was forgotten with its user, and says so", async () => {
    await on(old, "users", "add", "carol");
    await on(old, "enrol", "carol", "desk", "--certificate", await issue("desk"));
    const file = join(folder, "carol.json");
    expect(await on(old, "backup", "--out", file)).toMatchObject({ code: 0 });
    await on(old, "revoke", "carol/desk", "--yes");
    await on(old, "forget", "carol/desk", "--yes");
    expect(await on(old, "users", "remove", "carol", "--yes")).toMatchObject({ code: 0 });
    const restored = await on(old, "restore", file, "--yes");
    expect(restored).toMatchObject({ code: 0 });
    expect(restored.stdout).toContain(
      "\n  carol/desk stays away: it was revoked and forgotten since; --resurrect carol/desk restores it\n",
    );
    expect(await statusOf("desk")).toBe(404);
  });

  it("reports what it cannot restore, does the rest, and fails then", async () => {
    await on(old, "revoke", "bob/my tablet", "--yes");
    const { devices } = await json<{ devices: Device[] }>(old, "devices", "bob");
    const tablet = devices.find(({ name }) => name === "my tablet");
    await on(old, "forget", `bob/${tablet?.id}`, "--yes");
    const file = join(folder, "tablet.pem");
    expect(await on(old, "enrol", "alice", "taken over", "--certificate", file)).toMatchObject({ code: 0 });
    await on(old, "note", "alice/phone", "green");
    const words = ["restore", backup, "--yes", "--resurrect", "bob/my tablet"];
    const result = await on(old, ...words);
    expect(result.code).toBe(1);
    expect(result.stdout).toContain(
      `\n! bob/my tablet cannot be restored: another device has its certificate (id ${tablet?.id})\n`,
    );
    expect(result.stderr).toMatch(
      /^latchkey: 1 device of the backup could not be restored; all others were\nhint: .+\n {2}! bob\/my tablet /,
    );
    expect((await on(old, "show", "alice/phone")).stdout).toContain("\n  black\n");
  });
});

describe("a file is refused, before anything is asked, with what is wrong and where:", () => {
  it.each<[string, () => string, RegExp]>([
    [
      "one that is not there",
      () => join(folder, "none.json"),
      /^latchkey: there is no file .+none\.json to read/,
    ],
    [
      "one that was cut short",
      () => {
        const path = join(folder, "short.json");
        writeFileSync(path, readFileSync(backup).subarray(0, 500));
        return path;
      },
      /short\.json is not JSON: it was cut short/,
    ],
    [
      "another JSON file",
      () => {
        const path = join(folder, "other.json");
        writeFileSync(path, "[]");
        return path;
      },
      /other\.json is not a backup of latchkey/,
    ],
    ["a device that never ends", () => "/dev/zero", /\/dev\/zero is too large for a backup/],
    [
      "one that is nested 20,000 deep",
      () => {
        const path = join(folder, "deep.json");
        const deep = `${"[".repeat(20_000)}${"]".repeat(20_000)}`;
        writeFileSync(path, `{"format":"latchkey-backup","version":1,"users":${deep},"checksum":${deep}}`);
        return path;
      },
      /deep\.json is nested deeper than any backup\n/,
    ],
    [
      "one whose version is deep as well",
      () => {
        const path = join(folder, "version.json");
        const deep = `${"[".repeat(20_000)}${"]".repeat(20_000)}`;
        writeFileSync(path, `{"format":"latchkey-backup","version":${deep}}`);
        return path;
      },
      /version\.json is a backup of version missing, /,
    ],
    [
      "one with a checksum of a megabyte, of which the beginning is shown",
      () => {
        const path = join(folder, "long.json");
        writeFileSync(path, `{"format":"latchkey-backup","version":1,"checksum":"${"x".repeat(1_000_000)}"}`);
        return path;
      },
      /its checksum is x{200}…, and its content has /,
    ],
    [
      "one of a later version",
      () => changed("later.json", (content) => Object.assign(content, { version: 2 })),
      /later\.json is a backup of version 2, and this command reads version 1/,
    ],
    [
      "one in which a revoked device was made active",
      () =>
        changed(
          "tampered.json",
          (content) => Object.assign((content.users as Users)[0]?.devices[1] ?? {}, { status: "active" }),
          false,
        ),
      /tampered\.json is damaged or was changed: its checksum is sha256:[0-9a-f]{64}, and its content has sha256:/,
    ],
    [
      "one without a checksum",
      () => changed("bare.json", (content) => Object.assign(content, { users: [] }), false),
      /bare\.json is damaged or was changed/,
    ],
    [
      "one with a status that there is not",
      () =>
        changed("shape.json", (content) =>
          Object.assign((content.users as Users)[1]?.devices[0] ?? {}, { status: "happy" }),
        ),
      /shape\.json has 1 error, though its checksum is right\nhint: .+\n {2}users\.1\.devices\.0\.status: must be one of/,
    ],
    [
      "one with a certificate in two devices",
      () =>
        changed("twice.json", (content) => {
          const users = content.users as Users;
          Object.assign(users[1]?.devices[0] ?? {}, { credentials: users[0]?.devices[0]?.credentials });
        }),
      /\n {2}users: a certificate is listed twice\n/,
    ],
    [
      "one with a token twice",
      () =>
        changed("tokens.json", (content) => {
          const [token] = content.tokens as object[];
          Object.assign(content, { tokens: [token, { ...token, id: crypto.randomUUID() }] });
        }),
      /\n {2}tokens: a token is listed twice\n/,
    ],
    [
      "one with a member that nobody knows",
      () => changed("more.json", (content) => Object.assign(content, { more: 1 })),
      /\n {2}more: /,
    ],
  ])("%s", async (_, file, message) => {
    const nowhere = { LATCHKEY_URL: "https://127.0.0.1:1", LATCHKEY_TOKEN: "x".repeat(32) };
    const result = await runHere(["restore", file(), "--yes"], nowhere);
    expect(result).toMatchObject({ code: 2, stdout: "" });
    expect(result.stderr).toMatch(message);
  });

  it("shows no more of its source than fits a terminal", async () => {
    const path = changed("source.json", (content) =>
      Object.assign(content, { source: "x".repeat(1_000_000) }),
    );
    const { stdout } = await on(fresh, "restore", path, "--dry-run");
    expect(stdout).toMatch(/^backup of x{200}…, made /);
  });

  it("a device that is to be resurrected and is not in it", async () => {
    expect(await on(fresh, "restore", backup, "--yes", "--resurrect", "alice/nothing")).toEqual(
      failure(
        2,
        "the backup has no device 'alice/nothing'",
        "write USER/NAME as the difference shows it, or the device's id",
      ),
    );
  });
});

describe("the parts of a list that is sent", () => {
  it("are whole, in their order, and no larger than allowed", () => {
    const items = Array.from({ length: 100 }, (_, n) => ({ n, text: "ü".repeat(n) }));
    const parts = chunks(items, 2000);
    expect(parts.flat()).toEqual(items);
    for (const part of parts) expect(Buffer.byteLength(JSON.stringify(part))).toBeLessThanOrEqual(2001);
    expect(parts.length).toBeGreaterThan(5);
    expect(chunks([])).toEqual([]);
  });
});
