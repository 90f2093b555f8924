// No I/O. No clock.
import { SESSION_COOKIE } from "../session-cookie.ts";

/** A session's life in a browser, in seconds: as long as the directory's (`SESSION_MS`). */
const MAX_AGE_SECONDS = 12 * 60 * 60;

// The prefix binds the cookie to this host, all its paths and TLS (RFC 6265bis, section 4.1.3.2).
const ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=Strict";

/** The values of our cookie in a `Cookie` header: more than one when somebody meddles. */
export function sessionValues(header: string | null): string[] {
  return (header ?? "").split(";").flatMap((pair) => {
    const [name = "", ...value] = pair.split("=");
    return name.trim() === SESSION_COOKIE ? [value.join("=").trim()] : [];
  });
}

export function setSession(value: string): string {
  return `${SESSION_COOKIE}=${value}; Max-Age=${MAX_AGE_SECONDS}; ${ATTRIBUTES}`;
}

export function clearSession(): string {
  return `${SESSION_COOKIE}=; Max-Age=0; ${ATTRIBUTES}`;
}
