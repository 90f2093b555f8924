import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { startIssuer } from "../../../scripts/issuer/issuer.ts";
import { temporaryFolder } from "./client.ts";

const ROOT = join(import.meta.dirname, "..", "..", "..");

let folder: string;
let cleanUp: () => Promise<void>;
const running = new Set<ChildProcess>();

beforeEach(async () => {
  [folder, cleanUp] = await temporaryFolder();
});
afterEach(async () => {
  for (const child of running) {
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  await cleanUp();
});

function run(script: string, words: string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [join(ROOT, "scripts", script), ...words], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  child.once("exit", () => running.delete(child));
  return child;
}

/** Starts the edge and reads until it is ready. `stop` gives the exit code. */
async function start(...words: string[]) {
  const child = run("start.ts", ["--port", "0", "--state", folder, ...words]);
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (line.startsWith("ready ")) break;
  }
  child.stdout.resume();
  const stop = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    return (await once(child, "exit"))[0] as number;
  };
  return { lines, stop };
}

/** The commands that are printed, those of several lines too; `export` and `cd` count for those after them. */
function commandsIn(lines: readonly string[]): string[] {
  const joined = lines.join("\n").replaceAll(/\\\n {4}/g, "");
  return joined.split("\n").flatMap((line) => /^ {2}((?:curl|latchkey|export) .+)$/.exec(line)?.[1] ?? []);
}

/** Runs commands in one shell, as a person who answers yes pastes them. What each printed, by its words. */
async function paste(commands: readonly string[]): Promise<(command: string) => string> {
  const script = [
    `latchkey() { case "$1" in revoke | lost) set -- "$@" --yes ;; esac; '${process.execPath}' scripts/latchkey.ts "$@"; }`,
    ...commands.flatMap((command, index) => [`printf '\\n=== %s\\n' ${index}`, command]),
  ].join("\n");
  const shell = spawn("sh", ["-c", `{ ${script}\n} 2>&1`], {
    cwd: ROOT,
    env: { PATH: process.env.PATH, HOME: folder, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE },
    stdio: ["ignore", "pipe", "inherit"],
  });
  running.add(shell);
  shell.once("exit", () => running.delete(shell));
  const printed = (await text(shell.stdout)).split(/^=== \d+\n/m).slice(1);
  return (command) => {
    const index = commands.findIndex((each) => each.includes(command));
    if (index === -1) throw new Error(`nothing like ${command} was printed`);
    return printed[index] ?? "";
  };
}

/** The printed command line, as a person pastes it. */
async function latchkey(lines: readonly string[], words: string): Promise<string> {
  const exported = commandsIn(lines).filter((command) => command.startsWith("export LATCHKEY_"));
  const command = `latchkey ${words}`;
  return (await paste([...exported, command]))(command);
}

async function call(script: string, ...words: string[]) {
  const child = run(script, words);
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
  return { out, err, code };
}

it("enrols the demo's devices on the first start only, keeps the registry, and ends with 0", async () => {
  const first = await start();
  expect(first.lines.at(-1)).toMatch(/^ready https:\/\/app\.localhost:\d+$/);
  const devices = await latchkey(first.lines, "devices alice");
  expect(devices).toMatch(/alice\/alice-phone +active/);
  expect(devices).toMatch(/alice\/alice-laptop +active/);
  await latchkey(first.lines, "revoke alice/alice-phone");
  await latchkey(first.lines, "forget alice/alice-phone --yes");
  expect(await first.stop("SIGTERM")).toBe(0);

  const second = await start();
  expect(await latchkey(second.lines, "devices alice")).not.toContain("alice-phone");
  // A first start that was interrupted before it was done is completed by the next.
  expect(await second.stop("SIGINT")).toBe(0);
  await rm(join(folder, "demo-enrolled"));
  const third = await start();
  expect(await latchkey(third.lines, "devices alice")).toMatch(/alice\/alice-phone +active/);
  expect(await third.stop("SIGTERM")).toBe(0);
}, 60_000);

