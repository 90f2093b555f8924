import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { type Edge, startEdge } from "../../../scripts/edge/edge.ts";
import { WorkerLog } from "../../../scripts/edge/state/worker-log.ts";
import { send } from "../edge/client.ts";
import { failure, run, startCommand } from "./run.ts";

const ANDROID = "Bitwarden_Mobile/2026.9.0 (release/standard) (Android 16; SDK 36; Model Pixel 9)";

const refused = (fields: object = {}) => ({
  event: "refused",
  reason: "no-certificate",
  app: "vault.example.com",
  method: "GET",
  path: "/icons/github.com/icon.png",
  country: "CH",
  ray: "8f2a",
  client: ANDROID,
  fingerprint: null,
  ...fields,
});

/** An event as `wrangler tail --format json` prints it. */
const tailEvent = (...lines: object[]) => ({
  wallTime: 3,
  cpuTime: 1,
  truncated: false,
  executionModel: "stateless",
  outcome: "ok",
  scriptVersion: { id: "6f1f0d9c-0000-4000-8000-000000000000" },
  scriptName: "latchkey",
  diagnosticsChannelEvents: [],
  exceptions: [],
  logs: lines.map((line) => ({ message: [JSON.stringify(line)], level: "log", timestamp: 1795400000000 })),
  eventTimestamp: 1795400000000,
  event: {
    request: {
      url: "https://vault.example.com/icons/github.com/icon.png",
      method: "GET",
      headers: { "user-agent": ANDROID },
      cf: { country: "CH", tlsClientAuth: { certPresented: "0", certVerified: "NONE" } },
    },
    response: { status: 404 },
  },
});

const folder = mkdtempSync(join(tmpdir(), "latchkey-watch-"));
afterAll(() => rmSync(folder, { recursive: true }));

const TABLE = ["COUNT", "APP", "PROGRAM", "REASON", "PATH"].join(" +");
const squeeze = (text: string) => text.replaceAll(/ {2,}/g, "  ");

