// No I/O. No clock.

/** The cookie of a signed-in browser: Latchkey's own; no app may see or set it. */
export const SESSION_COOKIE = "__Host-latchkey";

/** Whether a header is worth reading: most have no cookie of ours, nor any text that looks like its name. */
export const MAY_BE_OWN_COOKIE = /__host-latchkey/i;

/** Names of ours: this one, and those that begin with it and a hyphen. Browsers take prefixes in any case. */
const OWN_NAME = /^__host-latchkey(?:-|$)/i;

const JOINED = /,\s*__host-latchkey(?:[-=;,\s]|$)/i;

/**
 * Whether a cookie, `name=value` and whatever attributes, is one of ours. One without a name is sent back as its value
 * alone, so that `=__Host-latchkey=x` would be one: RFC 6265bis forbids it, and not every browser has known that.
 */
export function isOwnCookie(cookie: string): boolean {
  const named = cookie.replace(/^\s*=/, "");
  const end = named.search(/[=;]/);
  return OWN_NAME.test((end === -1 ? named : named.slice(0, end)).trim());
}

/** A `Cookie` header without ours; `null` when nothing is left. */
export function withoutOwnCookies(header: string): string | null {
  const rest = header
    .split(";")
    .filter((cookie) => !isOwnCookie(cookie))
    .join(";")
    .trim();
  // Two headers that somebody joined with a comma: rather none than ours.
  return rest === "" || JOINED.test(rest) ? null : rest;
}
