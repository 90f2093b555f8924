// A command line that cannot work: what is wrong with it, and what was probably meant.
import type { Command, CommanderError } from "commander";
import { nearest } from "../../src/domain/general/nearest.ts";
import { LATCHKEY } from "./called-as.ts";
import { type Failure, misuse } from "./failure.ts";
import { asMessage, printable, shellWord } from "./text.ts";

/**
 * Commands that take something away, or let in what was refused: for a mistyped word a hint says only what they are
 * for, so that nobody runs them by copying it.
 */
const NEVER_GUESSED: ReadonlySet<string> = new Set(
  "approve lost revoke suspend reinstate retire forget block unblock dismiss restore remove end withdraw".split(
    " ",
  ),
);

/** What people who know other programs type, and the commands they may mean. */
const OTHER_WORDS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    "rm, delete, del": `to refuse a device for good: ${LATCHKEY} revoke; to delete the record of a revoked one: ${LATCHKEY} forget`,
    "add, create, new": `to let a device in: ${LATCHKEY} enrol; to add a user: ${LATCHKEY} users add`,
    "guest, guests": `to invite a guest: ${LATCHKEY} invite USER --guest --until sunday --app HOST`,
    install: `to put the gate in front of your apps: ${LATCHKEY} setup`,
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
function calledCommand(program: Command, words: readonly string[]): Command {
  return words.reduce((command, word) => subcommandNamed(command, word) ?? command, program);
}

/** A word that should have been one of the command's subcommands. */
export function unknownCommand(command: Command, word: string): Failure {
  const path = pathOf(command);
  const known = path === "" ? OTHER_WORDS.get(word) : undefined;
  return misuse(
    `unknown command '${printable(`${path} ${word}`.trim())}'`,
    known ?? guess(command, word) ?? seeHelp(command),
  );
}

/** A word this short with another letter is another word: note and nope. */
const SHORT_WORD = 4;

function isAnotherWord(written: string, name: string): boolean {
  const letters = (word: string) => [...word].sort().join("");
  return written.length <= SHORT_WORD && name.length === written.length && letters(name) !== letters(written);
}

function guess(command: Command, word: string): string | undefined {
  const names = command
    .createHelp()
    .visibleCommands(command)
    .flatMap((each) => [each.name(), ...each.aliases()])
    .filter((name) => !isAnotherWord(word, name));
  const [near = ""] = nearest(word, names);
  const meant = subcommandNamed(command, near);
  if (meant === undefined) return undefined;
  if (NEVER_GUESSED.has(meant.name())) return `${seeHelp(command)} (${near}: ${meant.summary()})`;
  const [written, next = ""] = command.args;
  const below = written === word ? subcommandNamed(meant, next) : undefined;
  const more = below === undefined || NEVER_GUESSED.has(below.name()) ? "" : next;
  return `did you mean ${[pathOf(command), near, more].filter((part) => part !== "").join(" ")}`;
}

/** A parser error in our form. */
export function misuseFromCommander(
  error: CommanderError,
  program: Command,
  words: readonly string[] = [],
): Failure {
  const cause = error.message.replace(/^error: /, "");
  const quoted = /'(.*)'/s.exec(cause)?.[1] ?? "";
  const command = calledCommand(program, words);
  switch (error.code) {
    case "commander.unknownCommand":
      // What follows the unknown word may be the name of a command, too.
      return unknownCommand(calledCommand(program, words.slice(0, words.indexOf(quoted))), quoted);
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
