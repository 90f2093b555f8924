import type { AddCommand } from "./command/session.ts";

export const addVersion: AddCommand = (program) => {
  program
    .command("version")
    .summary("print the version")
    .description("Print the version, as --version does.")
    .action(() => {
      process.stdout.write(`${program.version()}\n`);
    });
};
