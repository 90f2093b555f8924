// A certificate authority of this machine's own, and what it signs: certificates for servers and devices.
import { randomBytes } from "node:crypto";
import { isIP } from "node:net";
import { subjectOf } from "./request.ts";
import * as x509 from "./x509.ts";

/** A certificate and its private key, both PEM (the key as PKCS#8, not encrypted). */
export interface Credential {
  certificate: string;
  key: string;
}

/** When a certificate is valid. X.509 knows whole seconds. */
export interface Validity {
  notBefore: Date;
  notAfter: Date;
}

const DAY_MS = 24 * 60 * 60 * 1000;

/** Clocks differ: what is issued now has been valid for an hour. */
const BACKDATED_MS = 60 * 60 * 1000;
/** Longer than what it signs. */
const AUTHORITY_DAYS = 15 * 365;
/** Browsers refuse a server's certificate that is valid for more than 398 days. */
const SERVER_DAYS = 397;
/** What Cloudflare's dashboard proposes for client certificates. */
const DEVICE_DAYS = 10 * 365;

/** RSA with 2048 bits is what every phone, browser and keychain imports. */
const KEY_KIND: x509.KeyKind = "rsa-2048";

const ORGANIZATION = "Latchkey development";
/** Positive in DER (no leading bit) and never with leading zeros: one spelling everywhere. */
const SERIAL_BYTES = 16;

/** A certificate authority that signs itself, for servers and devices of this machine only. */
export async function createAuthority(commonName: string, now: Date): Promise<Credential> {
  return issue(commonName, validFrom(now, AUTHORITY_DAYS), [
    new x509.BasicConstraintsExtension(true, 0, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
  ]);
}

/** A server's certificate for these names and addresses. */
export async function issueServerCertificate(
  authority: Credential,
  hosts: readonly string[],
  now: Date,
): Promise<Credential> {
  const names = hosts.map((host) => ({ type: isIP(host) ? "ip" : "dns", value: host }) as const);
  const extensions = [
    ...leafExtensions(x509.ExtendedKeyUsage.serverAuth),
    new x509.SubjectAlternativeNameExtension(names),
  ];
  return issue(hosts[0] ?? "localhost", validFrom(now, SERVER_DAYS), extensions, authority);
}

/** A device's certificate. Without a validity: from now on for ten years. */
export async function issueDeviceCertificate(
  authority: Credential,
  commonName: string,
  validity: Validity = validFrom(new Date(), DEVICE_DAYS),
): Promise<Credential> {
  return issue(commonName, validity, leafExtensions(x509.ExtendedKeyUsage.clientAuth), authority);
}

/** A device's certificate that no authority has signed. */
export async function issueSelfSignedCertificate(
  commonName: string,
  validity: Validity = validFrom(new Date(), DEVICE_DAYS),
): Promise<Credential> {
  return issue(commonName, validity, leafExtensions(x509.ExtendedKeyUsage.clientAuth));
}

function validFrom(now: Date, days: number): Validity {
  return {
    notBefore: new Date(now.getTime() - BACKDATED_MS),
    notAfter: new Date(now.getTime() + days * DAY_MS),
  };
}

function leafExtensions(purpose: x509.ExtendedKeyUsage): x509.Extension[] {
  return [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(
      x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment,
      true,
    ),
    new x509.ExtendedKeyUsageExtension([purpose]),
  ];
}

/** Without an authority, the certificate signs itself. */
async function issue(
  commonName: string,
  validity: Validity,
  extensions: readonly x509.Extension[],
  authority?: Credential,
): Promise<Credential> {
  const { keys, pem } = await x509.newKeys(KEY_KIND);
  const subject = subjectOf(ORGANIZATION, commonName);
  const certificate = await sign(
    authority === undefined ? { name: subject, ...keys } : await signerOf(authority),
    { subject, publicKey: keys.publicKey, validity, extensions },
  );
  return { certificate: x509.withNewline(certificate.toString("pem")), key: pem };
}

export interface Signer {
  name: x509.Name;
  publicKey: x509.PublicKey | CryptoKey;
  privateKey: CryptoKey;
}

export async function signerOf({ certificate, key }: Credential): Promise<Signer> {
  const { subjectName: name, publicKey } = new x509.X509Certificate(certificate);
  const der = x509.PemConverter.decodeFirst(key);
  const privateKey = await crypto.subtle.importKey("pkcs8", der, x509.ALGORITHMS[KEY_KIND], false, ["sign"]);
  return { name, publicKey, privateKey };
}

interface ToSign {
  subject: x509.Name;
  publicKey: x509.PublicKey | CryptoKey;
  validity: Validity;
  extensions: readonly x509.Extension[];
}

/** Signs a certificate for a key, with a serial number of its own and both key identifiers. */
export async function sign(
  signer: Signer,
  { subject, publicKey, validity, extensions }: ToSign,
): Promise<x509.X509Certificate> {
  return x509.X509CertificateGenerator.create({
    subject,
    issuer: signer.name,
    publicKey,
    signingKey: signer.privateKey,
    signingAlgorithm: x509.ALGORITHMS[KEY_KIND],
    serialNumber: newSerial(),
    notBefore: wholeSeconds(validity.notBefore),
    notAfter: wholeSeconds(validity.notAfter),
    extensions: [
      ...extensions,
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(signer.publicKey),
    ],
  });
}

function wholeSeconds(date: Date): Date {
  return new Date(Math.floor(date.getTime() / 1000) * 1000);
}

function newSerial(): string {
  const bytes = randomBytes(SERIAL_BYTES);
  bytes[0] = 0x40 | ((bytes[0] ?? 0) & 0x3f);
  return bytes.toString("hex");
}
