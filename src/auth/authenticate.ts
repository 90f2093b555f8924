import { ApiError } from "../contract/api-error.ts";
import type { SignInSettings } from "../contract/sign-in-settings.ts";
import type { Principal, SecretDigest } from "../domain/credential.ts";
import { err, ok, type Result } from "../domain/general/result.ts";
import type { IdentityKey } from "../domain/person.ts";
import type { UserId } from "../domain/user.ts";
import type { DirectoryCaller } from "../registry/client/objects.ts";
import { holderOf, type NewSession, userOf } from "../registry/directory/session-table.ts";
import type { SignInError } from "../registry/directory/sign-ins.ts";
import type { Actor } from "../registry/storage/audit-log.ts";
import type { DeadSecrets } from "./dead-secrets.ts";
import type { KeyedSecrets } from "./keyed-secrets.ts";
import { digestOf, sameText } from "./secrets.ts";
import { SessionValues } from "./session-value.ts";

const BEARER = /^bearer +/i;

/** Longer names of browsers are cut, in characters. */
const CLIENT_MAX = 200;

/** Where somebody signs in: with which request, on which host. */
export interface SignInPlace {
  request: Request;
  hostname: string;
  by: Actor;
}

interface NewSessionText {
  text: string;
  session: Omit<NewSession, "credential">;
}

/**
 * Who sends a request, by an API token or a page's session. Forged credentials are refused without asking the
 * directory, so nothing that strangers do is counted or makes right credentials wait. One lives as long as its isolate.
 */
export class Authenticator {
  readonly #adminToken: string;
  readonly #directory: DirectoryCaller;
  readonly #secrets: KeyedSecrets;
  readonly #dead: DeadSecrets;
  readonly #now: () => number;
  readonly #sessions: SessionValues;
  readonly #provider: Pick<SignInSettings, "issuer" | "clientId"> | null;
  #adminDigest: Promise<SecretDigest> | undefined;
  #providerDigest: Promise<SecretDigest> | undefined;

  constructor(
    adminToken: string,
    directory: DirectoryCaller,
    secrets: KeyedSecrets,
    dead: DeadSecrets,
    now: () => number,
    provider: Pick<SignInSettings, "issuer" | "clientId"> | null,
  ) {
    this.#provider = provider;
    this.#adminToken = adminToken;
    this.#directory = directory;
    this.#secrets = secrets;
    this.#dead = dead;
    this.#now = now;
    this.#sessions = new SessionValues(adminToken);
  }

  /**
   * Reads `Authorization: Bearer TOKEN`: the `ADMIN_TOKEN`, or a user's own. `undefined`: none is sent; other
   * schemes are the app's own business. Throws `wrong-credentials`.
   */
  async ofBearer(request: Request): Promise<Principal | undefined> {
    const header = request.headers.get("authorization") ?? "";
    const scheme = BEARER.exec(header)?.[0];
    if (scheme === undefined) return undefined;
    const token = header.slice(scheme.length).trim();
    if (await sameText(token, this.#adminToken)) {
      return { scope: "root", user: null, actor: "admin", session: null };
    }
    const digest = await this.#secrets.readToken(token);
    const principal =
      digest === undefined
        ? null
        : await this.#dead.unlessDead(digest, () =>
            this.#directory.ask((directory) => directory.ofToken(digest, this.#now())),
          );
    if (principal !== null) return principal;
    throw new ApiError("wrong-credentials", "this is neither the Worker's ADMIN_TOKEN nor a valid token", {
      headers: { "WWW-Authenticate": 'Bearer realm="latchkey", error="invalid_token"' },
    });
  }

