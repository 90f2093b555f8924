import type { AddCommand } from "../command/session.ts";
import { addReasonOption, changeStatus } from "./status.ts";

export const addReinstate: AddCommand = (program, open) => {
  const command = program
    .command("reinstate")
    .summary("let a suspended or lost device in again")
    .description("Let a device in again that was suspended, or lost and found.")
    .argument("<device>", "USER/NAME, such as alice/pixel-9, or the device's id");
  addReasonOption(command, "why, for the audit log").action(
    (device: string, { reason }: { reason?: string }) =>
      changeStatus(open(), {
        act: "reinstate",
        device,
        reason,
        done: (label, before) => [`${label} was ${before} and is active again: it is let in from now on`],
      }),
  );
};
