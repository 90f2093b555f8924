import { Option } from "commander";
import type { Device } from "../../src/control/contract.ts";
import { LATCHKEY } from "./shared/called-as.ts";
import { readCertificateFile } from "./shared/certificate-file.ts";
import { findDevice, referenceTo } from "./shared/device-reference.ts";
import { deviceLabel } from "./shared/device-view.ts";
import { misuse } from "./shared/failure.ts";
import { addPasswordOption, PASSWORD_HELP, type PasswordOptions, passwordSource } from "./shared/password.ts";
import { addCertificate, untilOption } from "./shared/rotation.ts";
import type { AddCommand } from "./shared/session.ts";
import { short } from "./shared/text.ts";
import { timeWithHint } from "./shared/time.ts";

interface RotateOptions extends PasswordOptions {
  certificate?: string;
  until?: string;
  retireAfter?: string;
}

export const addRotate: AddCommand = (program, open) => {
  const command = program
    .command("rotate")
    .summary("give a device its next certificate; the old one ends when the next one is seen")
    .description(
      [
        "Give a device its next certificate, under the same name and with the same history. Both are let in until",
        "the next one is first seen at the gate, or the date passes: then the old one is refused.",
      ].join("\n"),
    )
    .argument("<device>", "USER/NAME, such as alice/pixel-9, or the device's id")
    .option("--certificate <file>", "the next certificate: PEM, DER or PKCS#12; - reads the standard input")
    .option("--until <time>", "the old one ends then at the latest: a date such as 2026-12-24, or 30d")
    .addOption(new Option("--retire-after <time>").hideHelp().conflicts("until"));
  addPasswordOption(command)
    .addHelpText(
      "after",
      `
Only the certificate is sent, never its private key. Without --until, the old certificate ends when the
next one is seen, and not before. show tells how far it is; retire ends one of the two at once.

${PASSWORD_HELP}

Examples:
  latchkey rotate alice/pixel-9 --certificate pixel-9-2027.pem
  latchkey rotate alice/pixel-9 --certificate pixel-9-2027.p12 --until 30d`,
    )
    .action(async (reference: string, options: RotateOptions) => {
      const { output, prompt, environment, now, ...session } = open();
      const { certificate, until = options.retireAfter } = options;
      if (certificate === undefined) {
        throw misuse(
          "the next certificate is missing",
          "give the file that it is in with --certificate FILE",
        );
      }
      const option = options.until === undefined ? "--retire-after" : "--until";
      const retireAt = until === undefined ? undefined : untilOption(option, until, now());
      const { pem, fingerprint } = await readCertificateFile(
        certificate,
        passwordSource(options, prompt, environment),
      );
      const api = await session.api();
      const device = await findDevice(api, reference);
      const { created, value } = await addCertificate(api, device, pem, retireAt);
      output.object(value);
      output.lines(
        ...(created
          ? added(value, fingerprint, now())
          : [`${deviceLabel(value)} has the certificate ${short(fingerprint)} already; nothing was changed`]),
      );
    });
};

function added(device: Device, fingerprint: string, now: number): string[] {
  const old = device.certificates.find(
    (each) =>
      each.fingerprint === device.certificates.find((next) => next.fingerprint === fingerprint)?.replaces,
  );
  const label = deviceLabel(device);
  if (old === undefined) return [`${label} has the certificate ${short(fingerprint)} now`];
  const latest = old.retiresAt === null ? "" : `, and at the latest ${timeWithHint(old.retiresAt, now)}`;
  return [
    `${label} may use the certificate ${short(fingerprint)} from now on`,
    `the old one, ${short(old.fingerprint)}, ends when the new one is first seen${latest}`,
    `install the new one on the device, then look: ${LATCHKEY} show ${referenceTo(device)}`,
  ];
}
