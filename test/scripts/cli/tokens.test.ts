import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Device, NewToken, Session, Token } from "../../../src/contract/answers.ts";
import { VERSION } from "../../../src/contract/version.ts";
import { type Gate, startGate } from "./gate.ts";
import { signIn } from "./pages.ts";
import { failure, hasTerminal, type Run, runOnTerminal } from "./run.ts";
import { runHere } from "./run-here.ts";

let gate: Gate;
beforeAll(async () => {
  gate = await startGate();
});
afterAll(() => gate.stop());

const TOKEN = /^lkt_[A-Za-z0-9_-]{51}$/;
const FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0";

const latchkey = (...words: string[]): Promise<Run> => runHere(words, gate.environment);

/** The same with somebody else's token. */
function as(token: string): (...words: string[]) => Promise<Run> {
  const { LATCHKEY_TOKEN_FILE: _, ...environment } = gate.environment;
  return (...words) => runHere(words, { ...environment, LATCHKEY_TOKEN: token });
}

async function object<T>(...words: string[]): Promise<T> {
  const result = await latchkey(...words, "--json");
  expect(result).toMatchObject({ code: 0, stderr: "" });
  return JSON.parse(result.stdout);
}

let made = 0;
async function addUser(user: string, ...devices: string[]): Promise<void> {
  expect((await latchkey("users", "add", user)).code).toBe(0);
  for (const device of devices) {
    const fingerprint = (++made).toString(16).padStart(64, "e");
    expect((await latchkey("enrol", user, device, "--fingerprint", fingerprint)).code).toBe(0);
  }
}

const FORBIDDEN = failure(
  1,
  "not permitted with these credentials",
  "see who you are with: latchkey me; what you may not do, ask the owner of the ADMIN_TOKEN",
);

describe.concurrent("token create", () => {
  it("prints only the token, and the rest on the standard error", async () => {
    await addUser("clara");
    const { code, stdout, stderr } = await latchkey(
      "token",
      "create",
      "clara",
      "--for",
      "devices",
      "--name",
      "laptop",
    );
    expect(code).toBe(0);
    expect(stdout.trimEnd()).toMatch(TOKEN);
    expect(stdout).toBe(`${stdout.trimEnd()}\n`);
    expect(stderr).toMatch(
      /^latchkey: made the token clara\/laptop, valid until \d{4}-\d\d-\d\d \d\d:\d\d \(in 90 days\)\nlatchkey: it is printed only this once; to use it: latchkey login\n$/,
    );
    expect(stderr).not.toContain(stdout.trimEnd());
    expect(await as(stdout.trimEnd())("me")).toEqual({
      code: 0,
      stdout: `gate      ${gate.url}\nknown as  token clara/laptop\nmay       see and change clara's devices\n`,
      stderr: "",
    });
  });

  it("makes one that reads everything, and that never ends", async () => {
    const words = ["--everyone", "--for", "read", "--expires", "never", "--name", "grafana"];
    const token = await object<NewToken>("token", "create", ...words);
    expect(token).toMatchObject({ user: null, scope: "read", expiresAt: null, name: "grafana" });
    expect(JSON.parse((await as(token.token)("me", "--json")).stdout)).toEqual({
      ...{ actor: "token */grafana", scope: "read", user: null, version: VERSION, apiVersion: "1" },
      apps: expect.arrayContaining([{ host: "app.localhost", profile: "web" }]),
    });
    expect((await as(token.token)("me")).stdout).toContain("may       see everybody's devices\n");
    const { stderr } = await latchkey("token", "create", ...words.slice(0, 5), "--name", "second");
    expect(stderr).toContain("latchkey: made the token */second, valid until it is revoked\n");
  });

  it("gives it the life that was asked for, and a name when none was", async () => {
    await addUser("cleo");
    const token = await object<NewToken>("token", "create", "cleo", "--for", "read", "--expires", "12h");
    expect(Date.parse(token.expiresAt ?? "") - Date.parse(token.createdAt)).toBe(12 * 3600 * 1000);
    expect(token.name).toMatch(/^read \d{4}-\d\d-\d\d$/);
  });

  it("of an unknown user, or under a taken name, is refused", async () => {
    await addUser("cora");
    const words = ["--for", "read", "--name", "phone"];
    expect(await latchkey("token", "create", "nobody", ...words)).toEqual(
      failure(1, "there is no user nobody", "add the user first: latchkey users add nobody"),
    );
    expect((await latchkey("token", "create", "cora", ...words)).code).toBe(0);
    const again = await latchkey("token", "create", "cora", ...words);
    expect(again).toMatchObject({ code: 1, stdout: "" });
    expect(again.stderr).toMatch(/\nhint: choose another --name, or revoke that token first\n$/);
  });
});

