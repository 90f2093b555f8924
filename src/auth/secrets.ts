import type { SecretDigest } from "../domain/credential.ts";

/** SHA-256 in hex. Long random texts need no slower one. */
export async function digestOf(text: string): Promise<SecretDigest> {
  const bytes = new Uint8Array(await sha256(text));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("") as SecretDigest;
}

/** Compares digests in constant time: neither the length nor a common beginning can be measured. */
export async function sameText(left: string, right: string): Promise<boolean> {
  const [a, b] = await Promise.all([sha256(left), sha256(right)]);
  return crypto.subtle.timingSafeEqual(a, b);
}

/** So many random bytes in base64url. */
export function randomText(bytes: number): string {
  return base64url(crypto.getRandomValues(new Uint8Array(bytes)));
}

export function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

function sha256(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
}
