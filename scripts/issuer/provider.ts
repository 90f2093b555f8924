// How the issuer is set up: one client, and people who consent to it by signing in.
import Provider, {
  type AdapterFactory,
  type Configuration,
  interactionPolicy,
  type JWK,
} from "oidc-provider";
import { logoutPage, messagePage } from "./pages.ts";

/** Somebody who can sign in. */
export interface LocalPerson {
  /** The subject: never changes, and nobody else ever gets it. */
  id: string;
  email: string;
  isVerified: boolean;
  name: string;
  password: string;
}

/** The one client, and who signs in to it. */
export interface IssuerSettings {
  people: readonly LocalPerson[];
  clientId: string;
  /** `null`: a public client, with PKCE alone. */
  clientSecret: string | null;
  redirectUris: string[];
  /** With it, ID tokens have a `sid`, and signing out at the issuer is reported to this address. */
  backchannelLogoutUri?: string;
  postLogoutRedirectUris?: string[];
  /** Makes the issuer's own requests, for an address that Node does not trust or resolve. */
  fetch?(url: string, options: RequestInit): Promise<Response>;
}

export const LOGIN_PATH = "/login";

const SCOPES = "openid email profile";
const HOUR_SECONDS = 60 * 60;

/** What an issuer keeps besides its settings. */
interface Keeping {
  /** Private, as JWK. */
  signingKey: JWK;
  /** Signs the issuer's cookies. */
  cookieKey: string;
  adapter: AdapterFactory;
}

/** The library, set up. */
export function createProvider(issuer: string, settings: IssuerSettings, keeping: Keeping): Provider {
  const { people, fetch } = settings;
  const { signingKey, cookieKey, adapter } = keeping;
  const policy = interactionPolicy.base();
  // The client is the owner's own.
  policy.remove("consent");
  const configuration: Configuration = {
    adapter,
    clients: [client(settings)],
    jwks: { keys: [signingKey] },
    cookies: {
      keys: [cookieKey],
      // Cookies know no ports: other programs on this machine must not take ours for theirs.
      names: {
        session: "latchkey-issuer",
        interaction: "latchkey-issuer-login",
        resume: "latchkey-issuer-resume",
      },
      long: { httpOnly: true, sameSite: "lax", signed: true },
      short: { httpOnly: true, sameSite: "lax", signed: true },
    },
    scopes: SCOPES.split(" "),
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
    // Of these, the specification wants only `sub` in the ID token, and the rest at the userinfo endpoint. Google,
    // Pocket ID and Cloudflare Access put them into the ID token, and so does this issuer.
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    features: {
      devInteractions: { enabled: false },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (ctx, form) => {
          ctx.body = logoutPage(form);
        },
        postLogoutSuccessSource: (ctx) => {
          ctx.body = messagePage("Signed out", "You are signed out.");
        },
      },
    },
    interactions: { policy, url: (_ctx, { uid }) => `${LOGIN_PATH}/${uid}` },
    clientBasedCORS: () => false,
    ttl: {
      AccessToken: HOUR_SECONDS,
      IdToken: HOUR_SECONDS,
      Interaction: HOUR_SECONDS,
      Session: 24 * HOUR_SECONDS,
      Grant: 24 * HOUR_SECONDS,
    },
    findAccount: (_ctx, id) => {
      const person = people.find((each) => each.id === id);
      if (person === undefined) return undefined;
      const { email, isVerified, name } = person;
      return { accountId: id, claims: () => ({ sub: id, email, email_verified: isVerified, name }) };
    },
    // Signing in is consent enough.
    loadExistingGrant: async ({ oidc }) => {
      const { client, session, provider } = oidc;
      if (client === undefined || session?.accountId === undefined) return undefined;
      const kept = session.grantIdFor(client.clientId);
      const grant =
        (kept === undefined ? undefined : await provider.Grant.find(kept)) ??
        new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
      grant.addOIDCScope(SCOPES);
      await grant.save();
      return grant;
    },
    renderError: (ctx, { error, error_description: description }) => {
      ctx.type = "html";
      ctx.body = messagePage(
        "This didn’t work",
        description === undefined ? error : `${error}: ${description}`,
      );
    },
    ...(fetch === undefined ? {} : { fetch: (url, options) => fetch(String(url), options ?? {}) }),
  };
  return new Provider(issuer, configuration);
}

function client(settings: IssuerSettings) {
  const {
    clientId,
    clientSecret,
    redirectUris,
    backchannelLogoutUri,
    postLogoutRedirectUris = [],
  } = settings;
  return {
    client_id: clientId,
    ...(clientSecret === null
      ? { token_endpoint_auth_method: "none" as const }
      : { client_secret: clientSecret, token_endpoint_auth_method: "client_secret_basic" as const }),
    redirect_uris: redirectUris,
    post_logout_redirect_uris: postLogoutRedirectUris,
    grant_types: ["authorization_code"],
    response_types: ["code" as const],
    require_auth_time: true,
    ...(backchannelLogoutUri === undefined
      ? {}
      : { backchannel_logout_uri: backchannelLogoutUri, backchannel_logout_session_required: true }),
  };
}
