import { ENVIRONMENT, type Run } from "./run.ts";

let last: Promise<unknown> = Promise.resolve();

/**
 * Runs the command line as `run` does, without a process of its own, whose start takes longer than most
 * commands: for tables of cases, whose command is run as a process elsewhere. One at a time; nothing is on
 * the standard input.
 */
export function runHere(words: readonly string[], environment: Record<string, string> = {}): Promise<Run> {
  const next = last.then(() => runNow(words, environment));
  last = next.catch(() => undefined);
  return next;
}

async function runNow(words: readonly string[], environment: Record<string, string>): Promise<Run> {
  const before = { ...process.env };
  const { exitCode } = process;
  const [stdout, stderr] = [capture(process.stdout), capture(process.stderr)];
  setEnvironment({ ...ENVIRONMENT, ...environment });
  try {
    // Where a login is kept is found out when this is loaded.
    const { runProgram } = await import("../../../scripts/cli/program.ts");
    process.exitCode = undefined;
    const code = (await runProgram(words)) ?? Number(process.exitCode ?? 0);
    return { code, stdout: stdout.text(), stderr: stderr.text() };
  } finally {
    process.exitCode = exitCode;
    setEnvironment(before);
    stdout.end();
    stderr.end();
  }
}

/** In place: the home directory is looked up in the real environment, not in an object that stands for it. */
function setEnvironment(wanted: NodeJS.ProcessEnv): void {
  for (const name of Object.keys(process.env)) if (!(name in wanted)) delete process.env[name];
  Object.assign(process.env, wanted);
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
