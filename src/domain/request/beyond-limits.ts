// Whether a request is within its device's limits.
import type { Limits } from "../limits.ts";
import type { Reason } from "../reason.ts";
import { isPublicPath, type PathRules, pathRules } from "./path-rules.ts";

/** The parts of a request that limits depend on. */
export interface LimitedRequest {
  hostname: string;
  method: string;
  /** The URL as it came in. */
  address: string;
  url: { pathname: string };
  country: string | null;
  request: { headers: { get(name: string): string | null } };
}

type Beyond = Extract<Reason, "device-expired" | "wrong-app" | "country" | "cross-site">;

/** Why a request is beyond a device's limits; `undefined`: it is within them. */
export function beyondLimits(limits: Limits, request: LimitedRequest, now: number): Beyond | undefined {
  const beyond = beyondReach(limits, request.hostname, request.country, now);
  // A path outside the feed counts before the country, as a wrong app does.
  if (limits.kind === "feed" && beyond !== "device-expired" && !isReadOf(limits.paths, request))
    return "wrong-app";
  if (limits.kind === "browser" && beyond === undefined && !isOwn(request)) return "cross-site";
  return beyond;
}

/**
 * Whether a signed-in browser may send this: its cookie goes along with whatever any page makes it send here. So what
 * may change something, and a WebSocket, must come from a page of this very host. A page of a sibling host
 * is not enough: browsers call it same-site.
 */
function isOwn({ method, address, request: { headers } }: LimitedRequest): boolean {
  const isRead = method === "GET" || method === "HEAD" || method === "OPTIONS";
  if (isRead && headers.get("upgrade") === null) return true;
  const origin = headers.get("origin");
  // Browsers before 2023 send no Sec-Fetch-Site, and some send none with a WebSocket.
  const site = headers.get("sec-fetch-site") ?? (origin === null ? "none" : "same-origin");
  return site === "same-origin" && (origin === null || address.startsWith(`${origin}/`));
}

/** The same without the path and method, which the registry never sees. */
export function beyondReach(
  { apps, countries, expiresAt }: Limits,
  hostname: string,
  country: string | null,
  now: number,
): Exclude<Beyond, "cross-site"> | undefined {
  // Written so that a time that is no number refuses.
  if (expiresAt !== null && !(now < expiresAt)) return "device-expired";
  if (apps !== null && !apps.includes(hostname)) return "wrong-app";
  if (countries !== null && (country === null || !countries.includes(country))) return "country";
  return undefined;
}

/** Compiled once for each standing that the gate remembers. */
const rules = new WeakMap<readonly string[], PathRules>();

function isReadOf(paths: readonly string[] | null, { method, address, url }: LimitedRequest): boolean {
  if (paths === null || (method !== "GET" && method !== "HEAD")) return false;
  let compiled = rules.get(paths);
  if (compiled === undefined) {
    compiled = pathRules(paths);
    rules.set(paths, compiled);
  }
  return isPublicPath(compiled, address, url.pathname);
}
