// An issuer in memory that signs whatever a test wants. The real one is in test/scripts/issuer.
import { base64url, exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from "jose";
import { Provider } from "../../../src/auth/provider.ts";
import type { SignInSettings } from "../../../src/contract/sign-in-settings.ts";

export const ISSUER = "https://id.example.com";
export const CLIENT_ID = "latchkey-client";
export const SECRET = "the-secret_of.the~client+with/signs-and-40-characters";
export const NOW = Date.UTC(2026, 10, 26, 12);
/** As tokens count. */
export const NOW_SECONDS = NOW / 1000;

export const ASKED = {
  state: "the-state",
  nonce: "the-nonce",
  verifier: "v".repeat(43),
  redirectUri: "https://latchkey.example.com/.latchkey/callback",
};

/** What the issuer says of alice. */
export const CLAIMS = {
  iss: ISSUER,
  aud: CLIENT_ID,
  sub: "alice-at-the-issuer",
  iat: NOW_SECONDS,
  exp: NOW_SECONDS + 300,
  nonce: ASKED.nonce,
  email: "Alice@Example.com",
  email_verified: true,
  name: "Alice Example",
};

export interface SigningKey {
  privateKey: CryptoKey;
  publicJwk: JWK;
}

export async function newKey(kid: string, alg = "RS256"): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg);
  return { privateKey, publicJwk: { ...(await exportJWK(publicKey)), kid, alg, use: "sig" } };
}

/** A token that is signed with this key. */
export async function signed(claims: object, key: SigningKey, header: Record<string, unknown> = {}) {
  const { kid, alg = "" } = key.publicJwk;
  return new SignJWT(claims as JWTPayload)
    .setProtectedHeader({ alg, ...(kid === undefined ? {} : { kid }), ...header })
    .sign(key.privateKey);
}

/** A token that anybody can make: without a signature, or with one by a secret. */
export async function forged(header: object, claims: object, secret?: string): Promise<string> {
  const part = (value: object) => base64url.encode(JSON.stringify(value));
  const body = `${part(header)}.${part(claims)}`;
  if (secret === undefined) return `${body}.`;
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const bytes = new TextEncoder();
  const key = await crypto.subtle.importKey("raw", bytes.encode(secret), algorithm, false, ["sign"]);
  const mac = await crypto.subtle.sign("HMAC", key, bytes.encode(body));
  return `${body}.${base64url.encode(new Uint8Array(mac))}`;
}

type Answer = (request: Request) => Response | Promise<Response>;

export interface ForgingIssuer {
  /** By path; a test changes one. */
  answers: Record<string, Answer>;
  /** What its discovery document says besides or instead. `undefined` leaves a member out. */
  document: Record<string, unknown>;
  keys: JWK[];
  /** Method and path of each question. */
  requests: string[];
  provider: Provider;
}

/** An issuer and a provider that asks it. Its token endpoint answers with `idToken`. */
export function forgingIssuer(
  idToken: () => string | Promise<string>,
  keys: SigningKey[],
  settings: Partial<SignInSettings> = {},
  now: () => number = () => NOW,
): ForgingIssuer {
  const all: ForgingIssuer = {
    answers: {
      "/.well-known/openid-configuration": () =>
        Response.json({
          issuer: ISSUER,
          authorization_endpoint: `${ISSUER}/authorize?tenant=home`,
          token_endpoint: `${ISSUER}/token`,
          jwks_uri: `${ISSUER}/keys`,
          userinfo_endpoint: `${ISSUER}/userinfo`,
          token_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post"],
          id_token_signing_alg_values_supported: ["RS256", "ES256", "HS256", "none"],
          ...all.document,
        }),
      "/keys": () => Response.json({ keys: all.keys }),
      "/token": async () =>
        Response.json({ access_token: "the-access-token", token_type: "Bearer", id_token: await idToken() }),
      "/userinfo": () => new Response(null, { status: 404 }),
    },
    document: {},
    keys: keys.map(({ publicJwk }) => publicJwk),
    requests: [],
    provider: new Provider(
      {
        issuer: ISSUER,
        clientId: CLIENT_ID,
        clientSecret: null,
        scopes: "openid email profile",
        label: "the tests",
        verifiesEmails: false,
        owners: new Map(),
        ...settings,
      },
      {
        now,
        waitUntil: () => undefined,
        fetch: async (request) => {
          const { pathname } = new URL(request.url);
          all.requests.push(`${request.method} ${pathname}`);
          const answer = all.answers[pathname];
          if (answer === undefined) throw new TypeError("network");
          return answer(request);
        },
      },
    ),
  };
  return all;
}

/** The address at which the issuer sends the browser back. */
export function callback(parameters: Record<string, string> = {}): URL {
  const all = { code: "the-code", state: ASKED.state, ...parameters };
  return new URL(`${ASKED.redirectUri}?${new URLSearchParams(all)}`);
}
