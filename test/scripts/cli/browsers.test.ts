// Browsers whose person has signed in, on the command line: the real gate, with devices from a backup.
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checksumOf } from "../../../scripts/backup/canonical.ts";
import { type Edge, startEdge } from "../../../scripts/edge/edge.ts";
import type { Device, DeviceList } from "../../../src/contract/answers.ts";
import { temporaryFolder } from "../edge/client.ts";
import type { Run } from "./run.ts";
import { runHere } from "./run-here.ts";

const HOST = "app.localhost";
const TIME = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d \([^)]+\)`;
const HOUR_MS = 3600_000;
const DAY_MS = 24 * HOUR_MS;

let edge: Edge;
let cleanUp: () => Promise<void>;
const latchkey = (...words: string[]): Promise<Run> =>
  runHere(words, {
    LATCHKEY_URL: edge.url(edge.apiHost),
    LATCHKEY_TOKEN_FILE: edge.paths.adminToken,
    LATCHKEY_CA: edge.paths.ca,
  });
const said = async (...words: string[]) => {
  const { code, stdout, stderr } = await latchkey(...words);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout;
};
const refused = async (...words: string[]) => {
  const { code, stderr } = await latchkey(...words);
  return { code, stderr };
};

/** As a backup has it. `ends`: from now, in milliseconds. */
function browser(index: number, name: string, ends: number, change: Record<string, unknown> = {}) {
  const at = (ms: number) => new Date(Date.now() + ms).toISOString();
  return {
    ...{ id: `00000000-0000-4000-8000-00000000000${index}`, user: "alice", name, status: "active" },
    ...{ statusSince: at(-DAY_MS), statusReason: null, note: null, enrolledAt: at(-DAY_MS) },
    ...{ kind: "browser", apps: [HOST], countries: null, expiresAt: null, paths: null },
    credentials: [
      {
        ...{ fingerprint: String(index).padEnd(64, "b"), subject: null, issuer: null, serial: null },
        ...{ notBefore: at(-DAY_MS), notAfter: at(ends), addedAt: at(-DAY_MS) },
        ...{ retiredAt: null, retireBy: null, replaces: null },
      },
    ],
    ...{ lastSeen: null, wipe: null, comparisonCode: null },
    ...change,
  };
}

beforeAll(async () => {
  const [stateDir, remove] = await temporaryFolder();
  edge = await startEdge({ port: 0, stateDir, vars: { APPS: { [HOST]: {} }, REVOCATION_DELAY_SECONDS: 0 } });
  cleanUp = async () => {
    await edge.stop();
    await remove();
  };
  await said("users", "add", "alice");
  const file = join(stateDir, "backup.json");
  expect(await latchkey("backup", "--out", file)).toMatchObject({ code: 0 });
  const { checksum: _, ...backup } = JSON.parse(readFileSync(file, "utf8"));
  const soon = new Date(Date.now() + HOUR_MS - 30_000).toISOString();
  const receipt = { firstAt: new Date().toISOString(), lastAt: new Date().toISOString(), count: 1 };
  backup.users[0].devices = [
    browser(1, "Firefox", 20 * DAY_MS),
    browser(2, "Library", HOUR_MS, { expiresAt: soon }),
    browser(3, "Old", -DAY_MS),
    browser(4, "Gone", 20 * DAY_MS, { status: "lost", wipe: { ...receipt, tokenRefresh: false } }),
    browser(5, "Off", 20 * DAY_MS, { status: "lost" }),
  ];
  writeFileSync(file, JSON.stringify({ ...backup, checksum: checksumOf(backup) }));
  await said("restore", file, "--yes");
});
afterAll(() => cleanUp?.());

/** Asks a server that has these browsers signed in: from a backup, they come back signed out. */
async function fromServer(devices: object[], ...commands: string[][]): Promise<string[]> {
  const createdAt = new Date().toISOString();
  const server = createServer(({ url = "" }, response) => {
    const users = [{ id: "alice", name: null, createdAt, role: "member", emails: [] }];
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify({ ...(url.includes("/devices") ? { devices } : { users }), next: null }));
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  try {
    const { port } = server.address() as AddressInfo;
    const variables = { LATCHKEY_URL: `http://127.0.0.1:${port}`, LATCHKEY_TOKEN: "x".repeat(40) };
    const printed: string[] = [];
    for (const words of commands) printed.push((await runHere(words, variables)).stdout);
    return printed;
  } finally {
    server.close();
  }
}

/** With an hour, on somebody else's computer. */
const signedIn = () => [
  browser(1, "Firefox", 20 * DAY_MS),
  browser(2, "Library", HOUR_MS, { expiresAt: new Date(Date.now() + HOUR_MS - 30_000).toISOString() }),
  browser(3, "Old", -DAY_MS),
  browser(4, "Gone", 20 * DAY_MS, {
    status: "lost",
    wipe: {
      firstAt: new Date().toISOString(),
      lastAt: new Date().toISOString(),
      count: 1,
      tokenRefresh: false,
    },
  }),
];

