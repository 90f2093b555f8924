import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, it } from "vitest";
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

/** The printed command line, as a person pastes it. */
function latchkey(lines: string[], ...words: string[]): Promise<string> {
  const exported = lines.find((line) => line.includes("export LATCHKEY_URL="))?.trim() ?? "";
  const env = Object.fromEntries(
    exported
      .split(" ")
      .slice(1)
      .map((pair) => pair.split("=") as [string, string]),
  );
  const child = run("latchkey.ts", words, env);
  return text(child.stdout);
}

async function call(script: string, ...words: string[]) {
  const child = run(script, words);
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
  return { out, err, code };
}

it("enrols the demo's devices on the first start only, keeps the registry, and ends with 0", async () => {
  const first = await start();
  expect(first.lines.at(-1)).toMatch(/^ready https:\/\/app\.localhost:\d+$/);
  const text = first.lines.join("\n");
  expect(text).toContain(`\n  npx --no -- latchkey watch --edge ${folder}\n`);
  expect(text).toMatch(/ --key \S+ https:\/\/app\.localhost:\d+\/\.latchkey\/whoami\n/);
  expect(text).toMatch(/ LATCHKEY_URL=https:\/\/latchkey\.localhost:\d+ /);
  expect(text).toMatch(/: open https:\/\/latchkey\.localhost:\d+\/ and sign in\n/);
  const devices = await latchkey(first.lines, "devices", "alice");
  expect(devices).toMatch(/alice\/alice-phone +active/);
  expect(devices).toMatch(/alice\/alice-laptop +active/);
  await latchkey(first.lines, "revoke", "alice/alice-phone", "--yes");
  await latchkey(first.lines, "forget", "alice/alice-phone", "--yes");
  expect(await first.stop("SIGTERM")).toBe(0);

  const second = await start();
  expect(await latchkey(second.lines, "devices", "alice")).not.toContain("alice-phone");
  // A first start that was interrupted before it was done is completed by the next.
  expect(await second.stop("SIGINT")).toBe(0);
  await rm(join(folder, "demo-enrolled"));
  const third = await start();
  expect(await latchkey(third.lines, "devices", "alice")).toMatch(/alice\/alice-phone +active/);
  expect(await third.stop("SIGTERM")).toBe(0);
}, 60_000);

it("ends with the shell in which npm runs it", async () => {
  const command = `'${process.execPath}' scripts/start.ts --port 0 --state '${folder}'; true`;
  const shell = spawn("sh", ["-c", command], {
    ...{ cwd: ROOT, env: { ...process.env, npm_lifecycle_event: "start" }, detached: true },
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    for await (const line of createInterface({ input: shell.stdout })) if (line.startsWith("ready ")) break;
    shell.kill("SIGTERM");
    shell.stdout.resume();
    // When everybody has ended who could write to it.
    await once(shell, "close");
  } finally {
    // Its process group, if a part of it is left.
    try {
      if (shell.pid !== undefined) process.kill(-shell.pid, "SIGKILL");
    } catch {
      // Nothing is left.
    }
  }
  // The folder is free again.
  const again = await start();
  expect(await again.stop("SIGTERM")).toBe(0);
}, 60_000);

it("starts with variables that the Worker refuses, and says which", async () => {
  const { lines, stop } = await start("--var", 'APPS={"app.localhost":{"countires":["CH"]}}');
  expect(lines.join("\n")).toContain('variable=APPS."app.localhost"');
  expect(await stop("SIGTERM")).toBe(0);
  await expect(readFile(join(folder, "demo-enrolled"))).rejects.toThrow("ENOENT");
});

it.each([
  [["--prot", "1"], "unknown option '--prot'", "did you mean --port"],
  [["--port", "99999"], "--port '99999' is not a port", "65535"],
  [["--origin", "photos"], "'photos' is not an app's address", "http://127.0.0.1:8080"],
  [["--origin", "http://127.0.0.1/path"], "is more than an app's address", "http://127.0.0.1"],
  [["--var", "DELAY"], "--var is not NAME=VALUE", "--var REVOCATION_DELAY_SECONDS=0"],
  [["--var", "ADMIN_TOKEN=x"], "a token is not given as an argument", "admin-token"],
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
