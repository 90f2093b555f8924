// The app's side: which requests pass without a device, what the app receives, and what is kept of its answer.
import type { App } from "../domain/request/app.ts";
import { isOwnCookie, MAY_BE_OWN_COOKIE, withoutOwnCookies } from "../domain/request/own-cookies.ts";
import { hasPaths, isPublicPath } from "../domain/request/path-rules.ts";
import type { Visit } from "../visit.ts";
import { hasFeedParameter, TOKEN_HEADER, tokenHeaders, withoutFeedSecret } from "./shown-secrets.ts";

/**
 * Headers that mean something between Latchkey, devices and apps: what a client sends under such a name never reaches
 * an app. Only Latchkey says who is asking, so these names are dropped with underscores, too: CGI and WSGI take them
 * for hyphens. The token is a secret that only Latchkey reads, under this one name.
 *
 * A closed list, since any other header means nothing to an app: asking for each of these by name costs a quarter of a
 * microsecond, while walking through the names of a request costs more than the rest of the gate.
 */
export const OWN_HEADERS = [
  ...["x-latchkey-user", "x-latchkey_user", "x_latchkey-user", "x_latchkey_user"],
  ...["x-latchkey-device", "x-latchkey_device", "x_latchkey-device", "x_latchkey_device"],
  TOKEN_HEADER,
];

/**
 * Headers by which servers read another path or method than the request's: IIS, Symfony and Laminas
 * (X-Original-URL, X-Rewrite-URL: CVE-2018-14773), Rack, Express, ASP.NET and Google's APIs (the method),
 * Envoy, Traefik, nginx and Spring (what a proxy had rewritten), WebDAV (COPY and MOVE write there), Rack (what a
 * proxy in front of it is to send instead: CVE-2025-61780).
 */
const REWRITING_HEADERS = new Set([
  ...["x-original-url", "x-original-uri", "x-original-path", "x-original-method"],
  ...["x-rewrite-url", "x-rewrite-uri", "x-rewrite-path", "x-override-url", "x-replaced-path"],
  ...["x-envoy-original-path", "x-forwarded-uri", "x-forwarded-path", "x-forwarded-prefix", "x-script-name"],
  ...["x-http-method-override", "x-http-method", "x-method-override", "x-method", "x-forwarded-method"],
  ...["destination", "x-sendfile-type", "x-accel-mapping"],
]);

function isRewriting(name: string): boolean {
  return REWRITING_HEADERS.has(name.replaceAll("_", "-"));
}

/** Whether the app lets this request through without a credential, if the country is right. */
export function isOpenTo(app: App, visit: Visit): boolean {
  // Most apps take no preflights, and their requests need not be looked at for it.
  if ((app.preflight || app.origins.size > 0) && isPreflight(visit.request)) {
    if (asksForOurHeader(app, visit.request)) return false;
    if (app.preflight) return true;
  }
  return hasPaths(app.publicPaths) && isPublicPath(app.publicPaths, visit.address, visit.url.pathname);
}

/** A CORS preflight as browsers send it: it has these headers and no body. */
function isPreflight(request: Request): boolean {
  const { method, headers } = request;
  return (
    method === "OPTIONS" &&
    hasNoBody(request) &&
    headers.has("origin") &&
    headers.has("access-control-request-method")
  );
}

/**
 * Whether a page from one of the app's `origins` asks if it may send a device token. A preflight carries no token itself,
 * and the app doesn't know our header, so the gate answers.
 */
function asksForOurHeader({ origins }: App, { headers }: Request): boolean {
  if (origins.size === 0 || !origins.has(headers.get("origin") ?? "")) return false;
  const asked = headers.get("access-control-request-headers") ?? "";
  return asked.split(",").some((name) => name.trim().toLowerCase() === TOKEN_HEADER);
}

