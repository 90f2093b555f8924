// What people sign in with: rules of tokens and sessions, and all SQL on the table `tokens`.
import {
  actorOf,
  type Principal,
  type SecretDigest,
  type SessionRecord,
  sessionActor,
  type TokenRecord,
  type TokenScope,
} from "../../domain/credential.ts";
import { err, ok, type Result } from "../../domain/general/result.ts";
import type { RegistryError } from "../../domain/records.ts";
import type { UserId } from "../../domain/user.ts";
import { adminSignIn } from "../../notify/acts.ts";
import { type Actor, writeAudit } from "../storage/audit-log.ts";
import { noteEnd } from "../storage/ended.ts";
import type { Outbox } from "../storage/outbox.ts";
import { all, insert, update } from "../storage/sql.ts";
import { ADMIN_HOLDER, type NewSession, type SessionKey, SessionTable } from "./session-table.ts";

/** How often a token's last use is written, in milliseconds: as a device's last-seen time. */
export const LAST_USED_EVERY_MS = 5 * 60_000;

const TOKENS_IN_ORDER = "ORDER BY created_at, id";

export type SignInError =
  | { code: "wrong-token" }
  /** The token is right but has signed in too often: try again after this long. */
  | { code: "too-many-sign-ins"; retryAfterMs: number };

/** A token that is to be made. */
export type NewToken = Omit<TokenRecord, "createdAt" | "lastUsedAt">;

/** A token as a backup has it: the token itself is kept nowhere. */
export interface BackupToken extends TokenRecord {
  digest: SecretDigest;
}

type TokenRow = {
  id: string;
  digest: string;
  user: string | null;
  name: string;
  scope: string;
  created_at: number;
  expires_at: number | null;
  last_used_at: number | null;
};

/** Each method that writes is to be called in a transaction. */
export class Credentials {
  readonly #sql: SqlStorage;
  readonly #sessions: SessionTable;
  readonly #outbox: Outbox;

  constructor(sql: SqlStorage, outbox: Outbox) {
    this.#sql = sql;
    this.#outbox = outbox;
    this.#sessions = new SessionTable(sql);
  }

  /** Whose token this is. `null`: nobody's, or it has ended. */
  ofToken(digest: SecretDigest, now: number): Principal | null {
    const token = this.#tokenByDigest(digest, now);
    if (token === undefined) return null;
    this.#noteUse(token, now);
    return { scope: token.scope, user: token.user, actor: actorOf(token), session: null };
  }

  /** Whose session this is. `adminDigest` is that of the Worker's `ADMIN_TOKEN` now. `null`: it has ended. */
  ofSession(key: SessionKey, adminDigest: SecretDigest, now: number): Principal | null {
    const found = this.#open(key, adminDigest, now);
    if (found === undefined) return null;
    const { id, token } = found;
    const actor = sessionActor(token, id);
    if (token === null) return { scope: "root", user: null, actor, session: id };
    this.#noteUse(token, now);
    return { scope: token.scope, user: token.user, actor, session: id };
  }