it("prints commands that work in the order in which they stand", async () => {
  const { lines, stop } = await start("--var", "REVOCATION_DELAY_SECONDS=0");
  // It would follow the log for ever; `watch.test.ts` has it.
  const printed = await paste(commandsIn(lines).filter((command) => !command.includes(" watch ")));
  expect(await stop("SIGTERM")).toBe(0);

  expect(printed("alice-phone.key https://app.localhost")).toContain("you are through the gate");
  expect(printed("-i https://app.localhost")).toContain("404 Not Found");
  expect(printed("devices alice")).toMatch(/alice\/alice-phone +active/);
  expect(printed("enrol alice tablet")).toContain("enrolled alice/tablet");
  expect(printed("revoke alice/alice-phone")).toContain("alice/alice-phone is revoked");
  expect(printed("invite alice")).toContain("https://app.localhost:");
  // By the stand-in for Cloudflare's API, which the text calls so.
  expect(lines.join(" ")).toContain("a local stand-in for Cloudflare's API, not Cloudflare:");
  expect(printed("issue alice pixel-9")).toContain("enrolled alice/pixel-9");
  expect(printed("rotate alice/pixel-9")).toContain("in the zone localhost");
  expect(
    printed("revoke alice/pixel-9 --at-cloudflare").match(/revocation at Cloudflare is pending/g),
  ).toHaveLength(2);
  expect(printed("setup --app pw.example.com=bitwarden")).toContain("dry run: nothing was changed");
  expect(printed("whoami")).toContain('"name": "alice-laptop"');
  expect(printed("lost alice/alice-laptop")).toContain("alice/alice-laptop");
  // What makes Bitwarden's clients delete their vault, on the app of wrangler.toml with their profile.
  expect(printed("-i https://vault.localhost")).toContain("401 Unauthorized");
  // Who can sign in without a certificate, and where.
  const { passwords } = JSON.parse(await readFile(join(folder, "issuer.json"), "utf8"));
  expect(lines).toEqual(
    expect.arrayContaining([
      "one): open this, and follow “Sign in”.",
      `  alice, password: ${passwords.alice}`,
      `  bob, password: ${passwords.bob}`,
    ]),
  );
  // Nothing but commands is wider than a terminal.
  const text = lines.filter((line) => !/^ {2,}\S|^>|^Latchkey runs/.test(line));
  expect(text.filter((line) => line.replaceAll(folder, ".latchkey").length > 80)).toEqual([]);
}, 120_000);

