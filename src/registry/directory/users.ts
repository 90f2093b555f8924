// Who there is, and whose fingerprint is whose: all SQL on the tables `users` and `claims`.
import type { Fingerprint } from "../../domain/fingerprint.ts";
import { type Page, pageOf } from "../../domain/list-page.ts";
import type { UserRecord } from "../../domain/records.ts";
import type { UserId } from "../../domain/user.ts";
import { all, insert, one, update } from "../storage/sql.ts";

/** A user, and when that user was put or restored last: see generation.ts. */
export interface StoredUser extends UserRecord {
  generation: number;
}

/** Whose fingerprint it is, and since when. */
export interface StoredClaim {
  user: UserId;
  claimedAt: number;
}

type UserRow = { id: string; name: string | null; created_at: number; generation: number };

/** Decides nothing. Each method that writes is to be called in a transaction. */
export class Users {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  page(limit: number, after: string): Page<UserRecord> {
    const query = "SELECT * FROM users WHERE id > ? ORDER BY id LIMIT ?";
    const rows = all<UserRow>(this.#sql, query, after, limit + 1);
    return pageOf(rows.map(toUser), limit, ({ id }) => id);
  }

  get(id: UserId): StoredUser | undefined {
    const row = one<UserRow>(this.#sql, "SELECT * FROM users WHERE id = ?", id);
    return row === undefined ? undefined : { ...toUser(row), generation: row.generation };
  }

  put({ id, name, createdAt, generation }: StoredUser): void {
    insert(this.#sql, "users", { id, name, created_at: createdAt, generation }, "REPLACE");
  }

  begin(id: UserId, generation: number): void {
    update(this.#sql, "users", { id }, { generation });
  }

  /** With the claims. */
  remove(id: UserId): void {
    this.#sql.exec("DELETE FROM claims WHERE user = ?", id);
    this.#sql.exec("DELETE FROM users WHERE id = ?", id);
  }

  claim(fingerprint: Fingerprint): StoredClaim | undefined {
    const query = "SELECT user, claimed_at FROM claims WHERE fingerprint = ?";
    const row = one<{ user: string; claimed_at: number }>(this.#sql, query, fingerprint);
    return row === undefined ? undefined : { user: row.user as UserId, claimedAt: row.claimed_at };
  }

  /** Those of these fingerprints that somebody else has. */
  claimedByOthers(fingerprints: readonly Fingerprint[], user: UserId): Map<Fingerprint, UserId> {
    return new Map(
      fingerprints.flatMap((fingerprint) => {
        const owner = this.claim(fingerprint)?.user ?? user;
        return owner === user ? [] : [[fingerprint, owner] as const];
      }),
    );
  }

  grant(fingerprint: Fingerprint, user: UserId, claimedAt: number): void {
    insert(this.#sql, "claims", { fingerprint, user, claimed_at: claimedAt }, "REPLACE");
  }

  drop(fingerprint: Fingerprint): void {
    this.#sql.exec("DELETE FROM claims WHERE fingerprint = ?", fingerprint);
  }
}

function toUser({ id, name, created_at }: UserRow): UserRecord {
  return { id: id as UserId, name, createdAt: created_at };
}
