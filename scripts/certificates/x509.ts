// The one door to @peculiar/x509, which needs reflect-metadata to be loaded first, and the keys it works with.
import "reflect-metadata";
import { PemConverter } from "@peculiar/x509";

export * from "@peculiar/x509";

/** ECDSA with P-256 is the default; RSA with 2048 bits is for devices that support nothing else. */
export type KeyKind = "ecdsa-p256" | "rsa-2048";

export const ALGORITHMS = {
  "ecdsa-p256": { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  "rsa-2048": {
    name: "RSASSA-PKCS1-v1_5",
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
    hash: "SHA-256",
  },
} as const;

/** A new key pair, and the private key as PEM (PKCS#8, not encrypted). */
export async function newKeys(kind: KeyKind): Promise<{ keys: CryptoKeyPair; pem: string }> {
  const keys = await crypto.subtle.generateKey(ALGORITHMS[kind], true, ["sign", "verify"]);
  const pkcs8 = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  return { keys, pem: withNewline(PemConverter.encode(pkcs8, "PRIVATE KEY")) };
}

/** PEM ends with one line break, as OpenSSL writes it. */
export function withNewline(pem: string): string {
  return `${pem.trim()}\n`;
}