/** The answer to a preflight for our own header; `undefined`: this is not one. Source: Fetch standard, 4.9. */
export function preflightAnswer(app: App, { request }: Visit): Response | undefined {
  if (!isPreflight(request) || !asksForOurHeader(app, request)) return undefined;
  const { headers } = request;
  return new Response(null, {
    status: 204,
    headers: {
      "Access-Control-Allow-Origin": headers.get("origin") ?? "",
      "Access-Control-Allow-Credentials": "true",
      "Access-Control-Allow-Methods": headers.get("access-control-request-method") ?? "",
      "Access-Control-Allow-Headers": headers.get("access-control-request-headers") ?? "",
      "Access-Control-Max-Age": "600",
      "Cache-Control": "no-store",
      Vary: "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
    },
  });
}

/** With `Content-Length: 0`, which some clients and proxies add, the runtime makes an empty body of it. */
function hasNoBody({ body, headers }: Request): boolean {
  return body === null || (headers.get("content-length") === "0" && !headers.has("transfer-encoding"));
}

/**
 * Sends an allowed request on to the app and returns its response unchanged, but for `withoutReferrer`. Only
 * `fetch(request)` keeps method, path, query, streams, ranges, redirects and WebSocket upgrades; the request is never read, retried or rebuilt from its URL.
 * Requests that pass without a device, and those of feeds, were judged by their path and method (`isByPath`), so they
 * also lose the headers that name others.
 * `onFailure` answers if the app's side could not be reached at all: Workers would otherwise answer with an error page
 * of their own.
 */
export function forward(
  visit: Visit,
  app: App,
  isByPath: boolean,
  onFailure: (error: unknown) => Response,
): Promise<Response> {
  const { request: received, address } = visit;
  const shown = hasFeedParameter(address) ? withoutFeedSecret(address) : address;
  const isSame = shown === address;
  // Rebuilt with another URL only if it must be: an app must not see a feed's secret.
  const request = outgoing(isSame ? received : new Request(shown, received), app, isByPath);
  const answered = fetch(request).then(incoming, onFailure);
  return isSame ? answered : answered.then(withoutReferrer);
}

/** The request as the app gets it. Rebuilt only if something must go, and then only without that: either costs time. */
function outgoing(request: Request, app: App, isByPath: boolean): Request {
  const { headers } = request;
  const rewriting = isByPath ? [...headers.keys()].filter(isRewriting) : [];
  const unwanted = OWN_HEADERS.filter((name) => headers.has(name)).concat(
    tokenHeaders(headers, app),
    rewriting,
  );
  // A browser that is signed in on this host sends its cookie to every path. The app must not get it.
  const cookie = headers.get("cookie");
  const hasOwnCookie = cookie !== null && MAY_BE_OWN_COOKIE.test(cookie);
  if (unwanted.length === 0 && !hasOwnCookie) return request;
  // Changing a copy's headers costs half as much as making a request with others.
  const copy = new Request(request);
  for (const name of unwanted) copy.headers.delete(name);
  if (hasOwnCookie) {
    const others = withoutOwnCookies(cookie);
    if (others === null) copy.headers.delete("cookie");
    else copy.headers.set("cookie", others);
  }
  return copy;
}

/**
 * What a page of the app loads, or links to, learns no feed's secret: a browser that read the page by the feed's URL
 * would send that as the `Referer`. A WebSocket loads nothing.
 */
function withoutReferrer(response: Response): Response {
  if (response.status === 101) return response;
  const silent = new Response(response.body, response);
  silent.headers.set("referrer-policy", "strict-origin");
  return silent;
}

/** The app's answer without cookies of our name: it could end or replace somebody's session. */
function incoming(response: Response): Response {
  // Cheaper than `has` where there is none.
  const cookies = response.headers.getSetCookie();
  if (!cookies.some(isOwnCookie)) return response;
  const others = new Response(response.body, response);
  others.headers.delete("set-cookie");
  for (const cookie of cookies) if (!isOwnCookie(cookie)) others.headers.append("set-cookie", cookie);
  return others;
}
