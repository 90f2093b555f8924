// API tokens and emergency cards: their rules, and all SQL on the table `tokens`.
import {
  actorOf,
  type Principal,
  type SecretDigest,
  type TokenRecord,
  type TokenScope,
} from "../../domain/credential.ts";
import { err, ok, type Result } from "../../domain/general/result.ts";
import type { RegistryError } from "../../domain/records.ts";
import type { UserId } from "../../domain/user.ts";
import { type Actor, writeAudit } from "../storage/audit-log.ts";
import { noteEnd } from "../storage/ended.ts";
import { all, insert, update } from "../storage/sql.ts";

/** How often a token's last use is written, in milliseconds: as a device's last-seen time. */
export const LAST_USED_EVERY_MS = 5 * 60_000;

const TOKENS_IN_ORDER = "ORDER BY created_at, id";

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

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Whose token this is. `null`: nobody's, or it has ended. */
  ofToken(digest: SecretDigest, now: number): Principal | null {
    const token = this.byDigest(digest, now);
    if (token === undefined) return null;
    this.noteUse(token, now);
    return { scope: token.scope, user: token.user, actor: actorOf(token), session: null };
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

  /** Right credentials stay right when the day's rows written are used up. */
  noteUse({ id, lastUsedAt }: TokenRecord, now: number): void {
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
  byDigest(digest: SecretDigest, now: number): TokenRecord | undefined {
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
