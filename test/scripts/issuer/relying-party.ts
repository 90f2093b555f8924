// A relying party and a browser, as far as an issuer sees them: the library that the Worker uses, and a jar of cookies.
import * as oauth from "oauth4webapi";

export const REDIRECT_URI = "https://latchkey.localhost:8443/.latchkey/callback";
export const CLIENT_ID = "gate";

/** The issuer has no TLS on this machine. */
const INSECURE = { [oauth.allowInsecureRequests]: true };

/** Another client than that of the tests. */
export interface Client {
  clientId: string;
  redirectUri: string;
}

const TEST_CLIENT: Client = { clientId: CLIENT_ID, redirectUri: REDIRECT_URI };

/** A browser with cookies, which follows redirects only when it is told to. */
export class CookieBrowser {
  readonly #cookies = new Map<string, string>();

  async go(
    url: URL | string,
    form?: Record<string, string>,
  ): Promise<{ status: number; to: URL; text: string }> {
    const response = await fetch(url, {
      redirect: "manual",
      headers: { cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ") },
      ...(form === undefined ? {} : { method: "POST", body: new URLSearchParams(form) }),
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      if (value === "") this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
    const to = new URL(response.headers.get("location") ?? url, url);
    return { status: response.status, to, text: await response.text() };
  }
}

export async function discover(issuer: string): Promise<oauth.AuthorizationServer> {
  const url = new URL(issuer);
  return oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, INSECURE));
}

/** What a sign-in begins with, and is compared with at its end. */
export interface Attempt {
  url: URL;
  verifier: string;
  state: string;
  nonce: string;
  client: Client;
}

/** `changed` are parameters of the request, in place of the right ones. */
export async function begin(
  server: oauth.AuthorizationServer,
  changed: Readonly<Record<string, string | undefined>> = {},
  client: Client = TEST_CLIENT,
): Promise<Attempt> {
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const nonce = oauth.generateRandomNonce();
  const url = new URL(server.authorization_endpoint ?? "");
  const parameters: Record<string, string | undefined> = {
    client_id: client.clientId,
    redirect_uri: client.redirectUri,
    response_type: "code",
    scope: "openid email profile",
    state,
    nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    ...changed,
  };
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) url.searchParams.set(name, value);
  }
  return { url, verifier, state, nonce, client };
}

/** From the start to where the browser is sent back: whether it was asked for a password, and the callback's address. */
export async function logIn(
  browser: CookieBrowser,
  { url }: Attempt,
  who: string,
  password: string,
): Promise<{ wasAsked: boolean; callback: URL }> {
  const started = await browser.go(url);
  if (!started.to.pathname.startsWith("/login/")) return { wasAsked: false, callback: started.to };
  await browser.go(started.to);
  const resumed = await browser.go(started.to, { who, password });
  return { wasAsked: true, callback: (await browser.go(resumed.to)).to };
}

/** Exchanges the code. Every check is the library's, the signature's too. */
export async function finish(
  server: oauth.AuthorizationServer,
  { verifier, state, nonce, client: { clientId, redirectUri } }: Attempt,
  callback: URL,
  authentication: oauth.ClientAuth,
): Promise<{ claims: oauth.IDToken; idToken: string }> {
  const client: oauth.Client = { client_id: clientId };
  const parameters = oauth.validateAuthResponse(server, client, callback, state);
  const response = await oauth.authorizationCodeGrantRequest(
    ...[server, client, authentication, parameters, redirectUri, verifier, INSECURE],
  );
  const tokens = await oauth.processAuthorizationCodeResponse(server, client, response, {
    expectedNonce: nonce,
    requireIdToken: true,
  });
  await oauth.validateApplicationLevelSignature(server, response, INSECURE);
  const claims = oauth.getValidatedIdTokenClaims(tokens);
  if (claims === undefined || tokens.id_token === undefined) throw new Error("no ID token");
  return { claims, idToken: tokens.id_token };
}
