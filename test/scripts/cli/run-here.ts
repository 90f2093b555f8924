// Runs the command line in this process: a process of its own takes longer to start than most commands to run.
import { Readable } from "node:stream";
import { ENVIRONMENT, type Run, run } from "./run.ts";

let last: Promise<unknown> = Promise.resolve();

/**
 * What `run` does, without its process: for every case in which the process itself isn't what is tested. One at a
 * time, since environment, folder and standard streams belong to the process.
 */
export function runHere(...given: Parameters<typeof runNow>): Promise<Run> {
  const next = last.then(() => runNow(...given));
  last = next.catch(() => undefined);
  return next;
}

/**
 * Each command is a process the first time that it is run, and runs here from then on, in the next files of tests too.
 */
export function runOnceAsProcess(...given: Parameters<typeof runNow>): Promise<Run> {
  const [command = ""] = given[0];
  if (started.has(command)) return runHere(...given);
  started.add(command);
  return run(...given);
}

/** Files of tests share a process, not this module. */
const shared = globalThis as { startedCommands?: Set<string> };
shared.startedCommands ??= new Set();
const started = shared.startedCommands;

async function runNow(
  words: readonly string[],
  environment: Record<string, string> = {},
  input: string | Buffer = "",
  { cwd = process.cwd() }: { cwd?: string } = {},
): Promise<Run> {
  const before = { environment: { ...process.env }, exitCode: process.exitCode, cwd: process.cwd() };
  const putBack = replaceStdin(Readable.from(input.length === 0 ? [] : [Buffer.from(input)]));
  const [stdout, stderr] = [capture(process.stdout), capture(process.stderr)];
  setEnvironment({ ...ENVIRONMENT, ...environment });
  process.chdir(cwd);
  try {
    const { runProgram } = await import("../../../scripts/cli/program.ts");
    process.exitCode = undefined;
    const code = (await runProgram(words)) ?? Number(process.exitCode ?? 0);
    return { code, stdout: stdout.text(), stderr: stderr.text() };
  } finally {
    process.chdir(before.cwd);
    process.exitCode = before.exitCode;
    setEnvironment(before.environment);
    for (const end of [putBack, stdout.end, stderr.end]) end();
  }
}

/** In place: the home directory is looked up in the real environment, not in an object that stands for it. */
function setEnvironment(wanted: NodeJS.ProcessEnv): void {
  for (const name of Object.keys(process.env)) if (!(name in wanted)) delete process.env[name];
  Object.assign(process.env, wanted);
}

/** Reads from another stream as the standard input. Returns what puts it back. */
function replaceStdin(stream: Readable): () => void {
  const own = Object.getOwnPropertyDescriptor(process, "stdin");
  Object.defineProperty(process, "stdin", { value: stream, configurable: true });
  return () => {
    if (own !== undefined) Object.defineProperty(process, "stdin", own);
  };
}

function capture(stream: NodeJS.WriteStream): { text(): string; end(): void } {
  let text = "";
  const write = stream.write;
  stream.write = (chunk: string | Uint8Array, ...more: unknown[]) => {
    text += typeof chunk === "string" ? chunk : Buffer.from(chunk).toString();
    for (const each of more) if (typeof each === "function") each();
    return true;
  };
  return {
    text: () => text,
    end: () => {
      stream.write = write;
    },
  };
}
