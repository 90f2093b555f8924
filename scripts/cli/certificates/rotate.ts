// Renewing a device's certificate, whether Cloudflare signs the next one or a file holds it.
import { Option } from "commander";
import type { Device } from "../../../src/contract/answers.ts";
import { RETIREMENT_MAX_SECONDS } from "../../../src/contract/limits.ts";
import { readCertificateFile } from "../../certificates/certificate-file.ts";
import { withHint } from "../../client/answer.ts";
import type { Api, Made } from "../../client/api.ts";
import { deviceLabel, living } from "../../client/device.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { failed, misuse } from "../../terminal/failure.ts";
import { printable, short } from "../../terminal/text.ts";
import { timeWithHint } from "../../terminal/time.ts";
import {
  PASSWORD_HELP,
  type PasswordOptions,
  parseDuration,
  passwordOption,
  passwordSource,
  userArgument,
} from "../command/arguments.ts";
import type { AddCommand } from "../command/command.ts";
import { findDevice, referenceTo } from "../command/device-reference.ts";
import type { Session } from "../command/session.ts";
import { ISSUANCE_HELP, issuanceOptions, issueCertificate, showIssued } from "./issuance.ts";
import { LINK_HELP, type LinkOptions, makeLink, renewalOf } from "./link.ts";

interface RotateOptions extends PasswordOptions, LinkOptions {
  link?: boolean;
  certificate?: string;
  until?: string;
  retireAfter?: string;
}

export const addRotate: AddCommand = (program) => {
  program
    .command("rotate")
    .summary("renew a device's certificate; the old one ends once the new one is seen")
    .description(
      "Give a device its next certificate, under the same name and with the same history. Both are let in until the next one is first seen at the gate, or the date passes: then the old one is refused. The next one is made as issue makes it, or read from a file.",
    )
    .device()
    .option("--until <time>", "when the old one ends at the latest: a date such as 2026-12-24, or 30d")
    .addOption(new Option("--retire-after <time>").hideHelp().conflicts("until"))
    .with(issuanceOptions)
    .option(
      "--certificate <file>",
      "read the next one from a file: PEM, DER or PKCS#12; - reads the standard input",
    )
    .option("--link", "write no files, and make a link that brings it to the device")
    .option("--expires <time>", "with --link: how long the link works: 5m to 7d (default: 24h)")
    .option("--qr", "with --link: draw the link as a QR code, outside a terminal too")
    .option("--no-qr", "with --link: draw no QR code")
    .with(passwordOption)
    .notes(`
Without --until, the old certificate works until the next one is seen. show
reports how far the renewal has got; retire ends one of the two immediately.

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
  latchkey rotate alice/pixel-9 --certificate pixel-9-2027.pem`)
    .run((session, reference: string, options: RotateOptions) => {
      const { until = options.retireAfter } = options;
      const option = options.until === undefined ? "--retire-after" : "--until";
      const retireBy = until === undefined ? undefined : untilOption(option, until, session.now());
      const { certificate } = options;
      return certificate === undefined
        ? rotateByIssuing(session, reference, options, retireBy)
        : rotateFromFile(session, reference, certificate, options, retireBy);
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

async function rotateFromFile(
  session: Session,
  reference: string,
  file: string,
  options: RotateOptions,
  retireBy: number | undefined,
): Promise<void> {
  const { output, now } = session;
  const idle = FOR_ISSUING.find((name) => options[name] !== undefined);
  if (idle !== undefined) {
    const option = idle === "revokeLeftovers" ? "revoke-leftovers" : idle;
    throw misuse(`--${option} means nothing with --certificate`, "leave one of the two out");
  }
  const { pem, fingerprint } = await readCertificateFile(file, passwordSource(options, session));
  const api = await session.connect();
  const device = await findDevice(api, reference);
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
      "name its file with --certificate FILE, or set CLOUDFLARE_API_TOKEN to have one made",
    );
  }
  const [api] = await Promise.all([session.connect(), session.cloudflare()]);
  const device = await findDevice(api, reference);
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

function added(device: Device, fingerprint: string, now: number): string[] {
  const next = device.credentials.find((each) => each.fingerprint === fingerprint);
  const old = device.credentials.find((each) => each.fingerprint === next?.replaces);
  const label = deviceLabel(device);
  if (old === undefined) return [`${label} has the certificate ${short(fingerprint)} now`];
  const latest = old.retireBy === null ? "" : `, and at the latest ${timeWithHint(old.retireBy, now)}`;
  return [
    `${label} may use the certificate ${short(fingerprint)} from now on`,
    `the old one, ${short(old.fingerprint)}, ends when the new one is first seen${latest}`,
    `install the new one on the device, then check: ${LATCHKEY} show ${referenceTo(device)}`,
  ];
}

/** `2026-12-24`, with or without a time of day, which is local unless it says otherwise (ISO 8601). */
const DATE = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d)?)?$/;

/**
 * When the old certificate ends at the latest: a date, or a time span from now, in milliseconds since 1970. Anything
 * else is a misuse, and so is a time in the past.
 */
function untilOption(option: string, text: string, now: number): number {
  const seconds = parseDuration(text);
  const written = `${option} '${printable(text)}'`;
  // A date without a time would be read as UTC.
  const until =
    seconds === undefined
      ? DATE.test(text)
        ? Date.parse(text.includes("T") ? text : `${text}T00:00`)
        : Number.NaN
      : now + seconds * 1000;
  if (Number.isNaN(until)) {
    throw misuse(`${written} is neither a date nor a time span`, "write a date such as 2026-12-24, or 30d");
  }
  if (until <= now || until > now + RETIREMENT_MAX_SECONDS * 1000) {
    throw misuse(
      `${written} is in the past, or more than ten years away`,
      "give a time within the next ten years",
    );
  }
  return until;
}

/** Fails where `addCertificate` would, before a certificate is made. */
function requireRenewable(device: Device): void {
  const label = deviceLabel(device);
  if (device.status !== "active" && device.status !== "suspended") {
    throw failed(`${label} is ${device.status}`, ONLY_LIVING);
  }
  if (living(device).length > 1) {
    throw failed(`${label} is being renewed already`, endOne(device));
  }
}

const ONLY_LIVING = "only a device that is active or suspended can be renewed";
const endOne = (device: Device) =>
  `wait until the old certificate ends, or end one of the two: ${LATCHKEY} retire ${referenceTo(device)} FINGERPRINT`;

/**
 * Gives a device its next certificate (PEM). The present one ends when the next one is first seen, and at `retireBy`
 * at the latest (milliseconds since 1970; `undefined`: no date). Repeating it changes nothing.
 */
async function addCertificate(
  api: Api,
  device: Device,
  pem: string,
  retireBy: number | undefined,
): Promise<Made<Device>> {
  try {
    return await api.addCertificate(device, {
      certificate: pem,
      retireBy: retireBy === undefined ? undefined : new Date(retireBy).toISOString(),
    });
  } catch (error) {
    throw withHint(
      withHint(error, "forbidden-transition", ONLY_LIVING),
      "too-many-credentials",
      endOne(device),
    );
  }
}
