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
}

type Beyond = Extract<Reason, "device-expired" | "wrong-app" | "country">;

/** Why a request is beyond a device's limits; `undefined`: it is within them. */
export function beyondLimits(limits: Limits, request: LimitedRequest, now: number): Beyond | undefined {
  const beyond = beyondReach(limits, request.hostname, request.country, now);
  // A path outside the feed counts before the country, as a wrong app does.
  if (limits.kind === "feed" && beyond !== "device-expired" && !isReadOf(limits.paths, request))
    return "wrong-app";
  return beyond;
}

/** The same without the path and method, which the registry never sees. */
export function beyondReach(
  { apps, countries, expiresAt }: Limits,
  hostname: string,
  country: string | null,
  now: number,
): Beyond | undefined {
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
