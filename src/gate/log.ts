// No I/O. No clock.

import type { Certificate } from "../certificate.ts";
import { shortFingerprint } from "../registry/fingerprint.ts";
import type { Reason } from "./decision.ts";
import type { Visit } from "./visit.ts";

/** Writes one line to the log. */
export type Log = (line: Record<string, unknown>) => void;

/** Longer texts of a client's making are cut, in characters. */
const TEXT_MAX = 200;

/**
 * The log's line for a refusal. No query (Bitwarden puts tokens there), no cookie, no token, no
 * full fingerprint. `client` is what the program calls itself.
 */
export function refusalLine(
  visit: Visit,
  reason: Reason,
  certificate?: Certificate,
): Record<string, unknown> {
  const { request, pathname, hostname, country = null } = visit;
  return {
    event: "refused",
    reason,
    app: hostname,
    method: request.method,
    path: pathname.slice(0, TEXT_MAX),
    country,
    ray: request.headers.get("cf-ray"),
    client: request.headers.get("user-agent")?.slice(0, TEXT_MAX) ?? null,
    fingerprint: certificate === undefined ? null : shortOf(certificate),
  };
}

function shortOf(certificate: Certificate): string | null {
  switch (certificate.kind) {
    case "absent":
      return null;
    case "verified":
      return shortFingerprint(certificate.fingerprint);
    default:
      return certificate.short;
  }
}

/** An error's own words, and those of what caused it. */
export function errorLine(event: string, error: unknown): Record<string, unknown> {
  const cause = error instanceof Error && error.cause !== undefined ? String(error.cause) : null;
  return { event, message: String(error), cause };
}
