// Cookies of Latchkey's own, which no app may see or set.
import { SESSION_MS } from "../credential.ts";

/** On the `ADMIN_HOST`: a browser that is signed in to the pages. */
export const SESSION_COOKIE = "__Host-latchkey";
/** On an app's host: a browser whose person has signed in, as a device of the kind `browser`. */
export const BROWSER_COOKIE = "__Host-latchkey-app";
/** On an app's host: the browser that was offered a sign-in there. */
export const ENTRY_COOKIE = "__Host-latchkey-entry";
/** On the `ADMIN_HOST`: a sign-in with the identity provider that is under way. */
export const DOOR_COOKIE = "__Host-latchkey-door";
/** On the `ADMIN_HOST`: which device of the kind `browser` this browser is. It opens nothing by itself. */
export const KNOWN_BROWSER_COOKIE = "__Host-latchkey-browser";

/** The prefix binds a cookie to this host, all its paths and TLS (RFC 6265bis, section 4.1.3.2). */
const HOST = "Path=/; Secure; HttpOnly";
const STRICT = `${HOST}; SameSite=Strict`;
/** Also sent when a link on another site, or the identity provider, leads here. */
const LAX = `${HOST}; SameSite=Lax`;
/** Also sent with the form of the `ADMIN_HOST`, which may be another site. */
const NONE = `${HOST}; SameSite=None`;

/** The longest that browsers keep a cookie, in seconds: 400 days. When a device ends is for the registry to say. */
const LONGEST_SECONDS = 400 * 86_400;

/**
 * The values of one of our cookies in a `Cookie` header: more than one if somebody tampered with it. Only spaces and tabs
 * may stand before the name: a browser takes a name that begins with any other white space for one without our prefix,
 * so a sibling host could set it.
 */
export function cookieValues(header: string | null, name: string): string[] {
  return (header ?? "").split(";").flatMap((pair) => {
    const [own = "", ...value] = pair.split("=");
    return own.replace(/^[ \t]+/, "") === name ? [value.join("=").trim()] : [];
  });
}

/** The only value of one of our cookies; `undefined`: there is none, or somebody planted another one. */
export function cookieValue(header: string | null, name: string): string | undefined {
  const values = cookieValues(header, name);
  return values.length === 1 ? values[0] : undefined;
}

/** The secret that a browser shows to an app's host. */
export function browserSecret(header: string): string | undefined {
  return cookieValue(header, BROWSER_COOKIE);
}

export function setSession(value: string): string {
  return `${SESSION_COOKIE}=${value}; Max-Age=${SESSION_MS / 1000}; ${STRICT}`;
}

export function clearSession(): string {
  return `${SESSION_COOKIE}=; Max-Age=0; ${STRICT}`;
}

/** `isShort`: it ends with the browser's session. */
export function setBrowser(secret: string, isShort: boolean): string {
  return `${BROWSER_COOKIE}=${secret}; ${isShort ? "" : `Max-Age=${LONGEST_SECONDS}; `}${LAX}`;
}

export function clearBrowser(): string {
  return `${BROWSER_COOKIE}=; Max-Age=0; ${LAX}`;
}

export function setKnownBrowser(secret: string): string {
  return `${KNOWN_BROWSER_COOKIE}=${secret}; Max-Age=${LONGEST_SECONDS}; ${LAX}`;
}

export function setEntry(value: string, maxAgeSeconds: number): string {
  return `${ENTRY_COOKIE}=${value}; Max-Age=${maxAgeSeconds}; ${NONE}`;
}

export function clearEntry(): string {
  return `${ENTRY_COOKIE}=; Max-Age=0; ${NONE}`;
}

export function setDoor(sealed: string, maxAgeSeconds: number): string {
  return `${DOOR_COOKIE}=${sealed}; Max-Age=${maxAgeSeconds}; ${LAX}`;
}

export function clearDoor(): string {
  return `${DOOR_COOKIE}=; Max-Age=0; ${LAX}`;
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
