// Workers routes, and what their patterns cover: `[scheme://]host/path`, with a `*` at the start of the host and at the
// end of the path. developers.cloudflare.com/workers/configuration/routing/routes/#matching-behavior
import type Cloudflare from "cloudflare";
import * as v from "valibot";
import { DONE, ROUTE, resultOf } from "./answers.ts";
import type { ZonePlace } from "./zone.ts";

export type Route = v.InferOutput<typeof ROUTE>;

export function readRoutes({ client, zone }: ZonePlace): Promise<Route[]> {
  return client.ask(
    { permission: "routes-read", what: "list the routes" },
    (sdk) => sdk.workers.routes.list({ zone_id: zone.id }),
    resultOf(v.array(ROUTE)),
  );
}

/** The API takes `request_limit_fail_open`, although its description does not mention it. */
interface WantedRoute {
  pattern: string;
  script: string;
  request_limit_fail_open?: boolean;
}

export async function createRoute({ client, zone }: ZonePlace, route: WantedRoute): Promise<void> {
  const wanted = { zone_id: zone.id, ...route } as Cloudflare.Workers.RouteCreateParams;
  const need = { permission: "routes", what: `make the route ${route.pattern}` } as const;
  await client.once(need, (sdk) => sdk.workers.routes.create(wanted), DONE);
}

export async function updateRoute(
  { client, zone }: ZonePlace,
  id: string,
  route: WantedRoute,
): Promise<void> {
  const wanted = { zone_id: zone.id, ...route } as Cloudflare.Workers.RouteUpdateParams;
  const need = { permission: "routes", what: `correct the route ${route.pattern}` } as const;
  await client.ask(need, (sdk) => sdk.workers.routes.update(id, wanted), DONE);
}

export async function deleteRoute({ client, zone }: ZonePlace, { id, pattern }: Route): Promise<void> {
  const need = { permission: "routes", what: `delete the route ${pattern}` } as const;
  await client.ask(need, (sdk) => sdk.workers.routes.delete(id, { zone_id: zone.id }), DONE);
}

/** The one pattern that covers a host: every path, and http as well as https. */
export function wholeHostPattern(host: string): string {
  return `${host}/*`;
}

function partsOf(pattern: string) {
  const [, scheme, rest = ""] = /^(?:(https?|\*):\/\/)?(.*)$/i.exec(pattern) ?? [];
  // `host*` is `host/*` too, and more: the star of the path follows on the host.
  const [, host = "", path = ""] = /^(\*?[^/*]*)(.*)$/s.exec(rest) ?? [];
  return { scheme: scheme?.toLowerCase(), host: host.toLowerCase(), path };
}

/** The host of a route's pattern, which may begin with `*`. */
export function hostOfPattern(pattern: string): string {
  return partsOf(pattern).host;
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
  if (path === "/*" && (scheme === undefined || scheme === "*")) return "comes-after";
  return hosts.startsWith("*") ? "unclear" : "takes-some-first";
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
