import type { SecretDigest } from "../registry/credential.ts";
import { base64url, digestOf, randomText } from "./secrets.ts";

/** 256 bits: no guessing, however often. */
const SESSION_BYTES = 32;
const SESSION_FORM = /^([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]{43})$/;

/**
 * Makes and reads the values of sessions' cookies: a random text, and a code (HMAC-SHA-256, keyed with the
 * `ADMIN_TOKEN`) over it and the host that it is for. So nobody can make one up that costs a question to the
 * registry, a copy is of no use on another host, and a new `ADMIN_TOKEN` ends all of them. One lives as long
 * as its isolate.
 */
export class SessionValues {
  readonly #adminToken: string;
  #key: Promise<CryptoKey> | undefined;

  constructor(adminToken: string) {
    this.#adminToken = adminToken;
  }

  /** A new value for this host. The registry keeps its digest. */
  async create(hostname: string): Promise<{ value: string; digest: SecretDigest }> {
    const text = randomText(SESSION_BYTES);
    const code = await crypto.subtle.sign("HMAC", await this.#hmacKey(), signed(text, hostname));
    const value = `${text}.${base64url(new Uint8Array(code))}`;
    return { value, digest: await digestOf(value) };
  }

  /** The digest of a value that was made for this host, or `undefined`. */
  async read(value: string, hostname: string): Promise<SecretDigest | undefined> {
    const [, text, code] = SESSION_FORM.exec(value) ?? [];
    if (text === undefined || code === undefined) return undefined;
    const isOurs = await crypto.subtle.verify(
      "HMAC",
      await this.#hmacKey(),
      bytesOf(code),
      signed(text, hostname),
    );
    return isOurs ? digestOf(value) : undefined;
  }

  #hmacKey(): Promise<CryptoKey> {
    this.#key ??= crypto.subtle.importKey(
      "raw",
      new TextEncoder().encode(this.#adminToken),
      { name: "HMAC", hash: "SHA-256" },
      false,
      ["sign", "verify"],
    );
    return this.#key;
  }
}

function signed(text: string, hostname: string): Uint8Array {
  return new TextEncoder().encode(`latchkey session ${text} ${hostname}`);
}

function bytesOf(base64urlText: string): Uint8Array {
  const base64 = base64urlText.replaceAll("-", "+").replaceAll("_", "/");
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