describe.concurrent("watch --stdin", () => {
  it("groups the events of wrangler tail, printed on one line or on many", async () => {
    const events = [
      ...Array.from({ length: 6 }, () => JSON.stringify(tailEvent(refused()))),
      ...Array.from({ length: 6 }, () => JSON.stringify(tailEvent(refused()), null, 2)),
      JSON.stringify(tailEvent(), null, 2),
      JSON.stringify(tailEvent(refused({ app: "photos.example.com", path: "/", client: null })), null, 2),
    ];
    const { code, stdout, stderr } = await run(["watch", "--stdin"], {}, `${events.join("\n")}\n`);
    const [following, hint, ...more] = stderr.trimEnd().split("\n");
    expect(following).toBe("latchkey: following the standard input, Ctrl-C ends it");
    // What is known of the program, once.
    expect(hint).toMatch(
      /^latchkey: Vaultwarden and Bitwarden: some clients can show a certificate \(Android, iOS; /,
    );
    expect(more).toEqual([]);
    expect(code).toBe(0);
    const [first, second, third, blank, total, head, ...rows] = stdout.trimEnd().split("\n");
    expect([first, second, third]).toEqual([
      "vault.example.com  Bitwarden Android icons: no certificate, 1 in 5 min (/icons)",
      "vault.example.com  Bitwarden Android icons: no certificate, 10 in 5 min (/icons)",
      "photos.example.com  no name given: no certificate, 1 in 5 min (/)",
    ]);
    expect([blank, total]).toEqual(["", expect.stringMatching(/^13 refusals since \d\d:\d\d:\d\d$/)]);
    expect(head).toMatch(new RegExp(`^${TABLE}$`));
    expect(rows.map(squeeze)).toEqual([
      "12  vault.example.com  Bitwarden Android icons  no certificate  /icons",
      "1  photos.example.com  no name given  no certificate  /",
    ]);
  });

  it("says once what to do about a device at its limits", async () => {
    const reasons = ["wrong-app", "device-expired", "wrong-app", "expired-credential", "device-suspended"];
    reasons.push("cross-site");
    const log = reasons.map((reason, index) =>
      JSON.stringify(refused({ reason, app: `app-${index}.example.com` })),
    );
    const { stderr } = await run(["watch", "--stdin"], {}, log.join("\n"));
    expect(stderr.trimEnd().split("\n").slice(1)).toEqual([
      "latchkey: wrong app: the device is limited to other apps, or its feed to other paths; to see or change that: latchkey limit DEVICE",
      "latchkey: device expired: the device's time is up; to extend it (a browser's person signs in again): latchkey limit DEVICE --until WHEN",
      "latchkey: expired credential: the device's token has expired; make a new one and enter it in the program: latchkey rotate DEVICE (a browser's person signs in again)",
      "latchkey: cross-site: a page of another host made a signed-in browser send something, or open a WebSocket; if the app needs that, its browser needs a certificate",
    ]);
  });

  it("tells a token that is not valid from none, and says once what to check", async () => {
    const log = [refused({ token: "invalid" }), refused({ token: "invalid", path: "/x" }), refused()];
    const text = log.map((line) => JSON.stringify(line)).join("\n");
    const { stdout, stderr } = await run(["watch", "--stdin"], {}, text);
    expect(stderr.split("\n").slice(1, 3)).toEqual([
      "latchkey: invalid token: a token was sent, but it is not valid here: check that it is complete, in the header X-Latchkey-Token without quotes or Bearer (Basic only with basic = true)",
      expect.stringContaining("some clients can show a certificate"),
    ]);
    expect(stdout).toContain(
      "vault.example.com  Bitwarden Android icons: invalid token, 1 in 5 min (/icons)\n",
    );
    expect(stdout).toContain(
      "vault.example.com  Bitwarden Android icons: no certificate, 1 in 5 min (/icons)\n",
    );
  });

  it("prints one object for programs, of one app if asked", async () => {
    const log = [refused(), refused({ app: "photos.example.com" }), refused({ reason: "device-lost" }), {}];
    const words = ["watch", "--stdin", "--app", "VAULT.example.com", "--minutes", "60", "--json"];
    const { code, stdout } = await run(words, {}, log.map((line) => JSON.stringify(line)).join("\n"));
    expect(code).toBe(0);
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    const group = { app: "vault.example.com", pathPrefix: "/icons", client: "Bitwarden Android icons" };
    const seen = { count: 1, firstAt: time, lastAt: time };
    expect(JSON.parse(stdout)).toEqual({
      minutes: 60,
      refusals: expect.arrayContaining([
        { ...group, reason: "no-certificate", ...seen },
        { ...group, reason: "device-lost", ...seen },
      ]),
    });
  });

  it("says so when nobody was refused", async () => {
    const { code, stdout } = await run(["watch", "--stdin", "--minutes", "1"], {}, "not a log\n");
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^\n0 refusals since \d\d:\d\d:\d\d\n$/),
    });
  });

  it("shows the most frequent kinds, and how many more there are", async () => {
    const log = Array.from({ length: 60 }, (_, i) => [
      refused({ path: `/p${i}` }),
      ...(i === 59 ? [refused({ path: "/p59" })] : []),
    ]).flat();
    const { code, stdout } = await run(
      ["watch", "--stdin"],
      {},
      log.map((line) => JSON.stringify(line)).join("\n"),
    );
    expect(code).toBe(0);
    const table = stdout.slice(stdout.indexOf("61 refusals since ")).trimEnd().split("\n");
    expect(squeeze(table[2] ?? "")).toBe("2  vault.example.com  Bitwarden Android  no certificate  /p59");
    expect(table).toHaveLength(2 + 50 + 2);
    expect(table.at(-1)).toBe("and 10 more kinds of refusals; --json has all of them");
  });

  it("lets nothing of a client's making paint the terminal", async () => {
    const evil = "\u001b]0;owned\u0007\u009b31m\u202e";
    const line = refused({ app: evil, reason: evil, path: `/${evil}/x`, client: `${evil}/1.0` });
    const input = `${JSON.stringify(line)}\n`;
    const [people, programs] = await Promise.all([
      run(["watch", "--stdin"], {}, input),
      run(["watch", "--stdin", "--json"], {}, input),
    ]);
    for (const { code, stdout } of [people, programs]) {
      expect(code).toBe(0);
      expect(stdout).not.toMatch(/[^\P{Cc}\n]|\u202e/u);
      expect(stdout).toContain("owned");
    }
  });

  it.each(["SIGINT", "SIGTERM"] as const)(
    "ends with the table and 0 on %s, its input still open",
    async (signal) => {
      const watching = startCommand(["watch", "--stdin"]);
      watching.type(`${JSON.stringify(refused())}\n`);
      await watching.shows("1 in 5 min");
      const { code, stdout } = await watching.end(signal);
      expect(code).toBe(0);
      expect(stdout).toMatch(new RegExp(`\\n1 refusal since \\d\\d:\\d\\d:\\d\\d\\n${TABLE}\\n1 `));
    },
  );
});

