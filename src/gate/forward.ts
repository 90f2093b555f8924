import { SESSION_COOKIE, withoutSessionCookie } from "../session-cookie.ts";

/**
 * Headers with such a beginning are Latchkey's own: what a client sends under it is a forgery. With
 * underscores, too: CGI and WSGI take them for hyphens.
 */
const OWN_HEADER = /^x[-_]latchkey([-_]|$)/;

function isOwn(name: string): boolean {
  // Most names end the question at their first letter.
  return name.startsWith("x") && OWN_HEADER.test(name);
}

/**
 * Sends an allowed request on to the app and returns its response as it is. `fetch(request)`, and
 * only that, keeps method, path, query, streams, ranges, redirects and WebSocket upgrades; the
 * request is never read, retried or rebuilt from its URL.
 * `onFailure` answers when the app's side could not be reached at all: Workers would otherwise
 * answer with an error page of their own.
 */
export function forward(request: Request, onFailure: (error: unknown) => Response): Promise<Response> {
  return fetch(withoutOwnHeaders(request)).catch(onFailure);
}

function withoutOwnHeaders(request: Request): Request {
  // Reading the names is the dearest step of an allowed request: no array is made of them.
  for (const name of request.headers.keys()) {
    if (isOwn(name) || (name === "cookie" && hasOwnCookie(request.headers))) return stripped(request);
  }
  return request;
}

/** A browser that is signed in on this host sends its cookie to every path: the app must not get it. */
function hasOwnCookie(headers: Headers): boolean {
  return headers.get("cookie")?.includes(SESSION_COOKIE) === true;
}

function stripped(request: Request): Request {
  const headers = new Headers(request.headers);
  for (const name of request.headers.keys()) {
    if (isOwn(name)) headers.delete(name);
  }
  const cookie = headers.get("cookie");
  if (cookie !== null) {
    const others = withoutSessionCookie(cookie);
    if (others === null) headers.delete("cookie");
    else headers.set("cookie", others);
  }
  return new Request(request, { headers });
}
