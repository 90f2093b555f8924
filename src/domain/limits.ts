// What a device is limited to, and the requests that this leaves.
import type { DeviceKind } from "./credential-key.ts";
import type { Reason } from "./reason.ts";
import { isPublicPath, type PathRules, pathRules } from "./request/path-rules.ts";

/** How far a device reaches, whoever may use it. Times are milliseconds since the epoch. */
export interface Limits {
  kind: DeviceKind;
  /** Hostnames; `null` = every app. */
  apps: readonly string[] | null;
  /** ISO 3166-1 alpha-2 codes; `null` = from anywhere. */
  countries: readonly string[] | null;
  /** From then on it is refused; `null` = it has no end. */
  expiresAt: number | null;
  /** Of a feed: patterns of the paths that it may read. `null` = not a feed. */
  paths: readonly string[] | null;
}

/** The limits of a device that an older registry told of, which knew none. */
export const NO_LIMITS: Limits = {
  kind: "certificate",
  apps: null,
  countries: null,
  expiresAt: null,
  paths: null,
};

/** A request as far as limits ask about it. */
export interface LimitedRequest {
  hostname: string;
  method: string;
  /** The URL as it came in. */
  address: string;
  url: { pathname: string };
  country: string | null;
}

/** Why a request is beyond a device's limits; `undefined`: it is within them. */
export function beyondLimits(limits: Limits, request: LimitedRequest, now: number): Reason | undefined {
  const { kind, apps, countries, expiresAt, paths } = limits;
  // Written so that a time that is no number refuses.
  if (expiresAt !== null && !(now < expiresAt)) return "device-expired";
  if (apps !== null && !apps.includes(request.hostname)) return "wrong-app";
  if (kind === "feed" && !isReadOf(paths, request)) return "wrong-app";
  if (countries !== null && (request.country === null || !countries.includes(request.country))) return "country";
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
