/** 0 done, 1 refused by the server or failed, 2 misuse, 3 done at Cloudflare and not in the registry. */
export type ExitCode = 0 | 1 | 2 | 3;

interface Remedy {
  /** What to do about it: one line, lower case, no full stop. */
  hint: string;
  /** Lines that the hint speaks of, such as the ids to choose from. */
  list?: readonly string[];
}

/** The end of a command: what went wrong and what helps. Only `report` prints it. */
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

/** The code of a system error (`ENOENT`, `ECONNREFUSED`, ...), also of one wrapped in another. */
export function errorCode(error: unknown): string | undefined {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth++) {
    const { code } = cause as NodeJS.ErrnoException;
    if (typeof code === "string") return code;
  }
  return undefined;
}
