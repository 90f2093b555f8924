import type { Command } from "commander";
import { LATCHKEY } from "./called-as.ts";
import { type Failure, misuse } from "./failure.ts";
import { nearest, printable } from "./text.ts";

/**
 * For a command that lists when it is called without a subcommand: a word that is left over then is a
 * mistyped subcommand.
 */
export function refuseUnknownSubcommand(command: Command): void {
  const [word] = command.args;
  if (word !== undefined) throw unknownSubcommand(word, command);
}

function unknownSubcommand(word: string, command: Command): Failure {
  const name = command.name();
  const [near] = nearest(
    word,
    command.commands.map((subcommand) => subcommand.name()),
  );
  return misuse(
    `unknown command '${name} ${printable(word)}'`,
    near === undefined ? `see ${LATCHKEY} ${name} --help` : `did you mean ${name} ${near}`,
  );
}
