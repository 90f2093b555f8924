// Device tokens, feeds' secrets and browsers' cookies in a request: where they can be, which are ours, and how the first
// two are removed. (Cookies of ours are removed by forward.ts.)

import type { CredentialKey, SecretKind } from "../domain/credential-key.ts";
import { BoundedMap } from "../domain/general/bounded-map.ts";
import type { App } from "../domain/request/app.ts";
import { browserSecret, MAY_BE_OWN_COOKIE } from "../domain/request/own-cookies.ts";
import type { ShownSecret } from "../domain/request/shown.ts";
import type { Visit } from "../visit.ts";

export const TOKEN_HEADER = "x-latchkey-token";
/** Some apps have fields for these two headers only (Cloudflare Access calls the pair a service token). */
const PAIR_ID_HEADER = "cf-access-client-id";
const PAIR_SECRET_HEADER = "cf-access-client-secret";
const TOKEN_PREFIX = "lkd_";
const FEED_PARAMETER = "latchkey";
const FEED_PREFIX = "lkf_";

/** Secrets that one isolate recognises without computing anything: 1,000 devices' are more than a household has. */
const MAX_REMEMBERED = 1_000;

/** Says whether a secret carries our check: see auth/keyed-secrets.ts. Throws `RegistryUnavailable`. */
export type ReadSecret = (kind: SecretKind, text: string, host: string) => Promise<CredentialKey | undefined>;

/** Recognises the secrets that requests show. One lives as long as its isolate. */
export class ShownSecrets {
  readonly #read: ReadSecret;
  /** Only of secrets that are ours, so strangers cannot fill it. */
  readonly #remembered = new BoundedMap<string, ShownSecret>(MAX_REMEMBERED);

  constructor(read: ReadSecret) {
    this.#read = read;
  }

  /**
   * The secret that a request shows, if it is one of ours and came by TLS: not a promise if it is remembered, or if there
   * is none. Rejects if the directory cannot be asked how to recognise one.
   */
  of(visit: Visit, app: App): ShownSecret | undefined | Promise<ShownSecret | undefined> {
    // Over plain HTTP, anybody on the network path could read it.
    if (!visit.address.startsWith("https:")) return undefined;
    const text = tokenIn(visit.request.headers, app);
    const { hostname } = visit;
    if (text !== undefined) return this.#recognise("token", text, hostname);
    const secret = feedSecretIn(visit, app);
    if (secret !== undefined) return this.#recognise("feed", secret, hostname);
    const signedIn = browserSecretIn(visit.request.headers, app);
    return signedIn === undefined ? undefined : this.#recognise("browser", signedIn, hostname);
  }

  #recognise(
    kind: SecretKind,
    text: string,
    host: string,
  ): ShownSecret | undefined | Promise<ShownSecret | undefined> {
    // The prefixes differ, so one text is of one kind. A browser's is good for one host.
    const name = kind === "browser" ? `${text} ${host}` : text;
    const remembered = this.#remembered.get(name);
    if (remembered !== undefined) return remembered;
    return this.#read(kind, text, host).then((key) => {
      if (key === undefined) return undefined;
      const shown = { kind, key };
      this.#remembered.set(name, shown);
      return shown;
    });
  }
}

/** The first place with a token counts. */
function tokenIn(headers: Headers, { basic }: App): string | undefined {
  const token = headers.get(TOKEN_HEADER);
  if (token !== null) return token.startsWith(TOKEN_PREFIX) ? token : undefined;
  const secret = headers.get(PAIR_SECRET_HEADER);
  if (secret?.startsWith(TOKEN_PREFIX)) return secret;
  return basic ? basicToken(headers.get("authorization") ?? "") : undefined;
}

/** The password of HTTP Basic (RFC 7617), if it is a token. */
function basicToken(authorization: string): string | undefined {
  const base64 = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(authorization)?.[1];
  if (base64 === undefined) return undefined;
  const text = decoded(base64);
  const password = text.slice(text.indexOf(":") + 1);
  return text.includes(":") && password.startsWith(TOKEN_PREFIX) ? password : undefined;
}

