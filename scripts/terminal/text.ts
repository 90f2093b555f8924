// Texts as a terminal shows them: made safe, shortened, matched.

import { parseFingerprint, shortFingerprint } from "../../src/domain/fingerprint.ts";
import { escapedJson, UNPRINTABLE } from "../../src/domain/general/escaped-json.ts";

/** A text from the server or the caller, safe to show on one line of a terminal. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

/** The longest text from a file that is shown in full. */
const EXCERPT_CHARACTERS = 200;

/** The beginning of a text that may be of any length, printable. */
export function excerpt(text: string): string {
  return text.length <= EXCERPT_CHARACTERS
    ? printable(text)
    : `${printable(text.slice(0, EXCERPT_CHARACTERS))}…`;
}

/** The same for a text that may have several lines. */
export function printableLines(text: string): string[] {
  return text.split(/\r\n|\n|\r/).map((line) => printable(line.replaceAll("\t", "    ")));
}

/** JSON for programs that is safe on a terminal too: the same value, with more characters escaped. */
export function printableJson(value: unknown): string {
  return escapedJson(JSON.stringify(value, null, 2));
}

/** The value, or `undefined` if the text is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A sentence in the form of our messages: it begins in lower case and has no full stop. */
export function asMessage(sentence: string): string {
  const text = printable(sentence.trim()).replace(/\.$/, "");
  return /^\p{Lu}\p{Ll}/u.test(text) || /^[AI] /.test(text)
    ? text.charAt(0).toLowerCase() + text.slice(1)
    : text;
}

/** A word quoted for the shell where it has to be, for commands in hints. */
export function shellWord(text: string): string {
  const word = printable(text);
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** The first digits of a fingerprint, as in the gate's log: enough to recognise it. */
export function short(fingerprint: string): string {
  const parsed = parseFingerprint(fingerprint);
  return parsed === undefined ? printable(fingerprint) : shortFingerprint(parsed);
}

/** A text with its fingerprints and ids (UUIDs) cut to their first 8 digits, as lists show them. */
export function shortenIds(text: string): string {
  return text
    .replace(/\b[0-9a-f]{64}\b/g, short)
    .replace(/\b([0-9a-f]{8})-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b/g, "$1");
}

/**
 * A subject or an issuer, printable, in the order of the certificate: `O=Household, CN=phone`. Cloudflare reports those
 * that it verified in the reverse order (RFC 2253), and without spaces: `CN=phone,O=Household`.
 */
export function distinguishedName(name: string): string {
  const parts = name.split(/(?<!\\),(?! )/);
  return printable(parts.reverse().join(", "));
}

/** `123 456`: a comparison code as the device shows it. */
export function groupedCode(code: string): string {
  return printable(code).replace(/^(\d{3})(\d{3})$/, "$1 $2");
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
