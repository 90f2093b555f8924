// No I/O. No clock.

import type { App } from "../domain/app.ts";
import { hasPaths, isPublicPath } from "../domain/path-rules.ts";
import type { Visit } from "../visit.ts";

/** Whether the app lets this request through without a certificate, if the country is right. */
export function isOpenTo(app: App, visit: Visit): boolean {
  const { request } = visit;
  if (app.preflight && isPreflight(request)) return true;
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

/** With `Content-Length: 0`, which some clients and proxies add, the runtime makes an empty body of it. */
function hasNoBody({ body, headers }: Request): boolean {
  return body === null || (headers.get("content-length") === "0" && !headers.has("transfer-encoding"));
}
