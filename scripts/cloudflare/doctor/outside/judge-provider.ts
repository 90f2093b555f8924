// What the identity provider answered: whether people can sign in there.
import * as v from "valibot";
import type { LocalSignIn } from "../../client/wrangler-toml.ts";
import { type Finding, failedCheck, passed, type Reading, unread, type Verdict, warned } from "../check.ts";

export type ProviderAnswer =
  | {
      kind: "answer";
      status: number;
      body: string;
      /** `undefined`: it is not JSON. */
      json: unknown;
      /** Its clock's time minus ours, to the second; `undefined`: it did not say. */
      clockSkewMs: number | undefined;
    }
  | { kind: "silence"; why: string };

export interface SeenProvider {
  discovery: ProviderAnswer;
  /** `undefined`: the discovery document names no address of them. */
  keys: ProviderAnswer | undefined;
}

/** The parts of a discovery document that matter here (OpenID Connect Discovery 1.0, section 3). */
const DISCOVERY = v.object({
  issuer: v.string(),
  authorization_endpoint: v.string(),
  token_endpoint: v.string(),
  jwks_uri: v.string(),
  response_types_supported: v.optional(v.array(v.string())),
  grant_types_supported: v.optional(v.array(v.string())),
  code_challenge_methods_supported: v.optional(v.array(v.string())),
  id_token_signing_alg_values_supported: v.optional(v.array(v.string())),
  token_endpoint_auth_methods_supported: v.optional(v.array(v.string())),
});
const KEYS = v.object({ keys: v.pipe(v.array(v.looseObject({ kty: v.string() })), v.minLength(1)) });

/** The time by which the clocks may differ: what the Worker allows, too. */
const CLOCK_SKEW_MAX_MS = 60_000;
const ASYMMETRIC = /^(?:RS|PS|ES)\d{3}$|^Ed(?:DSA|25519)$/;
/** The gate's refusals, and what Access or a firewall answers: strangers are not to get these at the provider. */
const REFUSALS = new Set([401, 403, 404, 503]);
const REACH =
  "check the issuer's address, its DNS and its certificate; it must be reachable from the internet";

/** All that is found, also where nothing could be read. */
export function judgeProvider(
  signIn: LocalSignIn,
  seen: SeenProvider,
  secrets: Reading<readonly string[]>,
): Finding[] {
  return [
    { id: "outside-sign-in-issuer", ...judgeDiscovery(signIn, seen) },
    { id: "outside-sign-in-keys", ...judgeKeys(seen) },
    { id: "outside-sign-in-clock", ...judgeClock(seen) },
    { id: "outside-sign-in-secret", ...judgeSecret(seen, secrets) },
  ];
}

function judgeDiscovery({ issuer }: LocalSignIn, { discovery }: SeenProvider): Verdict {
  const { host, protocol } = new URL(issuer);
  if (protocol !== "https:") {
    return failedCheck(
      `the issuer ${issuer} doesn't use TLS`,
      "give its https:// address in SIGN_IN.issuer: http:// is for the local edge only",
    );
  }
  if (discovery.kind === "silence")
    return failedCheck(`the issuer at ${host} did not answer: ${discovery.why}`, REACH);
  if (discovery.status !== 200) {
    return REFUSALS.has(discovery.status) || (discovery.status >= 300 && discovery.status < 400)
      ? failedCheck(
          `the issuer at ${host} answers strangers with ${discovery.status}: it may be behind a gate, or the address is wrong`,
          "let everyone reach it: otherwise nobody without a session can sign in",
        )
      : failedCheck(`the issuer at ${host} answers ${discovery.status}`, REACH);
  }
  const parsed = v.safeParse(DISCOVERY, discovery.json);
  if (!parsed.success) {
    return failedCheck(`the issuer at ${host} answers without a discovery document`, REACH);
  }
  const document = parsed.output;
  if (document.issuer !== issuer) {
    return failedCheck(
      "the discovery document names another issuer than SIGN_IN.issuer: every sign-in is refused",
      `set SIGN_IN.issuer to ${document.issuer}, letter by letter, if that is your provider`,
    );
  }
  const lacks = [
    ...(includes(document.response_types_supported, "code") ? [] : ["the authorization code flow"]),
    ...(includes(document.grant_types_supported, "authorization_code")
      ? []
      : ["the authorization code grant"]),
    ...(includes(document.code_challenge_methods_supported, "S256") ? [] : ["PKCE with S256"]),
    ...(document.id_token_signing_alg_values_supported?.some((name) => ASYMMETRIC.test(name)) === false
      ? ["signatures with a public key"]
      : []),
  ];
  return lacks.length === 0
    ? passed(`the issuer at ${host} offers what a sign-in needs`)
    : failedCheck(
        `the issuer at ${host} does not offer ${lacks.join(" or ")}`,
        "turn it on at the provider, or use another one (docs/sign-in.md)",
      );
}