describe("a signed-in browser", () => {
  it("is listed with how long it stays signed in, and with nothing to renew", async () => {
    const words = [["devices"], ["devices", "--expiring", "60d"], ["devices", "--json"]];
    const [list = "", expiring, json = ""] = await fromServer(signedIn(), ...words);
    const rows = list.split("\n");
    const row = (name: string) => rows.find((each) => each.includes(`alice/${name} `));
    expect(row("Firefox")).toMatch(/^alice\/Firefox +active +browser +1bbbbbbb +in 20 days +app\.localhost/);
    expect(row("Library")).toMatch(/ active +browser +2bbbbbbb +in 59 minutes/);
    expect(row("Old")).toMatch(/ signed out +browser +3bbbbbbb +1 day ago/);
    expect(row("Gone")).toMatch(/ lost, told to clear /);
    expect(expiring).toBe("nothing expires within 60d\n");
    const { devices }: DeviceList = JSON.parse(json);
    expect(devices.map(({ kind, status }) => `${kind} ${status}`)).toContain("browser active");
  });

  it("is shown with the same", async () => {
    const words = ["Firefox", "Library", "Old"].map((name) => ["show", `alice/${name}`]);
    const [firefox, library, old] = await fromServer(signedIn(), ...words);
    expect(firefox).toMatch(new RegExp(`^signed in +until ${TIME}, and longer if it is used$`, "m"));
    expect(firefox).toMatch(/^ends +never$/m);
    expect(firefox).toMatch(new RegExp(`^ +first used +${TIME}$`, "m"));
    expect(firefox).not.toMatch(/expires|made/);
    expect(library).toMatch(new RegExp(`^signed in +until ${TIME}$`, "m"));
    expect(old).toMatch(new RegExp(`^signed out +${TIME}; its person can sign in again$`, "m"));
  });

  it("is nothing that expires in the status, which names lost ones that were not told", async () => {
    const status = await said("status");
    expect(status).toMatch(/^expiring +nothing soon$/m);
    expect(status).not.toMatch(/^expired/m);
    expect(status).toMatch(/^lost +not told to clear what it stores: alice\/Off$/m);
    expect(JSON.parse(await said("status", "--json")).registry).toMatchObject({
      ...{ expiring: [], ended: [], notCleared: ["alice/Off"], wipeNotDelivered: [] },
    });
  });

  it.each([
    [["rotate", "alice/Firefox"]],
    [["rotate", "alice/Firefox", "--valid", "30d"]],
    [["rotate", "alice/Firefox", "--link"]],
  ])("can't be renewed: %j", async (words) => {
    expect(await refused(...words)).toEqual({
      code: 2,
      stderr:
        "latchkey: alice/Firefox is a browser: its person signs in, so there is nothing to renew\nhint: to sign it out for good: latchkey revoke alice/Firefox; its person can then sign in again\n",
    });
  });

  it("has limits, of which it says that its apps come back", async () => {
    const changed = await said("limit", "alice/Firefox", "--country", "CH");
    expect(changed).toContain(
      "an app that it lost comes back when its person signs in there: to keep it out, latchkey suspend alice/Firefox\n",
    );
    expect(await refused("limit", "alice/Firefox", "--every-app")).toMatchObject({ code: 1 });
  });

  it("that is lost is asked about in its own words, and has a receipt", async () => {
    const { stdout } = await latchkey("lost", "alice/Library", "--yes");
    expect(stdout).toMatch(
      /^alice\/Library is reported lost: .+\nend its session at the identity provider, too: Latchkey can't\nto see whether it was told to clear what it stores: latchkey show alice\/Library\nif you find it: latchkey reinstate alice\/Library; if it is gone for good: latchkey revoke alice\/Library, but only after it was told\n$/,
    );
    expect(stdout).not.toMatch(/vault|bitwarden/i);
    const also = "; end its session at the identity provider, too";
    expect(await said("show", "alice/Gone")).toMatch(
      new RegExp(`^wipe +told to clear what it stores ${TIME}${also}$`, "m"),
    );
    expect(await said("show", "alice/Off")).toMatch(
      new RegExp(
        `^wipe +not told to clear what it stores: it hasn't been seen since it was reported lost${also}$`,
        "m",
      ),
    );
  });

  it("is not revoked by mistake before it was told, and then forgotten", async () => {
    const { code, stderr } = await refused("revoke", "alice/Off", "--yes");
    expect(code).toBe(1);
    expect(stderr).toBe(
      "latchkey: alice/Off is lost and has not been told to clear what it stores yet: once it is refused otherwise, it never will be\nhint: wait until latchkey show alice/Off says that it was told, or add --force\n",
    );
    expect(await said("revoke", "alice/Gone", "--yes")).toContain(
      "its person can sign in again; suspend keeps a browser out\n",
    );
    await said("revoke", "alice/Off", "--yes", "--force");
    expect(await said("forget", "alice/Off", "--yes")).toBe(
      "forgot alice/Off: its person can sign in with it again, as another device\n",
    );
    const gone: Device = JSON.parse(await said("show", "alice/Gone", "--json"));
    expect(gone).toMatchObject({ kind: "browser", status: "revoked" });
  });
});

it("people who signed in to the pages with the provider are named in the sessions", async () => {
  const session = {
    ...{ id: "0d4c0000-0000-4000-8000-000000000000", token: null, person: "alice", client: "Firefox/140.0" },
    ...{ createdAt: new Date().toISOString(), expiresAt: new Date(Date.now() + DAY_MS).toISOString() },
    ...{ ip: null, country: "CH" },
  };
  const server = createServer((request, response) => {
    response.setHeader("Content-Type", "application/json");
    response.end(request.method === "GET" ? JSON.stringify({ sessions: [session] }) : "{}");
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  try {
    const { port } = server.address() as AddressInfo;
    const here = (...words: string[]) =>
      runHere(words, { LATCHKEY_URL: `http://127.0.0.1:${port}`, LATCHKEY_TOKEN: "x".repeat(40) });
    expect((await here("sessions")).stdout).toMatch(/^0d4c0000 +provider, as alice +Firefox +CH /m);
    const { sessions } = JSON.parse((await here("sessions", "--json")).stdout);
    expect(sessions).toEqual([session]);
  } finally {
    server.close();
  }
});
