// The fingerprint of a certificate: what identifies a device.

declare const fingerprintBrand: unique symbol;

/** SHA-256 of a certificate's DER: exactly 64 lower-case hex digits. */
export type Fingerprint = string & { readonly [fingerprintBrand]: "Fingerprint" };

const DIGITS = 64;
/** With `DIGITS` of them, the canonical form: to count them apart takes a third of the time, on each request. */
const CANONICAL = /^[0-9a-f]+$/;
const PLAIN = /^[0-9a-fA-F]{64}$/;
const COLONS = /^[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){31}$/;

/** What `parseFingerprint` reads. */
export const FINGERPRINT_FORM = new RegExp(`${PLAIN.source}|${COLONS.source}`);

/** The sentence for people whose input `parseFingerprint` turned down. */
export const FINGERPRINT_HINT =
  "a fingerprint is the SHA-256 of the certificate: 64 hex digits, with or without colons between pairs";

/**
 * Reads a SHA-256 fingerprint: 64 hex digits in any case, either plain or as 32 pairs joined by
 * colons (as OpenSSL prints them). Anything else, spaces around it included, is `undefined`:
 * a fingerprint is refused rather than repaired.
 */
export function parseFingerprint(input: unknown): Fingerprint | undefined {
  if (typeof input !== "string") return undefined;
  if (input.length === DIGITS && CANONICAL.test(input)) return input as Fingerprint;
  if (PLAIN.test(input)) return input.toLowerCase() as Fingerprint;
  if (COLONS.test(input)) return input.replaceAll(":", "").toLowerCase() as Fingerprint;
  return undefined;
}

/** The first 8 hex digits: enough to recognise a certificate in a log, too few to enrol it. */
export function shortFingerprint(fingerprint: Fingerprint): string {
  return fingerprint.slice(0, 8);
}
