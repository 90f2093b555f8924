// Who and where the issuer is: its discovery document (OpenID Connect Discovery 1.0), and its keys.
import { createRemoteJWKSet, type JWTVerifyGetKey, customFetch as keysFetch } from "jose";
import * as oauth from "oauth4webapi";
import type { boundedFetch } from "./bounded-fetch.ts";
import { failureOf, SignInFailed } from "./failure.ts";

/** Until then, in milliseconds, a logout token with an unknown key is refused without asking for the keys again. */
const KEYS_PAUSE_MS = 60_000;
/** Of what a document says, for the log. */
const SHOWN_MAX = 200;

/** How the libraries ask the issuer. */
export interface AskOptions {
  [oauth.customFetch]: ReturnType<typeof boundedFetch>;
  /** Without TLS: only for an issuer on this machine. */
  [oauth.allowInsecureRequests]: boolean;
}

export interface Issuer {
  server: oauth.AuthorizationServer;
  authorizationEndpoint: URL;
  /** For logout tokens. Those for ID tokens are kept by the library, by `server`. */
  keys: JWTVerifyGetKey;
}

/**
 * Asks the issuer for its document.
 *
 * @throws {SignInFailed} or an error of the library, see `failureOf`.
 */
export async function discover(issuer: string, options: AskOptions): Promise<Issuer> {
  const url = new URL(issuer);
  const response = await oauth.discoveryRequest(url, options);
  if (response.status === 404) throw misconfigured("has no discovery document: check SIGN_IN.issuer");
  const server = await oauth.processDiscoveryResponse(url, response).catch((error: unknown) => {
    if (isOther(error)) throw otherIssuer(error.cause.body.issuer);
    if (failureOf(error).code === "issuer-unavailable") throw error;
    throw misconfigured("names no issuer in its discovery document: check SIGN_IN.issuer");
  });
  // The library compares them as URLs. In tokens, one more slash makes another issuer.
  if (server.issuer !== issuer) throw otherIssuer(server.issuer);
  const isLocal = options[oauth.allowInsecureRequests];
  const keys = createRemoteJWKSet(endpoint("jwks_uri", server.jwks_uri, isLocal), {
    [keysFetch]: options[oauth.customFetch],
    cooldownDuration: KEYS_PAUSE_MS,
  });
  const authorizationEndpoint = endpoint("authorization_endpoint", server.authorization_endpoint, isLocal);
  return { server, authorizationEndpoint, keys };
}

function isOther(error: unknown): error is { cause: { body: { issuer: string } } } {
  return error instanceof oauth.OperationProcessingError && error.code === oauth.JSON_ATTRIBUTE_COMPARISON;
}

function otherIssuer(named: string): SignInFailed {
  const shown = JSON.stringify(named.slice(0, SHOWN_MAX));
  return misconfigured(`calls itself ${shown} in its discovery document: check SIGN_IN.issuer`);
}

/** An address that the libraries do not check. */
function endpoint(name: string, address: unknown, isLocal: boolean): URL {
  const url = typeof address === "string" ? URL.parse(address) : null;
  if (url?.protocol === "https:" || (isLocal && url?.protocol === "http:")) return url;
  throw misconfigured(`has no ${name} with https:// in its discovery document`);
}

function misconfigured(what: string): SignInFailed {
  return new SignInFailed({ code: "misconfigured", message: `the issuer ${what}` });
}
