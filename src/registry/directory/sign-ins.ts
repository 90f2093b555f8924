import {
  actorOf,
  type Principal,
  type SecretDigest,
  type SessionRecord,
  type TokenRecord,
} from "../../domain/credential.ts";
import type { RegistryError } from "../../domain/records.ts";
import { err, ok, type Result } from "../../domain/result.ts";
import type { UserId } from "../../domain/user.ts";
import { type Actor, writeAudit } from "../storage/audit-log.ts";
import type { CredentialTable } from "./credential-table.ts";
import { ADMIN_HOLDER, type NewSession, type SessionKey, SessionTable } from "./session-table.ts";

export type SignInError =
  | { code: "wrong-token" }
  /** The token is right but has signed in too often: try again after this long. */
  | { code: "too-many-sign-ins"; retryAfterMs: number };

/** Rules of tokens and sessions. Each method is to be called in a transaction. */
export class SignIns {
  readonly #sql: SqlStorage;
  readonly #credentials: CredentialTable;
  readonly #sessions: SessionTable;

  constructor(sql: SqlStorage, credentials: CredentialTable) {
    this.#sql = sql;
    this.#credentials = credentials;
    this.#sessions = new SessionTable(sql, credentials);
  }

  /** Whose token this is. `null`: nobody's, or it has ended. */
  ofToken(digest: SecretDigest, now: number): Principal | null {
    const token = this.#credentials.tokenByDigest(digest, now);
    if (token === undefined) return null;
    this.#noteUse(token, now);
    return { scope: token.scope, user: token.user, actor: actorOf(token), session: null };
  }

  /** Whose session this is. `adminDigest` is that of the Worker's `ADMIN_TOKEN` now. `null`: it has ended. */
  ofSession(key: SessionKey, adminDigest: SecretDigest, now: number): Principal | null {
    const found = this.#sessions.find(key, adminDigest, now);
    if (found === undefined) return null;
    if (found.token !== null) this.#noteUse(found.token, now);
    return found.principal;
  }

  /**
   * Opens a session with a token (`isAdmin`: the Worker has compared it with the `ADMIN_TOKEN`). Returns the
   * holder under which its sessions are kept, for the cookie. A wrong token writes nothing.
   */
  signIn(by: Actor, session: NewSession, isAdmin: boolean): Result<{ holder: string }, SignInError> {
    const token = isAdmin ? null : this.#credentials.tokenByDigest(session.credential, by.at);
    if (token === undefined) return err({ code: "wrong-token" });
    const retryAfterMs = this.#sessions.open(session, token, by.at);
    if (retryAfterMs > 0) return err({ code: "too-many-sign-ins", retryAfterMs });
    const target = { id: session.id, name: null };
    writeAudit(this.#sql, { ...by, actor: actorOf(token) }, { act: "sign-in", outcome: "done", target });
    return ok({ holder: token?.id ?? ADMIN_HOLDER });
  }

  /** Ends the session that asks for it. `false`: it had ended. */
  signOut(by: Actor, key: SessionKey, adminDigest: SecretDigest): boolean {
    const found = this.#sessions.find(key, adminDigest, by.at);
    if (found === undefined) return false;
    this.#end({ ...by, actor: found.principal.actor }, key.holder, found.id);
    return true;
  }

  /** Newest first: of one user's tokens, or all. */
  sessions(user: UserId | null, now: number): SessionRecord[] {
    return this.#sessions.list(user, now).map(({ holder: _, ...session }) => session);
  }

  /** Ends these sessions, as far as `user` (`null`: everybody's) has them; `undefined` = each. Returns how many. */
  endSessions(by: Actor, user: UserId | null, ids: readonly string[] | undefined): number {
    const ended = this.#sessions.list(user, by.at).filter(({ id }) => ids === undefined || ids.includes(id));
    for (const { holder, id } of ended) this.#end(by, holder, id);
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
    if (this.#credentials.hasName(user, name)) return err({ code: "name-taken", name });
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

  /** Right credentials stay right when the day's rows written are used up. */
  #noteUse(token: TokenRecord, now: number): void {
    try {
      this.#credentials.noteUse(token, now);
    } catch {
      // Noting the time of use matters less than serving the request.
    }
  }

  #end(by: Actor, holder: string, id: string): void {
    this.#sessions.end(holder, id);
    writeAudit(this.#sql, by, { act: "sign-out", outcome: "done", target: { id, name: null } });
  }
}