  /**
   * Opens a session with a token (`isAdmin`: the Worker has compared it with the `ADMIN_TOKEN`). Returns the
   * holder under which its sessions are kept, for the cookie. A wrong token writes nothing. People are notified if the
   * session is for the `ADMIN_TOKEN`, which can do everything.
   */
  signIn(by: Actor, session: NewSession, isAdmin: boolean): Result<{ holder: string }, SignInError> {
    const token = isAdmin ? null : this.#tokenByDigest(session.credential, by.at);
    if (token === undefined) return err({ code: "wrong-token" });
    const retryAfterMs = this.#sessions.open(session, token, by.at);
    if (retryAfterMs > 0) return err({ code: "too-many-sign-ins", retryAfterMs });
    const target = { id: session.id, name: null };
    writeAudit(this.#sql, { ...by, actor: actorOf(token) }, { act: "sign-in", outcome: "done", target });
    if (token === null) {
      const { id, client, country } = session;
      this.#outbox.add(adminSignIn({ session: id, client, country, at: by.at }), Date.now());
    }
    return ok({ holder: token?.id ?? ADMIN_HOLDER });
  }

  /** Ends the session that asks for it. `false`: it had ended. */
  signOut(by: Actor, key: SessionKey, adminDigest: SecretDigest): boolean {
    const found = this.#open(key, adminDigest, by.at);
    if (found === undefined) return false;
    this.#end({ ...by, actor: sessionActor(found.token, found.id) }, key.holder, found.id);
    return true;
  }

  /** Newest first: those of one user's tokens, or all. */
  sessions(user: UserId | null, now: number): SessionRecord[] {
    return this.#sessions.list(user, now).map(({ holder: _, ...session }) => session);
  }

  /** Ends these sessions, or all, of one user's tokens or everybody's (`null`). Returns how many. */
  endSessions(by: Actor, user: UserId | null, ids: readonly string[] | undefined): number {
    const ended = this.#sessions.list(user, by.at).filter(({ id }) => ids === undefined || ids.includes(id));
    for (const { holder, id } of ended) this.#end(by, holder, id);
    return ended.length;
  }

  tokens(): TokenRecord[] {
    return this.#rows(TOKENS_IN_ORDER).map(toToken);
  }

  /** For a backup: the digest finds a token again, as long as its holder keeps it. */
  backup(): BackupToken[] {
    return this.#rows(TOKENS_IN_ORDER).map((row) => ({
      ...toToken(row),
      digest: row.digest as SecretDigest,
    }));
  }

  /** Writes a token with this digest. Repeating it changes nothing. */
  createToken(by: Actor, token: NewToken, digest: SecretDigest): Result<TokenRecord, RegistryError> {
    const { id, user, name, scope, expiresAt } = token;
    const known = this.#token(id);
    if (known !== undefined) return ok(known);
    if (this.#rows("WHERE user IS ? AND name = ?", user, name).length > 0) {
      return err({ code: "name-taken", name });
    }
    const made = { ...token, createdAt: by.at, lastUsedAt: null };
    this.insert({ ...made, digest });
    writeAudit(this.#sql, by, {
      act: "create-token",
      outcome: "done",
      target: { id, name },
      detail: { user, scope, expiresAt: expiresAt === null ? null : new Date(expiresAt).toISOString() },
    });
    return ok(made);
  }

  /** Throws when another token has this digest. When it was used last is not taken over. */
  insert({ id, digest, user, name, scope, createdAt, expiresAt }: BackupToken): void {
    const times = { created_at: createdAt, expires_at: expiresAt };
    insert(this.#sql, "tokens", { id, digest, user, name, scope, ...times });
  }

  /** Ends a token, and the sessions that were opened with it. */
  revokeToken(by: Actor, id: string): Result<null, RegistryError> {
    const token = this.#token(id);
    if (token === undefined) return err({ code: "unknown-token" });
    this.#sql.exec("DELETE FROM sign_ins WHERE holder = ?", id);
    this.#sql.exec("DELETE FROM tokens WHERE id = ?", id);
    noteEnd(this.#sql, "token", id, by.at);
    writeAudit(this.#sql, by, {
      act: "revoke-token",
      outcome: "done",
      target: { id, name: token.name },
      detail: { user: token.user, scope: token.scope },
    });
    return ok(null);
  }

  /** Of a user who is being deleted. */
  removeOf(user: UserId): void {
    this.#sql.exec("DELETE FROM sign_ins WHERE holder IN (SELECT id FROM tokens WHERE user = ?)", user);
    this.#sql.exec("DELETE FROM tokens WHERE user = ?", user);
  }

  /**
   * The open session with this key, and its token (`null`: the `ADMIN_TOKEN`). It ends when the `ADMIN_TOKEN` has
   * changed, or with its token.
   */
  #open(
    key: SessionKey,
    adminDigest: SecretDigest,
    now: number,
  ): { id: string; token: TokenRecord | null } | undefined {
    const found = this.#sessions.find(key, now);
    if (found === undefined) return undefined;
    const { id, credential } = found;
    if (key.holder === ADMIN_HOLDER) return credential === adminDigest ? { id, token: null } : undefined;
    const token = this.#tokenByDigest(credential, now);
    return token === undefined || token.id !== key.holder ? undefined : { id, token };
  }

  #end(by: Actor, holder: string, id: string): void {
    this.#sessions.end(holder, id);
    writeAudit(this.#sql, by, { act: "sign-out", outcome: "done", target: { id, name: null } });
  }

  /** Right credentials stay right when the day's rows written are used up. */
  #noteUse({ id, lastUsedAt }: TokenRecord, now: number): void {
    if (lastUsedAt !== null && now - lastUsedAt < LAST_USED_EVERY_MS) return;
    try {
      update(this.#sql, "tokens", { id }, { last_used_at: now });
    } catch {
      // Noting the time of use matters less than serving the request.
    }
  }

  #token(id: string): TokenRecord | undefined {
    return this.#rows("WHERE id = ?", id).map(toToken)[0];
  }

  /** The token with this digest that has not expired. */
  #tokenByDigest(digest: SecretDigest, now: number): TokenRecord | undefined {
    const where = "WHERE digest = ? AND (expires_at IS NULL OR expires_at > ?)";
    return this.#rows(where, digest, now).map(toToken)[0];
  }

  #rows(where: string, ...values: SqlStorageValue[]): TokenRow[] {
    return all<TokenRow>(this.#sql, `SELECT * FROM tokens ${where}`, ...values);
  }
}

/** Without the digest, which leaves the directory only in backups. */
function toToken(row: TokenRow): TokenRecord {
  return {
    id: row.id,
    user: row.user as UserId | null,
    name: row.name,
    // The table's CHECK holds the column to these values.
    scope: row.scope as TokenScope,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    lastUsedAt: row.last_used_at,
  };
}
