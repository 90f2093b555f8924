// JSON that is safe to print on a terminal.

/**
 * What could move a terminal's cursor, colour it, or make one name look like another: control
 * characters, separators of lines, marks that reverse the direction of text, lone surrogates.
 */
export const UNPRINTABLE = /[\p{Cc}\p{Cs}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;
const UNPRINTABLE_IN_JSON = new RegExp(`(?!\\n)${UNPRINTABLE.source}`, "gu");

/** JSON with these characters escaped: the same value, and safe on a terminal. */
export function escapedJson(json: string): string {
  return json.replace(
    UNPRINTABLE_IN_JSON,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