describe.concurrent("an emergency card", () => {
  const GROUPED = /^[0-9A-HJKMNP-TV-Z]{4,5}(-[0-9A-HJKMNP-TV-Z]{4,5}){5}$/;
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "latchkey-card-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it("is printed once as a code to write down, and can only shut devices out", async () => {
    await addUser("emil", "phone");
    const { code, stdout, stderr } = await latchkey("token", "create", "emil", "--emergency");
    expect(code).toBe(0);
    const card = stdout.trimEnd();
    expect(card).toMatch(GROUPED);
    expect(stderr).toBe(
      `latchkey: made the emergency card emil/emergency card, valid until it is revoked
latchkey: it is printed only this once: write it down; to use it, open ${gate.url} and choose I have an emergency card
latchkey: to replace it: latchkey token revoke 'emil/emergency card'
`,
    );
    const holder = as(card);
    expect((await holder("me")).stdout).toContain("may       see and shut out emil's devices\n");
    expect(await holder("rename", "emil/phone", "mine")).toEqual(FORBIDDEN);
    expect((await holder("revoke", "emil/phone", "--yes")).code).toBe(0);
    expect(await object("show", "emil/phone")).toMatchObject({ status: "revoked" });
    expect((await latchkey("audit", "emil")).stdout).toContain("token emil/emergency card");
  });

  it("is written as a page to print, for its owner alone, and never over a file", async () => {
    await addUser("erna");
    const file = join(folder, "erna.html");
    const words = ["token", "create", "erna", "--emergency", "--print", file];
    const { code, stdout, stderr } = await latchkey(...words);
    expect({ code, stdout }).toEqual({ code: 0, stdout: `wrote ${file}: print it, then delete the file\n` });
    expect(stderr).not.toMatch(/[0-9A-Z]{4,5}-[0-9A-Z]{4,5}/);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const page = readFileSync(file, "utf8");
    const printed = /<dd class="code">([^<]+)</.exec(page)?.[1] ?? "";
    expect(printed).toMatch(GROUPED);
    expect((await as(printed)("me")).stdout).toContain("known as  token erna/emergency card\n");
    // It loads nothing from anywhere.
    expect(page).not.toMatch(/\b(src|href)=|url\(|@import|<script/);

    const again = [...words, "--name", "second"];
    expect(await latchkey(...again)).toEqual(
      failure(2, `${file} is there already`, "give another --print FILE, or remove it"),
    );
    expect(readFileSync(file, "utf8")).toBe(page);
    expect((await latchkey("token")).stdout).not.toContain("erna/second");
  });

  it("that cannot be written is revoked again", async () => {
    await addUser("elsa");
    const file = join(folder, "nowhere", "elsa.html");
    expect(await latchkey("token", "create", "elsa", "--emergency", "--print", file)).toEqual(
      failure(1, `the card could not be written to ${file} (ENOENT)`, "give another --print FILE"),
    );
    expect((await latchkey("token")).stdout).not.toContain("elsa/");
  });

  it.each([
    [["egon", "--emergency", "--for", "read"], "give --for or --emergency, not both"],
    [["egon", "--for", "read", "--print", "card.html"], "--print is for an emergency card"],
    [["egon", "--for", "emergency"], "--for must be devices or read, not 'emergency'"],
    [["--everyone", "--emergency"], "a token for everyone can only read"],
  ])("is not made by %j", async (words, message) => {
    const { code, stderr } = await latchkey("token", "create", ...words);
    expect(code).toBe(2);
    expect(stderr).toContain(`latchkey: ${message}\nhint: `);
  });
});

