import { spawn, spawnSync } from "node:child_process";
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

// Compiled once, the program starts in half the time.
const compiled = mkdtempSync(join(tmpdir(), "latchkey-compiled-"));
afterAll(() => rmSync(compiled, { recursive: true }));

/** Runs the command line as a process, with nothing of this one's environment but the PATH. */
export async function run(
  words: readonly string[],
  environment: Record<string, string> = {},
  input: string | Buffer = "",
): Promise<Run> {
  const child = spawn(process.execPath, [LATCHKEY, ...words], {
    env: { PATH: process.env.PATH, TZ: "UTC", NODE_COMPILE_CACHE: compiled, ...environment },
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.end(input);
  const exit = new Promise<number | null>((resolve, reject) =>
    child.on("error", reject).on("close", resolve),
  );
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), exit]);
  return { code, stdout, stderr };
}

/** util-linux's `script` gives a process a terminal; other systems' takes other options. */
export const hasTerminal =
  process.platform === "linux" && spawnSync("script", ["--version"], { stdio: "ignore" }).status === 0;

/** Runs the command line on a terminal, and types the answer when the question is shown. */
export async function runOnTerminal(
  words: readonly string[],
  environment: Record<string, string>,
  question?: string,
  answer = "",
): Promise<{ code: number | null; shown: string }> {
  const quoted = [process.execPath, LATCHKEY, ...words].map((word) => `'${word.replaceAll("'", "'\\''")}'`);
  const child = spawn(
    "script",
    ["--quiet", "--return", "--command", `stty cols 120; ${quoted.join(" ")}`, "/dev/null"],
    {
      env: {
        PATH: process.env.PATH,
        TERM: "xterm-256color",
        TZ: "UTC",
        NODE_COMPILE_CACHE: compiled,
        ...environment,
      },
      stdio: ["pipe", "pipe", "inherit"],
    },
  );
  let shown = "";
  let asked = false;
  child.stdout.setEncoding("utf8").on("data", (part: string) => {
    shown += part;
    if (question === undefined || asked || !shown.includes(question)) return;
    asked = true;
    child.stdin.write(answer);
  });
  const code = await new Promise<number | null>((resolve, reject) =>
    child.on("error", reject).on("close", resolve),
  );
  return { code, shown };
}

/** What an error looks like: cause and remedy on the standard error, nothing else. */
export function failure(code: number, cause: string, hint: string): Run {
  return { code, stdout: "", stderr: `latchkey: ${cause}\nhint: ${hint}\n` };
}
