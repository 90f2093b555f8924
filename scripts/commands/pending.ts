import type { PendingCertificate } from "../../src/control/contract.ts";
import { relativeTime } from "../../src/relative-time.ts";
import { ofAllUsers } from "./shared/all-users.ts";
import { deviceLabel } from "./shared/device-view.ts";
import type { Output } from "./shared/output.ts";
import type { AddCommand } from "./shared/session.ts";
import { groupedCode, printable, short } from "./shared/text.ts";

export const addPending: AddCommand = (program, open) => {
  program
    .command("pending")
    .summary("list certificates that nobody has enrolled yet, and devices to approve")
    .description(
      "List the certificates that Cloudflare verified and nobody has enrolled: approve or dismiss them. Below them, the devices that were invited and wait for approval.",
    )
    .addHelpText(
      "after",
      `
Examples:
  latchkey pending
  latchkey approve 9f86d081 alice pixel-9
  latchkey dismiss 9f86d081
  latchkey approve alice/tablet`,
    )
    .action(async () => {
      const { output, now, ...session } = open();
      const api = await session.api();
      const pending = await api.pending();
      const devices = (await ofAllUsers(api, api.devices)).filter(({ status }) => status === "pending");
      output.object({ pending, devices });
      if (pending.length > 0 || devices.length === 0) showCertificates(pending, output, now());
      if (devices.length === 0) return;
      if (pending.length > 0) output.lines("");
      output.table(
        ["DEVICE", "CODE", "CERTIFICATE", "WAITS SINCE"],
        devices.map((device) => [
          deviceLabel(device),
          device.comparisonCode === null ? "none" : groupedCode(device.comparisonCode),
          device.certificates.map(({ fingerprint }) => short(fingerprint)).join(", "),
          relativeTime(device.statusSince, now()),
        ]),
        "",
      );
    });
};

function showCertificates(pending: readonly PendingCertificate[], output: Output, now: number): void {
  output.table(
    ["FINGERPRINT", "SUBJECT", "EXPIRES", "APP", "COUNTRY", "LAST SEEN", "SEEN"],
    pending.map((certificate) => [
      printable(certificate.fingerprint),
      printable(certificate.subject ?? "unknown"),
      certificate.notAfter === null ? "unknown" : relativeTime(certificate.notAfter, now),
      printable(certificate.app),
      printable(certificate.country ?? "unknown"),
      relativeTime(certificate.lastSeen, now),
      `${printable(String(certificate.count))}x`,
    ]),
    "nothing is waiting",
  );
}
