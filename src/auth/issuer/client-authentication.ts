// How we authenticate at the issuer.
import * as oauth from "oauth4webapi";
import { isClientRefused } from "./failure.ts";

/**
 * The discovery document lists what the issuer supports, not what this client is registered for. So each method is tried
 * until the issuer accepts one, which goes first from then on. A refused client does not use up the code.
 */
export class ClientAuthentication {
  readonly #secret: string | null;
  #accepted: string | undefined;

  /** `null`: PKCE only. */
  constructor(secret: string | null) {
    this.#secret = secret;
  }

  /** What `ask` answers for the first method that is not refused; else it throws the last refusal. */
  async use<T>(server: oauth.AuthorizationServer, ask: (method: oauth.ClientAuth) => Promise<T>): Promise<T> {
    if (this.#secret === null) return ask(oauth.None());
    let refusal: unknown;
    for (const name of this.#order(server)) {
      const method = METHODS[name](this.#secret);
      try {
        const answer = await ask(method);
        this.#accepted = name;
        return answer;
      } catch (error) {
        if (!isClientRefused(error)) throw error;
        refusal = error;
      }
    }
    throw refusal;
  }

  #order(server: oauth.AuthorizationServer): MethodName[] {
    const supported = server.token_endpoint_auth_methods_supported ?? [DEFAULT_METHOD];
    const known = METHOD_NAMES.filter((name) => supported.includes(name));
    if (known.length === 0) return [DEFAULT_METHOD];
    return known.sort((left, right) => Number(right === this.#accepted) - Number(left === this.#accepted));
  }
}

/**
 * Post goes first: Google, and Pocket ID before 2.3, do not take hyphens that are encoded in basic credentials, as
 * RFC 6749 wants them (github.com/panva/oauth4webapi/issues/165, github.com/pocket-id/pocket-id/pull/1263).
 */
const METHODS = {
  client_secret_post: oauth.ClientSecretPost,
  client_secret_basic: oauth.ClientSecretBasic,
} as const;
type MethodName = keyof typeof METHODS;
const METHOD_NAMES = Object.keys(METHODS) as MethodName[];

/** If the document names none, or none that we know: OpenID Connect Discovery, section 3. */
const DEFAULT_METHOD: MethodName = "client_secret_basic";
