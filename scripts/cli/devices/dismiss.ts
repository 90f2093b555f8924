import { short } from "../../terminal/text.ts";
import { findUnknownCertificate } from "../command/device-reference.ts";
import type { AddCommand } from "../command/session.ts";

export const addDismiss: AddCommand = (program, open) => {
  program
    .command("dismiss")
    .summary("take a certificate off the waiting list")
    .description(
      "Take a certificate off the waiting list. It was refused and stays so; if it comes again, it waits again.",
    )
    .argument("<fingerprint>", "64 hex digits, or at least the first 8 of one that is waiting")
    .action(async (text: string) => {
      const { output, ...session } = open();
      const api = await session.api();
      const fingerprint = await findUnknownCertificate(api, text);
      await api.dismiss(fingerprint);
      output.lines(`dismissed ${short(fingerprint)}`);
    });
};
