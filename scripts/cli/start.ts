// Trying the gate at home: the local edge, as `npm start` runs it in a clone.
import {
  START_DESCRIPTION,
  type StartOptions,
  startNotes,
  startSettings,
  withStartOptions,
} from "../edge/start-options.ts";
import { requireNewNode } from "../node-version.ts";
import type { AddCommand } from "./command/command.ts";
import { readSettings } from "./zone/wrangler-config.ts";

export const addStart: AddCommand = (program) => {
  program
    .command("start")
    .summary("run the gate on this machine, to try it out")
    .description(START_DESCRIPTION)
    .with(withStartOptions)
    .notes(startNotes("latchkey start", "latchkey start"))
    .action(async (options: StartOptions) => {
      requireNewNode("the local gate");
      await readSettings();
      const { startGate } = await import("../start.ts");
      await startGate(startSettings(options, process.cwd()));
    });
};
