import { ApiError } from "../contract/api-error.ts";
import type { Principal, SecretDigest } from "../domain/credential.ts";
import { err, ok, type Result } from "../domain/general/result.ts";
import type { DirectoryCaller } from "../registry/client/objects.ts";
import type { SignInError } from "../registry/directory/credentials.ts";
import type { Actor } from "../registry/storage/audit-log.ts";
import type { DeadSecrets } from "./dead-secrets.ts";
import type { KeyedSecrets } from "./keyed-secrets.ts";
import { digestOf, sameText } from "./secrets.ts";
import { SessionValues } from "./session-value.ts";

const BEARER = /^bearer +/i;

/** Longer names of browsers are cut, in characters. */
const CLIENT_MAX = 200;

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
  #adminDigest: Promise<SecretDigest> | undefined;

  constructor(
    adminToken: string,
    directory: DirectoryCaller,
    secrets: KeyedSecrets,
    dead: DeadSecrets,
    now: () => number,
  ) {
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
    const principal = await this.#dead.unlessDead(key.digest, () =>
      this.#directory.ask((directory) => directory.ofSession(key, adminDigest, this.#now())),
    );
    return principal ?? undefined;
  }

  /**
   * Opens a session with a token, for one host. The cookie's value is always a new one. A wrong token writes
   * nothing; a right one is limited by its own sign-ins only.
   */
  async signIn(
    { request, hostname, by }: { request: Request; hostname: string; by: Actor },
    token: string,
  ): Promise<Result<{ cookie: string }, SignInError>> {
    const { text, digest } = await this.#sessions.newText();
    const client = request.headers.get("user-agent")?.slice(0, CLIENT_MAX) ?? null;
    const session = { id: crypto.randomUUID(), digest, ip: by.ip, country: by.country, client };
    const open = (credential: SecretDigest, isAdmin: boolean) =>
      // Not repeated: a sign-in counts.
      this.#directory.askOnce((directory) => directory.signIn(by, { ...session, credential }, isAdmin));
    const opened = (await sameText(token, this.#adminToken))
      ? await open(await this.#digestOfAdmin(), true)
      : await this.#withToken(token, (credential) => open(credential, false));
    if (!opened.ok) return opened;
    return ok({ cookie: await this.#sessions.seal(text, opened.value.holder, hostname) });
  }

  /** Ends the session whose cookie this is, if it has not ended. */
  async signOut(value: string, hostname: string, by: Actor): Promise<void> {
    const key = await this.#sessions.read(value, hostname);
    if (key === undefined) return;
    const adminDigest = await this.#digestOfAdmin();
    await this.#dead.unlessDead(key.digest, () =>
      this.#directory.ask((directory) => directory.signOut(by, key, adminDigest)),
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

  #digestOfAdmin(): Promise<SecretDigest> {
    this.#adminDigest ??= digestOf(this.#adminToken);
    return this.#adminDigest;
  }
}
