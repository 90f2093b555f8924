import type { Device } from "../../src/control/contract.ts";
import { deviceNameKey } from "../../src/registry/device.ts";
import type { UserId } from "../../src/registry/user.ts";
import { withUnknownUser } from "./shared/answer.ts";
import type { Api } from "./shared/api.ts";
import { deviceNameArgument, userArgument } from "./shared/arguments.ts";
import { LATCHKEY } from "./shared/called-as.ts";
import { deviceLabel } from "./shared/device-view.ts";
import { failed, misuse } from "./shared/failure.ts";
import { installHelp } from "./shared/install-help.ts";
import { progress } from "./shared/progress.ts";
import type { AddCommand, Session } from "./shared/session.ts";
import { printable, shellWord, short } from "./shared/text.ts";
import { localTime } from "./shared/time.ts";

/** Five years, about the life of a phone: the registry ends a certificate at once, whatever it says. */
const DEFAULT_DAYS = 1825;
/** The most that Cloudflare's dashboard offers: ten years. */
const MAX_DAYS = 3650;

interface IssueOptions {
  days?: string;
  rsa?: boolean;
  out?: string;
  mobileconfig?: boolean;
  zone?: string;
  note?: string;
  revokeLeftovers?: boolean;
}

export const addIssue: AddCommand = (program, open) => {
  program
    .command("issue")
    .summary("make a certificate for a new device, enrol it, and write its files")
    .description(
      [
        "Make a certificate for a new device: the key is made on this machine, Cloudflare signs it, the gate lets",
        "it in, and files are written that phones and computers import. The key goes nowhere else.",
      ].join("\n"),
    )
    .argument("<user>", "the user's id, such as alice")
    .argument("<name>", "the device's name, such as pixel-9")
    .option("--days <number>", `how long it is valid (default: ${DEFAULT_DAYS}, at most ${MAX_DAYS})`)
    .option("--rsa", "an RSA key with 2048 bits, for old devices (default: ECDSA P-256)")
    .option("--out <folder>", "where the files go (default: the current folder)")
    .option("--mobileconfig", "a configuration profile for iPhone, iPad and macOS, too")
    .option("--zone <name>", "the zone whose authority signs (default: the one that --url is in)")
    .option("--note <text>", "a note for people to read")
    .option("--revoke-leftovers", "revoke certificates that an interrupted run has left behind")
    .addHelpText(
      "after",
      `
Needs CLOUDFLARE_API_TOKEN with the permissions Zone > Zone > Read and Zone > SSL and Certificates > Edit.
If a step fails, what was done before is undone, or named. Files are never overwritten.
The password of the files is printed once, on the standard output, and is nowhere else.

Examples:
  latchkey issue alice pixel-9 --out ~/certificates
  latchkey issue bob ipad --mobileconfig --days 730`,
    )
    .action((user: string, name: string, options: IssueOptions) =>
      issue(open(), userArgument(user), deviceNameArgument(name), options),
    );
};

async function issue(session: Session, user: UserId, name: string, options: IssueOptions): Promise<void> {
  const days = parseDays(options.days);
  const [api, client] = await Promise.all([session.api(), session.cloudflare()]);
  // The libraries below take most of a second to load: misuse is told first.
  const { allOf, claimFiles, deleteFiles, deviceFiles, writeFiles } = await import(
    "../certificates/device-files.ts"
  );
  const { newImportPassword } = await import("../certificates/import-password.ts");
  const { commonNameOf } = await import("../certificates/request.ts");
  const { enrolSigned } = await import("../cloudflare/enrolment.ts");
  const { withSignedCertificate } = await import("../cloudflare/signed-certificate.ts");
  const { findZone, zoneOfHost } = await import("../cloudflare/zone.ts");

  const files = deviceFiles(options.out ?? ".", user, name, options.mobileconfig === true);
  await claimFiles(files);
  await requireFree(api, user, name);
  const zone =
    options.zone === undefined
      ? await zoneOfHost(client, new URL(api.origin).hostname)
      : await findZone(client, options.zone);
  const commonName = commonNameOf(user, name);
  await tellLeftovers(session, zone, commonName, options.revokeLeftovers === true);

  const password = newImportPassword();
  const { device, signed } = await withSignedCertificate(
    client,
    { zone, commonName, days, kind: options.rsa === true ? "rsa-2048" : "ecdsa-p256", progress },
    async (signed, interruption) => {
      progress(`writing the files in ${files.folder}`);
      await writeFiles(files, { name: commonName, password, ...signed });
      try {
        interruption.check();
        progress("enrolling it");
        const { certificate } = signed;
        return { device: await enrolSigned(api, { user, name, certificate, note: options.note }), signed };
      } catch (error) {
        await deleteFiles(files);
        throw error;
      }
    },
  );

  const { id, serial, fingerprint, notAfter } = signed;
  const { folder, mobileConfig = null, ...paths } = files;
  session.output.object({
    device,
    files: { ...paths, mobileConfig },
    password,
    cloudflare: { zone: zone.name, id, serial },
  });
  session.output.lines(
    `enrolled ${deviceLabel(device)} (certificate ${short(fingerprint)}, valid until ${localTime(notAfter.toISOString())}): it is let in from now on`,
    "",
    `Files in ${printable(folder)}, readable by you alone:`,
    ...describeFiles(allOf(files), folder),
    "",
    `Password of the .p12 files${mobileConfig === null ? "" : " and of the profile"}, shown this once:`,
    `  ${password}`,
    "",
    ...installHelp(
      baseName(files.p12, folder),
      mobileConfig === null ? undefined : baseName(mobileConfig, folder),
    ),
    "",
    "Delete the files when the device has its certificate: whoever has them and the password is let in.",
  );
}

