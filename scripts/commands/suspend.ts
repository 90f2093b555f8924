import type { AddCommand } from "./shared/session.ts";
import { changeStatus, EVERYWHERE } from "./shared/status-act.ts";
import { withWaysOut } from "./shared/target.ts";
import { shellWord } from "./shared/text.ts";

export const addSuspend: AddCommand = (program, open) => {
  program
    .command("suspend")
    .summary("refuse a device for a while")
    .description("Refuse a device for a while; restore lets it in again.")
    .argument("<device>", "USER/NAME, such as alice/pixel-9, or the device's id")
    .option("--note <text>", "why, for the audit log")
    .action(async (device: string, { note }: { note?: string }) => {
      try {
        await changeStatus(open(), {
          act: "suspend",
          device,
          note,
          done: (label) => [`${label} is suspended: it is refused ${EVERYWHERE}`],
        });
      } catch (error) {
        throw withWaysOut(error, [`block ${shellWord(device)}`]);
      }
    });
};
