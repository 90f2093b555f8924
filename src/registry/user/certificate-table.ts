import type { Fingerprint } from "../../domain/fingerprint.ts";
import { retiredSince } from "../../domain/retirement.ts";
import { type Actor, writeAudit } from "../storage/audit-log.ts";

/** Which device a certificate belongs to, for the audit log. */
export interface Holder {
  id: string;
  name: string;
}

/** Why a certificate was retired: somebody asked for it, its date passed, or its successor came to the gate. */
export type RetirementReason = "asked" | "date" | "successor-seen";

/** Writes how the certificates of a device follow one another. Each method is to be called in a transaction. */
export class CertificateTable {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  setDate(fingerprint: Fingerprint, retireBy: number | null): void {
    this.#sql.exec("UPDATE certificates SET retire_by = ? WHERE fingerprint = ?", retireBy, fingerprint);
  }

  /** What is to come of a device's only certificate is over: no date ends it, and it ends no other one. */
  keepAlone(device: string): void {
    this.#sql.exec(
      `UPDATE certificates SET retire_by = NULL, replaces = NULL
       WHERE device = (SELECT seq FROM devices WHERE id = ?) AND retired_at IS NULL`,
      device,
    );
  }

  /** Writes down that certificates of a device have ended by their date. */
  settle(holder: Holder, by: Actor): void {
    const due = this.#sql
      .exec<{ fingerprint: string; retire_by: number }>(
        `SELECT fingerprint, retire_by FROM certificates
         WHERE device = (SELECT seq FROM devices WHERE id = ?) AND retired_at IS NULL AND retire_by <= ?`,
        holder.id,
        by.at,
      )
      .toArray();
    // Nobody asked for it now: the date did it, whoever came by afterwards.
    for (const { fingerprint, retire_by: retiredAt } of due) {
      this.retire(holder, fingerprint as Fingerprint, retiredAt, { ...by, actor: "gate" }, "date");
    }
  }

  /**
   * After `successor` was seen for the first time, it ends what it replaces, which may have ended by
   * itself meanwhile.
   */
  succeed(holder: Holder, successor: Fingerprint, replaced: Fingerprint, by: Actor): void {
    this.#sql.exec("UPDATE certificates SET replaces = NULL WHERE fingerprint = ?", successor);
    const old = this.#sql
      .exec<{ retired_at: number | null; retire_by: number | null }>(
        "SELECT retired_at, retire_by FROM certificates WHERE fingerprint = ?",
        replaced,
      )
      .toArray()[0];
    if (old === undefined || old.retired_at !== null) return;
    const since = retiredSince({ retiredAt: null, retireBy: old.retire_by }, by.at);
    const reason = since === null ? "successor-seen" : "date";
    this.retire(holder, replaced, since ?? by.at, by, reason, successor);
  }

  /** Retires a certificate that is not retired. Audited. */
  retire(
    holder: Holder,
    fingerprint: Fingerprint,
    retiredAt: number,
    by: Actor,
    reason: RetirementReason,
    successor?: Fingerprint,
  ): void {
    this.end(fingerprint, retiredAt);
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

  /** Writes when a certificate was retired, and nothing else. */
  end(fingerprint: Fingerprint, retiredAt: number | null): void {
    this.#sql.exec(
      "UPDATE certificates SET retired_at = ?, replaces = NULL WHERE fingerprint = ?",
      ...[retiredAt, fingerprint],
    );
  }
}
