import { X509Certificate } from "node:crypto";
import { type Fingerprint, parseFingerprint } from "../domain/fingerprint.ts";
import type { CertificateDetails } from "../domain/records.ts";
import { parseOpenSslTime } from "../domain/request/openssl-time.ts";
import { err, ok, type Result } from "../domain/result.ts";

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
