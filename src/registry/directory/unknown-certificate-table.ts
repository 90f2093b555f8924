import type { Fingerprint } from "../../domain/fingerprint.ts";
import type { Sighting, UnknownCertificateRecord } from "../../domain/records.ts";

/** Certificates waiting for somebody to enrol them: no more than this, the longest unseen goes. */
export const UNKNOWN_CERTIFICATES_MAX = 100;

/** A waiting certificate is written at most once in this time, in milliseconds. */
export const PENDING_EVERY_MS = 10 * 60_000;

type UnknownCertificateRow = {
  fingerprint: string;
  subject: string | null;
  issuer: string | null;
  serial: string | null;
  not_before: number | null;
  not_after: number | null;
  first_seen: number;
  last_seen: number;
  app: string;
  country: string | null;
  count: number;
};

/** Reads and writes the table `unknown_certificates`: certificates that are verified and not enrolled. */
export class UnknownCertificateTable {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Notes that a certificate came to the gate. Tells whether it was not waiting before. */
  note(fingerprint: Fingerprint, { at, app, country, facts }: Sighting): boolean {
    const known = this.get(fingerprint);
    if (known !== undefined) {
      if (at - known.lastSeen < PENDING_EVERY_MS) return false;
      this.#sql.exec(
        "UPDATE unknown_certificates SET last_seen = ?, app = ?, country = ?, count = count + 1 WHERE fingerprint = ?",
        ...[at, app, country, fingerprint],
      );
      return false;
    }
    this.#insert({ ...facts, fingerprint, firstSeen: at, lastSeen: at, app, country, count: 1 });
    return true;
  }

  #insert(record: UnknownCertificateRecord): void {
    const { fingerprint, subject, issuer, serial, notBefore, notAfter } = record;
    const { firstSeen, lastSeen, app, country, count } = record;
    this.#sql.exec(
      `INSERT INTO unknown_certificates
         (fingerprint, subject, issuer, serial, not_before, not_after, first_seen, last_seen, app, country, count)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ...[fingerprint, subject, issuer, serial, notBefore, notAfter],
      ...[firstSeen, lastSeen, app, country, count],
    );
    this.#sql.exec(
      `DELETE FROM unknown_certificates WHERE fingerprint IN
         (SELECT fingerprint FROM unknown_certificates ORDER BY last_seen DESC LIMIT -1 OFFSET ?)`,
      UNKNOWN_CERTIFICATES_MAX,
    );
  }

  get(fingerprint: Fingerprint): UnknownCertificateRecord | undefined {
    return this.#sql
      .exec<UnknownCertificateRow>("SELECT * FROM unknown_certificates WHERE fingerprint = ?", fingerprint)
      .toArray()
      .map(toRecord)[0];
  }

  /** Puts a certificate of a backup on the list that is not on it, and that nobody claims. Tells whether. */
  restore(record: UnknownCertificateRecord): boolean {
    const { fingerprint } = record;
    const claims = this.#sql.exec("SELECT 1 FROM claims WHERE fingerprint = ?", fingerprint).toArray();
    if (claims.length > 0 || this.get(fingerprint) !== undefined) return false;
    this.#insert(record);
    // The list is full of newer ones, perhaps.
    return this.get(fingerprint) !== undefined;
  }

  /** All that nobody claims, last seen first. */
  list(): UnknownCertificateRecord[] {
    return this.#sql
      .exec<UnknownCertificateRow>(
        `SELECT * FROM unknown_certificates WHERE fingerprint NOT IN (SELECT fingerprint FROM claims)
         ORDER BY last_seen DESC, fingerprint`,
      )
      .toArray()
      .map(toRecord);
  }

  /** Whether there was one to remove. */
  remove(fingerprint: Fingerprint): boolean {
    return (
      this.#sql.exec("DELETE FROM unknown_certificates WHERE fingerprint = ?", fingerprint).rowsWritten > 0
    );
  }
}

function toRecord(row: UnknownCertificateRow): UnknownCertificateRecord {
  return {
    fingerprint: row.fingerprint as Fingerprint,
    subject: row.subject,
    issuer: row.issuer,
    serial: row.serial,
    notBefore: row.not_before,
    notAfter: row.not_after,
    firstSeen: row.first_seen,
    lastSeen: row.last_seen,
    app: row.app,
    country: row.country,
    count: row.count,
  };
}
