import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Api, createApi } from "../../../scripts/client/api.ts";
import type { AuditEntry, Device } from "../../../src/contract/answers.ts";
import { parseUserId, type UserId } from "../../../src/domain/user.ts";
import { type Gate, startGate } from "./gate.ts";
import { failure, type Run } from "./run.ts";
import { runHere, runOnceAsProcess } from "./run-here.ts";

const HOUR_MS = 3600_000;
const DAY_MS = 24 * HOUR_MS;

let gate: Gate;
let api: Api;
beforeAll(async () => {
  gate = await startGate();
  api = createApi({
    origin: gate.url,
    token: readFileSync(gate.tokenFile, "utf8").trim(),
    ca: readFileSync(gate.ca, "utf8"),
    timeoutMs: 10_000,
  });
});
afterAll(() => gate.stop());

const latchkey = (...words: string[]): Promise<Run> => runOnceAsProcess(words, gate.environment);

async function addUser(text: string): Promise<UserId> {
  const user = parseUserId(text);
  if (user === undefined) throw new Error(text);
  await api.putUser(user, undefined);
  return user;
}

/** Enrols a device whose certificate ends so long from now. */
async function enrol(user: UserId, name: string, leftMs: number): Promise<Device> {
  const { certificate } = await gate.newDevice(name, new Date(Date.now() + leftMs));
  return (await api.enrol(user, { name, certificate })).value;
}

describe("devices --expiring", () => {
  beforeAll(async () => {
    const [xena, xaver] = [await addUser("xena"), await addUser("xaver")];
    await enrol(xena, "in 20 days", 20 * DAY_MS);
    await enrol(xena, "in a year", 365 * DAY_MS);
    await enrol(xaver, "in 2 hours", 2 * HOUR_MS);
    await api.act(await enrol(xaver, "suspended", 3 * DAY_MS), "suspend", undefined);
    await api.act(await enrol(xaver, "revoked", HOUR_MS), "revoke", undefined);
    await api.enrol(xaver, { name: "not known", fingerprint: "c".repeat(64) });
  });

  const names = async (...words: string[]) => {
    const { stdout } = await latchkey("devices", ...words, "--json");
    return (JSON.parse(stdout) as { devices: Device[] }).devices.map(({ name }) => name);
  };

  it("lists those that a certificate's end shuts out within the time, the first one first", async () => {
    expect(await names("--expiring", "30d")).toEqual(["in 2 hours", "suspended", "in 20 days"]);
    expect(await names("--expiring", "12h")).toEqual(["in 2 hours"]);
    expect(await names("--expiring", "3650d")).toEqual([
      "in 2 hours",
      "suspended",
      "in 20 days",
      "in a year",
    ]);
    expect(await names("xena", "--expiring", "30d")).toEqual(["in 20 days"]);
    const { stdout } = await latchkey("devices", "--expiring", "30d");
    expect(stdout).toMatch(
      /^DEVICE .+\nxaver\/in 2 hours +active .+\nxaver\/suspended .+\nxena\/in 20 days .+\n$/,
    );
  });

  it("says so when there is none", async () => {
    expect(await latchkey("devices", "xena", "--expiring", "90m")).toEqual({
      code: 0,
      stdout: "nothing expires within 90m\n",
      stderr: "",
    });
    expect((await latchkey("devices", "nobody", "--expiring", "1d")).code).toBe(1);
  });
});

describe("what other programs call it", () => {
  beforeAll(async () => {
    const user = await addUser("vera");
    await enrol(user, "phone", 100 * DAY_MS);
    await enrol(await addUser("list"), "theirs", 100 * DAY_MS);
    await latchkey("invite", "vera", "--no-qr");
    await latchkey("token", "create", "vera", "--for", "read", "--name", "first");
  });

  it.each([
    ["devices", ["devices list", "devices ls", "ls", "list"]],
    ["devices vera", ["devices list vera", "devices ls vera", "ls vera"]],
    [
      "devices --expiring 101d",
      ["devices list --expiring 101d", "ls --expiring 101d", "devices --expiring 101d ls"],
    ],
    ["users", ["users list", "users ls"]],
    ["invitations vera", ["invitations list vera", "invitations ls vera"]],
    ["token", ["token list", "token ls", "tokens", "tokens list"]],
    ["sessions", ["sessions list", "sessions ls"]],
    ["unknown", ["unknown list", "unknown ls"]],
    ["me", ["whoami"]],
  ])("%s", async (words, others) => {
    const wanted = await runHere([...words.split(" "), "--json"], gate.environment);
    expect(wanted.code).toBe(0);
    for (const other of others) {
      expect(await runHere([...other.split(" "), "--json"], gate.environment), other).toEqual(wanted);
    }
  });

  it("blocked list, whose options say whose list", async () => {
    const edge = ["--edge", join(gate.tokenFile, "..")];
    const wanted = await runHere(["blocked", ...edge], gate.environment);
    expect(wanted.stdout).toBe("nothing is blocked\n");
    expect(await runHere(["blocked", "list", ...edge], gate.environment)).toEqual(wanted);
  });

  it("a user whose id is list has devices, too", async () => {
    const { stdout } = await latchkey("devices", "list", "list", "--json");
    expect((JSON.parse(stdout) as { devices: Device[] }).devices.map(({ name }) => name)).toEqual(["theirs"]);
  });

  it.each(["rm", "delete"])("%s takes away users, tokens and invitations", async (verb) => {
    const latchkeyHere = (...words: string[]) => runHere(words, gate.environment);
    await addUser(`gone-${verb}`);
    expect((await latchkeyHere("users", verb, `gone-${verb}`)).stdout).toBe(`removed user gone-${verb}\n`);
    await latchkeyHere("token", "create", "vera", "--for", "read", "--name", verb);
    expect((await latchkeyHere("token", verb, `vera/${verb}`, "--yes")).stdout).toContain(
      `revoked the token vera/${verb}`,
    );
    const { id } = JSON.parse((await latchkeyHere("invite", "vera", "--no-qr", "--json")).stdout);
    expect((await latchkeyHere("invitations", verb, `vera/${id}`)).stdout).toContain(
      "withdrew the invitation",
    );
  });
});

