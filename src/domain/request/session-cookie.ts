// The cookie of a signed-in browser: Latchkey's own, which no app may see or set.
import { SESSION_MS } from "../credential.ts";

export const SESSION_COOKIE = "__Host-latchkey";

// The prefix binds the cookie to this host, all its paths and TLS (RFC 6265bis, section 4.1.3.2).
const ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=Strict";

/** The values of our cookie in a `Cookie` header: more than one if somebody tampered with it. */
export function sessionValues(header: string | null): string[] {
  return (header ?? "").split(";").flatMap((pair) => {
    const [name = "", ...value] = pair.split("=");
    return name.trim() === SESSION_COOKIE ? [value.join("=").trim()] : [];
  });
}

export function setSession(value: string): string {
  return `${SESSION_COOKIE}=${value}; Max-Age=${SESSION_MS / 1000}; ${ATTRIBUTES}`;
}

export function clearSession(): string {
  return `${SESSION_COOKIE}=; Max-Age=0; ${ATTRIBUTES}`;
}

/** Whether a header is worth reading: most contain nothing that looks like our cookie's name. */
export const MAY_BE_OWN_COOKIE = /__host-latchkey/i;

/** Names of ours: this one, and those that begin with it and a hyphen. Browsers ignore the case of prefixes. */
const OWN_NAME = /^__host-latchkey(?:-|$)/i;

const JOINED = /,\s*__host-latchkey(?:[-=;,\s]|$)/i;

/**
 * Whether a cookie, `name=value` with or without attributes, is one of ours. A browser sends back only the value of a
 * cookie without a name, so `=__Host-latchkey=x` would be one: RFC 6265bis forbids it, but older browsers allow it.
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
  // Two headers that somebody joined with a comma: send none rather than ours.
  return rest === "" || JOINED.test(rest) ? null : rest;
}
