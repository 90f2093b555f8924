// What all secrets are made of: digests, comparison, random strings.
import type { SecretDigest } from "../domain/credential.ts";

/** SHA-256 in hex. Long random strings need no slower digest. */
export async function digestOf(text: string): Promise<SecretDigest> {
  return new Uint8Array(await sha256(text)).toHex() as SecretDigest;
}

/** Compares digests in constant time: neither the length nor a common beginning can be measured. */
export async function sameText(left: string, right: string): Promise<boolean> {
  const [a, b] = await Promise.all([sha256(left), sha256(right)]);
  return crypto.subtle.timingSafeEqual(a, b);
}

/** This number of random bytes, in base64url. */
export function randomText(bytes: number): string {
  return base64url(crypto.getRandomValues(new Uint8Array(bytes)));
}

export function base64url(bytes: Uint8Array): string {
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

function sha256(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
}
