// No I/O. No clock.

/** The cookie of a signed-in browser: Latchkey's own, and never an app's to see. */
export const SESSION_COOKIE = "__Host-latchkey";

/** A `Cookie` header without ours; `null` when nothing is left. */
export function withoutSessionCookie(header: string): string | null {
  const others = header.split(";").filter((pair) => (pair.split("=")[0] ?? "").trim() !== SESSION_COOKIE);
  const rest = others.join(";").trim();
  // Two headers that somebody joined with a comma: rather none than ours.
  return rest === "" || rest.includes(SESSION_COOKIE) ? null : rest;
}
