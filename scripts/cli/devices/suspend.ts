import { shellWord } from "../../terminal/text.ts";
import type { AddCommand } from "../command/session.ts";
import { withWaysOut } from "../command/target.ts";
import { addReasonOption, changeStatus, EVERYWHERE } from "./status.ts";

export const addSuspend: AddCommand = (program, open) => {
  const command = program
    .command("suspend")
    .summary("refuse a device for a while")
    .description("Refuse a device for a while; reinstate lets it in again.")
    .argument("<device>", "USER/NAME, such as alice/pixel-9, or the device's id");
  addReasonOption(command, "why, for the audit log").action(
    async (device: string, { reason }: { reason?: string }) => {
      try {
        await changeStatus(open(), {
          act: "suspend",
          device,
          reason,
          done: (label) => [`${label} is suspended: it is refused ${EVERYWHERE}`],
        });
      } catch (error) {
        throw withWaysOut(error, [`block ${shellWord(device)}`]);
      }
    },
  );
};
