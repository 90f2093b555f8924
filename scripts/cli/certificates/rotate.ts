import { Option } from "commander";
import type { Device } from "../../../src/contract/requests.ts";
import { readCertificateFile } from "../../certificates/certificate-file.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { misuse } from "../../terminal/failure.ts";
import { short } from "../../terminal/text.ts";
import { timeWithHint } from "../../terminal/time.ts";
import { findDevice, referenceTo } from "../command/device-reference.ts";
import {
  addPasswordOption,
  PASSWORD_HELP,
  type PasswordOptions,
  passwordSource,
} from "../command/password.ts";
import type { AddCommand, Session } from "../command/session.ts";
import { deviceLabel } from "../devices/view.ts";
import {
  addIssuanceOptions,
  ISSUANCE_HELP,
  type IssuanceOptions,
  issueCertificate,
  showIssued,
} from "./issuance.ts";
import { addCertificate, requireRenewable, untilOption } from "./rotation.ts";

interface RotateOptions extends PasswordOptions, IssuanceOptions {
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
        "the next one is first seen at the gate, or the date passes: then the old one is refused. The next one is",
        "made as by issue, or taken out of a file.",
      ].join(" "),
    )
    .argument("<device>", "USER/NAME, such as alice/pixel-9, or the device's id")
    .option("--until <time>", "the old one ends then at the latest: a date such as 2026-12-24, or 30d")
    .addOption(new Option("--retire-after <time>").hideHelp().conflicts("until"));
  addIssuanceOptions(command).option(
    "--certificate <file>",
    "take the next one out of a file: PEM, DER or PKCS#12; - reads the standard input",
  );
  addPasswordOption(command)
    .addHelpText(
      "after",
      `
Without --until, the old certificate works until the next one is seen. show
says how far the renewal is; retire ends one of the two immediately.

${ISSUANCE_HELP}
With --certificate, none of this is needed: only the certificate is sent, never
its private key.

${PASSWORD_HELP}

Examples:
  latchkey rotate alice/pixel-9 --out ~/certificates
  latchkey rotate alice/pixel-9 --until 30d --mobileconfig
  latchkey rotate alice/pixel-9 --certificate pixel-9-2027.pem`,
    )
    .action((reference: string, options: RotateOptions) => {
      const session = open();
      const { until = options.retireAfter } = options;
      const option = options.until === undefined ? "--retire-after" : "--until";
      const retireBy = until === undefined ? undefined : untilOption(option, until, session.now());
      const { certificate } = options;
      return certificate === undefined
        ? rotateByIssuing(session, reference, options, retireBy)
        : rotateFromFile(session, reference, certificate, options, retireBy);
    });
};

/** Options that say how a certificate is made, by their names in `IssuanceOptions`. */
const FOR_ISSUING = {
  days: "--days",
  rsa: "--rsa",
  out: "--out",
  mobileconfig: "--mobileconfig",
  zone: "--zone",
  revokeLeftovers: "--revoke-leftovers",
} as const satisfies Record<keyof IssuanceOptions, string>;

async function rotateFromFile(
  session: Session,
  reference: string,
  file: string,
  options: RotateOptions,
  retireBy: number | undefined,
): Promise<void> {
  const { output, prompt, environment, now } = session;
  for (const [name, option] of Object.entries(FOR_ISSUING) as [keyof IssuanceOptions, string][]) {
    if (options[name] !== undefined) {
      throw misuse(`${option} means nothing with --certificate`, "leave one of the two out");
    }
  }
  const { pem, fingerprint } = await readCertificateFile(file, passwordSource(options, prompt, environment));
  const api = await session.api();
  const device = await findDevice(api, reference);
  if (!device.certificates.some((each) => each.fingerprint === fingerprint)) requireRenewable(device);
  const { created, value } = await addCertificate(api, device, pem, retireBy);
  output.object(value);
  output.lines(
    ...(created
      ? added(value, fingerprint, now())
      : [`${deviceLabel(value)} has the certificate ${short(fingerprint)} already; nothing was changed`]),
  );
}

async function rotateByIssuing(
  session: Session,
  reference: string,
  options: RotateOptions,
  retireBy: number | undefined,
): Promise<void> {
  if (options.password !== undefined) {
    throw misuse("--password means nothing without --certificate", "leave it out: issuing makes a password");
  }
  if ((session.environment.CLOUDFLARE_API_TOKEN ?? "") === "") {
    throw misuse(
      "the next certificate is missing",
      "give the file that it is in with --certificate FILE, or set CLOUDFLARE_API_TOKEN to have one made",
    );
  }
  const [api] = await Promise.all([session.api(), session.cloudflare()]);
  const device = await findDevice(api, reference);
  const label = deviceLabel(device);
  const issued = await issueCertificate(
    session,
    {
      user: device.user,
      name: device.name,
      check: async () => requireRenewable(device),
      async register({ certificate }) {
        const { registerSigned } = await import("../../cloudflare/issue/registration.ts");
        return registerSigned(
          async () => (await addCertificate(api, device, certificate, retireBy)).value,
          `it is not known whether ${label} has the new certificate: should latchkey show ${referenceTo(device)} list it, retire it`,
        );
      },
    },
    options,
  );
  showIssued(session, issued, added(issued.device, issued.signed.fingerprint, session.now()));
}

function added(device: Device, fingerprint: string, now: number): string[] {
  const next = device.certificates.find((each) => each.fingerprint === fingerprint);
  const old = device.certificates.find((each) => each.fingerprint === next?.replaces);
  const label = deviceLabel(device);
  if (old === undefined) return [`${label} has the certificate ${short(fingerprint)} now`];
  const latest = old.retireBy === null ? "" : `, and at the latest ${timeWithHint(old.retireBy, now)}`;
  return [
    `${label} may use the certificate ${short(fingerprint)} from now on`,
    `the old one, ${short(old.fingerprint)}, ends when the new one is first seen${latest}`,
    `install the new one on the device, then look: ${LATCHKEY} show ${referenceTo(device)}`,
  ];
}
