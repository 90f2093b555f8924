// All SQL on the table `certificates`. Decides nothing: a record says what is stored.
import type { Fingerprint } from "../../domain/fingerprint.ts";
import type { CertificateDetails, CertificateRecord } from "../../domain/records.ts";
import { all, insert, one, update } from "../storage/sql.ts";

/**
 * One row per certificate of a device: one, or two during a renewal, besides those that are retired. It can
 * be trusted: a row is only written together with a device, after the directory granted the fingerprint to
 * this user.
 */
export const CERTIFICATES_SCHEMA = `
  CREATE TABLE certificates (
    fingerprint TEXT PRIMARY KEY,
    device INTEGER NOT NULL REFERENCES devices (seq),
    -- NULL until they are known.
    subject TEXT,
    issuer TEXT,
    serial TEXT,
    not_before INTEGER,
    not_after INTEGER,
    added_at INTEGER NOT NULL,
    -- When it was retired: by an act, by its successor, or by retire_by, once somebody asked after that.
    retired_at INTEGER,
    -- The date by which it is retired: it counts on its own, whether it was written down as retired or not.
    retire_by INTEGER,
    -- The certificate that ends when this one is first seen, NULL afterwards.
    replaces TEXT,
    -- The lowest number of days before its expiry of which somebody was notified.
    expiry_told INTEGER
  ) WITHOUT ROWID;
  CREATE INDEX certificates_device ON certificates (device);`;

type CertificateRow = {
  fingerprint: string;
  device: number;
  subject: string | null;
  issuer: string | null;
  serial: string | null;
  not_before: number | null;
  not_after: number | null;
  added_at: number;
  retired_at: number | null;
  retire_by: number | null;
  replaces: string | null;
  expiry_told: number | null;
};

type ExpiringRow = Pick<CertificateRow, "fingerprint" | "expiry_told"> & {
  id: string;
  name: string;
  not_after: number;
};

/** A certificate with its device, as the gate's question needs them. */
export type SightedRow = Pick<CertificateRow, "not_after" | "retired_at" | "retire_by" | "replaces"> & {
  seq: number;
  id: string;
  status: string;
  name: string;
  status_since: number;
  last_seen_at: number | null;
  last_seen_app: string | null;
  last_seen_country: string | null;
};

export class CertificateTable {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Certificates of the devices with a `seq` in this range, by that, in the order in which they came. */
  ofDevices(first: number, last: number): Map<number, CertificateRecord[]> {
    const rows = all<CertificateRow>(
      this.#sql,
      "SELECT * FROM certificates WHERE device BETWEEN ? AND ? ORDER BY device, added_at, replaces",
      ...[first, last],
    );
    const byDevice = Map.groupBy(rows, ({ device }) => device);
    return new Map([...byDevice].map(([device, own]) => [device, own.map(toRecord)]));
  }

  /** The `seq` of the device that has this certificate. */
  holder(fingerprint: Fingerprint): number | undefined {
    const query = "SELECT device FROM certificates WHERE fingerprint = ?";
    return one<{ device: number }>(this.#sql, query, fingerprint)?.device;
  }

  /** Two rows read by their keys, however many devices there are. */
  sighted(fingerprint: Fingerprint): SightedRow | undefined {
    return one<SightedRow>(
      this.#sql,
      `SELECT d.seq, d.id, d.status, d.name, d.status_since, d.last_seen_at, d.last_seen_app, d.last_seen_country,
         c.not_after, c.retired_at, c.retire_by, c.replaces
       FROM certificates c JOIN devices d ON d.seq = c.device WHERE c.fingerprint = ?`,
      fingerprint,
    );
  }

  get(fingerprint: Fingerprint): CertificateRecord | undefined {
    const query = "SELECT * FROM certificates WHERE fingerprint = ?";
    return all<CertificateRow>(this.#sql, query, fingerprint).map(toRecord)[0];
  }

  /** Certificates that expire between these times and are not retired by the first, with their devices. */
  expiring(after: number, until: number): ExpiringRow[] {
    return all(
      this.#sql,
      `SELECT c.fingerprint, c.not_after, c.expiry_told, d.id, d.name
       FROM certificates c JOIN devices d ON d.seq = c.device
       WHERE d.status IN ('active', 'suspended') AND c.not_after > ? AND c.not_after <= ?
         AND c.retired_at IS NULL AND (c.retire_by IS NULL OR c.retire_by > ?)`,
      ...[after, until, after],
    );
  }

  /** `device` is its id, which must be there. */
  insert(device: string, certificate: CertificateRecord): void {
    const { fingerprint, subject, issuer, serial, notBefore, notAfter } = certificate;
    const { addedAt, retiredAt, retireBy, replaces } = certificate;
    const holder = one<{ seq: number }>(this.#sql, "SELECT seq FROM devices WHERE id = ?", device);
    if (holder === undefined) throw new Error("a certificate needs its device");
    insert(this.#sql, "certificates", {
      ...{ fingerprint, device: holder.seq, subject, issuer, serial },
      ...{ not_before: notBefore, not_after: notAfter, added_at: addedAt },
      ...{ retired_at: retiredAt, retire_by: retireBy, replaces },
    });
  }

  /** Fills in what the enrolment left open. */
  complete(fingerprint: Fingerprint, details: CertificateDetails): void {
    this.#sql.exec(
      `UPDATE certificates SET
         subject = COALESCE(subject, ?), issuer = COALESCE(issuer, ?), serial = COALESCE(serial, ?),
         not_before = COALESCE(not_before, ?), not_after = ?
       WHERE fingerprint = ?`,
      ...[details.subject, details.issuer, details.serial, details.notBefore, details.notAfter, fingerprint],
    );
  }

  change(fingerprint: Fingerprint, changes: Partial<CertificateRow>): void {
    update(this.#sql, "certificates", { fingerprint }, changes);
  }

  end(fingerprint: Fingerprint, retiredAt: number | null): void {
    this.change(fingerprint, { retired_at: retiredAt, replaces: null });
  }

  /** A device's only certificate that is not retired has no date, and ends no other one. */
  keepAlone(device: string): void {
    this.#sql.exec(
      `UPDATE certificates SET retire_by = NULL, replaces = NULL
       WHERE device = (SELECT seq FROM devices WHERE id = ?) AND retired_at IS NULL`,
      device,
    );
  }

  removeOf(device: string): void {
    this.#sql.exec("DELETE FROM certificates WHERE device = (SELECT seq FROM devices WHERE id = ?)", device);
  }
}

function toRecord(row: CertificateRow): CertificateRecord {
  return {
    fingerprint: row.fingerprint as Fingerprint,
    subject: row.subject,
    issuer: row.issuer,
    serial: row.serial,
    notBefore: row.not_before,
    notAfter: row.not_after,
    addedAt: row.added_at,
    retiredAt: row.retired_at,
    retireBy: row.retire_by,
    replaces: row.replaces as Fingerprint | null,
  };
}
