// A command line that cannot work: what is wrong with it, and what was probably meant.
import type { Command, CommanderError } from "commander";
import { LATCHKEY } from "./called-as.ts";
import { type Failure, misuse } from "./failure.ts";
import { asMessage, nearest, printable, shellWord } from "./text.ts";

/**
 * Commands that take something away or let something back in: never suggested for a mistyped word, so that nobody runs
 * them by copying a hint.
 */
const NEVER_GUESSED: ReadonlySet<string> = new Set(
  "lost revoke suspend reinstate retire forget block unblock dismiss restore remove end withdraw".split(" "),
);

/** What people used to other programs type, and the commands they may mean. */
const OTHER_WORDS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    "rm, remove, delete, del": `to refuse a device for good: ${LATCHKEY} revoke; to delete the record of a revoked one: ${LATCHKEY} forget`,
    "add, create, new": `to let a device in: ${LATCHKEY} enrol; to add a user: ${LATCHKEY} users add`,
    "init, install, deploy": `to put the gate in front of your apps: ${LATCHKEY} setup`,
  }).flatMap(([words, hint]) => words.split(", ").map((word) => [word, hint] as const)),
);

/** `users add`: a command as it is typed after the program's own name. */
export function pathOf(command: Command): string {
  return command.parent === null ? "" : `${pathOf(command.parent)} ${command.name()}`.trim();
}

/** The subcommand of this name or alias. */
export function subcommandNamed(command: Command, word: string): Command | undefined {
  return command.commands.find((each) => each.name() === word || each.aliases().includes(word));
}

/** The command that these words call, as far as they name one. */
export function calledCommand(program: Command, words: readonly string[]): Command {
  return words.reduce((command, word) => subcommandNamed(command, word) ?? command, program);
}

/** A word that should have been one of the command's subcommands. */
export function unknownCommand(command: Command, word: string): Failure {
  const path = pathOf(command);
  const candidates = command
    .createHelp()
    .visibleCommands(command)
    .map((each) => each.name())
    .filter((name) => !NEVER_GUESSED.has(name));
  const [near] = nearest(word, candidates);
  const known = path === "" ? OTHER_WORDS.get(word) : undefined;
  return misuse(
    `unknown command '${printable(`${path} ${word}`.trim())}'`,
    known ?? (near === undefined ? seeHelp(command) : `did you mean ${`${path} ${near}`.trim()}`),
  );
}

/** A parser error in our form. `command` is the one that was called. */
export function misuseFromCommander(error: CommanderError, command: Command): Failure {
  const cause = error.message.replace(/^error: /, "");
  const quoted = /'(.*)'/s.exec(cause)?.[1] ?? "";
  switch (error.code) {
    case "commander.unknownCommand":
      return unknownCommand(command, quoted);
    case "commander.unknownOption":
      return unknownOption(command, quoted);
    case "commander.excessArguments": {
      const [word] = command.args;
      const isSubcommand = command.commands.length > 0 && command.registeredArguments.length === 0;
      if (isSubcommand && word !== undefined) return unknownCommand(command, word);
    }
  }
  return misuse(asMessage(cause.replace(/\. Expected .*/, "")), seeHelp(command));
}

/** Without the value after `=`, which may be a secret: `--tokenfile=...`. */
function unknownOption(command: Command, written: string): Failure {
  const flag = written.replace(/=.*/s, "");
  const help = command.createHelp();
  const flags = [...help.visibleOptions(command), ...help.visibleGlobalOptions(command)].flatMap(
    ({ long, short }) => [long, short].filter((each) => each !== undefined && each !== null),
  );
  if (flag !== written && flags.includes(flag)) {
    return misuse(`${printable(flag)} takes no value`, `write only ${printable(flag)}`);
  }
  const [near] = nearest(
    flag.replace(/^-+/, ""),
    flags.map((each) => each.replace(/^-+/, "")),
  );
  return misuse(
    `unknown option '${printable(flag)}'`,
    near === undefined ? seeHelp(command) : `did you mean ${shellWord(`--${near}`)}`,
  );
}

function seeHelp(command: Command): string {
  return `see ${[LATCHKEY, pathOf(command), "--help"].filter((word) => word !== "").join(" ")}`;
}