function parseDays(text: string | undefined): number {
  const days = text === undefined ? DEFAULT_DAYS : Number(text);
  if (!Number.isInteger(days) || days < 1 || days > MAX_DAYS) {
    throw misuse(`--days '${printable(text ?? "")}' is not a number of days`, `give 1 to ${MAX_DAYS}`);
  }
  return days;
}

/** Before anything is signed: the user is there, and has no living device of this name. */
async function requireFree(api: Api, user: UserId, name: string): Promise<void> {
  let devices: Device[];
  try {
    devices = await api.devices(user);
  } catch (error) {
    throw withUnknownUser(error, user, `add the user first: ${LATCHKEY} users add ${user}`);
  }
  const key = deviceNameKey(name);
  const taken = devices.find((device) => device.status !== "revoked" && deviceNameKey(device.name) === key);
  if (taken !== undefined) {
    throw failed(
      `${deviceLabel(taken)} is there already`,
      `choose another name, or give it a new certificate: ${LATCHKEY} rotate ${shellWord(deviceLabel(taken))}`,
    );
  }
}

/** Names, or revokes when told to, what an interrupted run for the same device has left at Cloudflare. */
async function tellLeftovers(
  session: Session,
  zone: import("../cloudflare/zone.ts").Zone,
  commonName: string,
  revoke: boolean,
): Promise<void> {
  const [api, client] = await Promise.all([session.api(), session.cloudflare()]);
  const { listClientCertificates, revokeAtCloudflare } = await import("../cloudflare/client-certificates.ts");
  const { findLeftovers } = await import("../cloudflare/leftovers.ts");
  const leftovers = await findLeftovers(
    await listClientCertificates(client, zone, "certificates"),
    commonName,
    api,
  );
  for (const { id, serial } of leftovers) {
    const named = `certificate ${id} (serial ${serial}) of an earlier run, which no device here has`;
    if (revoke) {
      await revokeAtCloudflare(client, zone, id);
      progress(`revoked at Cloudflare: ${named}`);
    } else {
      progress(`still valid at Cloudflare: ${named}; --revoke-leftovers revokes it`);
    }
  }
}

function describeFiles(paths: readonly string[], folder: string): string[] {
  const names = paths.map((path) => baseName(path, folder));
  const width = Math.max(...names.map((name) => name.length));
  return names.map((name) => `  ${name.padEnd(width)}  ${purposeOf(name)}`);
}

function baseName(path: string, folder: string): string {
  return path.slice(folder.length).replace(/^[/\\]/, "");
}

function purposeOf(name: string): string {
  if (name.endsWith("-modern.p12")) return "the same with AES-256, for systems that refuse 3DES";
  if (name.endsWith(".p12")) return "certificate and key, for phones, computers and browsers";
  if (name.endsWith(".mobileconfig")) return "the same as a profile for iPhone, iPad and macOS";
  return name.endsWith(".key") ? "the key, not encrypted: for curl and the like" : "the certificate";
}
