import { generateKeyPair, randomBytes } from "node:crypto";
import { isIP } from "node:net";
import { promisify } from "node:util";
import forge from "node-forge";

const { pki } = forge;

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

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;

/** Clocks differ: what is issued now is valid a little earlier. */
const BACKDATED_MS = HOUR_MS;
/** Longer than what it signs. */
const AUTHORITY_DAYS = 15 * 365;
/** Browsers refuse a server's certificate that is valid for more than 398 days. */
const SERVER_DAYS = 397;
/** What Cloudflare's dashboard proposes for client certificates. */
const DEVICE_DAYS = 10 * 365;

/** RSA with 2048 bits: what every phone, browser and keychain imports. */
const RSA_BITS = 2048;

/** Positive in DER (no leading bit) and never with leading zeros: one spelling everywhere. */
const SERIAL_BYTES = 16;

const newKeyPair = promisify(generateKeyPair);

/** A certificate authority that signs itself, for servers and devices of this machine alone. */
export async function createAuthority(commonName: string, now: Date): Promise<Credential> {
  return issue({
    commonName,
    validity: validFrom(now, AUTHORITY_DAYS),
    extensions: [
      { name: "basicConstraints", critical: true, cA: true, pathLenConstraint: 0 },
      { name: "keyUsage", critical: true, keyCertSign: true, cRLSign: true },
    ],
  });
}

/** A server's certificate for these names and addresses. */
export async function issueServerCertificate(
  authority: Credential,
  hosts: readonly string[],
  now: Date,
): Promise<Credential> {
  const altNames = hosts.map((host) => (isIP(host) ? { type: 7, ip: host } : { type: 2, value: host }));
  return issue({
    commonName: hosts[0] ?? "localhost",
    validity: validFrom(now, SERVER_DAYS),
    authority,
    extensions: [...leafExtensions("serverAuth"), { name: "subjectAltName", altNames }],
  });
}

/** A device's certificate. Without a validity: from now on for ten years. */
export async function issueDeviceCertificate(
  authority: Credential,
  commonName: string,
  validity: Validity = validFrom(new Date(), DEVICE_DAYS),
): Promise<Credential> {
  return issue({ commonName, validity, authority, extensions: leafExtensions("clientAuth") });
}

/** A device's certificate that no authority has signed. */
export async function issueSelfSignedCertificate(
  commonName: string,
  validity: Validity = validFrom(new Date(), DEVICE_DAYS),
): Promise<Credential> {
  return issue({ commonName, validity, extensions: leafExtensions("clientAuth") });
}

function validFrom(now: Date, days: number): Validity {
  return {
    notBefore: new Date(now.getTime() - BACKDATED_MS),
    notAfter: new Date(now.getTime() + days * DAY_MS),
  };
}

function leafExtensions(purpose: "serverAuth" | "clientAuth"): object[] {
  return [
    { name: "basicConstraints", critical: true, cA: false },
    { name: "keyUsage", critical: true, digitalSignature: true, keyEncipherment: true },
    { name: "extKeyUsage", [purpose]: true },
  ];
}

interface Order {
  commonName: string;
  validity: Validity;
  extensions: object[];
  /** Who signs; without one, the certificate signs itself. */
  authority?: Credential;
}

async function issue({ commonName, validity, extensions, authority }: Order): Promise<Credential> {
  const { publicKey, privateKey } = await newKeyPair("rsa", {
    modulusLength: RSA_BITS,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  const certificate = pki.createCertificate();
  certificate.publicKey = pki.publicKeyFromPem(publicKey);
  certificate.serialNumber = newSerial();
  certificate.validity.notBefore = validity.notBefore;
  certificate.validity.notAfter = validity.notAfter;
  const subject = [
    { name: "organizationName", value: "Latchkey development" },
    { name: "commonName", value: commonName },
  ];
  certificate.setSubject(subject);
  const signer = authority === undefined ? undefined : pki.certificateFromPem(authority.certificate);
  certificate.setIssuer(signer?.subject.attributes ?? subject);
  certificate.setExtensions([
    ...extensions,
    { name: "subjectKeyIdentifier" },
    {
      name: "authorityKeyIdentifier",
      keyIdentifier: (signer ?? certificate).generateSubjectKeyIdentifier().getBytes(),
    },
  ]);
  certificate.sign(pki.privateKeyFromPem(authority?.key ?? privateKey), forge.md.sha256.create());
  return { certificate: unixLines(pki.certificateToPem(certificate)), key: privateKey };
}

function newSerial(): string {
  const bytes = randomBytes(SERIAL_BYTES);
  bytes[0] = 0x40 | ((bytes[0] ?? 0) & 0x3f);
  return bytes.toString("hex");
}

function unixLines(text: string): string {
  return text.replaceAll("\r\n", "\n");
}
