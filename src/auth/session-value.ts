import type { SecretDigest } from "../domain/credential.ts";
import type { SessionKey } from "../registry/directory/session-table.ts";
import { base64url, digestOf, randomText } from "./secrets.ts";

/** 256 bits: cannot be guessed. */
const SESSION_BYTES = 32;
/** A random string, whose session it is (a token's id, `admin`, or `user-` and a user's id), and the code. */
const SESSION_FORM = /^([A-Za-z0-9_-]{43})\.([A-Za-z0-9-]{1,68})\.([A-Za-z0-9_-]{43})$/;

/**
 * Makes and reads the values of session cookies: a random string, whose session it is, and a code (HMAC-SHA-256,
 * keyed with the `ADMIN_TOKEN`) over both and the host that it is for. So a forged one
 * never costs a question to the registry, a copy is useless on another host, and a new `ADMIN_TOKEN` ends them all.
 * One lives as long as its isolate.
 */
export class SessionValues {
  readonly #adminToken: string;
  #key: Promise<CryptoKey> | undefined;

  constructor(adminToken: string) {
    this.#adminToken = adminToken;
  }

  /** A new session's text. The registry keeps its digest. */
  async newText(): Promise<{ text: string; digest: SecretDigest }> {
    const text = randomText(SESSION_BYTES);
    return { text, digest: await digestOf(text) };
  }

  /** The cookie's value on this host, for a session that the registry has opened. */
  async seal(text: string, holder: string, hostname: string): Promise<string> {
    const code = await crypto.subtle.sign("HMAC", await this.#hmacKey(), signed(text, holder, hostname));
    return `${text}.${holder}.${base64url(new Uint8Array(code))}`;
  }

  /** Where to find the session with this value; `undefined`: it was not made for this host, or not by us. */
  async read(value: string, hostname: string): Promise<SessionKey | undefined> {
    const [, text, holder, code] = SESSION_FORM.exec(value) ?? [];
    if (text === undefined || holder === undefined || code === undefined) return undefined;
    const isOurs = await crypto.subtle.verify(
      "HMAC",
      await this.#hmacKey(),
      Uint8Array.fromBase64(code, { alphabet: "base64url" }),
      signed(text, holder, hostname),
    );
    return isOurs ? { holder, digest: await digestOf(text) } : undefined;
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

function signed(text: string, holder: string, hostname: string): Uint8Array {
  return new TextEncoder().encode(`latchkey session ${text} ${holder} ${hostname}`);
}