describe("watch without a source", () => {
  it.each(["https://latchkey.localhost:8443", "https://127.0.0.1:8443"])(
    "names the option for the local edge at %s, whose log is in no tail",
    async (url) => {
      const hint = "name the edge's state folder: latchkey watch --edge .latchkey";
      const cause = `${url} is a local edge, and wrangler tail shows only the log of the deployed Worker`;
      expect(await run(["watch"], { LATCHKEY_URL: url })).toEqual(failure(2, cause, hint));
      expect(await run(["watch", "--url", url])).toEqual(failure(2, cause, hint));
    },
  );
});

describe("watch --edge", () => {
  let edge: Edge | undefined;
  afterEach(() => edge?.stop());

  it("follows the local edge, also when it is started again", async () => {
    const stateDir = join(folder, "state");
    const start = async () => {
      edge = await startEdge({ port: 0, stateDir });
      return edge;
    };
    const visit = (path: string, userAgent = ANDROID) =>
      send(edge as Edge, path, { headers: { "user-agent": userAgent } });

    await start();
    await visit("/before");
    await expect.poll(() => readFileSync(join(stateDir, "worker.log"), "utf8")).toContain("/before");

    const watching = startCommand(["watch", "--edge", stateDir]);
    await watching.shows("following");
    await visit("/icons/github.com/icon.png");
    await watching.shows("(/icons)");
    await edge?.stop();
    await start();
    await visit("/api/sync", "curl/8.5.0");
    await watching.shows("app.localhost  curl: no certificate, 1 in 5 min (/api/sync)");

    const { code, stdout } = await watching.end("SIGINT");
    expect(code).toBe(0);
    expect(squeeze(stdout)).toMatch(
      /\n1 {2}app\.localhost {2}Bitwarden Android icons {2}no certificate {2}\/icons\n/,
    );
    expect(stdout).not.toContain("/before");
  });

  it("misses nothing if the log is replaced, truncated, or missing for a while", async () => {
    const stateDir = mkdtempSync(join(folder, "log-"));
    const path = join(stateDir, "worker.log");
    const fail = (error: unknown) => {
      throw error;
    };
    let log = new WorkerLog(path, fail, 2_000);
    const write = (name: string) => log.write(JSON.stringify(refused({ path: `/${name}`, client: null })));
    const watching = startCommand(["watch", "--edge", stateDir]);
    await watching.shows("following");
    // More than one file holds, and less than two: what is written between two looks.
    const names = Array.from({ length: 12 }, (_, i) => `many-${i}`);
    for (const name of names) write(name);
    for (const name of names) await watching.shows(`(/${name})`);
    log.close();
    log = new WorkerLog(path, fail, 2_000);
    write("begun-anew");
    await watching.shows("(/begun-anew)");
    await writeFile(path, "");
    write("cut");
    await watching.shows("(/cut)");
    await rename(path, `${path}.old`);
    log.close();
    log = new WorkerLog(path, fail, 2_000);
    write("back");
    await watching.shows("(/back)");
    expect((await watching.end("SIGINT")).code).toBe(0);
  });
});
