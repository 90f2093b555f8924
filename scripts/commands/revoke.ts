import type { AddCommand } from "./shared/session.ts";
import { changeStatus, EVERYWHERE } from "./shared/status-act.ts";

export const addRevoke: AddCommand = (program, open) => {
  program
    .command("revoke")
    .summary("refuse a device for good")
    .description(
      "Refuse a device for good. No other device is touched. There is no way back for this certificate.",
    )
    .argument("<device>", "USER/NAME, such as alice/pixel-9, or the device's id")
    .option("--note <text>", "why, for the audit log")
    .addHelpText(
      "after",
      `
A device that may turn up again is better reported lost, or suspended.
A connection that is open already, such as a WebSocket, lives on until it closes.

Examples:
  latchkey revoke alice/pixel-9
  latchkey revoke alice/pixel-9 --note stolen --yes`,
    )
    .action((device: string, { note }: { note?: string }) =>
      changeStatus(open(), {
        act: "revoke",
        device,
        note,
        question: (label) => `Revoke ${label} for good?`,
        done: (label) => [`${label} is revoked: it is refused ${EVERYWHERE}`],
      }),
    );
};
