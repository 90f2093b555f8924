import { deviceNameArgument } from "../command/arguments.ts";
import { findDevice } from "../command/device-reference.ts";
import type { AddCommand } from "../command/session.ts";
import { deviceLabel } from "./view.ts";

export const addRename: AddCommand = (program, open) => {
  program
    .command("rename")
    .summary("give a device another name")
    .description("Give a device another name. Nothing else changes, its history stays.")
    .argument("<device>", "USER/NAME, such as alice/pixel-9, or the device's id")
    .argument("<name>", "the new name, without the user")
    .addHelpText("after", "\nExample:\n  latchkey rename alice/pixel-9 old-pixel")
    .action(async (reference: string, nameText: string) => {
      const name = deviceNameArgument(nameText);
      const { output, ...session } = open();
      const api = await session.api();
      const device = await findDevice(api, reference);
      const renamed = await api.edit(device, { name });
      output.object(renamed);
      output.lines(`${deviceLabel(device)} is now ${deviceLabel(renamed)}`);
    });
};