/** A list that is left out says nothing. */
const includes = (list: readonly string[] | undefined, wanted: string) => list?.includes(wanted) ?? true;

function judgeKeys({ discovery, keys }: SeenProvider): Verdict {
  if (keys === undefined) {
    return discovery.kind === "answer" && discovery.status === 200
      ? failedCheck("the discovery document names no https:// address of the issuer's keys", REACH)
      : unread("the issuer's keys were not read: it did not say where they are", REACH);
  }
  if (keys.kind === "silence") return failedCheck(`the issuer's keys cannot be read: ${keys.why}`, REACH);
  const parsed = v.safeParse(KEYS, keys.json);
  if (keys.status !== 200 || !parsed.success) {
    return failedCheck(`the issuer's keys cannot be read: it answers ${keys.status} without any`, REACH);
  }
  return parsed.output.keys.some(({ kty }) => kty === "RSA" || kty === "EC" || kty === "OKP")
    ? passed("the issuer's keys can be read")
    : failedCheck(
        "the issuer has no public key: its ID tokens cannot be checked",
        "choose a signing key with RSA or an elliptic curve at the provider",
      );
}

function judgeClock({ discovery }: SeenProvider): Verdict {
  if (discovery.kind === "silence" || discovery.clockSkewMs === undefined) {
    return unread("the issuer did not say what time it is", "look at the clock of the provider's machine");
  }
  const { clockSkewMs } = discovery;
  const seconds = Math.round(Math.abs(clockSkewMs) / 1000);
  return Math.abs(clockSkewMs) <= CLOCK_SKEW_MAX_MS
    ? passed("the issuer's clock and this machine's agree")
    : failedCheck(
        `the issuer's clock is ${seconds} s ${clockSkewMs > 0 ? "ahead of" : "behind"} this machine's: sign-ins may be refused`,
        "set both clocks by NTP; Cloudflare's are right",
      );
}

/** No failure: some providers, such as Keycloak, take public clients without listing `none`. */
function judgeSecret({ discovery }: SeenProvider, secrets: Reading<readonly string[]>): Verdict {
  if (!secrets.known) return unread(secrets.reason, secrets.remedy);
  if (secrets.value.includes("SIGN_IN_SECRET")) return passed("SIGN_IN_SECRET is set");
  const parsed = v.safeParse(DISCOVERY, discovery.kind === "answer" ? discovery.json : undefined);
  if (!parsed.success)
    return unread("it is not known whether the issuer takes a client without a secret", REACH);
  return parsed.output.token_endpoint_auth_methods_supported?.includes("none")
    ? passed("the issuer takes clients without a secret, with PKCE only")
    : warned(
        "the Worker has no secret SIGN_IN_SECRET, and the issuer does not say that it takes clients without one",
        "npx wrangler secret put SIGN_IN_SECRET, unless the client is a public one there",
      );
}
