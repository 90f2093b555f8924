// Signing in with the identity provider: OpenID Connect, with this Worker as the relying party.
import * as oauth from "oauth4webapi";
import type { SignInSettings } from "../contract/sign-in-settings.ts";
import { err, ok, type Result } from "../domain/general/result.ts";
import type { Person } from "../domain/person.ts";
import { boundedFetch, type Send } from "./issuer/bounded-fetch.ts";
import { type Claims, idOf, personOf } from "./issuer/claims.ts";
import { ClientAuthentication } from "./issuer/client-authentication.ts";
import { type AskOptions, discover, type Issuer } from "./issuer/discovery.ts";
import { failureOf, SignInFailed, type SignInFailure } from "./issuer/failure.ts";
import { Kept, type KeptEffects } from "./issuer/kept.ts";
import { type EndedSession, readLogoutToken } from "./issuer/logout-token.ts";

export type { EndedSession, SignInFailure };

const DISCOVERY_KEEP_MS = 60 * 60_000;
const CLOCK_TOLERANCE_SECONDS = 60;

/** What is asked for, and what the callback is checked against. */
export interface Asked {
  state: string;
  nonce: string;
  /** Of PKCE: 43 to 128 characters. */
  verifier: string;
  redirectUri: string;
}

/** Somebody whom the issuer has signed in. */
export interface SignedIn {
  person: Person;
  /** The issuer's `sid`, if it has one. */
  session: string | null;
  /** When the person authenticated at the issuer, in milliseconds, if it says so. */
  authTime: number | null;
}

/** Both sides of one exchange, and how they talk. */
interface Parties {
  server: oauth.AuthorizationServer;
  client: oauth.Client;
  options: AskOptions;
}

/** The identity provider. One lives as long as its isolate, and keeps the issuer's document and keys. */
export class Provider {
  readonly #settings: SignInSettings;
  readonly #now: () => number;
  readonly #send: Send;
  readonly #authentication: ClientAuthentication;
  readonly #issuer: Kept<Issuer>;

  constructor(settings: SignInSettings, effects: KeptEffects & { fetch: Send }) {
    this.#settings = settings;
    this.#now = effects.now;
    this.#authentication = new ClientAuthentication(settings.clientSecret);
    this.#send = effects.fetch;
    this.#issuer = new Kept(() => discover(settings.issuer, this.#options()), DISCOVERY_KEEP_MS, effects);
  }

  /**
   * Where to send the browser. `isFresh`: the person must sign in again, even if the issuer knows them; then check the
   * `authTime`.
   */
  authorize(asked: Asked, isFresh: boolean): Promise<Result<URL, SignInFailure>> {
    return attempt(async () => {
      const url = new URL((await this.#issuer.get()).authorizationEndpoint);
      const parameters = {
        response_type: "code",
        client_id: this.#settings.clientId,
        redirect_uri: asked.redirectUri,
        scope: this.#settings.scopes,
        state: asked.state,
        nonce: asked.nonce,
        code_challenge: await oauth.calculatePKCECodeChallenge(asked.verifier),
        code_challenge_method: "S256",
        ...(isFresh ? { prompt: "login", max_age: "0" } : {}),
      };
      for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
      return url;
    });
  }

  /** Checks the callback's address against what was asked, and exchanges its code for the person. */
  exchange(callback: URL, asked: Asked): Promise<Result<SignedIn, SignInFailure>> {
    return attempt(async () => {
      const { server } = await this.#issuer.get();
      const parties = { server, client: this.#client(), options: this.#options() };
      const parameters = oauth.validateAuthResponse(server, parties.client, callback, asked.state);
      const { idToken, accessToken } = await this.#redeem(parties, parameters, asked);
      const about =
        idToken.email === undefined
          ? { name: idToken.name, ...(await userInfo(parties, accessToken, idToken.sub)) }
          : idToken;
      return {
        person: personOf(server.issuer, idToken, about, this.#settings.verifiesEmails),
        session: idOf(idToken.sid),
        authTime: idToken.auth_time === undefined ? null : idToken.auth_time * 1000,
      };
    });
  }

  /** Whose session has ended at the issuer, by its logout token. Whether one is used twice is the caller's business. */
  readLogout(token: string): Promise<Result<EndedSession, SignInFailure>> {
    return attempt(async () => {
      const { server, keys } = await this.#issuer.get();
      return readLogoutToken(token, {
        ...{ issuer: server.issuer, clientId: this.#settings.clientId, keys, now: this.#now() },
        clockToleranceSeconds: CLOCK_TOLERANCE_SECONDS,
      });
    });
  }

  /** For one exchange, since it carries the time. */
  #client(): oauth.Client {
    return {
      client_id: this.#settings.clientId,
      // The library adds it to the whole seconds of its own clock.
      [oauth.clockSkew]: Math.floor(this.#now() / 1000) - Math.floor(Date.now() / 1000),
      [oauth.clockTolerance]: CLOCK_TOLERANCE_SECONDS,
    };
  }

  /**
   * Each exchange has a `fetch` of its own: with a common one, the library would let a request wait for another request's
   * question, whose answer never comes if that request is cancelled.
   */
  #options(): AskOptions {
    return {
      [oauth.customFetch]: boundedFetch(this.#send),
      // The settings allow http:// on this machine only.
      [oauth.allowInsecureRequests]: this.#settings.issuer.startsWith("http:"),
    };
  }

  async #redeem(
    { server, client, options }: Parties,
    parameters: URLSearchParams,
    { redirectUri, verifier, nonce }: Asked,
  ): Promise<{ idToken: oauth.IDToken; accessToken: string }> {
    const ask = async (method: oauth.ClientAuth) => {
      const response = await oauth.authorizationCodeGrantRequest(
        ...([server, client, method, parameters, redirectUri, verifier, options] as const),
      );
      const tokens = await oauth.processAuthorizationCodeResponse(server, client, response, {
        expectedNonce: nonce,
        requireIdToken: true,
      });
      await oauth.validateApplicationLevelSignature(server, response, options);
      return tokens;
    };
    const tokens = await this.#authentication.use(server, ask);
    const idToken = oauth.getValidatedIdTokenClaims(tokens);
    // The library checks when the token expires, but not when it was issued.
    if (idToken === undefined || idToken.iat > this.#now() / 1000 + CLOCK_TOLERANCE_SECONDS) {
      throw new SignInFailed({ code: "not-ours", message: "the ID token is from the future" });
    }
    return { idToken, accessToken: tokens.access_token };
  }
}

/** What the userinfo endpoint says about a person: nothing if it does not answer as it should. */
async function userInfo(
  { server, client, options }: Parties,
  accessToken: string,
  subject: string,
): Promise<Claims> {
  if (server.userinfo_endpoint === undefined) return {};
  try {
    const response = await oauth.userInfoRequest(server, client, accessToken, options);
    const claims = await oauth.processUserInfoResponse(server, client, subject, response);
    if (response.headers.get("Content-Type")?.startsWith("application/jwt")) {
      await oauth.validateApplicationLevelSignature(server, response, options);
    }
    return claims;
  } catch {
    return {};
  }
}

async function attempt<T>(work: () => Promise<T>): Promise<Result<T, SignInFailure>> {
  try {
    return ok(await work());
  } catch (error) {
    return err(failureOf(error));
  }
}
