import { readCertificateFile } from "../../certificates/certificate-file.ts";
import {
  addPasswordOption,
  PASSWORD_HELP,
  type PasswordOptions,
  passwordSource,
} from "../command/password.ts";
import type { AddCommand } from "../command/session.ts";
import { certificateFacts } from "../devices/view.ts";

export const addFingerprint: AddCommand = (program, open) => {
  const command = program
    .command("fingerprint")
    .summary("print the fingerprint of a certificate file")
    .description(
      "Print the SHA-256 fingerprint of the device's certificate in a file. Nothing is sent anywhere.",
    )
    .argument("<file>", "PEM, DER or PKCS#12; - reads the standard input");
  addPasswordOption(command)
    .addHelpText("after", `\n${PASSWORD_HELP}\n\nExample:\n  latchkey fingerprint pixel-9.p12`)
    .action(async (file: string, options: PasswordOptions) => {
      const { output, prompt, environment, now } = open();
      const { pem: _, ...certificate } = await readCertificateFile(
        file,
        passwordSource(options, prompt, environment),
      );
      output.object(certificate);
      // The fingerprint stands alone for `$(latchkey fingerprint FILE)`; people see the facts too.
      if (process.stdout.isTTY) output.facts(certificateFacts(certificate, now()));
      else output.lines(certificate.fingerprint);
    });
};
