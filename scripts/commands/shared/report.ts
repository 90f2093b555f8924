import type { CommanderError } from "commander";
import { LATCHKEY } from "./called-as.ts";
import { type ExitCode, Failure, misuse } from "./failure.ts";
import { asMessage, printable } from "./text.ts";

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

/**
 * Turns what the argument parser says into our form: `error: unknown command 'x'\n(Did you mean y?)`.
 * `command` is the one that was called, as far as it is known.
 */
export function misuseFromCommander(error: CommanderError, command: string | undefined): Failure {
  const [first = "", ...rest] = error.message.replace(/^error: /, "").split("\n");
  const suggestion = /\(did you mean (.+)\?\)/i.exec(rest.join(" "))?.[1];
  // The value of a mistyped option may be a secret: `--tokenfile=...`.
  const cause = asMessage(
    first.replace(/(unknown option '--?[^=']+)=.*'/s, "$1'").replace(/\. Expected .*/, ""),
  );
  const help = command === undefined ? `see ${LATCHKEY} --help` : `see ${LATCHKEY} ${command} --help`;
  return misuse(cause, suggestion === undefined ? help : `did you mean ${printable(suggestion)}`);
}
