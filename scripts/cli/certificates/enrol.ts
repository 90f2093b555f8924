import { readCertificateFile } from "../../certificates/certificate-file.ts";
import { withUnknownUser } from "../../client/answer.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { misuse } from "../../terminal/failure.ts";
import { short } from "../../terminal/text.ts";
import { deviceNameArgument, fingerprintArgument, userArgument } from "../command/arguments.ts";
import {
  addPasswordOption,
  PASSWORD_HELP,
  type PasswordOptions,
  passwordSource,
} from "../command/password.ts";
import type { AddCommand } from "../command/session.ts";
import { deviceLabel } from "../devices/view.ts";

interface EnrolOptions extends PasswordOptions {
  fingerprint?: string;
  certificate?: string;
  note?: string;
}

export const addEnrol: AddCommand = (program, open) => {
  const command = program
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
    .option("--note <text>", "a note for people to read");
  addPasswordOption(command)
    .addHelpText(
      "after",
      `
Only the certificate is sent. A private key in the file is not sent, and not
even decrypted. Enrolling the same certificate again for the same user changes
nothing.

${PASSWORD_HELP}

Examples:
  latchkey enrol alice pixel-9 --certificate pixel-9.pem
  latchkey enrol alice laptop --certificate laptop.p12 --note "from work"
  latchkey enrol bob tablet --fingerprint 9F:86:D0:81:...`,
    )
    .action(async (userText: string, nameText: string, options: EnrolOptions) => {
      const user = userArgument(userText);
      const name = deviceNameArgument(nameText);
      const { output, prompt, environment, ...session } = open();
      const note = options.note === undefined ? {} : { note: options.note };
      const identity = await identityFrom(options, () => passwordSource(options, prompt, environment));
      const api = await session.api();
      try {
        const { created, value } = await api.enrol(user, { name, ...identity, ...note });
        output.object(value);
        const label = deviceLabel(value);
        const digits = value.certificates.map(({ fingerprint }) => short(fingerprint)).join(", ");
        output.lines(
          created
            ? `enrolled ${label} (certificate ${digits}): it is let in from now on`
            : `${label} is already enrolled with this certificate and ${output.status(value.status)}; nothing was changed`,
        );
      } catch (error) {
        throw withUnknownUser(error, user, `add the user first: ${LATCHKEY} users add ${user}`);
      }
    });
};

async function identityFrom(
  options: EnrolOptions,
  password: () => ReturnType<typeof passwordSource>,
): Promise<{ fingerprint: string } | { certificate: string }> {
  const { fingerprint, certificate } = options;
  if ((fingerprint === undefined) === (certificate === undefined)) {
    throw misuse(
      fingerprint === undefined
        ? "the certificate is missing"
        : "give a certificate or a fingerprint, not both",
      "give either --certificate FILE or --fingerprint HEX",
    );
  }
  if (fingerprint !== undefined) return { fingerprint: fingerprintArgument(fingerprint) };
  return { certificate: (await readCertificateFile(certificate ?? "-", password())).pem };
}
