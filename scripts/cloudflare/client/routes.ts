// Workers routes, and what their patterns cover: `[scheme://]host/path`, with a `*` at the start of the host and at the
// end of the path. developers.cloudflare.com/workers/configuration/routing/routes/#matching-behavior
import * as v from "valibot";
import { ROUTE, resultOf } from "./answers.ts";
import type { ZonePlace } from "./zone.ts";

export interface Route {
  id: string;
  pattern: string;
  /** `undefined`: no Worker runs on it. */
  script: string | undefined;
  /** `undefined`: Cloudflare did not say. */
  failsOpen: boolean | undefined;
}

export async function readRoutes({ client, zone }: ZonePlace): Promise<Route[]> {
  const routes = await client.ask(
    { permission: "routes-read", what: "list the routes" },
    (sdk) => sdk.workers.routes.list({ zone_id: zone.id }),
    resultOf(v.array(ROUTE)),
  );
  return routes.map(({ id, pattern, script, request_limit_fail_open: failsOpen }) => ({
    id,
    pattern,
    script: script === "" ? undefined : script,
    failsOpen: typeof failsOpen === "boolean" ? failsOpen : undefined,
  }));
}

interface Parts {
  scheme: string | undefined;
  host: string;
  path: string;
}

/** The one pattern that covers a host: every path, and http as well as https. */
export function wholeHostPattern(host: string): string {
  return `${host}/*`;
}

function partsOf(pattern: string): Parts {
  const [, scheme, rest = ""] = /^(?:(https?|\*):\/\/)?(.*)$/i.exec(pattern) ?? [];
  // `host*` is `host/*` too, and more: the star of the path follows on the host.
  const [, host = "", path = ""] = /^(\*?[^/*]*)(.*)$/s.exec(rest) ?? [];
  return { scheme: scheme?.toLowerCase(), host: host.toLowerCase(), path };
}

function hostMatches(pattern: string, host: string): boolean {
  return pattern.startsWith("*") ? host.endsWith(pattern.slice(1)) : pattern === host;
}

/** Whether a route with this pattern could get requests of the host, or of a name that a wildcard stands for. */
export function touches(pattern: string, host: string): boolean {
  const { host: hosts } = partsOf(pattern);
  return hostMatches(hosts, host) || hostMatches(host, hosts);
}

/** Whether it takes every request of the host: all paths, http and https. */
export function coversWholly(pattern: string, host: string): boolean {
  const { scheme, host: hosts, path } = partsOf(pattern);
  return (
    hostMatches(hosts, host) && (path === "/*" || path === "*") && (scheme === undefined || scheme === "*")
  );
}

/** Whether it covers the host over https only: plain http would bypass the Worker. */
export function coversHttpsOnly(pattern: string, host: string): boolean {
  const { scheme, host: hosts, path } = partsOf(pattern);
  return hostMatches(hosts, host) && path === "/*" && scheme === "https";
}

/**
 * Which comes first, a route that touches a host or `host/*`. Cloudflare takes the most specific route. By its
 * documentation, a host written out is more specific than a wildcard; how a wildcard host with a longer path compares
 * is not documented, so that is `unclear`. By its known issues, `host*` comes before `host/*`
 * (developers.cloudflare.com/workers/platform/known-issues/#route-specificity).
 */
export function precedence(pattern: string): "takes-some-first" | "comes-after" | "unclear" {
  const { scheme, host: hosts, path } = partsOf(pattern);
  const isWildcard = hosts.startsWith("*");
  const isWhole = path === "/*" && (scheme === undefined || scheme === "*");
  if (!isWildcard) return isWhole ? "comes-after" : "takes-some-first";
  return isWhole ? "comes-after" : "unclear";
}

/**
 * How a route that touches a host stands to a Worker's own routes: only `host/*` itself is known to come before a
 * wildcard. Which of two wildcards comes first is not documented.
 */
export function precedenceOver(
  own: readonly string[],
  pattern: string,
  host: string,
): ReturnType<typeof precedence> {
  const isWholeHost = (each: string) => each.toLowerCase() === wholeHostPattern(host);
  if (host.startsWith("*")) return "unclear";
  if (isWholeHost(pattern)) return "takes-some-first";
  const found = precedence(pattern);
  return found === "comes-after" && !own.some(isWholeHost) ? "unclear" : found;
}
