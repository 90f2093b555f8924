// The certificates to shut out, named by device, fingerprint, file or backup: with the registry or without it.
import type { Command } from "commander";
import type { Device, Me } from "../../../src/contract/answers.ts";
import { CREDENTIAL_WORDS, fingerprintOf } from "../../../src/domain/credential-key.ts";
import { type Fingerprint, parseFingerprint } from "../../../src/domain/fingerprint.ts";
import { canWipe } from "../../../src/domain/request/app.ts";
import { readCertificateFile } from "../../certificates/certificate-file.ts";
import { isOutOfOrder } from "../../client/answer.ts";
import type { Api } from "../../client/api.ts";
import { deviceLabel } from "../../client/device.ts";
import type { CloudflareClient } from "../../cloudflare/client/client.ts";
import type { Place } from "../../cloudflare/issue/revocation.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { Failure, failed, misuse } from "../../terminal/failure.ts";
import { progress } from "../../terminal/output.ts";
import { distinguishedName, printable, shellWord, short } from "../../terminal/text.ts";
import { fingerprintArgument, type PasswordOptions, passwordOption, passwordSource } from "./arguments.ts";
import { findDevice } from "./device-reference.ts";
import type { Session } from "./session.ts";

/** The certificates of one device, or one certificate. */
export interface Target {
  /** `alice/pixel-9`, `certificate 286bd7cf`, or `fingerprint 286bd7cf`. */
  label: string;
  fingerprints: readonly Fingerprint[];
  /** Where they were found, one line per certificate: shown before anything is done. */
  found: readonly string[];
  /** `undefined` if the device's status is not known: the registry was not asked, or does not answer. */
  device: { kind: Device["kind"]; status: string; wipe: unknown } | undefined;
}

export interface TargetOptions extends PasswordOptions {
  certificate?: string;
  backup?: string;
}

/** Cloudflare, and where certificates are looked for there. */
export interface AtCloudflare {
  client(): Promise<CloudflareClient>;
  place: Place;
}

export function atCloudflareIn(session: Session, api: Api, zone: string | undefined): AtCloudflare {
  return { client: session.cloudflare, place: { zone, hostname: new URL(api.origin).hostname } };
}

/** Revokes certificates in every zone that has them. `standing`: what is true meanwhile, for a failure. */
export async function revokeAt(
  { client, place }: AtCloudflare,
  fingerprints: readonly string[],
  standing: readonly string[],
) {
  const { revokeEverywhere } = await import("../../cloudflare/issue/revocation.ts");
  const revoked = await revokeEverywhere(await client(), fingerprints, place, standing);
  return {
    cloudflare: revoked.map(({ line, ...facts }) => facts),
    lines: revoked.map(({ line }) => line),
  };
}

/** What else names a device's certificates when the registry cannot be read. */
export function targetOptions(command: Command): Command {
  return passwordOption(command)
    .option("--certificate <file>", "this certificate: PEM, DER or PKCS#12; - reads the standard input")
    .option("--backup <file>", "look the device up in this backup instead of the registry");
}

/** Everything a command line names: a certificate file, devices, fingerprints. */
export async function targetsNamed(
  session: Session,
  references: readonly string[],
  options: TargetOptions,
  atCloudflare: AtCloudflare | undefined,
): Promise<Target[]> {
  const targets: Target[] = [];
  if (options.certificate !== undefined)
    targets.push(await targetInFile(options.certificate, options, session));
  for (const each of references) {
    const given = await givenTarget(each, options.backup);
    targets.push(given ?? (await targetByName(session, each, atCloudflare)));
  }
  return targets;
}

/** The certificate in a file. */
export async function targetInFile(
  path: string,
  options: PasswordOptions,
  session: Session,
): Promise<Target> {
  const { fingerprint, subject } = await readCertificateFile(path, passwordSource(options, session));
  return certificateTarget(fingerprint, `${printable(path)}: ${distinguishedName(subject ?? "no subject")}`);
}

/** What can be looked up without the registry: a full fingerprint, or a device of a backup. */
export async function givenTarget(
  reference: string,
  backup: string | undefined,
): Promise<Target | undefined> {
  const fingerprint = parseFingerprint(reference);
  if (fingerprint !== undefined) {
    // It may be a token's or a feed's.
    return {
      ...certificateTarget(fingerprint, "as you gave it"),
      label: `fingerprint ${short(fingerprint)}`,
    };
  }
  if (/^[0-9a-f:]{8,}$/i.test(reference)) {
    throw misuse(
      `'${printable(reference)}' is only part of a fingerprint`,
      `give all 64 digits: ${LATCHKEY} show DEVICE --json has them, and so does ${LATCHKEY} fingerprint FILE`,
    );
  }
  return backup === undefined ? undefined : targetInBackup(backup, reference);
}

function certificateTarget(fingerprint: Fingerprint, about: string): Target {
  return {
    label: `certificate ${short(fingerprint)}`,
    fingerprints: [fingerprint],
    found: [`${fingerprint}  ${about}`],
    device: undefined,
  };
}

