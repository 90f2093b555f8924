import type { SecretDigest } from "../../domain/credential.ts";
import type { UserId } from "../../domain/user.ts";

/**
 * Whose invitation a code is: the table `invitation_index`. The user's registry is the judge of the invitation.
 */
export class InvitationIndex {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  add(digest: SecretDigest, user: UserId, expiresAt: number, now: number): void {
    this.#sql.exec("DELETE FROM invitation_index WHERE expires_at <= ?", now);
    this.#sql.exec(
      "INSERT OR REPLACE INTO invitation_index (digest, user, expires_at) VALUES (?, ?, ?)",
      ...[digest, user, expiresAt],
    );
  }

  /** Which user the code with this digest belongs to; `null`: nobody. Reads one row, and writes none. */
  owner(digest: SecretDigest): UserId | null {
    const row = this.#sql
      .exec<{ user: string }>("SELECT user FROM invitation_index WHERE digest = ?", digest)
      .toArray()[0];
    return (row?.user ?? null) as UserId | null;
  }
}
