import { findDevice } from "../command/device-reference.ts";
import type { AddCommand } from "../command/session.ts";
import { showDevice } from "./view.ts";

export const addShow: AddCommand = (program, open) => {
  program
    .command("show")
    .summary("show everything about a device")
    .description(
      "Show everything about a device: its id, status, certificates, note, and when it was last seen.",
    )
    .argument("<device>", "USER/NAME, such as alice/pixel-9, or the device's id")
    .action(async (reference: string) => {
      const { output, now, ...session } = open();
      const device = await findDevice(await session.api(), reference);
      output.object(device);
      showDevice(device, output, now());
    });
};