async function targetInBackup(path: string, reference: string): Promise<Target> {
  const [{ readBackup }, { deviceInBackup }] = await Promise.all([
    import("../../backup/backup-file.ts"),
    import("../../backup/named-device.ts"),
  ]);
  const { backup } = await readBackup(path);
  const { credentials, ...device } = deviceInBackup(backup, reference);
  const shown = credentials.map(({ key, subject }) => ({ fingerprint: fingerprintOf(key), subject }));
  return deviceTarget({ ...device, credentials: shown }, `the backup of ${backup.createdAt}`);
}

/** What a registry or a backup says of a device, as far as it is shown. */
interface Shown {
  kind: Device["kind"];
  wipe: unknown;
  credentials: readonly { fingerprint: string; subject: string | null }[];
}

/** Every credential of a device, retired ones included: an app may still present any of them. */
export function deviceTarget(
  device: Pick<Device, "user" | "name" | "status"> & Shown,
  source: string,
): Target {
  const { user, name, kind, status, wipe, credentials } = device;
  return {
    label: printable(`${user}/${name}`),
    fingerprints: credentials.map(({ fingerprint }) => fingerprintArgument(fingerprint)),
    found: credentials.map(
      ({ fingerprint, subject }) =>
        `${printable(fingerprint)}  ${kind === "certificate" ? distinguishedName(subject ?? "unknown subject") : kind} (${source}; the device is ${printable(status)})`,
    ),
    device: { kind, status, wipe },
  };
}

/** The device's certificates at Cloudflare, by the name that `issue` puts into them. */
export async function targetAtCloudflare(
  { client, place }: AtCloudflare,
  reference: string,
): Promise<Target> {
  const { certificatesNamed, describeNamed } = await import("../../cloudflare/issue/named-certificates.ts");
  const { found, unread } = await certificatesNamed(await client(), place, reference);
  return {
    label: printable(reference),
    fingerprints: found.map(({ fingerprint }) => fingerprintArgument(fingerprint ?? "")),
    found: [
      ...found.map(describeNamed),
      ...unread.map(printable),
      "it is not known whether the device is lost and has received the wipe",
    ],
    device: undefined,
  };
}

/** From the registry or, if it cannot be read, by the names of the certificates at Cloudflare. */
async function targetByName(
  session: Session,
  reference: string,
  atCloudflare: AtCloudflare | undefined,
): Promise<Target> {
  const api = await session.connect();
  try {
    return deviceTarget(await findDevice(api, reference), "the registry");
  } catch (error) {
    if (!isOutOfOrder(error)) throw error;
    if (atCloudflare === undefined) {
      throw failed(
        `${error.message}, so it is not known which certificates ${printable(reference)} has`,
        "give the full fingerprint, the certificate with --certificate FILE, or --backup FILE",
      );
    }
    progress(`${error.message}: looking for ${printable(reference)} among the certificates at Cloudflare`);
    return targetAtCloudflare(atCloudflare, reference);
  }
}

/** Whether any app here can answer with a wipe. A gate that does not answer, or is older than profiles: maybe. */
export async function canWipeAnything({ connect }: Pick<Session, "connect">): Promise<boolean> {
  try {
    const { apps }: Partial<Me> = await (await connect()).me();
    return apps === undefined || canWipe({ profiles: apps });
  } catch (error) {
    if (error instanceof Failure) return true;
    throw error;
  }
}

/** Cloudflare signs and revokes certificates; tokens are Latchkey's own. */
export function requireKnownAtCloudflare(device: Device): void {
  if (device.kind === "certificate") return;
  throw misuse(
    `${deviceLabel(device)} shows a ${CREDENTIAL_WORDS[device.kind]}, which Cloudflare knows nothing of`,
    "leave out --at-cloudflare: once the registry refuses it, nothing is left to revoke",
  );
}

/**
 * A lost device is wiped only while its certificate is verified by Cloudflare and refused by nothing else, and a lost
 * browser clears what it stores only while nothing else refuses it.
 */
export async function requireWipe(
  session: Pick<Session, "connect">,
  { device, label }: Pick<Target, "device" | "label">,
): Promise<void> {
  if (device?.status !== "lost" || device.wipe !== null) return;
  if (device.kind === "browser") {
    throw failed(
      `${label} is lost and has not been told to clear what it stores yet: once it is refused otherwise, it never will be`,
      `wait until ${LATCHKEY} show ${shellWord(label)} says that it was told, or add --force`,
    );
  }
  if (device.kind !== "certificate") return;
  if (!(await canWipeAnything(session))) return;
  throw failed(
    `${label} is lost and has not received the wipe yet: once its certificate is refused, it never can`,
    `wait until ${LATCHKEY} show ${shellWord(label)} says that the wipe was delivered, or add --force`,
  );
}

/** The failure of a change that the registry did not make, with commands to copy that work without the registry. */
export function withWaysOut(error: unknown, commands: readonly string[]): unknown {
  if (!isOutOfOrder(error)) return error;
  return new Failure(error.exitCode, error.message, {
    hint: `${error.hint}; or shut it out without the registry:`,
    list: [...error.list, ...commands.map((command) => `${LATCHKEY} ${command}`)],
  });
}
