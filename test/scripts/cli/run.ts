import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";

const LATCHKEY = fileURLToPath(new URL("../../../scripts/latchkey.ts", import.meta.url));

export const fixture = (name: string) => fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url));

/** The fingerprints of the certificates in `fixtures/`. */
export const DEVICE = "286bd7cf0bb35a3cfe162cbd479dfa93a26bf19e1a154f00fb520b6ac965324b";
export const RSA = "b6bbbe2c0008ba419e0632c3f19227cdce33f99ff503cc9ae29569d1af66d8b4";

export interface Run {
  code: number | null;
  stdout: string;
  stderr: string;
}

const home = mkdtempSync(join(tmpdir(), "latchkey-home-"));
afterAll(() => rmSync(home, { recursive: true }));

/** The environment of every process: an empty home, so that no login of whoever runs the tests is found. */
export const ENVIRONMENT = {
  PATH: process.env.PATH,
  HOME: home,
  TZ: "UTC",
  NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? "",
};

/** Runs the command line as a process, with nothing of this one's environment but the PATH. */
export async function run(
  words: readonly string[],
  environment: Record<string, string> = {},
  input: string | Buffer = "",
  { cwd }: { cwd?: string } = {},
): Promise<Run> {
  const child = spawn(process.execPath, [LATCHKEY, ...words], {
    ...(cwd === undefined ? {} : { cwd }),
    env: { ...ENVIRONMENT, ...environment },
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.end(input);
  const exit = new Promise<number | null>((resolve, reject) =>
    child.on("error", reject).on("close", resolve),
  );
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), exit]);
  return { code, stdout, stderr };
}

/** A command that runs until it is told to end. */
export interface Running {
  /** Waits until the standard output, or the standard error, holds this text. */
  shows(text: string): Promise<void>;
  /** Writes to the standard input, and leaves it open. */
  type(text: string): void;
  /** Sends the signal, and waits for the end. */
  end(signal: NodeJS.Signals): Promise<Run>;
}

/** Starts the command line as a process that is ended by the test, in the end with the file's other tests. */
export function startCommand(words: readonly string[], environment: Record<string, string> = {}): Running {
  const child = spawn(process.execPath, [LATCHKEY, ...words], {
    env: { ...ENVIRONMENT, ...environment },
    stdio: ["pipe", "pipe", "pipe"],
  });
  running.add(child);
  const run: Run = { code: null, stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (part: string) => {
    run.stdout += part;
  });
  child.stderr.setEncoding("utf8").on("data", (part: string) => {
    run.stderr += part;
  });
  const closed = new Promise<void>((resolve) => {
    child.once("close", (code) => {
      run.code = code;
      running.delete(child);
      resolve();
    });
  });
  return {
    async shows(text) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const look = () => {
        if (run.stdout.includes(text) || run.stderr.includes(text)) resolve();
      };
      child.stdout.on("data", look);
      child.stderr.on("data", look);
      void closed.then(() => {
        reject(new Error(`ended without ${JSON.stringify(text)}: ${JSON.stringify(run)}`));
      });
      look();
      await promise.finally(() => {
        child.stdout.off("data", look);
        child.stderr.off("data", look);
      });
    },
    type: (text) => void child.stdin.write(text),
    async end(signal) {
      child.kill(signal);
      await closed;
      return run;
    },
  };
}

const running = new Set<ChildProcess>();
afterAll(() => {
  for (const child of running) child.kill("SIGKILL");
});

/** util-linux's `script` gives a process a terminal; other systems' takes other options. */
export const hasTerminal =
  process.platform === "linux" && spawnSync("script", ["--version"], { stdio: "ignore" }).status === 0;

interface Terminal {
  /** How wide it is. */
  columns?: number;
  cwd?: string;
  /** Questions, in the order in which they are shown, and what is typed then. Nobody hears what is typed too early. */
  answers?: readonly (readonly [question: string | RegExp, answer: string])[];
}

/** Runs the command line on a terminal, and types each answer when its question is shown. */
export async function runOnTerminal(
  words: readonly string[],
  environment: Record<string, string>,
  { columns = 120, cwd, answers = [] }: Terminal = {},
): Promise<{ code: number | null; shown: string }> {
  const quoted = [process.execPath, LATCHKEY, ...words].map((word) => `'${word.replaceAll("'", "'\\''")}'`);
  const child = spawn(
    "script",
    ["--quiet", "--return", "--command", `stty rows 40 cols ${columns}; ${quoted.join(" ")}`, "/dev/null"],
    {
      ...(cwd === undefined ? {} : { cwd }),
      env: { ...ENVIRONMENT, TERM: "xterm-256color", ...environment },
      stdio: ["pipe", "pipe", "inherit"],
    },
  );
  running.add(child);
  let shown = "";
  const left = [...answers];
  child.stdout.setEncoding("utf8").on("data", (part: string) => {
    shown += part;
    const [next] = left;
    if (next === undefined) return;
    const [question] = next;
    if (!(typeof question === "string" ? shown.includes(question) : question.test(shown))) return;
    left.shift();
    child.stdin.write(next[1]);
  });
  const code = await new Promise<number | null>((resolve, reject) =>
    child.on("error", reject).on("close", resolve),
  );
  running.delete(child);
  return { code, shown };
}

/** What an error looks like: cause and remedy on the standard error, nothing else. */
export function failure(code: number, cause: string, hint: string): Run {
  return { code, stdout: "", stderr: `latchkey: ${cause}\nhint: ${hint}\n` };
}
