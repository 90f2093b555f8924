import { X509Certificate } from "node:crypto";
import { ApiError } from "../contract/api-error.ts";
import { type CredentialKey, keyOf } from "../domain/credential-key.ts";
import { type Fingerprint, parseFingerprint } from "../domain/fingerprint.ts";
import { err, ok, type Result } from "../domain/general/result.ts";
import { type CertificateDetails, NO_DETAILS } from "../domain/records.ts";
import { parseOpenSslTime } from "../domain/request/openssl-time.ts";

/** Any block: the parser would also accept `X509 CERTIFICATE`, and the first of several. */
const BLOCK = /-----BEGIN [^-]*-----/g;
const CERTIFICATE = "-----BEGIN CERTIFICATE-----";

/**
 * Reads one PEM certificate: its fingerprint, computed from the DER, and its details. The error is a
 * sentence for people. The parser is the runtime's own (BoringSSL).
 */
export function readPem(
  pem: string,
  now: number,
): Result<{ fingerprint: Fingerprint; details: CertificateDetails }, string> {
  if (pem.includes("PRIVATE KEY-----")) {
    return err("there is a private key in it, which must never leave the device: give only the certificate");
  }
  const blocks = pem.match(BLOCK) ?? [];
  if (blocks.length !== 1 || blocks[0] !== CERTIFICATE) {
    return err(`give exactly one PEM certificate, the device's own: there are ${blocks.length} PEM blocks`);
  }
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(pem);
  } catch {
    return err("this is not a PEM certificate");
  }
  const fingerprint = parseFingerprint(certificate.fingerprint256);
  const notBefore = parseOpenSslTime(certificate.validFrom);
  const notAfter = parseOpenSslTime(certificate.validTo);
  if (fingerprint === undefined || notBefore === undefined || notAfter === undefined) {
    return err("the certificate's dates or fingerprint cannot be read");
  }
  if (notAfter < now) return err(`the certificate expired on ${new Date(notAfter).toISOString()}`);
  return ok({
    fingerprint,
    details: {
      subject: distinguishedName(certificate.subject),
      issuer: distinguishedName(certificate.issuer),
      serial: certificate.serialNumber.toUpperCase(),
      notBefore,
      notAfter,
    },
  });
}

/** The runtime writes each part of a name on a line of its own. */
function distinguishedName(lines: string | undefined): string | null {
  return lines ? lines.split("\n").join(", ") : null;
}

/** The fingerprint only, or with the details of the certificate that it was computed from. Throws `invalid-certificate`. */
export function certificateOf(
  fingerprint: Fingerprint | undefined,
  pem: string | undefined,
  now: number,
): { key: CredentialKey; details: CertificateDetails } {
  if (fingerprint !== undefined) return { key: keyOf("certificate", fingerprint), details: NO_DETAILS };
  const certificate = readPem(pem ?? "", now);
  if (certificate.ok) {
    return { key: keyOf("certificate", certificate.value.fingerprint), details: certificate.value.details };
  }
  throw new ApiError("invalid-certificate", certificate.error, {
    errors: [{ path: "certificate", message: certificate.error }],
  });
}