/** A feed reads (a WebSocket would write, too), and never on an app whose clients hold a vault. */
function feedSecretIn(visit: Visit, { profile }: App): string | undefined {
  const { method, address, request } = visit;
  if (!hasFeedParameter(address) || (method !== "GET" && method !== "HEAD")) return undefined;
  if (request.headers.has("upgrade")) return undefined;
  if (profile.name === "bitwarden") return undefined;
  const secrets = visit.url.searchParams.getAll(FEED_PARAMETER);
  // More than one: somebody is playing parsers off against each other.
  return secrets.length === 1 && secrets[0]?.startsWith(FEED_PREFIX) ? secrets[0] : undefined;
}

/** Only where browsers may sign in: elsewhere, the cookie is as good as none. */
function browserSecretIn(headers: Headers, { signIn }: App): string | undefined {
  if (!signIn) return undefined;
  const cookie = headers.get("cookie");
  return cookie !== null && MAY_BE_OWN_COOKIE.test(cookie) ? browserSecret(cookie) : undefined;
}

/** Whether a URL is worth parsing: nearly none is. Either of the two may be percent-encoded. */
export function hasFeedParameter(address: string): boolean {
  const query = address.indexOf("?");
  return (
    query !== -1 && (address.includes(FEED_PREFIX, query) || address.includes(`${FEED_PARAMETER}=`, query))
  );
}

/**
 * The address without feeds' secrets; the rest of it stays as it was written. Also those behind a semicolon, which only
 * some apps' parsers take for an ampersand.
 */
export function withoutFeedSecret(address: string): string {
  const begin = address.indexOf("?");
  if (begin === -1) return address;
  const [query = "", ...fragment] = address.slice(begin + 1).split("#");
  const rest = query.split("&").flatMap((pair) => {
    const others = pair.split(";").filter((each) => !isFeedSecret(each));
    return others.length === 0 ? [] : [others.join(";")];
  });
  const after = fragment.length === 0 ? "" : `#${fragment.join("#")}`;
  return `${address.slice(0, begin)}${rest.length === 0 ? "" : `?${rest.join("&")}`}${after}`;
}

/** As the URL parser reads names and values, percent-encoded or not. */
function isFeedSecret(pair: string): boolean {
  return new URLSearchParams(pair).get(FEED_PARAMETER)?.startsWith(FEED_PREFIX) ?? false;
}

/** Any of our secrets begins like this: a device's token, an API token, a feed's secret. */
const LIKE_OURS = /lk[dtf]_/;
/** Where people put one, by mistake or not. */
const TRIED_HEADERS = [TOKEN_HEADER, PAIR_ID_HEADER, PAIR_SECRET_HEADER, "authorization"] as const;
/** Only this many characters of a place are read. */
const TRIED_MAX = 2_000;

/**
 * For the log's line of a request that was refused for want of a certificate, so that people find a mistyped token, or
 * one in the wrong place. Never the secret itself.
 */
export function triedSecret(visit: Visit): { token?: "invalid" } {
  return triedPlaces(visit).some((text) => LIKE_OURS.test(text)) ? { token: "invalid" } : {};
}

function triedPlaces(visit: Visit): string[] {
  const headers = TRIED_HEADERS.map((name) => (visit.request.headers.get(name) ?? "").slice(0, TRIED_MAX));
  const password = decoded(/^basic +([^ ,]+)/i.exec(headers.at(-1) ?? "")?.[1] ?? "");
  const values = hasFeedParameter(visit.address) ? visit.url.searchParams.getAll(FEED_PARAMETER) : [];
  return [...headers, password, values.join(" ").slice(0, TRIED_MAX)];
}

/** Base64's text; nothing if it is malformed. */
function decoded(base64: string): string {
  try {
    return atob(base64);
  } catch {
    return "";
  }
}

/**
 * Which headers of a request hold a token, besides `TOKEN_HEADER`: they are for Latchkey only. Also one that was joined
 * with others of its name, though it lets nobody in then.
 */
export function tokenHeaders(headers: Headers, app: App): readonly string[] {
  const pair = headers.get(PAIR_SECRET_HEADER)?.includes(TOKEN_PREFIX) ? PAIR : NONE;
  return app.basic && hasBasicToken(headers) ? [...pair, "authorization"] : pair;
}

// Made once: nearly every request has none.
const NONE: readonly string[] = [];
const PAIR: readonly string[] = [PAIR_ID_HEADER, PAIR_SECRET_HEADER];

function hasBasicToken(headers: Headers): boolean {
  const passwords = (headers.get("authorization") ?? "").split(",");
  return passwords.some((each) => basicToken(each.trim()) !== undefined);
}
