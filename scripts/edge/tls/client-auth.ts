// What the handshake said of each connection's client certificate, as `request.cf.tlsClientAuth`: those of Cloudflare's
// fields that the Worker and `latchkey prove` read, in Cloudflare's form
// (https://developers.cloudflare.com/ssl/client-certificates/client-certificate-variables/).
import type { X509Certificate } from "node:crypto";
import type { TLSSocket } from "node:tls";
import { normaliseSerial } from "../state/revoked.ts";

/** `SUCCESS`, or why not, in OpenSSL's words: `FAILED:certificate has expired`. */
export type Verification = "SUCCESS" | "FAILED" | `FAILED:${string}`;

export type TlsClientAuth = ReturnType<typeof tlsClientAuth>;

/** Computed once per connection. */
export class Handshakes {
  readonly #known = new WeakMap<TLSSocket, TlsClientAuth>();

  of(socket: TLSSocket): TlsClientAuth {
    const known = this.#known.get(socket);
    if (known !== undefined) return known;
    // A resumed session carries its certificate along. Node calls a session without one authorized, so only this says
    // whether there is one.
    const leaf = socket.getPeerX509Certificate();
    const auth = tlsClientAuth(leaf, verificationOf(socket.authorized, socket.authorizationError));
    this.#known.set(socket, auth);
    return auth;
  }
}

/**
 * Everything but `certRevoked`, which may change during a connection: see `withRevocation`. Certificates that failed
 * verification have their fields, too; without a certificate, they are empty.
 */
export function tlsClientAuth(leaf: X509Certificate | undefined, verification: Verification) {
  return {
    certPresented: leaf === undefined ? "0" : "1",
    certVerified: leaf === undefined ? "NONE" : verification,
    certRevoked: "0" as "0" | "1",
    certIssuerDN: rfc2253Name(leaf?.issuer),
    certSubjectDN: rfc2253Name(leaf?.subject),
    certSerial: leaf?.serialNumber ?? "",
    certFingerprintSHA256: leaf?.fingerprint256.replaceAll(":", "").toLowerCase() ?? "",
    certNotBefore: leaf?.validFrom ?? "",
    certNotAfter: leaf?.validTo ?? "",
    /** The certificate as an RFC 8941 byte sequence (RFC 9440, section 2.1). */
    certRFC9440: leaf === undefined ? "" : `:${leaf.raw.toString("base64")}:`,
  } as const;
}

/**
 * The same with `certRevoked`. Only verified certificates can be revoked, since strangers may write any serial into a
 * certificate of their own; `certVerified` stays `SUCCESS`, as it does at Cloudflare.
 */
export function withRevocation(auth: TlsClientAuth, revokedSerials: ReadonlySet<string>): TlsClientAuth {
  const revoked = auth.certVerified === "SUCCESS" && revokedSerials.has(normaliseSerial(auth.certSerial));
  return revoked ? { ...auth, certRevoked: "1" } : auth;
}

/**
 * Node's names of OpenSSL's verdicts, in the words of BoringSSL, which Cloudflare reports. Any other verdict is a bare
 * `FAILED`.
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

/**
 * `CN=James,O=Cloudflare\, Inc.,C=US`: OpenSSL's `XN_FLAG_RFC2253`. Node writes a name as lines in the order of the
 * certificate, with values escaped as in RFC 2253 (`C=US\nO=Cloudflare\, Inc.`), and joins the parts of a multi-valued
 * line with ` + `; a plus sign in a value is escaped.
 */
export function rfc2253Name(lines: string | undefined): string {
  return (lines ? lines.split("\n") : [])
    .reverse()
    .map((line) => line.split(/(?<!\\) \+ /).join("+"))
    .map(escapeBytes)
    .join(",");
}

/** Everything except printable ASCII, byte by byte in UTF-8. */
function escapeBytes(text: string): string {
  return text.replace(/[^\x20-\x7e]/gu, (character) =>
    [...Buffer.from(character, "utf8")]
      .map((byte) => `\\${byte.toString(16).toUpperCase().padStart(2, "0")}`)
      .join(""),
  );
}
