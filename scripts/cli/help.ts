import { subcommandNamed, unknownCommand } from "../terminal/misuse.ts";
import type { AddCommand } from "./command/session.ts";

export const addHelp: AddCommand = (program) => {
  program
    .command("help")
    .summary("print this help, or that of a command")
    .description("Print the help, or that of a command, as --help does.")
    .argument("[command...]", "such as devices, or token create")
    .action((words: string[]) => {
      let command = program;
      for (const word of words) {
        const found = subcommandNamed(command, word);
        if (found === undefined) throw unknownCommand(command, word);
        command = found;
      }
      command.outputHelp();
    });
};
