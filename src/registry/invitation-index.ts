import { err, ok, type Result } from "../result.ts";
import type { AttemptTable } from "./attempt-table.ts";
import { type Actor, writeAudit } from "./audit-log.ts";
import type { SecretDigest } from "./credential.ts";
import type { Fingerprint } from "./fingerprint.ts";
import type { TooManyAttempts } from "./throttle.ts";
import type { UserId } from "./user.ts";

export type FindError = { code: "invalid-invitation" } | TooManyAttempts;

/** Whose invitation a code is: an index, whose user's registry is the judge. Each method is to be called in a transaction. */
export class InvitationIndex {
  readonly #sql: SqlStorage;
  readonly #attempts: AttemptTable;

  constructor(sql: SqlStorage, attempts: AttemptTable) {
    this.#sql = sql;
    this.#attempts = attempts;
  }

  add(digest: SecretDigest, user: UserId, expiresAt: number, now: number): void {
    this.#sql.exec("DELETE FROM invitation_index WHERE expires_at <= ?", now);
    this.#sql.exec(
      "INSERT OR REPLACE INTO invitation_index (digest, user, expires_at) VALUES (?, ?, ?)",
      ...[digest, user, expiresAt],
    );
  }

  /**
   * Which user a presented code belongs to. A certificate that presented too many wrong ones is stopped,
   * whatever it presents; one that belongs to nobody is counted and audited.
   */
  find(by: Actor, digest: SecretDigest, fingerprint: Fingerprint): Result<{ user: UserId }, FindError> {
    const retryAfterMs = this.#attempts.waitMs("code", fingerprint, by.at);
    if (retryAfterMs > 0) return err({ code: "too-many-attempts", retryAfterMs });
    const row = this.#sql
      .exec<{ user: string }>("SELECT user FROM invitation_index WHERE digest = ?", digest)
      .toArray()[0];
    if (row !== undefined) return ok({ user: row.user as UserId });
    this.fail(by, fingerprint);
    return err({ code: "invalid-invitation" });
  }

  /** Counts a wrong code, and audits it. */
  fail(by: Actor, fingerprint: Fingerprint): void {
    const attempts = this.#attempts.fail("code", fingerprint, by.at);
    const target = { id: fingerprint, name: null };
    const detail = { reason: "invalid-invitation", attempts: String(attempts) };
    writeAudit(this.#sql, by, { act: "enrol", outcome: "refused", target, detail });
  }
}
