import type { Command } from "commander";

/**
 * A noun lists when it is called without a subcommand; `list` and `ls`, as other programs have it, do the same.
 * The noun's options count for both: the parser reads them wherever they stand.
 */
export function addListVerb(noun: Command, list: (word: string | undefined) => Promise<void>): void {
  const verb = noun
    .command("list")
    .alias("ls")
    .summary("the same as without a subcommand")
    .description(`The same as latchkey ${noun.name()} without a subcommand.`);
  for (const argument of noun.registeredArguments) verb.addArgument(argument);
  verb.action(() => list(verb.args[0]));
  noun.action(() => list(noun.args[0]));
}
