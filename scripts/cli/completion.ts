import { Argument } from "commander";
import { misuse } from "../terminal/failure.ts";
import { printable } from "../terminal/text.ts";
import type { AddCommand } from "./command/session.ts";
import { completionScript, isShell, SHELLS } from "./completion-scripts.ts";

export const addCompletion: AddCommand = (program) => {
  program
    .command("completion")
    .summary("print a script that completes commands in your shell")
    .description(
      "Print a script that completes commands, options, and the names of users and devices in your shell.",
    )
    .addArgument(new Argument("<shell>", SHELLS.join(", ")))
    .addHelpText(
      "after",
      `
It completes the word latchkey. In this clone's folder npx runs the command, so
make an alias before the script is read: alias latchkey='npx --no -- latchkey'
Names come from the gate, if it answers within two seconds. Write the script
again after an update.

Examples, for ~/.bashrc, ~/.zshrc (after compinit) and fish:
  latchkey completion bash > ~/.latchkey.bash   and: source ~/.latchkey.bash
  latchkey completion zsh > ~/.latchkey.zsh     and: source ~/.latchkey.zsh
  latchkey completion fish > ~/.config/fish/completions/latchkey.fish`,
    )
    .action((shell: string) => {
      if (!isShell(shell)) {
        throw misuse(
          `'${printable(shell)}' is not a shell that is known here`,
          `give one of ${SHELLS.join(", ")}`,
        );
      }
      process.stdout.write(completionScript(program, shell));
    });
};
