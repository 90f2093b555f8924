// Enrolling a certificate that exists already: from a file, by its fingerprint, or one the gate has refused as unknown.
import type { Device } from "../../../src/contract/answers.ts";
import type { UserId } from "../../../src/domain/user.ts";
import { readCertificateFile } from "../../certificates/certificate-file.ts";
import type { Made } from "../../client/api.ts";
import { deviceLabel } from "../../client/device.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { misuse } from "../../terminal/failure.ts";
import { short } from "../../terminal/text.ts";
import {
  deviceNameArgument,
  fingerprintArgument,
  PASSWORD_HELP,
  type PasswordOptions,
  passwordOption,
  passwordSource,
  userArgument,
} from "../command/arguments.ts";
import type { AddCommand } from "../command/command.ts";
import { referenceTo } from "../command/device-reference.ts";
import {
  type GivenLimits,
  type LimitOptions,
  limitOptions,
  limitsFrom,
  limitWords,
  requireApps,
} from "../command/limits.ts";
import type { Session } from "../command/session.ts";
import { UNTIL_HELP } from "../command/until.ts";
import { findUnknownCertificate } from "../devices/unknown.ts";
import { certificateFacts } from "../devices/view.ts";

interface EnrolOptions extends PasswordOptions, LimitOptions {
  fingerprint?: string;
  certificate?: string;
  unknown?: string;
  note?: string;
}

export const addEnrol: AddCommand = (program) => {
  program
    .command("enrol")
    .alias("enroll")
    .summary("let a device in, by its certificate or fingerprint")
    .description(
      "Let a device in: put its certificate on the user's list. Give the certificate or its fingerprint.",
    )
    .argument("<user>", "the user's id, such as alice")
    .argument("<name>", "the device's name, such as pixel-9")
    .option(
      "--certificate <file>",
      "the device's certificate: PEM, DER or PKCS#12; - reads the standard input",
    )
    .option("--fingerprint <hex>", "or its SHA-256: 64 hex digits, with or without colons")
    .option("--unknown <hex>", "or an unknown certificate: its fingerprint, or the first 8 digits or more")
    .with(limitOptions)
    .option("--note <text>", "a note for people to read")
    .with(passwordOption)
    .notes(`
Only the certificate is sent. A private key in the file is not sent, and not
even decrypted. Enrolling the same certificate again for the same user changes
nothing. Before you enrol an unknown certificate, compare its fingerprint with
that of the device.

Without limits, the device can use every app from anywhere, and never expires.
To change its limits later, use limit.
${UNTIL_HELP}

${PASSWORD_HELP}

Examples:
  latchkey enrol alice pixel-9 --certificate pixel-9.pem
  latchkey enrol alice laptop --certificate laptop.p12 --note "from work"
  latchkey enrol alice tablet --unknown 3a1b09fe
  latchkey enrol bob laptop --unknown 3a1b09fe --app git.example.com --until 30d
  latchkey enrol bob tablet --fingerprint 9F:86:D0:81:...`)
    .run(async (session, userText: string, nameText: string, options: EnrolOptions) => {
      const user = userArgument(userText);
      const name = deviceNameArgument(nameText);
      requireOne(options);
      const { output } = session;
      const now = session.now();
      const limits = limitsFrom(options, now);
      const device = { name, note: options.note, ...limits };
      const { created, value } = await enrol(session, user, device, options);
      output.object(value);
      const label = deviceLabel(value);
      const digits = value.credentials.map(({ fingerprint }) => short(fingerprint)).join(", ");
      output.lines(
        created
          ? `enrolled ${label} (certificate ${digits}): it is let in from now on${limitWords(value, now)}`
          : `${label} is already enrolled with this certificate and ${output.status(value.status)}; nothing was changed`,
        ...(created || Object.keys(limits).length === 0
          ? []
          : [`to change its limits: ${LATCHKEY} limit ${referenceTo(value)}`]),
      );
    });
};

function requireOne({ fingerprint, certificate, unknown }: EnrolOptions): void {
  const given = [fingerprint, certificate, unknown].filter((each) => each !== undefined);
  if (given.length === 1) return;
  throw misuse(
    given.length === 0 ? "the certificate is missing" : "give the certificate in one way only",
    "give one of --certificate FILE, --fingerprint HEX and --unknown HEX",
  );
}

async function enrol(
  session: Session,
  user: UserId,
  device: { name: string; note: string | undefined } & GivenLimits,
  options: EnrolOptions,
): Promise<Made<Device>> {
  const { fingerprint, certificate, unknown } = options;
  if (unknown !== undefined) {
    const api = await session.connect();
    await requireApps(api, device.apps);
    return api.approve(await findUnknownCertificate(api, unknown), { user, ...device });
  }
  const identity =
    fingerprint === undefined
      ? { certificate: (await readCertificateFile(certificate ?? "-", passwordSource(options, session))).pem }
      : { fingerprint: fingerprintArgument(fingerprint) };
  const api = await session.connect();
  await requireApps(api, device.apps);
  return api.enrol(user, { ...device, ...identity });
}

export const addFingerprint: AddCommand = (program) => {
  program
    .command("fingerprint")
    .summary("print the fingerprint of a certificate file")
    .description(
      "Print the SHA-256 fingerprint of the device's certificate in a file. Nothing is sent anywhere.",
    )
    .argument("<file>", "PEM, DER or PKCS#12; - reads the standard input")
    .with(passwordOption)
    .notes(`\n${PASSWORD_HELP}\n\nExample:\n  latchkey fingerprint pixel-9.p12`)
    .run(async (session, file: string, options: PasswordOptions) => {
      const { output, now } = session;
      const { pem: _, ...certificate } = await readCertificateFile(file, passwordSource(options, session));
      output.object(certificate);
      // Nothing but the fingerprint for `$(latchkey fingerprint FILE)`; people see the rest, too.
      if (process.stdout.isTTY) output.facts(certificateFacts(certificate, now()));
      else output.lines(certificate.fingerprint);
    });
};
