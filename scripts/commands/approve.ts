import { withUnknownUser } from "./shared/answer.ts";
import { deviceNameArgument, userArgument } from "./shared/arguments.ts";
import { LATCHKEY } from "./shared/called-as.ts";
import { findPending } from "./shared/device-reference.ts";
import { deviceLabel } from "./shared/device-view.ts";
import type { AddCommand } from "./shared/session.ts";
import { short } from "./shared/text.ts";

export const addApprove: AddCommand = (program, open) => {
  program
    .command("approve")
    .summary("enrol a certificate that is waiting")
    .description(
      "Enrol a certificate that is waiting: make it a device of a user. Compare the fingerprint first.",
    )
    .argument("<fingerprint>", "64 hex digits, or at least the first 8 of one that is waiting")
    .argument("<user>", "the user's id, such as alice")
    .argument("<name>", "the device's name, such as pixel-9")
    .option("--note <text>", "a note for people to read")
    .addHelpText("after", "\nExample:\n  latchkey approve 9f86d081 alice pixel-9")
    .action(async (text: string, userText: string, nameText: string, options: { note?: string }) => {
      const user = userArgument(userText);
      const name = deviceNameArgument(nameText);
      const { output, ...session } = open();
      const api = await session.api();
      const fingerprint = await findPending(api, text);
      const note = options.note === undefined ? {} : { note: options.note };
      try {
        const { created, value } = await api.approve(fingerprint, { user, name, ...note });
        output.object(value);
        output.lines(
          created
            ? `enrolled ${deviceLabel(value)} (certificate ${short(fingerprint)}): it is let in from now on`
            : `${deviceLabel(value)} is already enrolled with this certificate and ${output.status(value.status)}`,
        );
      } catch (error) {
        throw withUnknownUser(error, user, `add the user first: ${LATCHKEY} users add ${user}`);
      }
    });
};
