import { LATCHKEY } from "./shared/called-as.ts";
import type { AddCommand } from "./shared/session.ts";
import { changeStatus, EVERYWHERE } from "./shared/status-act.ts";

export const addLost: AddCommand = (program, open) => {
  program
    .command("lost")
    .summary("report a device lost: refused until it is found")
    .description(
      "Report a device lost: it is refused until restore says that it was found, or revoke that it was not.",
    )
    .argument("<device>", "USER/NAME, such as alice/pixel-9, or the device's id")
    .option("--note <text>", "where and when, for the audit log")
    .addHelpText("after", '\nExample:\n  latchkey lost alice/pixel-9 --note "left in the tram" --yes')
    .action((device: string, { note }: { note?: string }) =>
      changeStatus(open(), {
        act: "lost",
        device,
        note,
        question: (label) => `Report ${label} lost?`,
        done: (label) => [
          `${label} is reported lost: it is refused ${EVERYWHERE}`,
          `found again: ${LATCHKEY} restore; gone for good: ${LATCHKEY} revoke`,
        ],
      }),
    );
};
