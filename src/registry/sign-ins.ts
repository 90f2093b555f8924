import { err, ok, type Result } from "../result.ts";
import type { AttemptTable } from "./attempt-table.ts";
import { type Actor, writeAudit } from "./audit-log.ts";
import {
  actorOf,
  type Principal,
  type SecretDigest,
  type SessionRecord,
  type TokenRecord,
} from "./credential.ts";
import type { CredentialTable, NewSession } from "./credential-table.ts";
import type { RegistryError } from "./records.ts";
import { networkOf, type TooManyAttempts } from "./throttle.ts";
import type { UserId } from "./user.ts";

export type SignInError = { code: "wrong-token" } | TooManyAttempts;

/** Rules of tokens and sessions. Each method is to be called in a transaction. */
export class SignIns {
  readonly #sql: SqlStorage;
  readonly #credentials: CredentialTable;
  readonly #attempts: AttemptTable;

  constructor(sql: SqlStorage, credentials: CredentialTable, attempts: AttemptTable) {
    this.#sql = sql;
    this.#credentials = credentials;
    this.#attempts = attempts;
  }

  /**
   * Whose credentials these are. `adminDigest` is that of the Worker's `ADMIN_TOKEN` now. `null`: nobody's,
   * or they have ended.
   */
  principal(
    kind: "token" | "session",
    digest: SecretDigest,
    adminDigest: SecretDigest,
    now: number,
  ): Principal | null {
    if (kind === "session") {
      const found = this.#credentials.sessionByDigest(digest, adminDigest, now);
      if (found?.token !== undefined) this.#credentials.noteUse(found.token, now);
      return found?.principal ?? null;
    }
    const token = this.#credentials.tokenByDigest(digest, now);
    if (token === undefined) return null;
    this.#credentials.noteUse(token, now);
    return { scope: token.scope, user: token.user, actor: actorOf(token), session: null };
  }

  /**
   * Opens a session with a token (`isAdmin`: the Worker has compared it with the `ADMIN_TOKEN`). A network
   * that tried wrong tokens must wait, whatever it presents; wrong ones are counted and audited.
   */
  signIn(by: Actor, session: NewSession, isAdmin: boolean): Result<null, SignInError> {
    const network = networkOf(by.ip);
    const retryAfterMs = this.#attempts.waitMs("sign-in", network, by.at);
    if (retryAfterMs > 0) return err({ code: "too-many-attempts", retryAfterMs });
    const token = isAdmin ? null : this.#credentials.tokenByDigest(session.credential, by.at);
    if (token === undefined) {
      const attempts = this.#attempts.fail("sign-in", network, by.at);
      const detail = { reason: "wrong-token", attempts: String(attempts) };
      writeAudit(this.#sql, by, { act: "sign-in", outcome: "refused", target: null, detail });
      return err({ code: "wrong-token" });
    }
    this.#attempts.clear("sign-in", network);
    this.#credentials.insertSession(session, token, by.at);
    if (token !== null) this.#credentials.noteUse(token, by.at);
    const target = { id: session.id, name: null };
    writeAudit(this.#sql, { ...by, actor: actorOf(token) }, { act: "sign-in", outcome: "done", target });
    return ok(null);
  }

  /** Newest first: of one user's tokens, or all. */
  sessions(user: UserId | null, now: number): SessionRecord[] {
    return this.#credentials.sessions(user, now);
  }

  /** Ends these sessions, as far as `user` (`null`: everybody's) has them; `undefined` = each. Tells how many. */
  endSessions(by: Actor, user: UserId | null, ids: readonly string[] | undefined): number {
    const ended = this.#credentials
      .sessions(user, by.at)
      .filter(({ id }) => ids === undefined || ids.includes(id));
    for (const { id } of ended) {
      this.#credentials.removeSession(id);
      writeAudit(this.#sql, by, { act: "sign-out", outcome: "done", target: { id, name: null } });
    }
    return ended.length;
  }

  tokens(): TokenRecord[] {
    return this.#credentials.tokens();
  }

  /** Writes a token with this digest. Repeating it changes nothing. */
  createToken(
    by: Actor,
    token: Omit<TokenRecord, "createdAt" | "lastUsedAt">,
    digest: SecretDigest,
  ): Result<TokenRecord, RegistryError> {
    const { id, user, name, scope, expiresAt } = token;
    const known = this.#credentials.token(id);
    if (known !== undefined) return ok(known);
    const isTaken = this.#credentials.tokens().some((each) => each.user === user && each.name === name);
    if (isTaken) return err({ code: "name-taken", name });
    const made = { ...token, createdAt: by.at };
    this.#credentials.insertToken(made, digest);
    writeAudit(this.#sql, by, {
      act: "create-token",
      outcome: "done",
      target: { id, name },
      detail: { user, scope, expiresAt: expiresAt === null ? null : new Date(expiresAt).toISOString() },
    });
    return ok({ ...made, lastUsedAt: null });
  }

  /** Ends a token, and the sessions that were opened with it. */
  revokeToken(by: Actor, id: string): Result<null, RegistryError> {
    const token = this.#credentials.token(id);
    if (token === undefined) return err({ code: "unknown-token" });
    this.#credentials.removeToken(id);
    writeAudit(this.#sql, by, {
      act: "revoke-token",
      outcome: "done",
      target: { id, name: token.name },
      detail: { user: token.user, scope: token.scope },
    });
    return ok(null);
  }
}