/** Everybody whom a process has started, and they in turn. */
async function descendants(pid: number): Promise<number[]> {
  const children = (await readFile(`/proc/${pid}/task/${pid}/children`, "utf8")).trim();
  const direct = children === "" ? [] : children.split(" ").map(Number);
  return [...direct, ...(await Promise.all(direct.map(descendants))).flat()];
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

it.skipIf(process.platform !== "linux")(
  "ends with npm, and the Worker with it",
  async () => {
    const started: number[] = [];
    const npm = spawn("npm", ["start", "--", "--port", "0", "--state", folder], {
      ...{ cwd: ROOT, stdio: ["ignore", "pipe", "inherit"] },
    });
    try {
      for await (const line of createInterface({ input: npm.stdout })) if (line.startsWith("ready ")) break;
      npm.stdout.resume();
      started.push(...(await descendants(npm.pid ?? 0)));
      // A shell perhaps, node, and workerd.
      expect(started.length).toBeGreaterThanOrEqual(2);
      npm.kill("SIGTERM");
      await vi.waitFor(() => expect(started.filter(isThere)).toEqual([]), { timeout: 20_000, interval: 100 });
    } finally {
      // Whoever is left.
      npm.kill("SIGKILL");
      for (const pid of started.filter(isThere)) process.kill(pid, "SIGKILL");
    }
    // The folder is free again.
    const again = await start();
    expect(await again.stop("SIGTERM")).toBe(0);
  },
  60_000,
);

it.each([
  [
    "the variable",
    ["--var", 'APPS={"app.localhost":{"countires":["CH"]}}'],
    'the gate refuses everything: APPS."app.localhost"',
  ],
  ["a variable that is no JSON", ["--var", "APPS=nope"], "the gate refuses everything: APPS must be a table"],
])("ends its text with what the Worker refuses, and no recipe: %s", async (_, words, cause) => {
  const child = run("start.ts", ["--port", "0", "--state", folder, ...words]);
  let out = "";
  child.stdout.setEncoding("utf8").on("data", (part: string) => {
    out += part;
  });
  const err: string[] = [];
  for await (const line of createInterface({ input: child.stderr })) {
    err.push(line);
    if (line.startsWith("hint: ")) break;
  }
  expect(err.slice(0, 2)).toEqual([
    "making certificates, starting the Worker …",
    expect.stringContaining(`latchkey: ${cause}`),
  ]);
  expect(err[2]).toBe("hint: correct it in --var, wrangler.toml or blocked.txt; Ctrl-C, then start again");
  expect(out).toContain("misconfigured: variable=APPS");
  // It still runs, so that one can see how such a gate answers.
  child.kill("SIGTERM");
  expect((await once(child, "exit"))[0]).toBe(0);
  expect(out).not.toMatch(/ready|curl|npx|Latchkey runs/);
  await expect(readFile(join(folder, "demo-enrolled"))).rejects.toThrow("ENOENT");
});

it("names the address that a provider of the owner's must know, and none without sign-in", async () => {
  const issuer = await startIssuer({ people: [], clientId: "gate", clientSecret: null, redirectUris: [] });
  try {
    const own = await start("--sign-in", issuer.issuer, "--client-id", "gate");
    const port = new URL(own.lines.at(-1)?.replace("ready ", "") ?? "").port;
    expect(own.lines).toContain(`  https://latchkey.localhost:${port}/.latchkey/callback`);
    expect(own.lines.join(" ")).not.toContain("bob");
    expect(await own.stop("SIGTERM")).toBe(0);
  } finally {
    await issuer.close();
  }
  const none = await start("--no-sign-in");
  expect(none.lines.join(" ")).not.toMatch(/“Sign in”|identity provider/);
  expect(await none.stop("SIGTERM")).toBe(0);
}, 60_000);

it("refuses a provider while there is no door to sign in at", async () => {
  const SIGN_IN = JSON.stringify({ issuer: "https://id.example.com", clientId: "gate" });
  const words = ["--port", "0", "--state", folder, "--var", "ADMIN_HOST=", "--var", `SIGN_IN=${SIGN_IN}`];
  const { code, err } = await call("start.ts", ...words);
  expect(code).toBe(1);
  expect(err).toContain("latchkey: nobody can sign in without an ADMIN_HOST\nhint: add --var ADMIN_HOST=");
});

it("says what npm took for itself", async () => {
  const npm = spawn("npm", ["start", "--port", "8600"], { cwd: ROOT, stdio: ["ignore", "ignore", "pipe"] });
  const [err] = await Promise.all([text(npm.stderr), once(npm, "exit")]);
  expect(err).toContain("latchkey: npm took --port for itself\nhint: write npm start -- --port 8600\n");
});

it.each([
  [["--prot", "1"], "unknown option '--prot'", "did you mean --port"],
  [["--port", "99999"], "--port '99999' is not a port", "65535"],
  [["--origin", "photos"], "'photos' is not an app's address", "http://127.0.0.1:8080"],
  [["--origin", "http://127.0.0.1/path"], "is more than an app's address", "http://127.0.0.1"],
  [["--var", "DELAY"], "--var is not NAME=VALUE", "--var REVOCATION_DELAY_SECONDS=0"],
  [["--var", "ADMIN_TOKEN=x"], "a secret is not given as an argument", "admin-token"],
  [["--country", "ch"], "--country 'ch' is not a code", "such as CH"],
  [["--latency", "slow"], "--latency 'slow' is not a latency", "milliseconds, 0 to 1000"],
  [["now"], "too many arguments", "npm start -- --help"],
])("%j is misuse: %s", async (words, cause, hint) => {
  const { code, err, out } = await call("start.ts", ...words, "--state", folder);
  expect([code, out]).toEqual([2, ""]);
  expect(err).toContain(cause);
  expect(err.split("\n")[1]).toMatch(/^hint: /);
  expect(err).toContain(hint);
});

it("explains itself", async () => {
  const { code, out } = await call("start.ts", "--help");
  expect(code).toBe(0);
  expect(out).toContain("npm start -- --origin http://127.0.0.1:8123");
});
