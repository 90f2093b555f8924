import type { Actor } from "../registry/audit-log.ts";
import type { Principal, SecretDigest } from "../registry/credential.ts";
import type { Credentials } from "../registry/credentials.ts";
import type { SignInError } from "../registry/sign-ins.ts";
import { networkOf } from "../registry/throttle.ts";
import { ok, type Result } from "../result.ts";
import { ApiError } from "./problem.ts";
import { digestOf, newSecret, readSecret, type SecretKind, sameText } from "./secrets.ts";
import { StrangerBudget } from "./stranger-budget.ts";

const BEARER = /^bearer +(.*)$/i;

/** Who sends a request: an API's token, a page's session. One lives as long as its isolate. */
export class Authenticator {
  readonly #adminToken: string;
  readonly #credentials: Credentials;
  readonly #now: () => number;
  readonly #budget = new StrangerBudget();
  #adminDigest: Promise<SecretDigest> | undefined;

  constructor(adminToken: string, credentials: Credentials, now: () => number) {
    this.#adminToken = adminToken;
    this.#credentials = credentials;
    this.#now = now;
  }

  /**
   * Reads `Authorization: Bearer TOKEN`: the `ADMIN_TOKEN`, or a user's own. `undefined`: none is sent; other
   * schemes are the app's own affair. Throws `wrong-credentials`, or `too-many-attempts` after many of them.
   */
  async ofBearer(request: Request): Promise<Principal | undefined> {
    const token = BEARER.exec(request.headers.get("authorization") ?? "")?.[1]?.trim();
    if (token === undefined) return undefined;
    if (await sameText(token, this.#adminToken)) {
      return { scope: "root", user: null, actor: "admin", session: null };
    }
    const digest = await readSecret("token", token);
    const principal = digest === undefined ? null : await this.#ask("token", digest, request);
    if (principal !== null) return principal;
    throw new ApiError(
      "wrong-credentials",
      "this is neither the Worker's ADMIN_TOKEN nor a token that is valid now",
      {
        headers: { "WWW-Authenticate": 'Bearer realm="latchkey", error="invalid_token"' },
      },
    );
  }

  /**
   * Whose session this value of the cookie is. `undefined`: nobody's, one of another host, or it has ended.
   * Throws `too-many-attempts`.
   */
  async ofSession(value: string, request: Request, hostname: string): Promise<Principal | undefined> {
    const digest = await readSecret("session", value, hostname);
    if (digest === undefined) return undefined;
    return (await this.#ask("session", digest, request)) ?? undefined;
  }

  /**
   * Opens a session with a token, for one host: a cookie that was stolen there is of no use elsewhere. The
   * value is always a new one. Whatever is wrong is counted and audited by the directory, as far as the
   * budget for strangers reaches.
   */
  async signIn(
    request: Request,
    hostname: string,
    token: string,
    by: Actor,
  ): Promise<Result<{ cookie: string }, SignInError>> {
    const isAdmin = await sameText(token, this.#adminToken);
    const network = networkOf(by.ip);
    if (!isAdmin && !this.#budget.allows(network, by.at)) {
      return {
        ok: false,
        error: { code: "too-many-attempts", retryAfterMs: this.#budget.retryAfterMs(by.at) },
      };
    }
    const { secret, digest } = await newSecret("session", hostname);
    const session = {
      id: crypto.randomUUID(),
      digest,
      credential: await digestOf(token),
      ip: by.ip,
      country: by.country,
      client: request.headers.get("user-agent")?.slice(0, CLIENT_MAX) ?? null,
    };
    const opened = await this.#credentials.signIn(by, session, isAdmin);
    if (opened.ok) return ok({ cookie: secret });
    if (!isAdmin) this.#budget.spend(network);
    return opened;
  }

  async #ask(kind: SecretKind, digest: SecretDigest, request: Request): Promise<Principal | null> {
    const now = this.#now();
    const network = networkOf(request.headers.get("cf-connecting-ip"));
    if (!this.#budget.allows(network, now)) {
      const seconds = Math.ceil(this.#budget.retryAfterMs(now) / 1000);
      throw new ApiError("too-many-attempts", `try again in ${seconds} seconds`, {
        headers: { "Retry-After": String(seconds) },
      });
    }
    this.#adminDigest ??= digestOf(this.#adminToken);
    const principal = await this.#credentials.principal(kind, digest, await this.#adminDigest, now);
    if (principal === null) this.#budget.spend(network);
    return principal;
  }
}

/** Longer names of browsers are cut, in characters. */
const CLIENT_MAX = 200;
