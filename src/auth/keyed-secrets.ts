import type { SecretDigest } from "../domain/credential.ts";
import { type CredentialKey, type IssuedKind, keyOf, type SecretKind } from "../domain/credential-key.ts";
import type { Fingerprint } from "../domain/fingerprint.ts";
import { RegistryUnavailable } from "../registry/client/call.ts";
import type { CredentialCheck } from "../registry/directory/credential-check.ts";
import { base64url, digestOf, randomText } from "./secrets.ts";

// Tokens, cards and codes: random strings whose last characters are a truncated HMAC-SHA-256 of the others. The directory
// holds the key and gives it only to the Worker, so an isolate recognises mistyped and forged ones by itself. The
// registry keeps only their digests.

const TOKEN_PREFIX = "lkt_";
/** 256 bits: cannot be guessed. */
const TOKEN_BYTES = 32;
/** 48 bits: one forged token in 2^48 is looked up. */
const TOKEN_CHECK_CHARACTERS = 8;
const TOKEN_FORM = /^(lkt_[A-Za-z0-9_-]{43})([A-Za-z0-9_-]{8})$/;
/** Tokens from before there was a key, with a public checksum: they pass only if they are exempt. */
const OLD_TOKEN_FORM = /^lkt_[A-Za-z0-9_-]{49}$/;

/** In one format, each with its own prefix and check, so that a feed's secret never passes for a header's. */
const DEVICE_SECRETS = {
  token: { prefix: "lkd_", form: /^(lkd_[A-Za-z0-9_-]{43})([A-Za-z0-9_-]{8})$/, label: "device-token" },
  feed: { prefix: "lkf_", form: /^(lkf_[A-Za-z0-9_-]{43})([A-Za-z0-9_-]{8})$/, label: "feed" },
} as const satisfies Record<IssuedKind, { prefix: string; form: RegExp; label: string }>;

/**
 * A browser's is good for one host: its body says which device it is, and its check is for the host, with 128 bits, since
 * an app that gets hold of the one for its own host must not make another host's of it.
 */
const BROWSER_PREFIX = "lkb_";
const BROWSER_CHECK_CHARACTERS = 22;
const BROWSER_FORM = /^(lkb_[A-Za-z0-9_-]{43})([A-Za-z0-9_-]{22})$/;

/** Crockford's alphabet: no I, L, O, U (crockford.com/base32.html). */
const CODE_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/** 20 random characters of 5 bits, and 6 that check them: one wrong code in 2^30 is looked up. */
const CODE_RANDOM_CHARACTERS = 20;
const CODE_CHECK_CHARACTERS = 6;
const CODE_FORM = /^([0-9A-HJKMNP-TV-Z]{20})([0-9A-HJKMNP-TV-Z]{6})$/;
/** Longer than any code, whatever people type between its characters. */
const TYPED_MAX = 200;

/** If something fails the check and the directory's answer is at least this old, the directory is asked again. */
export const ASK_AGAIN_MS = 10 * 60_000;
/** How long to wait after a failed question, in milliseconds. */
const PAUSE_MS = 1_000;

interface Known {
  key: CryptoKey;
  exempt: ReadonlySet<SecretDigest | CredentialKey>;
  askedAt: number;
}

/** What a secret is for. Its check is made for that only, so none passes for one of another kind. */
type Kind = "token" | "card" | "code" | "device-token" | "feed" | `browser ${string}`;

/** A secret as it is shown, and the key of the device that shows it. */
interface DeviceSecret {
  text: string;
  key: CredentialKey;
}

/** Makes tokens, emergency cards and codes, and recognises its own. One lives as long as its isolate. */
export class KeyedSecrets {
  readonly #ask: () => Promise<CredentialCheck>;
  readonly #now: () => number;
  readonly #waitUntil: (work: Promise<unknown>) => void;
  readonly #provider: string;
  #known: Known | undefined;
  #question: Promise<Known> | undefined;
  #failedAt = Number.NEGATIVE_INFINITY;

  /**
   * `ask` asks the directory. Where it throws `RegistryUnavailable`, so does each method. `provider` names the identity
   * provider and our client there: the secrets of browsers are good for these only.
   */
  constructor(
    ask: () => Promise<CredentialCheck>,
    now: () => number,
    waitUntil: (work: Promise<unknown>) => void,
    provider = "",
  ) {
    this.#ask = ask;
    this.#now = now;
    this.#waitUntil = waitUntil;
    this.#provider = provider;
  }

  // New secrets are made with the key that the directory has now. A remembered key may be outdated (the
  // storage was reset), and then no other isolate would recognise what is made with it.

