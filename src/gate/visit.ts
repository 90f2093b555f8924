// No I/O. No clock.

/** A request, and what is known of it before anything is decided. */
export interface Visit {
  request: Request;
  url: URL;
  /** As `hostnameOf` gives it. */
  hostname: string;
  /** `request.cf`, which is unknown input. */
  cf: Record<string, unknown>;
  ctx: Pick<ExecutionContext, "waitUntil">;
}

/** The country as Cloudflare reports it: an ISO code, `T1` (Tor), `XX` (not known), or nothing. */
export function countryOf(cf: Record<string, unknown>): string | undefined {
  return typeof cf.country === "string" ? cf.country : undefined;
}
