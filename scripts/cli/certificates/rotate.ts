// Renewing what a device shows: a certificate, signed by Cloudflare or read from a file, or a token.

import { Option } from "commander";
import type { Device } from "../../../src/contract/answers.ts";
import { CREDENTIAL_WORDS } from "../../../src/domain/credential-key.ts";
import { readCertificateFile } from "../../certificates/certificate-file.ts";
import type { Api } from "../../client/api.ts";
import { deviceLabel } from "../../client/device.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { misuse } from "../../terminal/failure.ts";
import { short } from "../../terminal/text.ts";
import {
  PASSWORD_HELP,
  type PasswordOptions,
  passwordOption,
  passwordSource,
  userArgument,
} from "../command/arguments.ts";
import type { AddCommand } from "../command/command.ts";
import { findDevice, referenceTo } from "../command/device-reference.ts";
import type { Session } from "../command/session.ts";
import { UNTIL_HELP, untilOption } from "../command/until.ts";
import { validOption } from "../device-tokens/enrolment.ts";
import { makeNextSecret } from "../device-tokens/next.ts";
import { ISSUANCE_HELP, issuanceOptions, issueCertificate, showIssued } from "./issuance.ts";
import { LINK_HELP, type LinkOptions, makeLink, renewalOf } from "./link.ts";
import { addCertificate, added, requireRenewable } from "./renewal.ts";

interface RotateOptions extends PasswordOptions, LinkOptions {
  link?: boolean;
  certificate?: string;
  valid?: string;
  until?: string;
  retireAfter?: string;
}

export const addRotate: AddCommand = (program) => {
  program
    .command("rotate")
    .summary("renew a device's certificate or token; the old one ends once the new one is seen")
    .description(
      "Give a device a new certificate, token or feed URL, under the same name and with the same history. The old one works until the new one is first seen at the gate, or until the time in --until. A new certificate is made as with issue, or read from a file; a token is shown once.",
    )
    .device()
    .option("--until <time>", "end the old one then, even if the new one has not been seen: 2026-12-24, 30d")
    .addOption(new Option("--retire-after <time>").hideHelp().conflicts("until"))
    .with(issuanceOptions)
    .option(
      "--certificate <file>",
      "read the next one from a file: PEM, DER or PKCS#12; - reads the standard input",
    )
    .option("--link", "make a link that brings it to the device, instead of files")
    .option("--expires <time>", "with --link: how long the link works: 5m to 7d (default: 24h)")
    .option("--qr", "draw the link or token as a QR code even outside a terminal")
    .option("--no-qr", "draw no QR code")
    .with(passwordOption)
    .option("--valid <time>", "for a token or a feed: how long the new one works (default: 365d)")
    .notes(`
Without --until, the old one works until the next one is seen. show reports how
far the renewal has got; retire ends one of the two immediately.
${UNTIL_HELP}

${ISSUANCE_HELP}
With --certificate, none of this is needed: only the certificate is sent, never
its private key.

With --link, no files are written.
${LINK_HELP}

${PASSWORD_HELP}

Examples:
  latchkey rotate alice/pixel-9 --out ~/certificates
  latchkey rotate alice/pixel-9 --link
  latchkey rotate alice/pixel-9 --until 30d --mobileconfig
  latchkey rotate alice/pixel-9 --certificate pixel-9-2027.pem
  latchkey rotate alice/tv --until 7d`)
    .run(async (session, reference: string, options: RotateOptions) => {
      const { certificate, until = options.retireAfter } = options;
      const option = options.until === undefined ? "--retire-after" : "--until";
      const retireBy = until === undefined ? undefined : untilOption(until, session.now(), option);
      validOption(options.valid);
      if (certificate !== undefined) {
        return rotateFromFile(session, reference, certificate, options, retireBy);
      }
      if (options.password !== undefined) {
        throw misuse(
          "--password means nothing without --certificate",
          "leave it out: issuing makes a password",
        );
      }
      const api = await session.connect();
      const device = await findDevice(api, reference);
      refuseBrowser(device);
      return device.kind === "certificate"
        ? rotateByIssuing(session, api, device, options, retireBy)
        : rotateSecret(session, api, device, options, retireBy);
    });
};