describe("audit without a user", () => {
  it("shows every log, newest first, with whose device it was; --directory shows its own", async () => {
    const user = await addUser("wanda");
    const phone = await enrol(user, "phone", DAY_MS);
    await api.act(phone, "suspend", undefined);
    await addUser("walter");
    const all = await runHere(["audit", "--limit", "3"], gate.environment);
    const rows = all.stdout
      .split("\n")
      .slice(1, 4)
      .map((line) => line.replace(/^.*?\) +/, ""));
    expect(rows[0]).toMatch(/^create-user +walter +done /);
    expect(rows[1]).toMatch(/^suspend +wanda\/phone +done /);
    expect(rows[2]).toMatch(/^enrol +wanda\/phone +done /);
    expect(all.stdout).toMatch(/\n3 entries; more: --limit\n$/);
    const { entries, next } = JSON.parse((await latchkey("audit", "--limit", "3", "--json")).stdout);
    expect(entries.map((entry: { user: string | null }) => entry.user)).toEqual([null, "wanda", "wanda"]);
    expect(next).toBe("older");

    const directory = await runHere(["audit", "--directory", "--limit", "2", "--json"], gate.environment);
    const list = JSON.parse(directory.stdout) as { entries: AuditEntry[]; next: string };
    expect(list.entries.map(({ act }) => act)).toEqual(["create-user", "create-user"]);
    const older = await runHere(["audit", "--directory", "--before", list.next, "--json"], gate.environment);
    expect(older.code).toBe(0);
    expect(JSON.parse(older.stdout).entries[0].id).toBeLessThan(list.entries[1]?.id ?? 0);
  });

  it("shows a user's own token that user's log", async () => {
    const made = await latchkey("token", "create", "wanda", "--for", "read", "--name", "own");
    const { LATCHKEY_TOKEN_FILE: _, ...others } = gate.environment;
    const { code, stdout } = await runHere(["audit"], { ...others, LATCHKEY_TOKEN: made.stdout.trim() });
    expect(code).toBe(0);
    expect(stdout).toMatch(/ suspend +wanda\/phone +done /);
    expect(stdout).not.toContain("create-user");
  });

  it("shows ids by their first 8 digits, as the lists do", async () => {
    const made = await latchkey("token", "create", "wanda", "--for", "read", "--name", "short", "--json");
    const { id } = JSON.parse(made.stdout) as { id: string };
    const { stdout } = await latchkey("audit", "--directory", "--limit", "1");
    expect(stdout).toMatch(new RegExp(` create-token +${id.slice(0, 8)} +done `));
  });
});

describe("audit --search", () => {
  const acts = async (...words: string[]) => {
    const { stdout } = await latchkey("audit", ...words, "--json");
    return (JSON.parse(stdout) as { entries: AuditEntry[] }).entries.map(({ act }) => act);
  };

  it("shows the entries that hold a text, in any case, newest first", async () => {
    const user = await addUser("zoe");
    const phone = await enrol(user, "phone", DAY_MS);
    await api.act(phone, "suspend", "Left in the tram");
    await api.act(phone, "reinstate", undefined);
    await api.act(phone, "suspend", "in the TRAM again");
    expect(await acts("zoe", "--search", "tram")).toEqual(["suspend", "suspend"]);
    expect(await acts("zoe", "--search", "tram", "--limit", "1")).toEqual(["suspend"]);
    expect(await acts("zoe", "--search", "reinstate")).toEqual(["reinstate"]);
    expect(await acts("--search", "zoe")).toContain("create-user");
    expect((await latchkey("audit", "zoe", "--search", "100%")).stdout).toBe("nothing contains '100%'\n");
  });

  it.each([
    ["nothing", ""],
    ["more than the API takes", "x".repeat(101)],
  ])("for %s is misuse", async (_, text) => {
    expect(await latchkey("audit", "--search", text)).toEqual(
      failure(
        2,
        "--search takes 1 to 100 characters",
        "give a part of what the entry shows, such as revoke or a device's name",
      ),
    );
  });
});
