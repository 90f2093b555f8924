// What was done before something failed, as part of the failure.
import { Failure } from "../../terminal/failure.ts";

/** The same failure, with lines that say what became of the things that were done before it. */
export function withAftermath(error: unknown, lines: readonly string[]): Failure {
  if (error instanceof Failure) {
    return new Failure(error.exitCode, error.message, { hint: error.hint, list: [...error.list, ...lines] });
  }
  // A fault of ours: what was done must be reported all the same.
  const detail = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return new Failure(1, `internal error: ${detail}`, {
    hint: "this is a bug in the command line: please report it",
    list: lines,
  });
}
