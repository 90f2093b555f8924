// The certificates and keys in the state folder: loaded, or made when they are missing or about to expire.
import { createPrivateKey, X509Certificate } from "node:crypto";
import { existsSync } from "node:fs";
import {
  type Credential,
  createAuthority,
  issueDeviceCertificate,
  issueServerCertificate,
} from "../../certificates/authority.ts";
import { toPkcs12 } from "../../certificates/pkcs12/write.ts";
import { PUBLIC_MODE, readIfThere, SECRET_MODE, writeWhole } from "../../files.ts";

import type { DemoDeviceFiles, StatePaths } from "./paths.ts";

const AUTHORITY_NAME = "Latchkey development CA";

/** A certificate that ends sooner is renewed on the next start. */
const RENEW_BEFORE_MS = 30 * 24 * 60 * 60 * 1000;

/** The authority out of the state folder, or a new one: then everything it has signed is made again. */
export function loadAuthority(paths: StatePaths, now: Date): Promise<Credential> {
  const isGood = (certificate: X509Certificate) => lasts(certificate, now);
  return keepOrMake(paths.ca, paths.caKey, isGood, () => createAuthority(AUTHORITY_NAME, now));
}

export function loadServer(
  paths: StatePaths,
  authority: Credential,
  hosts: readonly string[],
  now: Date,
): Promise<Credential> {
  const isGood = (certificate: X509Certificate) =>
    lasts(certificate, now) && isSignedBy(certificate, authority) && isFor(certificate, hosts);
  const make = () => issueServerCertificate(authority, hosts, now);
  return keepOrMake(paths.server, paths.serverKey, isGood, make);
}

async function keepOrMake(
  certificatePath: string,
  keyPath: string,
  isGood: (certificate: X509Certificate) => boolean,
  make: () => Promise<Credential>,
): Promise<Credential> {
  const found = await readCredential(certificatePath, keyPath);
  if (found !== undefined && isGood(found.parsed)) return found.credential;
  const made = await make();
  await writeCredential(made, certificatePath, keyPath);
  return made;
}

/**
 * A demo device's files. The certificate is kept as long as it is whole and of this authority: a new
 * one has a new fingerprint, and the registry would not know it.
 */
export async function loadDevice(
  files: DemoDeviceFiles,
  authority: Credential,
  name: string,
  password: string,
): Promise<void> {
  const found = await readCredential(files.pem, files.key);
  if (found !== undefined && isSignedBy(found.parsed, authority)) {
    if (!existsSync(files.p12)) await writePkcs12(files, found.credential, password, name);
    return;
  }
  const device = await issueDeviceCertificate(authority, name);
  // First, so that a certificate and key that fit together mean that the bundle is theirs.
  await writePkcs12(files, device, password, name);
  await writeCredential(device, files.pem, files.key);
}

async function readCredential(
  certificatePath: string,
  keyPath: string,
): Promise<{ credential: Credential; parsed: X509Certificate } | undefined> {
  const [certificate, key] = await Promise.all([readIfThere(certificatePath), readIfThere(keyPath)]);
  if (certificate === undefined || key === undefined) return undefined;
  try {
    const parsed = new X509Certificate(certificate);
    // Of a pair that was half replaced, the halves do not fit.
    if (!parsed.checkPrivateKey(createPrivateKey(key))) return undefined;
    return { credential: { certificate, key }, parsed };
  } catch {
    return undefined;
  }
}

async function writeCredential(
  { certificate, key }: Credential,
  certificatePath: string,
  keyPath: string,
): Promise<void> {
  await writeWhole(keyPath, key, SECRET_MODE);
  await writeWhole(certificatePath, certificate, PUBLIC_MODE);
}

function writePkcs12(
  files: DemoDeviceFiles,
  device: Credential,
  password: string,
  name: string,
): Promise<void> {
  return writeWhole(files.p12, toPkcs12(device, password, name, "legacy"), SECRET_MODE);
}

function lasts(certificate: X509Certificate, now: Date): boolean {
  return new Date(certificate.validTo).getTime() - now.getTime() > RENEW_BEFORE_MS;
}

function isSignedBy(certificate: X509Certificate, authority: Credential): boolean {
  const signer = new X509Certificate(authority.certificate);
  return certificate.checkIssued(signer) && certificate.verify(signer.publicKey);
}

/** Node writes alternative names as `DNS:localhost, IP Address:127.0.0.1`. */
function isFor(certificate: X509Certificate, hosts: readonly string[]): boolean {
  const names = (certificate.subjectAltName ?? "").split(", ").map((name) => name.replace(/^[^:]*:/, ""));
  return names.length === hosts.length && hosts.every((host) => names.includes(host));
}
