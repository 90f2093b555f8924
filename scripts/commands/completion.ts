import { Argument } from "commander";
import { completionScript, isShell, SHELLS } from "./shared/completion-scripts.ts";
import { misuse } from "./shared/failure.ts";
import type { AddCommand } from "./shared/session.ts";
import { printable } from "./shared/text.ts";

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
It completes the word latchkey. In the folder of this clone, npx runs the
command, so make an alias first: alias latchkey='npx --no -- latchkey'
Names come from the gate, if it answers within two seconds.

Examples:
  source <(latchkey completion bash)              in ~/.bashrc
  source <(latchkey completion zsh)               in ~/.zshrc, after compinit
  latchkey completion fish | source               in config.fish`,
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
