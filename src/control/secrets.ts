import type { SecretDigest } from "../registry/credential.ts";

// Tokens and codes: long random texts, of which the registry keeps the digests alone.

const TOKEN_PREFIX = "lkt_";
/** 256 bits: no guessing, however often. */
const TOKEN_BYTES = 32;

/**
 * The last characters of a token are made of the others, so that what is mistyped, cut off or made up
 * carelessly is known for it without asking the registry.
 */
const CHECK_CHARACTERS = 6;
const TOKEN_FORM = /^lkt_[A-Za-z0-9_-]{43}([A-Za-z0-9_-]{6})$/;

/** Makes a user's token. It is told once. */
export async function newToken(): Promise<{ token: string; digest: SecretDigest }> {
  const body = `${TOKEN_PREFIX}${randomText(TOKEN_BYTES)}`;
  const token = body + (await checkOf(body));
  return { token, digest: await digestOf(token) };
}

/** The digest of a token, or `undefined` when the text cannot be one. */
export async function readToken(token: string): Promise<SecretDigest | undefined> {
  const check = TOKEN_FORM.exec(token)?.[1];
  if (check === undefined) return undefined;
  return check === (await checkOf(token.slice(0, -CHECK_CHARACTERS))) ? digestOf(token) : undefined;
}

/** Crockford's alphabet: no I, L, O, U (crockford.com/base32.html). */
const CODE_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/** 26 characters of 5 bits: 130, of which 128 are asked for. */
const CODE_CHARACTERS = 26;
const CODE_FORM = new RegExp(`^[${CODE_ALPHABET}]{${CODE_CHARACTERS}}$`);

/** Makes an invitation's code: letters and digits that can be read out and typed in. */
export async function newCode(): Promise<{ code: string; digest: SecretDigest }> {
  const bytes = crypto.getRandomValues(new Uint8Array(CODE_CHARACTERS));
  const code = [...bytes].map((byte) => CODE_ALPHABET[byte % CODE_ALPHABET.length]).join("");
  return { code, digest: await digestOf(code) };
}

/**
 * The digest of a code as people type it: in any case, with blanks and hyphens, with O for 0 and I or L
 * for 1. `undefined` when it cannot be one.
 */
export async function readCode(text: string): Promise<SecretDigest | undefined> {
  const code = text.replace(/[\s-]/g, "").toUpperCase().replace(/O/g, "0").replace(/[IL]/g, "1");
  return CODE_FORM.test(code) ? digestOf(code) : undefined;
}

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

async function checkOf(body: string): Promise<string> {
  return base64url(new Uint8Array(await sha256(body))).slice(0, CHECK_CHARACTERS);
}

function sha256(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
}
