// Having Cloudflare sign a certificate for a key made on this machine, and writing its files: for a new device (issue) or
// one that has a certificate already (rotate).
import { basename } from "node:path";
import type { Command } from "commander";
import type { Device } from "../../../src/contract/answers.ts";
import type { DeviceFiles } from "../../certificates/device-files.ts";
import type { Interruption } from "../../cloudflare/client/interruption.ts";
import type { Zone } from "../../cloudflare/client/zone.ts";
import type { SignedCertificate } from "../../cloudflare/issue/signed-certificate.ts";
import { progress } from "../../terminal/output.ts";
import { printable } from "../../terminal/text.ts";
import { numberOption } from "../command/arguments.ts";
import type { Session } from "../command/session.ts";

/** Five years, about the life of a phone: the registry can end a certificate at any time, whatever its date. */
const DEFAULT_DAYS = 1825;
/** Ten years, the most that Cloudflare's dashboard offers. */
const MAX_DAYS = 3650;

export interface IssuanceOptions {
  days?: string;
  rsa?: boolean;
  out?: string;
  mobileconfig?: boolean;
  zone?: string;
  revokeLeftovers?: boolean;
}

export const ISSUANCE_HELP = `Needs CLOUDFLARE_API_TOKEN with the permissions Zone > Zone > Read and
Zone > SSL and Certificates > Edit. If a step fails, the earlier ones are undone
or named. Files are never overwritten. Their password is printed once, on the
standard output, and stored nowhere.`;

export function issuanceOptions(command: Command): Command {
  return command
    .option("--days <number>", `how long it is valid (default: ${DEFAULT_DAYS}, at most ${MAX_DAYS})`)
    .option("--rsa", "an RSA key with 2048 bits, for old devices (default: ECDSA P-256)")
    .option("--out <folder>", "where the files go (default: the current folder)")
    .option("--mobileconfig", "also write a configuration profile for iPhone, iPad and macOS")
    .option("--zone <name>", "the zone whose authority signs (default: the one that --url is in)")
    .option("--revoke-leftovers", "revoke certificates that an interrupted run left behind");
}

/** Whom the certificate is for. */
export interface Holder {
  user: string;
  name: string;
  /** Before anything is signed: fails if the certificate could not be registered afterwards. */
  check(): Promise<void>;
  /** The last step: from then on it is let in. Its failure undoes the signature. */
  register(signed: SignedCertificate): Promise<Device>;
}

export interface Issued {
  device: Device;
  signed: SignedCertificate;
  files: DeviceFiles;
  password: string;
  zone: Zone;
}

/** Makes a key, has it signed, writes the files and registers the certificate: all of it, or nothing. */
export async function issueCertificate(
  session: Session,
  { user, name, check, register }: Holder,
  options: IssuanceOptions,
): Promise<Issued> {
  daysOption(options);
  await Promise.all([session.connect(), session.cloudflare()]);
  // The libraries below take most of a second to load: misuse is reported first.
  const { claimFiles, deleteFiles, deviceFiles, newImportPassword, writeFiles } = await import(
    "../../certificates/device-files.ts"
  );
  const files = deviceFiles(options.out ?? ".", user, name, options.mobileconfig === true);
  const checkAll = async () => {
    await claimFiles(files);
    await check();
  };
  return withIssued(
    session,
    { user, name, check: checkAll },
    options,
    async (signed, interruption, { commonName, zone }) => {
      const password = newImportPassword();
      progress(`writing the files in ${files.folder}`);
      await writeFiles(files, { name: commonName, password, ...signed });
      try {
        interruption.check();
        progress("enrolling it");
        return { device: await register(signed), signed, files, password, zone };
      } catch (error) {
        await deleteFiles(files);
        throw error;
      }
    },
  );
}

