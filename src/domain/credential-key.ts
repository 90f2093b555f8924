// What a device shows to be let in, and the key by which all of Latchkey finds it.
import type { Fingerprint } from "./fingerprint.ts";

/** Secrets that Latchkey makes and shows once: a token for a header, or the secret in a feed URL. */
export const ISSUED_KINDS = ["token", "feed"] as const;
export type IssuedKind = (typeof ISSUED_KINDS)[number];

/** Whether a device of this kind shows a secret that people give to it, and can replace. */
export function isIssued(kind: DeviceKind): kind is IssuedKind {
  return (ISSUED_KINDS as readonly DeviceKind[]).includes(kind);
}

/** Those, and the secret in the cookie of a browser whose person signed in, which nobody ever sees. */
export const SECRET_KINDS = [...ISSUED_KINDS, "browser"] as const;
export type SecretKind = (typeof SECRET_KINDS)[number];

/** What a device shows to be let in: a client certificate, or one of these secrets. */
export const DEVICE_KINDS = ["certificate", ...SECRET_KINDS] as const;
export type DeviceKind = (typeof DEVICE_KINDS)[number];

/** What each kind of device shows, as people call it. */
export const CREDENTIAL_WORDS = {
  certificate: "certificate",
  token: "token",
  feed: "feed URL",
  browser: "sign-in",
} as const satisfies Record<DeviceKind, string>;

declare const credentialKeyBrand: unique symbol;

/**
 * A credential's key: `cert:`, `tok:`, `feed:` or `sess:`, and then its fingerprint, the SHA-256 of the certificate's DER or of the
 * secret's text; of a browser's, of what it shows to every host alike. The prefix keeps the kinds apart: a key of one kind never stands for another.
 */
export type CredentialKey = string & { readonly [credentialKeyBrand]: "CredentialKey" };

const PREFIXES = {
  certificate: "cert:",
  token: "tok:",
  feed: "feed:",
  browser: "sess:",
} as const satisfies Record<DeviceKind, string>;

export function keyOf(kind: DeviceKind, fingerprint: Fingerprint): CredentialKey {
  return (PREFIXES[kind] + fingerprint) as CredentialKey;
}

/** The fingerprint in a key: 64 hex digits. */
export function fingerprintOf(key: CredentialKey): Fingerprint {
  return key.slice(key.indexOf(":") + 1) as Fingerprint;
}

export function kindOf(key: CredentialKey): DeviceKind {
  const kind = DEVICE_KINDS.find((each) => key.startsWith(PREFIXES[each]));
  if (kind === undefined) throw new TypeError("this is not a credential's key");
  return kind;
}
