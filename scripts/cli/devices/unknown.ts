import type { UnknownCertificate } from "../../../src/contract/requests.ts";
import { ofAllUsers } from "../../client/all-users.ts";
import type { Output } from "../../terminal/output.ts";
import { groupedCode, printable, short } from "../../terminal/text.ts";
import { timeCell } from "../../terminal/time.ts";
import type { AddCommand } from "../command/session.ts";
import { addListVerb } from "../command/subcommand.ts";
import { deviceLabel } from "./view.ts";

export const addUnknown: AddCommand = (program, open) => {
  const unknown = program
    .command("unknown")
    .summary("list certificates that nobody has enrolled yet, and devices to approve")
    .description(
      "List the certificates that Cloudflare verified and nobody has enrolled: approve or dismiss them. Below them, the devices that were invited and wait for approval.",
    )
    .addHelpText(
      "after",
      `
Examples:
  latchkey unknown
  latchkey approve 9f86d081 alice pixel-9
  latchkey dismiss 9f86d081
  latchkey approve alice/tablet`,
    );
  addListVerb(unknown, async () => {
    const { output, now, ...session } = open();
    const api = await session.api();
    const certificates = await api.unknownCertificates();
    const devices = (await ofAllUsers(api, api.devices)).filter(({ status }) => status === "pending");
    output.object({ unknownCertificates: certificates, devices });
    if (certificates.length > 0 || devices.length === 0) showCertificates(certificates, output, now());
    if (devices.length === 0) return;
    if (certificates.length > 0) output.lines("");
    output.table(
      ["DEVICE", "CODE", "CERTIFICATE", "WAITS SINCE"],
      devices.map((device) => [
        deviceLabel(device),
        device.comparisonCode === null ? "none" : groupedCode(device.comparisonCode),
        device.certificates.map(({ fingerprint }) => short(fingerprint)).join(", "),
        timeCell(device.statusSince, now()),
      ]),
      "",
    );
  });
};

function showCertificates(certificates: readonly UnknownCertificate[], output: Output, now: number): void {
  output.table(
    ["FINGERPRINT", "SUBJECT", "EXPIRES", "APP", { full: "COUNTRY", short: "FROM" }, "LAST SEEN", "SEEN"],
    certificates.map((certificate) => [
      { full: printable(certificate.fingerprint), short: short(certificate.fingerprint) },
      printable(certificate.subject ?? "unknown"),
      certificate.notAfter === null ? "unknown" : timeCell(certificate.notAfter, now),
      printable(certificate.app),
      printable(certificate.country ?? "unknown"),
      timeCell(certificate.lastSeen, now),
      `${printable(String(certificate.count))}x`,
    ]),
    "nothing is waiting",
  );
}
