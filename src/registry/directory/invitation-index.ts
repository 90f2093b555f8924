// Whose invitation a code is: the table `invitation_index`. That user's registry is the judge of the invitation.
import type { SecretDigest } from "../../domain/credential.ts";
import type { UserId } from "../../domain/user.ts";
import { insert, one } from "../storage/sql.ts";

export class InvitationIndex {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  add(digest: SecretDigest, user: UserId, expiresAt: number, now: number): void {
    this.#sql.exec("DELETE FROM invitation_index WHERE expires_at <= ?", now);
    insert(this.#sql, "invitation_index", { digest, user, expires_at: expiresAt }, "REPLACE");
  }

  /** Which user the code with this digest belongs to; `null`: nobody. Reads one row, and writes none. */
  owner(digest: SecretDigest): UserId | null {
    const query = "SELECT user FROM invitation_index WHERE digest = ?";
    return (one<{ user: string }>(this.#sql, query, digest)?.user ?? null) as UserId | null;
  }

  removeOf(user: UserId): void {
    this.#sql.exec("DELETE FROM invitation_index WHERE user = ?", user);
  }
}
