import { type ExitCode, Failure } from "./failure.ts";
import { printable } from "./text.ts";

/** Prints the end of a command, cause and remedy, and says with which code to exit. */
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

/** A fault of ours. The environment and the words of the command line may hold secrets: neither is shown. */
function unexpected(error: unknown): Failure {
  const detail = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return new Failure(1, `internal error: ${printable(detail)}`, {
    hint: "this is a bug in the command line: please report it",
  });
}