  /** Makes a user's token. It is shown once. */
  async newToken(): Promise<{ token: string; digest: SecretDigest }> {
    const body = `${TOKEN_PREFIX}${randomText(TOKEN_BYTES)}`;
    const token = body + tokenCheck(await sign((await this.#current(0)).key, "token", body));
    return { token, digest: await digestOf(token) };
  }

  /** Makes a token of the form of an invitation's code, to be typed in from paper: an emergency card. */
  async newCard(): Promise<{ token: string; digest: SecretDigest }> {
    const { text, digest } = await this.#newTyped("card");
    return { token: text, digest };
  }

  /**
   * The digest of a token, or of an emergency card's code as people type it (see `readCode`), that may be looked up;
   * `undefined`: it is not one of ours.
   */
  async readToken(text: string): Promise<SecretDigest | undefined> {
    const typed = readTyped(text);
    if (typed !== undefined) return this.#ofTyped("card", typed);
    const [, body, check] = TOKEN_FORM.exec(text) ?? [];
    if (body === undefined && !OLD_TOKEN_FORM.test(text)) return undefined;
    const digest = await digestOf(text);
    const isOurs = async ({ key, exempt }: Known) =>
      exempt.has(digest) ||
      (body !== undefined && check !== undefined && same(check, tokenCheck(await sign(key, "token", body))));
    return (await this.#passes(isOurs)) ? digest : undefined;
  }

  /** Makes a device's token, or the secret of a feed's URL. It is shown once. */
  async newDeviceSecret(kind: IssuedKind): Promise<DeviceSecret> {
    const { prefix, label } = DEVICE_SECRETS[kind];
    const body = `${prefix}${randomText(TOKEN_BYTES)}`;
    const text = body + tokenCheck(await sign((await this.#current(0)).key, label, body));
    return { text, key: await keyOfSecret(kind, text) };
  }

  /** The key of a device's secret that may be looked up; `undefined`: it is not ours, or is of another kind. */
  async readDeviceSecret(kind: IssuedKind, text: string): Promise<CredentialKey | undefined> {
    const [, body, check] = DEVICE_SECRETS[kind].form.exec(text) ?? [];
    if (body === undefined || check === undefined) return undefined;
    const key = await keyOfSecret(kind, text);
    const isOurs = async (known: Known) =>
      known.exempt.has(key) ||
      same(check, tokenCheck(await sign(known.key, DEVICE_SECRETS[kind].label, body)));
    return (await this.#passes(isOurs)) ? key : undefined;
  }

  /** Makes the secret of a new browser, as it shows it to this host. */
  newBrowserSecret(host: string): Promise<DeviceSecret> {
    return this.#browserSecret(`${BROWSER_PREFIX}${randomText(TOKEN_BYTES)}`, host);
  }

  /** The secret of the same browser for another host. `text` must have been read, or made, for one. */
  browserSecretFor(host: string, text: string): Promise<DeviceSecret> {
    return this.#browserSecret(text.slice(0, -BROWSER_CHECK_CHARACTERS), host);
  }

  /** The key of a browser's secret that may be looked up; `undefined`: it is not ours, or is for another host. */
  async readBrowserSecret(host: string, text: string): Promise<CredentialKey | undefined> {
    const [, body, check] = BROWSER_FORM.exec(text) ?? [];
    if (body === undefined || check === undefined) return undefined;
    // None is exempt: after a restore, browsers sign in again.
    const isOurs = async ({ key }: Known) => same(check, await this.#browserCheck(key, body, host));
    return (await this.#passes(isOurs)) ? keyOfSecret("browser", body) : undefined;
  }

  /** Makes an invitation's code: letters and digits that can be read out and typed in. */
  async newCode(): Promise<{ code: string; digest: SecretDigest }> {
    const { text, digest } = await this.#newTyped("code");
    return { code: text, digest };
  }

  /**
   * The digest of a code as people type it: in upper or lower case, with spaces and hyphens, with O
   * for 0 and I or L for 1. `undefined`: it is not one of ours.
   */
  async readCode(text: string): Promise<SecretDigest | undefined> {
    const typed = readTyped(text);
    return typed === undefined ? undefined : this.#ofTyped("code", typed);
  }

  async #browserSecret(body: string, host: string): Promise<DeviceSecret> {
    const text = body + (await this.#browserCheck((await this.#current(0)).key, body, host));
    return { text, key: await keyOfSecret("browser", body) };
  }

  async #browserCheck(key: CryptoKey, body: string, host: string): Promise<string> {
    const mac = await sign(key, `browser ${this.#provider} ${host}`, body);
    return base64url(mac).slice(0, BROWSER_CHECK_CHARACTERS);
  }

  async #newTyped(kind: Kind): Promise<{ text: string; digest: SecretDigest }> {
    const body = codeText(crypto.getRandomValues(new Uint8Array(CODE_RANDOM_CHARACTERS)));
    const text = body + codeCheck(await sign((await this.#current(0)).key, kind, body));
    return { text, digest: await digestOf(text) };
  }

  /** The digest of a text that has the form of a code; `undefined`: it is not one of ours of this kind. */
  async #ofTyped(kind: Kind, { text, body, check }: Typed): Promise<SecretDigest | undefined> {
    const digest = await digestOf(text);
    // Invitations are in no backup, so no code is exempt.
    const isOurs = async ({ key, exempt }: Known) =>
      (kind === "card" && exempt.has(digest)) || same(check, codeCheck(await sign(key, kind, body)));
    return (await this.#passes(isOurs)) ? digest : undefined;
  }

  /**
   * Checks against what this isolate knows. If that refuses and is old, checks against what the directory says
   * now, since a restore may have brought the token in the meantime.
   */
  async #passes(isOurs: (known: Known) => Promise<boolean>): Promise<boolean> {
    const known = await this.#current();
    if (await isOurs(known)) return true;
    const newer = await this.#current(ASK_AGAIN_MS);
    return newer !== known && isOurs(newer);
  }

  /** What the directory said at most `maxAgeMs` ago. Callers at the same time share one question. */
  async #current(maxAgeMs = Number.POSITIVE_INFINITY): Promise<Known> {
    const now = this.#now();
    if (this.#known !== undefined && now - this.#known.askedAt < maxAgeMs) return this.#known;
    if (this.#question !== undefined) return this.#question;
    if (now - this.#failedAt < PAUSE_MS)
      throw new RegistryUnavailable("the registry did not answer a moment ago");
    const question = this.#learn(now).finally(() => {
      this.#question = undefined;
    });
    this.#question = question;
    // Other requests wait for it: it must not end with the one that asked.
    this.#waitUntil(question.catch(() => undefined));
    return question;
  }

  async #learn(askedAt: number): Promise<Known> {
    try {
      const { key: hex, exempt } = await this.#ask();
      const raw = Uint8Array.fromHex(hex);
      const algorithm = { name: "HMAC", hash: "SHA-256" };
      const key = await crypto.subtle.importKey("raw", raw, algorithm, false, ["sign"]);
      const known: Known = { key, exempt: new Set(exempt), askedAt };
      this.#known = known;
      return known;
    } catch (error) {
      this.#failedAt = this.#now();
      throw error;
    }
  }
}

/** A code as it was made, from however it was typed. */
interface Typed {
  text: string;
  body: string;
  check: string;
}

/** `undefined`: no code has this form. */
function readTyped(typed: string): Typed | undefined {
  if (typed.length > TYPED_MAX) return undefined;
  const text = typed.replace(/[\s-]/g, "").toUpperCase().replace(/O/g, "0").replace(/[IL]/g, "1");
  const [, body, check] = CODE_FORM.exec(text) ?? [];
  return body === undefined || check === undefined ? undefined : { text, body, check };
}

async function sign(key: CryptoKey, kind: Kind, body: string): Promise<Uint8Array> {
  const signed = new TextEncoder().encode(`latchkey ${kind} ${body}`);
  return new Uint8Array(await crypto.subtle.sign("HMAC", key, signed));
}

/** Of a browser's secret, `text` is only the body. */
async function keyOfSecret(kind: SecretKind, text: string): Promise<CredentialKey> {
  return keyOf(kind, (await digestOf(text)) as string as Fingerprint);
}

function tokenCheck(mac: Uint8Array): string {
  return base64url(mac).slice(0, TOKEN_CHECK_CHARACTERS);
}

function codeCheck(mac: Uint8Array): string {
  return codeText(mac.subarray(0, CODE_CHECK_CHARACTERS));
}

/** One character per byte: 32 divides 256, so all are equally likely. */
function codeText(bytes: Uint8Array): string {
  return [...bytes].map((byte) => CODE_ALPHABET[byte % CODE_ALPHABET.length]).join("");
}

/** Compares strings of equal length in constant time. */
function same(left: string, right: string): boolean {
  const encoder = new TextEncoder();
  return crypto.subtle.timingSafeEqual(encoder.encode(left), encoder.encode(right));
}
