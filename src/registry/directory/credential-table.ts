import type { SecretDigest, TokenRecord, TokenScope } from "../../domain/credential.ts";
import type { UserId } from "../../domain/user.ts";

/** How often a token's last use is written, in milliseconds: as a device's last-seen time. */
export const LAST_USED_EVERY_MS = 5 * 60_000;

const TOKENS_IN_ORDER = "ORDER BY created_at, id";

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

/** Reads and writes the table `tokens`. Decides nothing but whether they have ended. */
export class CredentialTable {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  tokens(): TokenRecord[] {
    return this.#rows(TOKENS_IN_ORDER).map(toToken);
  }

  /** For a backup: what finds a token again, as long as whoever has it keeps it. */
  tokensWithDigests(): (TokenRecord & { digest: SecretDigest })[] {
    return this.#rows(TOKENS_IN_ORDER).map((row) => ({
      ...toToken(row),
      digest: row.digest as SecretDigest,
    }));
  }

  token(id: string): TokenRecord | undefined {
    return this.#rows("WHERE id = ?", id).map(toToken)[0];
  }

  /** The token with this digest that has not expired. */
  tokenByDigest(digest: SecretDigest, now: number): TokenRecord | undefined {
    return this.#rows("WHERE digest = ? AND (expires_at IS NULL OR expires_at > ?)", digest, now).map(
      toToken,
    )[0];
  }

  insertToken(token: Omit<TokenRecord, "lastUsedAt">, digest: SecretDigest): void {
    const { id, user, name, scope, createdAt, expiresAt } = token;
    this.#sql.exec(
      "INSERT INTO tokens (id, digest, user, name, scope, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
      ...[id, digest, user, name, scope, createdAt, expiresAt],
    );
  }

  noteUse({ id, lastUsedAt }: TokenRecord, now: number): void {
    if (lastUsedAt !== null && now - lastUsedAt < LAST_USED_EVERY_MS) return;
    this.#sql.exec("UPDATE tokens SET last_used_at = ? WHERE id = ?", now, id);
  }

  /** Whether one of this user's tokens has this name (`null`: one that reads everything). */
  hasName(user: UserId | null, name: string): boolean {
    return this.#rows("WHERE user IS ? AND name = ?", user, name).length > 0;
  }

  /** With the sessions that were opened with it. */
  removeToken(id: string): void {
    this.#sql.exec("DELETE FROM sign_ins WHERE holder = ?", id);
    this.#sql.exec("DELETE FROM tokens WHERE id = ?", id);
  }

  removeTokensOf(user: UserId): void {
    this.#sql.exec("DELETE FROM sign_ins WHERE holder IN (SELECT id FROM tokens WHERE user = ?)", user);
    this.#sql.exec("DELETE FROM tokens WHERE user = ?", user);
  }

  #rows(where: string, ...values: SqlStorageValue[]): TokenRow[] {
    return this.#sql.exec<TokenRow>(`SELECT * FROM tokens ${where}`, ...values).toArray();
  }
}

/** Without the digest: it leaves the directory in backups alone. */
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
