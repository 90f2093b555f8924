import { relativeTime } from "../../src/relative-time.ts";
import type { AddCommand } from "./shared/session.ts";
import { printable } from "./shared/text.ts";

export const addPending: AddCommand = (program, open) => {
  program
    .command("pending")
    .summary("list certificates that nobody has enrolled yet")
    .description(
      "List the certificates that Cloudflare verified and nobody has enrolled: approve or dismiss them.",
    )
    .addHelpText(
      "after",
      `
Examples:
  latchkey pending
  latchkey approve 9f86d081 alice pixel-9
  latchkey dismiss 9f86d081`,
    )
    .action(async () => {
      const { output, now, ...session } = open();
      const pending = await (await session.api()).pending();
      output.object({ pending });
      output.table(
        ["FINGERPRINT", "SUBJECT", "EXPIRES", "APP", "COUNTRY", "LAST SEEN", "SEEN"],
        pending.map((certificate) => [
          printable(certificate.fingerprint),
          printable(certificate.subject ?? "unknown"),
          certificate.notAfter === null ? "unknown" : relativeTime(certificate.notAfter, now()),
          printable(certificate.app),
          printable(certificate.country ?? "unknown"),
          relativeTime(certificate.lastSeen, now()),
          `${printable(String(certificate.count))}x`,
        ]),
        "nothing is waiting",
      );
    });
};
