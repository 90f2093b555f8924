// How a command ends that did not succeed: exit code, cause and remedy.
import { printable } from "./text.ts";
/** 0 done, 1 refused by the server or failed, 2 misuse, 3 done at Cloudflare and not in the registry. */
export type ExitCode = 0 | 1 | 2 | 3;

interface Remedy {
  /** What to do about it: one line, lower case, no full stop. */
  hint: string;
  /** Lines that the hint refers to, such as the ids to choose from. */
  list?: readonly string[];
}

/** What went wrong, and what to do about it. Only `report` prints it. */
export class Failure extends Error {
  readonly exitCode: ExitCode;
  readonly hint: string;
  readonly list: readonly string[];

  constructor(exitCode: ExitCode, cause: string, remedy: Remedy) {
    super(cause);
    this.name = "Failure";
    this.exitCode = exitCode;
    this.hint = remedy.hint;
    this.list = remedy.list ?? [];
  }
}

/** Refused by the server, or failed on the way. */
export function failed(cause: string, hint: string, list?: readonly string[]): Failure {
  return new Failure(1, cause, list === undefined ? { hint } : { hint, list });
}

/** Called in a way that cannot work; nothing was done. */
export function misuse(cause: string, hint: string, list?: readonly string[]): Failure {
  return new Failure(2, cause, list === undefined ? { hint } : { hint, list });
}

/** The code of a system error (`ENOENT`, `ECONNREFUSED`, ...), even if another error wraps it. */
export function errorCode(error: unknown): string | undefined {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth++) {
    const { code } = cause as NodeJS.ErrnoException;
    if (typeof code === "string") return code;
  }
  return undefined;
}

/** Prints cause and remedy, and returns the exit code. */
export function report(error: unknown): ExitCode {
  const failure = error instanceof Failure ? error : unexpected(error);
  const lines = [
    `latchkey: ${failure.message}`,
    `hint: ${failure.hint}`,
    ...failure.list.map((line) => `  ${line}`),
  ];
  process.stderr.write(`${lines.map(printable).join("\n")}\n`);
  return failure.exitCode;
}

/** A bug of ours. Neither the environment nor the command line is shown: they may hold secrets. */
function unexpected(error: unknown): Failure {
  const detail = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return new Failure(1, `internal error: ${printable(detail)}`, {
    hint: "this is a bug in the command line: please report it",
  });
}
