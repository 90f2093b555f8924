import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Api, createApi } from "../../../scripts/commands/shared/api.ts";
import type { AuditEntry, Device } from "../../../src/control/contract.ts";
import { parseUserId, type UserId } from "../../../src/registry/user.ts";
import { type Gate, startGate } from "./gate.ts";
import { failure, type Run, run } from "./run.ts";

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

const latchkey = (...words: string[]): Promise<Run> => run(words, gate.environment);

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
      stdout: "no certificate ends within 90m\n",
      stderr: "",
    });
    expect((await latchkey("devices", "nobody", "--expiring", "1d")).code).toBe(1);
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
    await api.act(phone, "restore", undefined);
    await api.act(phone, "suspend", "in the TRAM again");
    expect(await acts("zoe", "--search", "tram")).toEqual(["suspend", "suspend"]);
    expect(await acts("zoe", "--search", "tram", "--limit", "1")).toEqual(["suspend"]);
    expect(await acts("zoe", "--search", "restore")).toEqual(["restore"]);
    expect(await acts("--search", "zoe")).toContain("create-user");
    expect((await latchkey("audit", "zoe", "--search", "100%")).stdout).toBe("nothing holds '100%'\n");
  });

  it.each([
    ["nothing", ""],
    ["more than the API takes", "x".repeat(101)],
  ])("for %s is misuse", async (_, text) => {
    expect(await latchkey("audit", "--search", text)).toEqual(
      failure(
        2,
        "--search takes a text of 1 to 100 characters",
        "give a part of what the entry shows, such as revoke or a device's name",
      ),
    );
  });
});