/** Makes a key, has it signed and hands both to `use`, whose failure undoes the signature. */
export async function withIssued<T>(
  session: Session,
  { user, name, check }: Omit<Holder, "register">,
  options: Pick<IssuanceOptions, "days" | "rsa" | "zone" | "revokeLeftovers">,
  use: (
    signed: SignedCertificate,
    interruption: Interruption,
    as: { commonName: string; zone: Zone },
  ) => Promise<T>,
): Promise<T> {
  const days = daysOption(options);
  const [api, client] = await Promise.all([session.connect(), session.cloudflare()]);
  const { commonNameOf } = await import("../../certificates/request.ts");
  const { withSignedCertificate } = await import("../../cloudflare/issue/signed-certificate.ts");
  const { findZone, zoneOfHost } = await import("../../cloudflare/client/zone.ts");

  await check();
  const zone =
    options.zone === undefined
      ? await zoneOfHost(client, new URL(api.origin).hostname)
      : await findZone(client, options.zone);
  const commonName = commonNameOf(user, name);
  await reportLeftovers(session, zone, commonName, options.revokeLeftovers === true);

  const kind = options.rsa === true ? "rsa-2048" : "ecdsa-p256";
  const order = { zone, commonName, days, kind, progress } as const;
  return withSignedCertificate(client, order, (signed, interruption) =>
    use(signed, interruption, { commonName, zone }),
  );
}

function daysOption({ days }: Pick<IssuanceOptions, "days">): number {
  return numberOption("--days", days ?? String(DEFAULT_DAYS), MAX_DAYS, "days");
}

/** Names, or revokes if asked to, what an interrupted run for the same device left at Cloudflare. */
async function reportLeftovers(
  session: Session,
  zone: Zone,
  commonName: string,
  revoke: boolean,
): Promise<void> {
  const [api, client] = await Promise.all([session.connect(), session.cloudflare()]);
  const { listClientCertificates, revokeAtCloudflare } = await import(
    "../../cloudflare/client/client-certificates.ts"
  );
  const { findLeftovers } = await import("../../cloudflare/issue/leftovers.ts");
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

/** Shows people, after `lines`, where the files are, their password and how to install them; programs get all of it. */
export function showIssued({ output }: Session, issued: Issued, lines: readonly string[]): void {
  const { device, signed, files, password, zone } = issued;
  const { folder, mobileConfig = null, ...paths } = files;
  output.object({
    device,
    files: { ...paths, mobileConfig },
    password,
    cloudflare: { zone: zone.name, id: signed.id, serial: signed.serial },
  });
  const p12 = basename(files.p12);
  const profile = mobileConfig === null ? undefined : basename(mobileConfig);
  const named: [string, string][] = [
    [p12, "certificate and key, for phones, computers and browsers"],
    [basename(files.modern), "the same with AES-256, for systems that refuse 3DES"],
    [basename(files.certificate), "the certificate"],
    [basename(files.key), "the key, not encrypted: for curl and the like"],
    ...(profile === undefined
      ? []
      : [[profile, "the same as a profile for iPhone, iPad and macOS"] as [string, string]]),
  ];
  output.lines(...lines, "", `Files in ${printable(folder)}, readable only by you:`);
  output.facts(indented(named));
  output.lines(
    "",
    `Password of the .p12 files${profile === undefined ? "" : " and of the profile"}, shown only this once:`,
    `  ${password}`,
    "",
    "How to install it (each system asks for the password):",
  );
  output.facts(indented(installHelp(p12, profile)));
  output.lines(
    "",
    "Delete the files once the device has its certificate: anyone who has them and the password is let in.",
  );
}

const indented = (pairs: readonly [string, string][]) =>
  pairs.map(([label, text]) => [`  ${label}`, text] as const);

function installHelp(p12: string, profile = p12): [string, string][] {
  return [
    [
      "Android",
      `copy ${p12} to the device, then Settings > Security > Encryption & credentials > Install a certificate > VPN & app user certificate`,
    ],
    ["iPhone", `open ${profile}, then Settings > General > VPN & Device Management > install it`],
    ["macOS", `open ${profile}: it goes into the login keychain; if that fails, use the -modern file`],
    ["Windows", `open ${p12}: current user, store chosen by the wizard`],
    [
      "Firefox",
      "Settings > Privacy & Security > View Certificates > Your Certificates > Import: Firefox has a certificate store of its own",
    ],
    [
      "Bitwarden",
      "Android: the system's certificate or the file, on the self-hosted screen under Client certificate; iPhone: the file, in the same place; desktop and browser extensions: the system's or the browser's own store",
    ],
  ];
}