describe.concurrent("tokens", () => {
  it("are listed with what they are for, and never themselves", async () => {
    await addUser("tina");
    const token = await object<NewToken>("token", "create", "tina", "--for", "read", "--name", "phone");
    const row = (used: string) =>
      new RegExp(`\ntina/phone +${token.id.slice(0, 8)} +read +just now +in 90 days +${used}\n`);
    const unused = await latchkey("token", "list");
    expect(unused.stdout).toMatch(/^TOKEN +ID +FOR +CREATED +EXPIRES +LAST USED\n/);
    expect(unused.stdout).toMatch(row("never"));
    expect((await as(token.token)("devices", "tina")).code).toBe(0);
    for (const words of [["token"], ["token", "list"]]) {
      expect((await latchkey(...words)).stdout).toMatch(row("just now"));
    }
    const json = await latchkey("token", "--json");
    expect(JSON.parse(json.stdout)).toMatchObject({
      tokens: expect.arrayContaining([expect.objectContaining({ id: token.id, user: "tina" })]),
    });
    for (const { stdout } of [unused, json]) expect(stdout).not.toContain("lkt_");
  });

  it.each(["laptop", "phone"])(
    "are revoked by name or by id, and useless from then on (%s)",
    async (name) => {
      await addUser("tilo");
      const token = await object<NewToken>("token", "create", "tilo", "--for", "devices", "--name", name);
      const reference = name === "phone" ? token.id.slice(0, 8) : "tilo/laptop";
      expect(await latchkey("token", "revoke", reference)).toEqual(
        failure(
          2,
          `this needs a confirmation, and there is no terminal: Revoke the token tilo/${name} for good? (devices, id ${token.id})`,
          "add --yes to go ahead without being asked",
        ),
      );
      expect((await as(token.token)("me")).code).toBe(0);
      expect(await latchkey("token", "revoke", reference, "--yes")).toEqual({
        code: 0,
        stdout: `revoked the token tilo/${name}: anyone who uses it is refused from now on\n`,
        stderr: "",
      });
      const refused = await as(token.token)("me");
      expect(refused).toMatchObject({ code: 1, stdout: "" });
      expect(refused.stderr).toMatch(
        /^latchkey: this is neither .+\nhint: give the token that was set with .+\n$/,
      );
      expect(refused.stderr).not.toContain(token.token);
      expect((await latchkey("token", "revoke", `tilo/${name}`, "--yes")).stderr).toContain(
        `latchkey: there is no token 'tilo/${name}'\n`,
      );
    },
  );

  it.skipIf(!hasTerminal)("are revoked after a yes, and after nothing else", async () => {
    await addUser("theo");
    const { id } = await object<NewToken>("token", "create", "theo", "--for", "read", "--name", "asked");
    const question = `Revoke the token theo/asked for good? (read, id ${id})`;
    const ask = (answer: string) =>
      runOnTerminal(["token", "revoke", "theo/asked"], gate.environment, { answers: [[question, answer]] });
    const ids = async () => (await object<{ tokens: Token[] }>("token")).tokens.map((token) => token.id);
    expect((await ask("\r")).code).toBe(1);
    expect(await ids()).toContain(id);
    expect((await ask("y")).code).toBe(0);
    expect(await ids()).not.toContain(id);
  });
});

describe.concurrent("with a user's own token", () => {
  let owner: (...words: string[]) => Promise<Run>;
  let reader: (...words: string[]) => Promise<Run>;
  beforeAll(async () => {
    await addUser("olga", "phone", "tablet", "laptop");
    await addUser("otto", "phone");
    const [devices, read] = await Promise.all([
      object<NewToken>("token", "create", "olga", "--for", "devices", "--name", "own"),
      object<NewToken>("token", "create", "olga", "--for", "read", "--name", "look"),
    ]);
    owner = as(devices.token);
    reader = as(read.token);
  });

  it("one sees one's own devices, and no other user", async () => {
    for (const ask of [owner, reader]) {
      const { stdout } = await ask("devices", "--json");
      const { devices } = JSON.parse(stdout) as { devices: Device[] };
      expect(devices.map(({ user }) => user)).toEqual(["olga", "olga", "olga"]);
      expect((await ask("users")).stdout).toMatch(
        /^USER +NAME +ROLE +ADDRESSES +SINCE\nolga +member +\d{4}\S+ \S+\n$/,
      );
      expect((await ask("devices", "olga")).code).toBe(0);
      expect((await ask("audit", "olga")).code).toBe(0);
    }
  });

  it("one renames one's own, reports it lost and revokes it, and the audit log says who did", async () => {
    expect((await owner("rename", "olga/tablet", "old tablet")).stdout).toBe(
      "olga/tablet is now olga/old tablet\n",
    );
    expect((await owner("lost", "olga/old tablet", "--yes")).code).toBe(0);
    expect((await owner("revoke", "olga/phone", "--yes", "--reason", "sold")).stdout).toMatch(
      /^olga\/phone is revoked: /,
    );
    expect((await owner("audit", "olga", "--search", "sold")).stdout).toMatch(
      / revoke +phone +done +token olga\/own /,
    );
  });

  it.each([
    ["devices", "otto"],
    ["show", "otto/phone"],
    ["revoke", "otto/phone", "--yes"],
    ["invitations", "otto"],
  ])("another user is not there: %s %s", async (...words) => {
    expect(await owner(...words)).toEqual(
      failure(1, "there is no user otto", "list the users with: latchkey users"),
    );
    expect(await object("show", "otto/phone")).toMatchObject({ status: "active" });
  });

  it("another user's device is not found by its id", async () => {
    const { id } = await object<Device>("show", "otto/phone");
    expect(await owner("revoke", id, "--yes")).toEqual(
      failure(1, `no user has a device with the id ${id}`, "list the devices with: latchkey devices"),
    );
    expect(await object("show", "otto/phone")).toMatchObject({ status: "active" });
  });

  it.each([
    ["token"],
    ["token", "create", "olga", "--for", "devices"],
    ["token", "create", "--everyone", "--for", "read"],
    ["invite", "olga"],
    ["unknown"],
    ["audit", "--directory"],
    ["users", "add", "olga"],
    ["enrol", "olga", "more", "--fingerprint", "d".repeat(64)],
  ])("what only others may do is refused: %s %s", async (...words) => {
    expect(await owner(...words)).toEqual(FORBIDDEN);
  });

  it("only the ADMIN_TOKEN can add users", async () => {
    expect(await owner("users", "add", "eva")).toEqual(
      failure(1, "only the ADMIN_TOKEN can add users", "see who you are with: latchkey me"),
    );
  });

  it.each([
    ["rename", "olga/laptop", "x"],
    ["suspend", "olga/laptop"],
    ["revoke", "olga/laptop", "--yes"],
    ["sessions", "end", "--all", "--yes"],
  ])("that only reads, nothing is changed: %s %s", async (...words) => {
    expect(await reader(...words)).toEqual(FORBIDDEN);
    expect(await object("show", "olga/laptop")).toMatchObject({ status: "active" });
  });
});

