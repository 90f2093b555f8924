import { type Actor, writeAudit } from "./audit-log.ts";
import type { Fingerprint } from "./fingerprint.ts";
import type { CertificateFacts } from "./records.ts";
import { type Retirement, retiredSince } from "./retirement.ts";

/** Which device a certificate belongs to, for the audit log. */
export interface Holder {
  id: string;
  name: string;
}

/** Why a certificate was retired: somebody asked for it, its date passed, or its successor came to the gate. */
export type RetirementReason = "asked" | "date" | "successor-seen";

type Row = { fingerprint: string; retired_at: number | null; retires_at: number | null };

/** Writes how the certificates of a device follow one another. Each method is to be called in a transaction. */
export class CertificateTable {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Adds a certificate to a device; the one that it `replaces` ends when it is first seen. */
  insert(
    device: string,
    fingerprint: Fingerprint,
    facts: CertificateFacts,
    replaces: Fingerprint | null,
    at: number,
  ): void {
    const { subject, issuer, serial, notBefore, notAfter } = facts;
    this.#sql.exec(
      `INSERT INTO certificates
         (fingerprint, device, subject, issuer, serial, not_before, not_after, added_at, replaces)
       SELECT ?, seq, ?, ?, ?, ?, ?, ?, ? FROM devices WHERE id = ?`,
      ...[fingerprint, subject, issuer, serial, notBefore, notAfter, at, replaces, device],
    );
  }

  setDate(fingerprint: Fingerprint, retiresAt: number | null): void {
    this.#sql.exec("UPDATE certificates SET retires_at = ? WHERE fingerprint = ?", retiresAt, fingerprint);
  }

  /** What is to come of a device's only certificate is over: no date ends it, and it ends no other one. */
  keepAlone(device: string): void {
    this.#sql.exec(
      `UPDATE certificates SET retires_at = NULL, replaces = NULL
       WHERE device = (SELECT seq FROM devices WHERE id = ?) AND retired_at IS NULL`,
      device,
    );
  }

  /** Writes down that certificates of a device have ended by their date. */
  settle(holder: Holder, by: Actor): void {
    const due = this.#sql
      .exec<Row>(
        `SELECT fingerprint, retired_at, retires_at FROM certificates
         WHERE device = (SELECT seq FROM devices WHERE id = ?) AND retired_at IS NULL AND retires_at <= ?`,
        holder.id,
        by.at,
      )
      .toArray();
    // Nobody asked for it now: the date did it, whoever came by afterwards.
    for (const { fingerprint } of due) {
      this.retire(holder, fingerprint as Fingerprint, { ...by, actor: "gate" }, "date");
    }
  }

  /**
   * After `successor` was seen for the first time, it ends what it replaces, which may have ended by
   * itself meanwhile.
   */
  succeed(holder: Holder, successor: Fingerprint, replaced: Fingerprint, by: Actor): void {
    this.#sql.exec("UPDATE certificates SET replaces = NULL WHERE fingerprint = ?", successor);
    const old = this.#retirement(replaced);
    if (old === undefined || old.retiredAt !== null) return;
    const isOver = retiredSince(old, by.at) !== null;
    this.retire(holder, replaced, by, isOver ? "date" : "successor-seen", successor);
  }

  /** Retires a certificate that is not retired: at its date when that has passed, else now. Audited. */
  retire(
    holder: Holder,
    fingerprint: Fingerprint,
    by: Actor,
    reason: RetirementReason,
    successor?: Fingerprint,
  ): void {
    const retirement = this.#retirement(fingerprint);
    if (retirement === undefined) throw new Error("there is no such certificate to retire");
    const retiredAt = retiredSince(retirement, by.at) ?? by.at;
    this.#sql.exec(
      "UPDATE certificates SET retired_at = ?, replaces = NULL WHERE fingerprint = ?",
      retiredAt,
      fingerprint,
    );
    writeAudit(this.#sql, by, {
      act: "retire-certificate",
      outcome: "done",
      target: { id: holder.id, name: holder.name },
      detail: {
        fingerprint,
        reason,
        ...(successor === undefined ? {} : { successor }),
        ...(reason === "date" ? { retiredAt: new Date(retiredAt).toISOString() } : {}),
      },
    });
  }

  #retirement(fingerprint: Fingerprint): Retirement | undefined {
    return this.#sql
      .exec<Row>(
        "SELECT fingerprint, retired_at, retires_at FROM certificates WHERE fingerprint = ?",
        fingerprint,
      )
      .toArray()
      .map((row) => ({ retiredAt: row.retired_at, retiresAt: row.retires_at }))[0];
  }
}
