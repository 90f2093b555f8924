import { findDevice } from "../command/device-reference.ts";
import type { AddCommand } from "../command/session.ts";
import { deviceLabel } from "./view.ts";

export const addNote: AddCommand = (program, open) => {
  program
    .command("note")
    .summary("write a device's note")
    .description("Write a device's note, in place of the old one. An empty text removes it.")
    .argument("<device>", "USER/NAME, such as alice/pixel-9, or the device's id")
    .argument("<text>", "the note")
    .addHelpText(
      "after",
      `
Examples:
  latchkey note alice/pixel-9 "screen broken, in repair"
  latchkey note alice/pixel-9 ""`,
    )
    .action(async (reference: string, text: string) => {
      const { output, ...session } = open();
      const api = await session.api();
      const device = await api.edit(await findDevice(api, reference), { note: text === "" ? null : text });
      output.object(device);
      output.lines(`${text === "" ? "removed" : "wrote"} the note of ${deviceLabel(device)}`);
    });
};