// One after the other: to sign out everywhere ends the others' sessions too.
describe("sessions", () => {
  const list = async () => (await object<{ sessions: Session[] }>("sessions")).sessions;

  it("are listed and ended, one or all; a user's token ends only that user's", async () => {
    await addUser("sara");
    const own = await object<NewToken>("token", "create", "sara", "--for", "devices", "--name", "own");
    const sara = as(own.token);
    const admin = readFileSync(gate.tokenFile, "utf8").trim();
    expect((await latchkey("sessions")).stdout).toBe("no browser is signed in\n");

    await signIn(gate.edge, own.token, FIREFOX);
    await signIn(gate.edge, own.token, "curl/8.5.0");
    await signIn(gate.edge, admin, FIREFOX);
    const { stdout } = await latchkey("sessions");
    expect(stdout).toMatch(/^SESSION +SIGNED IN WITH +BROWSER +FROM +SINCE +EXPIRES\n/);
    expect(stdout).toMatch(
      /\n[0-9a-f]{8} +ADMIN_TOKEN +Firefox on Linux +127\.0\.0\.1.* just now +in 12 hours\n/,
    );
    expect(stdout).toMatch(/\n[0-9a-f]{8} +sara\/own +curl +/);
    expect((await sara("sessions")).stdout).not.toContain("ADMIN_TOKEN");

    const sessions = await list();
    expect(sessions).toHaveLength(3);
    const ofAdmin = sessions.find(({ token }) => token === null)?.id ?? "";
    const curl = sessions.find(({ client }) => client === "curl/8.5.0")?.id ?? "";
    expect(await sara("sessions", "end", ofAdmin)).toEqual(
      failure(1, `the id of no session begins with ${ofAdmin}`, "list them with: latchkey sessions"),
    );
    expect(await sara("sessions", "end", curl.slice(0, 8))).toEqual({
      code: 0,
      stdout: "signed out curl (sara/own)\n",
      stderr: "",
    });
    expect((await list()).map(({ id }) => id)).not.toContain(curl);

    expect((await sara("sessions", "end", "--all")).code).toBe(2);
    expect(await sara("sessions", "end", "--all", "--yes")).toEqual({
      code: 0,
      stdout: "signed out all of sara's browsers; the tokens are still valid\n",
      stderr: "",
    });
    expect((await list()).map(({ id }) => id)).toEqual([ofAdmin]);

    expect(await latchkey("sessions", "end", "--all")).toEqual(
      failure(
        2,
        "this needs a confirmation, and there is no terminal: Sign out everybody's browsers?",
        "add --yes to go ahead without being asked",
      ),
    );
    expect((await latchkey("sessions", "end", "--all", "--yes")).stdout).toBe(
      "signed out everybody's browsers; the tokens are still valid\n",
    );
    expect(await list()).toEqual([]);
    expect((await sara("me")).code).toBe(0);
  });

  it.skipIf(!hasTerminal)("are ended everywhere after a yes, and after nothing else", async () => {
    await signIn(gate.edge, readFileSync(gate.tokenFile, "utf8").trim(), FIREFOX);
    const ask = (answer: string) =>
      runOnTerminal(["sessions", "end", "--all"], gate.environment, {
        answers: [["Sign out everybody's browsers?", answer]],
      });
    expect((await ask("\r")).code).toBe(1);
    expect(await list()).toHaveLength(1);
    expect((await ask("y")).code).toBe(0);
    expect(await list()).toEqual([]);
  });
});
