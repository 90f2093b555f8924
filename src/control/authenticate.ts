import type { Actor } from "../registry/audit-log.ts";
import type { Principal, SecretDigest } from "../registry/credential.ts";
import type { Credentials } from "../registry/credentials.ts";
import type { SignInError } from "../registry/sign-ins.ts";
import { networkOf } from "../registry/throttle.ts";
import { err, ok, type Result } from "../result.ts";
import { ApiError } from "./problem.ts";
import { digestOf, readToken, sameText } from "./secrets.ts";
import { SessionValues } from "./session-value.ts";
import { ShortMemory } from "./short-memory.ts";
import { StrangerBudget } from "./stranger-budget.ts";

const BEARER = /^bearer +(.*)$/i;

/** Longer names of browsers are cut, in characters. */
const CLIENT_MAX = 200;

/** Tokens that were right are asked about whatever strangers do, for so long, in milliseconds. */
const KNOWN_MS = 24 * 60 * 60_000;
const KNOWN_MAX = 1_000;

/** Who sends a request: an API's token, a page's session. One lives as long as its isolate. */
export class Authenticator {
  readonly #adminToken: string;
  readonly #credentials: Credentials;
  readonly #now: () => number;
  readonly #sessions: SessionValues;
  readonly #budget = new StrangerBudget();
  readonly #knownTokens = new ShortMemory<SecretDigest, true>(KNOWN_MS, KNOWN_MAX);
  /** Questions that are under way. */
  readonly #asked = new Map<SecretDigest, Promise<unknown>>();
  #adminDigest: Promise<SecretDigest> | undefined;

  constructor(adminToken: string, credentials: Credentials, now: () => number) {
    this.#adminToken = adminToken;
    this.#credentials = credentials;
    this.#now = now;
    this.#sessions = new SessionValues(adminToken);
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
    const digest = await readToken(token);
    const principal = digest === undefined ? null : await this.#ofToken(digest, request);
    if (principal !== null) return principal;
    throw new ApiError(
      "wrong-credentials",
      "this is neither the Worker's ADMIN_TOKEN nor a token that is valid now",
      { headers: { "WWW-Authenticate": 'Bearer realm="latchkey", error="invalid_token"' } },
    );
  }

  /** Whose session this value of the cookie is. `undefined`: nobody's, one of another host, or it has ended. */
  async ofSession(value: string, hostname: string): Promise<Principal | undefined> {
    const digest = await this.#sessions.read(value, hostname);
    if (digest === undefined) return undefined;
    return (
      (await this.#credentials.principal("session", digest, await this.#digestOfAdmin(), this.#now())) ??
      undefined
    );
  }

  /**
   * Opens a session with a token, for one host. The cookie's value is always a new one. Whatever is wrong is
   * counted and audited by the directory, as far as the budget for strangers reaches.
   */
  async signIn(
    { request, hostname, by }: { request: Request; hostname: string; by: Actor },
    token: string,
  ): Promise<Result<{ cookie: string }, SignInError>> {
    const isAdmin = await sameText(token, this.#adminToken);
    const credential = await digestOf(token);
    const network = networkOf(by.ip);
    if (!isAdmin && !this.#mayAsk(credential, network, by.at)) {
      return err({ code: "too-many-attempts", retryAfterMs: this.#budget.retryAfterMs(by.at) });
    }
    if (!isAdmin) this.#budget.spend(network);
    const { value, digest } = await this.#sessions.create(hostname);
    const client = request.headers.get("user-agent")?.slice(0, CLIENT_MAX) ?? null;
    const session = { id: crypto.randomUUID(), digest, credential, ip: by.ip, country: by.country, client };
    const opened = await this.#credentials.signIn(by, session, isAdmin).catch((error: unknown) => {
      if (!isAdmin) this.#budget.giveBack(network);
      throw error;
    });
    if (opened.ok) {
      if (!isAdmin) {
        this.#budget.giveBack(network);
        this.#knownTokens.set(credential, true, by.at);
      }
      return ok({ cookie: value });
    }
    if (!isAdmin && opened.error.code === "wrong-token") this.#knownTokens.delete(credential);
    return opened;
  }

  async #ofToken(digest: SecretDigest, request: Request): Promise<Principal | null> {
    const now = this.#now();
    const network = networkOf(request.headers.get("cf-connecting-ip"));
    // Many at a time with a token that is not known yet: what the first is told tells of all.
    if (!this.#mayAsk(digest, network, now)) await this.#asked.get(digest)?.catch(() => undefined);
    if (!this.#mayAsk(digest, network, now)) {
      const seconds = Math.ceil(this.#budget.retryAfterMs(now) / 1000);
      throw new ApiError("too-many-attempts", `try again in ${seconds} seconds`, {
        headers: { "Retry-After": String(seconds) },
      });
    }
    const asked = this.#askOfToken(digest, network, now);
    this.#asked.set(digest, asked);
    try {
      return await asked;
    } finally {
      if (this.#asked.get(digest) === asked) this.#asked.delete(digest);
    }
  }

  async #askOfToken(digest: SecretDigest, network: string, now: number): Promise<Principal | null> {
    this.#budget.spend(network);
    const adminDigest = await this.#digestOfAdmin();
    const principal = await this.#credentials
      .principal("token", digest, adminDigest, now)
      .catch((error: unknown) => {
        this.#budget.giveBack(network);
        throw error;
      });
    if (principal === null) {
      this.#knownTokens.delete(digest);
    } else {
      this.#budget.giveBack(network);
      this.#knownTokens.set(digest, true, now);
    }
    return principal;
  }

  /** Whoever was right before is asked about, whatever strangers have used up. */
  #mayAsk(digest: SecretDigest, network: string, now: number): boolean {
    return this.#knownTokens.get(digest, now) === true || this.#budget.allows(network, now);
  }

  #digestOfAdmin(): Promise<SecretDigest> {
    this.#adminDigest ??= digestOf(this.#adminToken);
    return this.#adminDigest;
  }
}
