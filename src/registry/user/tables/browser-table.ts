// All SQL on the tables `browsers` and `tickets`. Decides nothing.
import type { Opener } from "../../../domain/browser.ts";
import { all, insert, one, update } from "../../storage/sql.ts";

export const BROWSERS_SCHEMA = `
  -- Who opened a device of the kind browser at the identity provider; removed with the device.
  CREATE TABLE browsers (
    -- The id of the device.
    device TEXT PRIMARY KEY,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    -- The provider's own session, NULL if it did not say.
    session TEXT,
    -- When it was reported lost, NULL if it was not, or was found. Revoking it does not find it.
    lost_at INTEGER
  ) WITHOUT ROWID;
  CREATE INDEX browsers_lost ON browsers (lost_at) WHERE lost_at IS NOT NULL;
  CREATE INDEX devices_browsers ON devices (enrolled_at) WHERE kind = 'browser';
  -- Tickets that were used, until they would have expired: each works once.
  CREATE TABLE tickets (id TEXT PRIMARY KEY, ends_at INTEGER NOT NULL) WITHOUT ROWID;`;

export class BrowserTable {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  put(device: string, { issuer, subject, session }: Opener): void {
    insert(this.#sql, "browsers", { device, issuer, subject, session, lost_at: null }, "REPLACE");
  }

  /** `null`: it was found. Who opened a browser that a restore brought is not known, and is nobody here. */
  setLost(device: string, at: number | null): void {
    const unknown = { issuer: "", subject: "", session: null };
    const isNew = insert(this.#sql, "browsers", { device, ...unknown, lost_at: at }, "IGNORE") > 0;
    if (!isNew) update(this.#sql, "browsers", { device }, { lost_at: at });
  }

  /** The ids of the devices that a person opened; with `session`, only in that session of the provider. */
  openedBy({ issuer, subject, session }: Opener): string[] {
    const query = `SELECT device FROM browsers
      WHERE issuer = ? AND subject = ? AND (?3 IS NULL OR session = ?3)`;
    return all<{ device: string }>(this.#sql, query, issuer, subject, session).map(({ device }) => device);
  }

  /** When a browser was last reported lost that was neither found nor forgotten; `null`: there is none. */
  lostSince(): number | null {
    const query = "SELECT MAX(lost_at) AS since FROM browsers WHERE lost_at IS NOT NULL";
    return one<{ since: number | null }>(this.#sql, query)?.since ?? null;
  }

  enrolledSince(time: number): number {
    const query = "SELECT COUNT(*) AS number FROM devices WHERE kind = 'browser' AND enrolled_at > ?";
    return one<{ number: number }>(this.#sql, query, time)?.number ?? 0;
  }

  /** The ids of browsers that nobody shut out, and that were signed out before this time. */
  endedBefore(time: number): string[] {
    const query = `SELECT d.id FROM devices d JOIN credentials c ON c.device = d.seq
      WHERE d.kind = 'browser' AND d.status = 'active' GROUP BY d.id HAVING MAX(c.not_after) < ?`;
    return all<{ id: string }>(this.#sql, query, time).map(({ id }) => id);
  }

  /** Uses a ticket up. `false`: it was used before. */
  useTicket(id: string, endsAt: number, now: number): boolean {
    this.#sql.exec("DELETE FROM tickets WHERE ends_at < ?", now);
    if (one(this.#sql, "SELECT 1 FROM tickets WHERE id = ?", id) !== undefined) return false;
    insert(this.#sql, "tickets", { id, ends_at: endsAt });
    return true;
  }
}
