// Device tokens and feeds' secrets in a request: where they can be, which are ours, and how they are removed.
import { BoundedMap } from "../domain/bounded-map.ts";
import type { CredentialKey, SecretKind } from "../domain/credential-key.ts";
import type { App } from "../domain/request/app.ts";
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
export type ReadSecret = (kind: SecretKind, text: string) => Promise<CredentialKey | undefined>;

/** Recognises the secrets that requests show. One lives as long as its isolate. */
export class ShownSecrets {
  readonly #read: ReadSecret;
  /** Only of secrets that are ours, so strangers cannot fill it. */
  readonly #remembered = new BoundedMap<string, ShownSecret>(MAX_REMEMBERED);

  constructor(read: ReadSecret) {
    this.#read = read;
  }

  /**
   * The secret that a request shows, if it is one of ours: not a promise if it is remembered, or if there is none.
   * Rejects if the directory cannot be asked how to recognise one.
   */
  of(visit: Visit, app: App): ShownSecret | undefined | Promise<ShownSecret | undefined> {
    const text = tokenIn(visit.request.headers, app);
    if (text !== undefined) return this.#recognise("token", text);
    const secret = feedSecretIn(visit, app);
    return secret === undefined ? undefined : this.#recognise("feed", secret);
  }

  #recognise(kind: SecretKind, text: string): ShownSecret | undefined | Promise<ShownSecret | undefined> {
    // The prefixes differ, so one text is of one kind.
    const remembered = this.#remembered.get(text);
    if (remembered !== undefined) return remembered;
    return this.#read(kind, text).then((key) => {
      if (key === undefined) return undefined;
      const shown = { kind, key };
      this.#remembered.set(text, shown);
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
  return basic ? basicToken(headers) : undefined;
}

/** The HTTP Basic password (RFC 7617), if it is a token. */
function basicToken(headers: Headers): string | undefined {
  const base64 = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(headers.get("authorization") ?? "")?.[1];
  if (base64 === undefined) return undefined;
  try {
    const text = atob(base64);
    const password = text.slice(text.indexOf(":") + 1);
    return text.includes(":") && password.startsWith(TOKEN_PREFIX) ? password : undefined;
  } catch {
    return undefined;
  }
}

/** A feed only reads, and never an app whose clients hold a vault. */
function feedSecretIn(visit: Visit, { profile }: App): string | undefined {
  const { method, address } = visit;
  if (!hasFeedParameter(address) || (method !== "GET" && method !== "HEAD")) return undefined;
  if (profile.name === "bitwarden") return undefined;
  const secrets = visit.url.searchParams.getAll(FEED_PARAMETER);
  // More than one: somebody is playing parsers off against each other.
  return secrets.length === 1 && secrets[0]?.startsWith(FEED_PREFIX) ? secrets[0] : undefined;
}

/** Whether a URL is worth parsing: hardly any is. */
export function hasFeedParameter(address: string): boolean {
  return address.includes(FEED_PREFIX);
}

/** The URL without feeds' secrets; the rest stays as it was written. */
export function withoutFeedSecret(address: string): string {
  const begin = address.indexOf("?");
  if (begin === -1) return address;
  const [query = "", ...fragment] = address.slice(begin + 1).split("#");
  const rest = query.split("&").filter((pair) => !isFeedSecret(pair));
  const after = fragment.length === 0 ? "" : `#${fragment.join("#")}`;
  return `${address.slice(0, begin)}${rest.length === 0 ? "" : `?${rest.join("&")}`}${after}`;
}

/** As the URL parser reads names and values, percent-encoded or not. */
function isFeedSecret(pair: string): boolean {
  return new URLSearchParams(pair).get(FEED_PARAMETER)?.startsWith(FEED_PREFIX) ?? false;
}

/** Which headers of a request hold a token, besides `TOKEN_HEADER`: they are for Latchkey only. */
export function tokenHeaders(headers: Headers, app: App): string[] {
  const names: string[] = [];
  if (headers.get(PAIR_SECRET_HEADER)?.startsWith(TOKEN_PREFIX))
    names.push(PAIR_ID_HEADER, PAIR_SECRET_HEADER);
  if (app.basic && basicToken(headers) !== undefined) names.push("authorization");
  return names;
}
