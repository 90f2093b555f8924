import {
  actorOf,
  type Principal,
  SESSION_MS,
  type SecretDigest,
  type SessionRecord,
  type TokenRecord,
  type TokenScope,
} from "./credential.ts";
import type { UserId } from "./user.ts";

/** How often a token's last use is written, in milliseconds: as a device's last-seen time. */
export const LAST_USED_EVERY_MS = 5 * 60_000;

/** Sessions of one token that are kept: no more than this, its oldest goes. */
export const SESSIONS_MAX = 20;

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

type SessionRow = {
  id: string;
  token: string | null;
  credential: string;
  created_at: number;
  expires_at: number;
  ip: string | null;
  country: string | null;
  client: string | null;
  token_name: string | null;
  token_user: string | null;
};

/** A sign-in, as it is to be written. */
export interface NewSession {
  id: string;
  digest: SecretDigest;
  /** The digest of the token that it is opened with. */
  credential: SecretDigest;
  ip: string | null;
  country: string | null;
  client: string | null;
}

/** Reads and writes the tables `tokens` and `sessions`. Decides nothing but whether they have ended. */
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

  /** With the sessions that were opened with it. */
  removeToken(id: string): void {
    this.#sql.exec("DELETE FROM sessions WHERE token = ?", id);
    this.#sql.exec("DELETE FROM tokens WHERE id = ?", id);
  }

  removeTokensOf(user: UserId): void {
    this.#sql.exec("DELETE FROM sessions WHERE token IN (SELECT id FROM tokens WHERE user = ?)", user);
    this.#sql.exec("DELETE FROM tokens WHERE user = ?", user);
  }

  /**
   * Whose session has this digest. One of the `ADMIN_TOKEN` ends when that is another one now
   * (`adminDigest`), one of a token when that ends.
   */
  sessionByDigest(
    digest: SecretDigest,
    adminDigest: SecretDigest,
    now: number,
  ): { principal: Principal; token: TokenRecord | undefined } | undefined {
    const row = this.#sql
      .exec<Pick<SessionRow, "id" | "token" | "credential">>(
        "SELECT id, token, credential FROM sessions WHERE digest = ? AND expires_at > ?",
        digest,
        now,
      )
      .toArray()[0];
    if (row === undefined) return undefined;
    const session = row.id;
    if (row.token === null) {
      if (row.credential !== adminDigest) return undefined;
      const actor = sessionActor(null, session);
      return { principal: { scope: "root", user: null, actor, session }, token: undefined };
    }
    const token = this.tokenByDigest(row.credential as SecretDigest, now);
    if (token === undefined || token.id !== row.token) return undefined;
    const { scope, user } = token;
    return { principal: { scope, user, actor: sessionActor(token, session), session }, token };
  }

  /** It ends with its token at the latest. `token` is `null` for the `ADMIN_TOKEN`. */
  insertSession(session: NewSession, token: TokenRecord | null, now: number): void {
    const { id, digest, credential, ip, country, client } = session;
    const expiresAt = Math.min(now + SESSION_MS, token?.expiresAt ?? Number.POSITIVE_INFINITY);
    this.#sql.exec("DELETE FROM sessions WHERE expires_at <= ?", now);
    this.#sql.exec(
      `INSERT INTO sessions (id, digest, token, credential, created_at, expires_at, ip, country, client)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ...[id, digest, token?.id ?? null, credential, now, expiresAt, ip, country, client],
    );
    this.#sql.exec(
      `DELETE FROM sessions WHERE id IN
         (SELECT id FROM sessions WHERE credential = ? ORDER BY created_at DESC, id LIMIT -1 OFFSET ?)`,
      credential,
      SESSIONS_MAX,
    );
  }

  /** Newest first; of one user's tokens, or all. */
  sessions(user: UserId | null, now: number): SessionRecord[] {
    return this.#sql
      .exec<SessionRow>(
        `SELECT s.*, t.name AS token_name, t.user AS token_user
         FROM sessions s LEFT JOIN tokens t ON t.id = s.token
         WHERE s.expires_at > ?1 AND (?2 IS NULL OR t.user = ?2) ORDER BY s.created_at DESC, s.id`,
        now,
        user,
      )
      .toArray()
      .map(toSession);
  }

  removeSession(id: string): void {
    this.#sql.exec("DELETE FROM sessions WHERE id = ?", id);
  }

  #rows(where: string, ...values: SqlStorageValue[]): TokenRow[] {
    return this.#sql.exec<TokenRow>(`SELECT * FROM tokens ${where}`, ...values).toArray();
  }
}

/** The audit log shall tell which browser it was. */
function sessionActor(token: TokenRecord | null, session: string): string {
  return `${actorOf(token)}, session ${session.slice(0, 8)}`;
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

function toSession(row: SessionRow): SessionRecord {
  return {
    id: row.id,
    token:
      row.token === null
        ? null
        : { id: row.token, name: row.token_name ?? "", user: row.token_user as UserId | null },
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    ip: row.ip,
    country: row.country,
    client: row.client,
  };
}
