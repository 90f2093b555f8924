import { randomBytes } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { TLSSocket } from "node:tls";
import type { TlsClientAuth } from "./tls/client-auth.ts";

/** Where the edge says that it is: of no meaning to the gate. */
const COLO = "LCL";

/**
 * Headers that Cloudflare writes itself and takes from no client
 * (https://developers.cloudflare.com/fundamentals/reference/http-headers/). Others that begin with
 * `cf-`, such as `cf-access-jwt-assertion`, are the client's own word there and here.
 */
const CLOUDFLARE_HEADERS: ReadonlySet<string> = new Set([
  "cdn-loop",
  "cf-connecting-ip",
  "cf-connecting-ipv6",
  "cf-ew-via",
  "cf-ipcountry",
  "cf-pseudo-ipv4",
  "cf-ray",
  "cf-visitor",
  "cf-worker",
  "x-forwarded-proto",
]);

/** Where clients are: ISO 3166-1 alpha-2, or Cloudflare's `T1` and `XX`. */
export const DEFAULT_COUNTRY = "CH";

/**
 * Rewrites a request's headers in place, as Cloudflare does before the Worker runs. Everything that
 * begins with `mf-` is Miniflare's and the edge's own language, and dropped.
 */
export function rewriteHeaders(headers: IncomingHttpHeaders, clientIp: string, country: string): void {
  for (const name of Object.keys(headers)) {
    if (name.startsWith("mf-") || CLOUDFLARE_HEADERS.has(name)) delete headers[name];
  }
  // Node has already answered 100 Continue: the body is on its way.
  delete headers.expect;
  const forwardedFor = headers["x-forwarded-for"];
  headers["x-forwarded-for"] = forwardedFor === undefined ? clientIp : `${forwardedFor}, ${clientIp}`;
  headers["x-forwarded-proto"] = "https";
  headers["cdn-loop"] = "cloudflare; loops=1";
  headers["cf-connecting-ip"] = clientIp;
  headers["cf-ipcountry"] = country;
  headers["cf-ray"] = `${randomBytes(8).toString("hex")}-${COLO}`;
  headers["cf-visitor"] = '{"scheme":"https"}';
}

/** `request.cf`: what Cloudflare knows of the client and its connection. */
export function cfProperties(
  socket: TLSSocket,
  tlsClientAuth: TlsClientAuth,
  country: string,
  acceptEncoding: string,
): Record<string, unknown> {
  return {
    country,
    colo: COLO,
    asn: 64512,
    asOrganization: "Local edge",
    timezone: "Etc/UTC",
    httpProtocol: "HTTP/1.1",
    tlsVersion: socket.getProtocol() ?? "",
    // A connection that its client has ended has none any more.
    tlsCipher: (socket.getCipher() as { standardName: string } | null)?.standardName ?? "",
    clientAcceptEncoding: acceptEncoding,
    requestPriority: "",
    edgeRequestKeepAliveStatus: 1,
    tlsClientAuth,
  };
}