/** The options that say how a link is made. */
const FOR_LINKS = ["expires", "qr"] as const;
/** The options that say how a certificate is made, and how it gets to the device. */
const FOR_ISSUING = [
  "link",
  "days",
  "rsa",
  "out",
  "mobileconfig",
  "zone",
  "revokeLeftovers",
  ...FOR_LINKS,
] as const;

/** One of these that is given. */
function idleOption(options: RotateOptions): string | undefined {
  const idle = FOR_ISSUING.find((name) => options[name] !== undefined);
  return idle === "revokeLeftovers" ? "revoke-leftovers" : idle;
}

async function rotateSecret(
  session: Session,
  api: Api,
  device: Device,
  options: RotateOptions,
  retireBy: number | undefined,
): Promise<void> {
  const { qr, valid, ...others } = options;
  const idle = idleOption(others);
  if (idle !== undefined) {
    const shows = `${deviceLabel(device)}, which shows a ${CREDENTIAL_WORDS[device.kind]}`;
    throw misuse(`--${idle} means nothing for ${shows}`, "leave it out: nothing is signed");
  }
  requireRenewable(device);
  await makeNextSecret(session, api, device, { retireBy, validSeconds: validOption(valid), qr });
}

async function rotateFromFile(
  session: Session,
  reference: string,
  file: string,
  options: RotateOptions,
  retireBy: number | undefined,
): Promise<void> {
  const { output, now } = session;
  const idle = idleOption(options);
  if (idle !== undefined)
    throw misuse(`--${idle} means nothing with --certificate`, "leave one of the two out");
  const { pem, fingerprint } = await readCertificateFile(file, passwordSource(options, session));
  const api = await session.connect();
  const device = await findDevice(api, reference);
  refuseBrowser(device);
  requireCertificate(device, options);
  if (!device.credentials.some((each) => each.fingerprint === fingerprint)) requireRenewable(device);
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
  api: Api,
  device: Device,
  options: RotateOptions,
  retireBy: number | undefined,
): Promise<void> {
  requireCertificate(device, options);
  if ((session.environment.CLOUDFLARE_API_TOKEN ?? "") === "") {
    throw misuse(
      "the next certificate is missing",
      "name its file with --certificate FILE, or set CLOUDFLARE_API_TOKEN to have one made",
    );
  }
  await session.cloudflare();
  const label = deviceLabel(device);
  const check = async () => requireRenewable(device);
  if (options.link === true) {
    const { name } = device;
    const user = userArgument(device.user);
    await makeLink(session, { user, name, check, bundle: renewalOf(device, retireBy) }, options);
    return;
  }
  const idle = FOR_LINKS.find((name) => options[name] !== undefined);
  if (idle !== undefined)
    throw misuse(`--${idle} means nothing without --link`, "add --link, or leave it out");
  const issued = await issueCertificate(
    session,
    {
      user: device.user,
      name: device.name,
      check,
      async register({ certificate }) {
        const { registerSigned } = await import("../../cloudflare/issue/registration.ts");
        return registerSigned(
          async () => (await addCertificate(api, device, certificate, retireBy)).value,
          `it is not known whether ${label} has the new certificate: if latchkey show ${referenceTo(device)} lists it, retire it`,
        );
      },
    },
    options,
  );
  showIssued(session, issued, added(issued.device, issued.signed.fingerprint, session.now()));
}

/** A browser's secret is only in its cookie: nobody could give it another one. */
function refuseBrowser(device: Device): void {
  if (device.kind !== "browser") return;
  throw misuse(
    `${deviceLabel(device)} is a browser: its person signs in, so there is nothing to renew`,
    `to sign it out for good: ${LATCHKEY} revoke ${referenceTo(device)}; its person can then sign in again`,
  );
}

function requireCertificate(device: Device, { valid }: RotateOptions): void {
  if (device.kind !== "certificate") {
    throw misuse(
      `${deviceLabel(device)} shows a ${CREDENTIAL_WORDS[device.kind]}, not a certificate`,
      `leave out --certificate: ${LATCHKEY} rotate ${referenceTo(device)} makes a new ${CREDENTIAL_WORDS[device.kind]}`,
    );
  }
  if (valid !== undefined) {
    throw misuse(
      `--valid means nothing for ${deviceLabel(device)}, which shows a certificate`,
      "a certificate states its own dates; to set them when one is made, use --days",
    );
  }
}
