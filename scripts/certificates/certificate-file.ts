// The certificate in a file that somebody names.
import { createHash, X509Certificate } from "node:crypto";
import type { Credential } from "../../src/contract/answers.ts";
import { type Fingerprint, parseFingerprint } from "../../src/domain/fingerprint.ts";
import { readSmallFile } from "../files.ts";
import { failed, misuse } from "../terminal/failure.ts";
import { printable } from "../terminal/text.ts";
import type { Pkcs12Certificate } from "./pkcs12/read.ts";

/** What a certificate says about itself. */
export type CertificateDetails = Pick<
  Credential,
  "fingerprint" | "subject" | "issuer" | "serial" | "notBefore" | "notAfter"
>;

/** A device's certificate out of a file; nothing else of the file leaves this module. */
export interface CertificateFromFile extends CertificateDetails {
  fingerprint: Fingerprint;
  pem: string;
}

/** Where the password of a PKCS#12 comes from: what was given, else whoever is asked. */
export interface PasswordSource {
  given: string | undefined;
  ask(): Promise<string>;
}

/**
 * Reads the device's certificate from PEM, DER or PKCS#12. Of several, it takes the one whose private
 * key is in the file, else the one that signed none of the others, else the only one that is not an authority.
 */
export async function readCertificateFile(
  path: string,
  password: PasswordSource,
): Promise<CertificateFromFile> {
  const bytes = await readSmallFile(path, "a certificate");
  const shown = path === "-" ? "the standard input" : printable(path);
  const text = bytes.toString("latin1");
  if (bytes.length === 0) throw misuse(`${shown} is empty`, "check that the file holds a certificate");
  if (text.includes("-----BEGIN ")) return choose(shown, fromPem(shown, text));
  const certificate = parseDer(bytes);
  if (certificate === undefined) {
    const pkcs12 = await import("./pkcs12/read.ts");
    if (pkcs12.looksLikePkcs12(bytes)) return choose(shown, await fromPkcs12(pkcs12, shown, bytes, password));
    throw misuse(
      `${shown} is not a certificate in PEM, DER or PKCS#12 form`,
      "export the certificate again; enrol takes a fingerprint instead, with --fingerprint",
    );
  }
  return describe(certificate);
}

function fromPem(shown: string, text: string): X509Certificate[] {
  const blocks = text.matchAll(/-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----([\s\S]+?)-----END /g);
  const certificates = [...blocks].map(([, body = ""]) => {
    const certificate = parseDer(Buffer.from(body, "base64"));
    if (certificate === undefined) {
      throw misuse(`${shown} holds a certificate that cannot be read`, "export the certificate again");
    }
    return certificate;
  });
  if (certificates.length === 0) {
    const kind = /-----BEGIN ([A-Z0-9 ]+)-----/.exec(text)?.[1] ?? "something else";
    throw misuse(
      `${shown} holds no certificate, but: ${kind.toLowerCase()}`,
      "give the file with the certificate; a private key is never needed here",
    );
  }
  return certificates;
}

async function fromPkcs12(
  { openPkcs12 }: typeof import("./pkcs12/read.ts"),
  shown: string,
  bytes: Buffer,
  password: PasswordSource,
): Promise<X509Certificate[]> {
  let contents = openPkcs12(bytes, password.given ?? "");
  // Without a password given, an empty one was tried first: some files have none.
  if (contents.kind === "wrong-password" && password.given === undefined) {
    contents = openPkcs12(bytes, await password.ask());
  }
  switch (contents.kind) {
    case "opened":
      return leaves(contents.certificates);
    case "wrong-password":
      throw failed(
        `${shown} does not open with this password`,
        "give the password that it was exported with",
      );
    case "unsupported":
      throw failed(
        `${shown} cannot be opened: ${contents.what}`,
        "export only the certificate: openssl pkcs12 -in FILE -nokeys -clcerts -out device.pem",
      );
    case "damaged":
      throw misuse(`${shown} is a damaged PKCS#12 file`, "export it again");
  }
}

function leaves(certificates: readonly Pkcs12Certificate[]): X509Certificate[] {
  const withKey = certificates.filter(({ hasKey }) => hasKey);
  return (withKey.length > 0 ? withKey : certificates).flatMap(({ der }) => parseDer(der) ?? []);
}

function choose(shown: string, all: readonly X509Certificate[]): CertificateFromFile {
  const certificates = [
    ...new Map(all.map((certificate) => [certificate.fingerprint256, certificate])).values(),
  ];
  if (certificates.length === 0) {
    throw misuse(`${shown} holds no certificate`, "export it again, with the certificate");
  }
  const signedNone = certificates.filter(
    (one) => !certificates.some((other) => other !== one && signed(one, other)),
  );
  const devices = signedNone.filter(({ ca }) => !ca);
  const [found, ...others] = devices.length > 0 ? devices : signedNone;
  if (found === undefined || others.length > 0) {
    throw misuse(
      `${shown} holds several certificates, and it is not clear which is the device's`,
      "give the right one with --fingerprint",
      certificates.map((one) => `${fingerprintOf(one)}  ${subjectOf(one.subject) ?? "no subject"}`),
    );
  }
  return describe(found);
}

function signed(issuer: X509Certificate, subject: X509Certificate): boolean {
  try {
    return subject.checkIssued(issuer) && subject.verify(issuer.publicKey);
  } catch {
    return false; // a key of a kind that is not known here
  }
}

function parseDer(der: Buffer): X509Certificate | undefined {
  try {
    return new X509Certificate(der);
  } catch {
    return undefined;
  }
}

function fingerprintOf(certificate: X509Certificate): Fingerprint {
  const fingerprint = parseFingerprint(createHash("sha256").update(certificate.raw).digest("hex"));
  if (fingerprint === undefined) throw new Error("SHA-256 does not have 64 digits");
  return fingerprint;
}

function describe(certificate: X509Certificate): CertificateFromFile {
  return {
    fingerprint: fingerprintOf(certificate),
    subject: subjectOf(certificate.subject),
    issuer: subjectOf(certificate.issuer),
    serial: certificate.serialNumber.toUpperCase(),
    notBefore: certificate.validFromDate.toISOString(),
    notAfter: certificate.validToDate.toISOString(),
    pem: certificate.toString(),
  };
}

/** Node writes one attribute a line; the Worker, whose form this is, joins them in the same order. */
function subjectOf(name: string | undefined): string | null {
  return name ? printable(name.split("\n").join(", ")) : null;
}
