// Unknown certificates: Cloudflare verified them, and nobody has enrolled them. List, dismiss; `enrol` finds them here.
import type { UnknownCertificate } from "../../../src/contract/answers.ts";
import { type Fingerprint, parseFingerprint } from "../../../src/domain/fingerprint.ts";
import { ofAllUsers } from "../../client/all-users.ts";
import type { Api } from "../../client/api.ts";
import { deviceLabel } from "../../client/device.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { failed } from "../../terminal/failure.ts";
import type { Output } from "../../terminal/output.ts";
import { distinguishedName, groupedCode, printable, short } from "../../terminal/text.ts";
import { timeCell } from "../../terminal/time.ts";
import { fingerprintPrefix } from "../command/arguments.ts";
import type { AddCommand } from "../command/command.ts";

export const addUnknown: AddCommand = (program) => {
  const unknown = program
    .command("unknown")
    .summary("list unknown certificates, and devices waiting for approval")
    .description(
      "List the certificates that Cloudflare verified and nobody has enrolled: enrol or dismiss them. Below them, the devices that were invited and are waiting for approval.",
    )
    .notes(`
Examples:
  latchkey unknown
  latchkey enrol alice pixel-9 --unknown 9f86d081
  latchkey dismiss 9f86d081
  latchkey approve alice/tablet`);
  unknown.lists(async ({ output, now, connect }) => {
    const api = await connect();
    const certificates = await api.unknownCertificates();
    const devices = (await ofAllUsers(api, api.devices)).filter(({ status }) => status === "pending");
    output.object({ unknownCertificates: certificates, devices });
    showCertificates(certificates, output, now());
    if (devices.length === 0) return;
    output.lines("", output.style("bold", "Devices waiting for approval"));
    output.table(
      ["DEVICE", "CODE", "CERTIFICATE", "WAITING SINCE"],
      devices.map((device) => [
        deviceLabel(device),
        device.comparisonCode === null ? "none" : groupedCode(device.comparisonCode),
        device.credentials.map(({ fingerprint }) => short(fingerprint)).join(", "),
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
      distinguishedName(certificate.subject ?? "unknown"),
      certificate.notAfter === null ? "unknown" : timeCell(certificate.notAfter, now),
      printable(certificate.app),
      printable(certificate.country ?? "unknown"),
      timeCell(certificate.lastSeen, now),
      `${printable(String(certificate.count))}x`,
    ]),
    "no unknown certificates",
  );
}

export const addDismiss: AddCommand = (program) => {
  program
    .command("dismiss")
    .summary("remove a certificate from the list of unknown ones")
    .description(
      "Remove a certificate from the list of unknown ones. It stays refused; if it is used again, it is listed again.",
    )
    .argument("<fingerprint>", "64 hex digits, or at least the first 8 of an unknown certificate")
    .run(async ({ output, connect }, text: string) => {
      const api = await connect();
      const fingerprint = await findUnknownCertificate(api, text);
      await api.dismiss(fingerprint);
      output.lines(`dismissed ${short(fingerprint)}`);
    });
};

/** A whole fingerprint, or the first digits of exactly one unknown certificate. */
export async function findUnknownCertificate(api: Api, text: string): Promise<Fingerprint> {
  const whole = parseFingerprint(text);
  if (whole !== undefined) return whole;
  const prefix = fingerprintPrefix(text, " of an unknown certificate");
  const matches = (await api.unknownCertificates()).filter(({ fingerprint }) =>
    fingerprint.startsWith(prefix),
  );
  const [found, ...others] = matches.flatMap(({ fingerprint }) => parseFingerprint(fingerprint) ?? []);
  if (found === undefined) {
    throw failed(
      `no unknown certificate begins with ${prefix}`,
      `list the unknown certificates with: ${LATCHKEY} unknown`,
    );
  }
  if (others.length === 0) return found;
  throw failed(
    `${matches.length} unknown certificates begin with ${prefix}`,
    "give more digits",
    matches.map(
      ({ fingerprint, subject }) =>
        `${printable(fingerprint)}  ${distinguishedName(subject ?? "unknown subject")}`,
    ),
  );
}