  /** Whose session a cookie's value belongs to. `undefined`: nobody's, another host's, or it has ended. */
  async ofSession(value: string, hostname: string): Promise<Principal | undefined> {
    const key = await this.#sessions.read(value, hostname);
    if (key === undefined) return undefined;
    const adminDigest = await this.#digestOfAdmin();
    const provider = await this.#digestOfProvider();
    // It may count again once SIGN_IN is back.
    if (provider === null && userOf(key.holder) !== undefined) return undefined;
    const principal = await this.#dead.unlessDead(key.digest, () =>
      this.#directory.ask((directory) => directory.ofSession(key, adminDigest, this.#now(), provider)),
    );
    return principal ?? undefined;
  }

  /**
   * Opens a session with a token, for one host. The cookie's value is always a new one. A wrong token writes
   * nothing; a right one is limited by its own sign-ins only.
   */
  async signIn(at: SignInPlace, token: string): Promise<Result<{ cookie: string }, SignInError>> {
    const { by, hostname } = at;
    const { text, session } = await this.#newSession(at);
    const open = (credential: SecretDigest, isAdmin: boolean) =>
      // Not repeated: a sign-in counts.
      this.#directory.askOnce((directory) => directory.signIn(by, { ...session, credential }, isAdmin));
    const opened = (await sameText(token, this.#adminToken))
      ? await open(await this.#digestOfAdmin(), true)
      : await this.#withToken(token, (credential) => open(credential, false));
    if (!opened.ok) return opened;
    return ok({ cookie: await this.#sessions.seal(text, opened.value.holder, hostname) });
  }

  /**
   * Opens a session for a user whom the identity provider has vouched for and `People` has identified, as long as the
   * identity is that user's. It is limited by that user's own sign-ins only.
   */
  async signInAs(
    at: SignInPlace,
    user: UserId,
    identity: IdentityKey,
  ): Promise<Result<{ cookie: string }, SignInError>> {
    const credential = await this.#digestOfProvider();
    if (credential === null) return err({ code: "wrong-token" });
    const { text, session } = await this.#newSession(at);
    const { issuer, subject } = identity;
    // Not repeated: a sign-in counts.
    const opened = await this.#directory.askOnce((directory) =>
      directory.signInAs(at.by, { ...session, credential }, user, { issuer, subject }),
    );
    if (!opened.ok) return opened;
    return ok({ cookie: await this.#sessions.seal(text, holderOf(user), at.hostname) });
  }

  /** Ends the session whose cookie this is, if it has not ended. */
  async signOut(value: string, hostname: string, by: Actor): Promise<void> {
    const key = await this.#sessions.read(value, hostname);
    if (key === undefined) return;
    const adminDigest = await this.#digestOfAdmin();
    const provider = await this.#digestOfProvider();
    await this.#dead.unlessDead(key.digest, () =>
      this.#directory.ask((directory) => directory.signOut(by, key, adminDigest, provider)),
    );
    this.#dead.note(key.digest);
  }

  async #withToken<T>(
    token: string,
    open: (credential: SecretDigest) => Promise<Result<T, SignInError>>,
  ): Promise<Result<T, SignInError>> {
    const credential = await this.#secrets.readToken(token);
    if (credential === undefined) return err({ code: "wrong-token" });
    const opened = await this.#dead.unlessDead(credential, async () => {
      const result = await open(credential);
      return !result.ok && result.error.code === "wrong-token" ? null : result;
    });
    return opened ?? err({ code: "wrong-token" });
  }

  /** A session that is to be opened; `text` is for its cookie. */
  async #newSession({ request, by }: SignInPlace): Promise<NewSessionText> {
    const { text, digest } = await this.#sessions.newText();
    const client = request.headers.get("user-agent")?.slice(0, CLIENT_MAX) ?? null;
    return {
      text,
      session: { id: crypto.randomUUID(), digest, ip: by.ip, country: by.country, client },
    };
  }

  /** What sessions are opened with: another provider, or another client there, ends them. */
  async #digestOfProvider(): Promise<SecretDigest | null> {
    if (this.#provider === null) return null;
    const { issuer, clientId } = this.#provider;
    this.#providerDigest ??= digestOf(JSON.stringify([issuer, clientId]));
    return this.#providerDigest;
  }

  #digestOfAdmin(): Promise<SecretDigest> {
    this.#adminDigest ??= digestOf(this.#adminToken);
    return this.#adminDigest;
  }
}
