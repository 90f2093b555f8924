import { type AttemptKind, type Attempts, FORGIVEN_AFTER_MS, waitMs } from "./throttle.ts";

/** Networks, and certificates, that are counted for: no more than this of each kind, the longest quiet goes. */
export const ATTEMPTS_MAX = 1_000;

/** Reads and writes the table `attempts`: what was tried with wrong credentials. */
export class AttemptTable {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** How long `subject` must wait before it may try again, in milliseconds. */
  waitMs(kind: AttemptKind, subject: string, now: number): number {
    return waitMs(kind, this.#get(kind, subject, now), now);
  }

  /** Counts a wrong attempt. Returns how many there are now. */
  fail(kind: AttemptKind, subject: string, now: number): number {
    const count = this.#get(kind, subject, now).count + 1;
    this.#sql.exec(
      "INSERT OR REPLACE INTO attempts (kind, subject, count, last_at) VALUES (?, ?, ?, ?)",
      ...[kind, subject, count, now],
    );
    if (count === 1) {
      this.#sql.exec(
        `DELETE FROM attempts WHERE kind = ?1 AND subject IN
           (SELECT subject FROM attempts WHERE kind = ?1 ORDER BY last_at DESC LIMIT -1 OFFSET ?2)`,
        ...[kind, ATTEMPTS_MAX],
      );
    }
    return count;
  }

  /** After a right one. */
  clear(kind: AttemptKind, subject: string): void {
    this.#sql.exec("DELETE FROM attempts WHERE kind = ? AND subject = ?", kind, subject);
  }

  #get(kind: AttemptKind, subject: string, now: number): Attempts {
    const row = this.#sql
      .exec<{ count: number; last_at: number }>(
        "SELECT count, last_at FROM attempts WHERE kind = ? AND subject = ?",
        ...[kind, subject],
      )
      .toArray()[0];
    if (row === undefined || now - row.last_at > FORGIVEN_AFTER_MS[kind]) return { count: 0, lastAt: 0 };
    return { count: row.count, lastAt: row.last_at };
  }
}
