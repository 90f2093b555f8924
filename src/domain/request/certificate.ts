// What a request says of its client certificate.
import { type CredentialKey, keyOf } from "../credential-key.ts";
import { type Fingerprint, parseFingerprint, shortFingerprint } from "../fingerprint.ts";
import { parseOpenSslTime } from "./openssl-time.ts";

/** The details of a certificate that Cloudflare verified. Times are milliseconds since the epoch. */
export interface VerifiedCertificate {
  kind: "verified";
  key: CredentialKey;
  fingerprint: Fingerprint;
  notBefore: number;
  notAfter: number;
  subject: string | null;
  issuer: string | null;
  /** Upper-case hex digits without colons. */
  serial: string | null;
}

/**
 * What a request says of its client certificate. Only a verified one carries a fingerprint that
 * may be looked up: Cloudflare fills the field in for certificates that failed, too. `short` is
 * for the log only.
 */
export type Certificate =
  | { kind: "absent" }
  | { kind: "unverified"; short: string | null }
  | { kind: "revoked"; short: string | null }
  | { kind: "malformed"; short: string | null }
  | VerifiedCertificate;

/** No certificate was presented. */
export const ABSENT: Certificate = { kind: "absent" };

/**
 * Reads `request.cf.tlsClientAuth`, which is unknown input. In this order:
 * 1. not presented (anything but `certPresented: "1"`): absent;
 * 2. not verified (anything but `certVerified: "SUCCESS"`): unverified;
 * 3. revoked at Cloudflare (anything but `certRevoked: "0"`; a revoked certificate still reads
 *    `SUCCESS`): revoked;
 * 4. no fingerprint of 64 hex digits, or dates that do not parse: malformed;
 * 5. else verified. Whether it is within its dates is for `decide` to say.
 *
 * Source: developers.cloudflare.com/workers/runtime-apis/request (IncomingRequestCfProperties,
 * tlsClientAuth) and developers.cloudflare.com/ssl/client-certificates/enforce-mtls.
 */
export function readCertificate(tlsClientAuth: unknown): Certificate {
  if (typeof tlsClientAuth !== "object" || tlsClientAuth === null) return ABSENT;
  const auth = tlsClientAuth as Record<string, unknown>;
  if (auth.certPresented !== "1") return ABSENT;

  const fingerprint = parseFingerprint(auth.certFingerprintSHA256);
  const short = fingerprint === undefined ? null : shortFingerprint(fingerprint);
  if (auth.certVerified !== "SUCCESS") return { kind: "unverified", short };
  if (auth.certRevoked !== "0") return { kind: "revoked", short };

  const notBefore = parseOpenSslTime(auth.certNotBefore);
  const notAfter = parseOpenSslTime(auth.certNotAfter);
  if (fingerprint === undefined || notBefore === undefined || notAfter === undefined) {
    return { kind: "malformed", short };
  }
  return {
    kind: "verified",
    key: keyOf("certificate", fingerprint),
    fingerprint,
    notBefore,
    notAfter,
    subject: text(auth.certSubjectDN),
    issuer: text(auth.certIssuerDN),
    serial: text(auth.certSerial)?.replaceAll(":", "").toUpperCase() ?? null,
  };
}

/** Whether it is valid at `now`, by our own clock. Written so that NaN refuses. */
export function isWithinDates({ notBefore, notAfter }: VerifiedCertificate, now: number): boolean {
  return notBefore <= now && now <= notAfter;
}

function text(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

/** The common name in a subject, to suggest as the device's. */
export function commonName(subject: string | null): string {
  const name = /(?:^|[,/]\s*)CN\s*=\s*([^,/]{1,64})/i.exec(subject ?? "")?.[1]?.trim() ?? "";
  // Cloudflare's dashboard gives all of its certificates this name.
  return name === "Cloudflare" ? "" : name;
}
