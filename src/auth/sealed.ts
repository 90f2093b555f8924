// Values that travel through a browser and come back as they were.
import { base64url } from "./secrets.ts";

const IV_BYTES = 12;
/** More than any value of ours needs, in characters. */
const SEALED_MAX = 8_000;

/**
 * Encrypts small values (AES-256-GCM), so that nothing about them need be remembered, nobody can read or change them,
 * and one made for a purpose is good for no other. The key comes from the `ADMIN_TOKEN` (HKDF-SHA-256, RFC 5869): a new
 * token ends them all. One lives as long as its isolate.
 */
export class Sealer {
  readonly #adminToken: string;
  readonly #now: () => number;
  #key: Promise<CryptoKey> | undefined;

  constructor(adminToken: string, now: () => number) {
    this.#adminToken = adminToken;
    this.#now = now;
  }

  /** `value` must be plain data. It opens for `lifeMs` from now. */
  async seal(purpose: string, value: object, lifeMs: number): Promise<string> {
    const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
    const plain = encode(JSON.stringify({ value, endsAt: this.#now() + lifeMs }));
    const sealed = await crypto.subtle.encrypt(algorithm(iv, purpose), await this.#aesKey(), plain);
    return base64url(new Uint8Array([...iv, ...new Uint8Array(sealed)]));
  }

  /** What was sealed for this purpose; `undefined`: this was not, or its time is up. */
  async open<T extends object>(purpose: string, sealed: string): Promise<T | undefined> {
    if (sealed.length > SEALED_MAX || !/^[A-Za-z0-9_-]+$/.test(sealed)) return undefined;
    try {
      const bytes = Uint8Array.fromBase64(sealed, { alphabet: "base64url" });
      const plain = await crypto.subtle.decrypt(
        algorithm(bytes.subarray(0, IV_BYTES), purpose),
        await this.#aesKey(),
        new Uint8Array(bytes.subarray(IV_BYTES)),
      );
      const { value, endsAt } = JSON.parse(new TextDecoder().decode(plain)) as { value: T; endsAt: number };
      return this.#now() < endsAt ? value : undefined;
    } catch {
      return undefined;
    }
  }

  #aesKey(): Promise<CryptoKey> {
    this.#key ??= this.#derive();
    return this.#key;
  }

  async #derive(): Promise<CryptoKey> {
    const root = await crypto.subtle.importKey("raw", encode(this.#adminToken), "HKDF", false, ["deriveKey"]);
    const how = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info: encode("latchkey sealed") };
    return crypto.subtle.deriveKey(how, root, { name: "AES-GCM", length: 256 }, false, [
      "encrypt",
      "decrypt",
    ]);
  }
}

function algorithm(iv: Uint8Array, purpose: string) {
  return { name: "AES-GCM", iv: new Uint8Array(iv), additionalData: encode(purpose) };
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
