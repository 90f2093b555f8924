// No I/O. No clock.
//
// `request.cf.tlsClientAuth`, as Cloudflare fills it in
// (https://developers.cloudflare.com/ssl/client-certificates/client-certificate-variables/).
import { X509Certificate } from "node:crypto";
import { legacyName, rfc2253Name } from "./distinguished-name.ts";
import { keyIdentifiers } from "./key-identifiers.ts";
import { normaliseSerial } from "./revoked.ts";

/** What a client presented in the handshake: DER. */
export interface PresentedCertificate {
  leaf: Uint8Array;
  /** What it sent besides its own certificate, the issuer's first. */
  intermediates: readonly Uint8Array[];
}

/** `SUCCESS`, or why not, in OpenSSL's words: `FAILED:certificate has expired`. */
export type Verification = "SUCCESS" | "FAILED" | `FAILED:${string}`;

export interface TlsClientAuth {
  certPresented: "0" | "1";
  certVerified: "NONE" | Verification;
  certRevoked: "0" | "1";
  certIssuerDN: string;
  certSubjectDN: string;
  certIssuerDNRFC2253: string;
  certSubjectDNRFC2253: string;
  certIssuerDNLegacy: string;
  certSubjectDNLegacy: string;
  certSerial: string;
  certIssuerSerial: string;
  certSKI: string;
  certIssuerSKI: string;
  certFingerprintSHA1: string;
  certFingerprintSHA256: string;
  certNotBefore: string;
  certNotAfter: string;
  certRFC9440: string;
  certRFC9440TooLarge: boolean;
  certChainRFC9440: string;
  certChainRFC9440TooLarge: boolean;
}

/** Cloudflare leaves larger ones out and says so. */
const MAX_LEAF_BYTES = 10 * 1024;
const MAX_CHAIN_BYTES = 16 * 1024;

const NONE: TlsClientAuth = {
  certPresented: "0",
  certVerified: "NONE",
  certRevoked: "0",
  certIssuerDN: "",
  certSubjectDN: "",
  certIssuerDNRFC2253: "",
  certSubjectDNRFC2253: "",
  certIssuerDNLegacy: "",
  certSubjectDNLegacy: "",
  certSerial: "",
  certIssuerSerial: "",
  certSKI: "",
  certIssuerSKI: "",
  certFingerprintSHA1: "",
  certFingerprintSHA256: "",
  certNotBefore: "",
  certNotAfter: "",
  certRFC9440: "",
  certRFC9440TooLarge: false,
  certChainRFC9440: "",
  certChainRFC9440TooLarge: false,
};

/**
 * Everything but `certRevoked`, which may change during a connection: see `withRevocation`. Filled
 * in for certificates that failed verification, too. `authorities` are the issuers the edge knows.
 */
export function tlsClientAuth(
  presented: PresentedCertificate | undefined,
  verification: Verification,
  authorities: readonly X509Certificate[],
): TlsClientAuth {
  if (presented === undefined) return NONE;
  const leaf = new X509Certificate(presented.leaf);
  const subject = rfc2253Name(leaf.subject);
  const issuer = rfc2253Name(leaf.issuer);
  const { subjectKey, authorityKey } = keyIdentifiers(presented.leaf);
  const candidates = [...authorities, ...presented.intermediates.map((der) => new X509Certificate(der))];
  const signer =
    leaf.subject === leaf.issuer ? leaf : candidates.find((candidate) => leaf.checkIssued(candidate));
  const leafTooLarge = presented.leaf.byteLength > MAX_LEAF_BYTES;
  const chainBytes = presented.intermediates.reduce((sum, der) => sum + der.byteLength, 0);
  const chainTooLarge = chainBytes > MAX_CHAIN_BYTES;
  return {
    certPresented: "1",
    certVerified: verification,
    certRevoked: "0",
    certIssuerDN: issuer,
    certSubjectDN: subject,
    certIssuerDNRFC2253: issuer,
    certSubjectDNRFC2253: subject,
    certIssuerDNLegacy: legacyName(leaf.issuer),
    certSubjectDNLegacy: legacyName(leaf.subject),
    certSerial: leaf.serialNumber,
    certIssuerSerial: signer?.serialNumber ?? "",
    certSKI: subjectKey,
    certIssuerSKI: authorityKey,
    certFingerprintSHA1: withoutColons(leaf.fingerprint),
    certFingerprintSHA256: withoutColons(leaf.fingerprint256),
    certNotBefore: leaf.validFrom,
    certNotAfter: leaf.validTo,
    certRFC9440: leafTooLarge ? "" : rfc9440(presented.leaf),
    certRFC9440TooLarge: leafTooLarge,
    certChainRFC9440: chainTooLarge ? "" : presented.intermediates.map(rfc9440).join(", "),
    certChainRFC9440TooLarge: chainTooLarge,
  };
}

/**
 * The same with `certRevoked`. Only what was verified can be revoked, since a stranger may write any
 * serial into a certificate of his own; `certVerified` stays `SUCCESS`, as it does at Cloudflare.
 */
export function withRevocation(auth: TlsClientAuth, revokedSerials: ReadonlySet<string>): TlsClientAuth {
  const revoked = auth.certVerified === "SUCCESS" && revokedSerials.has(normaliseSerial(auth.certSerial));
  return revoked ? { ...auth, certRevoked: "1" } : auth;
}

/**
 * Node's names of OpenSSL's verdicts, in BoringSSL's words, which are those that Cloudflare reports.
 * A verdict that is not here is a bare `FAILED`.
 */
const VERDICTS: Readonly<Record<string, string>> = {
  UNABLE_TO_GET_ISSUER_CERT: "unable to get issuer certificate",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "unable to get local issuer certificate",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "unable to verify the first certificate",
  DEPTH_ZERO_SELF_SIGNED_CERT: "self signed certificate",
  SELF_SIGNED_CERT_IN_CHAIN: "self signed certificate in certificate chain",
  CERT_NOT_YET_VALID: "certificate is not yet valid",
  CERT_HAS_EXPIRED: "certificate has expired",
  CERT_SIGNATURE_FAILURE: "certificate signature failure",
  ERROR_IN_CERT_NOT_BEFORE_FIELD: "format error in certificate's notBefore field",
  ERROR_IN_CERT_NOT_AFTER_FIELD: "format error in certificate's notAfter field",
  CERT_CHAIN_TOO_LONG: "certificate chain too long",
  INVALID_CA: "invalid CA certificate",
  PATH_LENGTH_EXCEEDED: "path length constraint exceeded",
  INVALID_PURPOSE: "unsupported certificate purpose",
  CERT_UNTRUSTED: "certificate not trusted",
  CERT_REJECTED: "certificate rejected",
};

/** The verdict on a handshake, from Node's `authorized` and `authorizationError`. */
export function verificationOf(authorized: boolean, authorizationError: unknown): Verification {
  if (authorized) return "SUCCESS";
  const code = authorizationError instanceof Error ? authorizationError.message : authorizationError;
  const reason = typeof code === "string" && Object.hasOwn(VERDICTS, code) ? VERDICTS[code] : undefined;
  return reason === undefined ? "FAILED" : `FAILED:${reason}`;
}

/** A certificate as an RFC 8941 byte sequence (RFC 9440, section 2.1). */
function rfc9440(der: Uint8Array): string {
  return `:${Buffer.from(der).toString("base64")}:`;
}

function withoutColons(fingerprint: string): string {
  return fingerprint.replaceAll(":", "").toLowerCase();
}
