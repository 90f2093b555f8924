// Certificates that Cloudflare verified and nobody has enrolled: the table `unknown_certificates`.
import type { Fingerprint } from "../../domain/fingerprint.ts";
import type { Sighting, UnknownCertificateRecord } from "../../domain/records.ts";
import { all, insert } from "../storage/sql.ts";

/** How many are kept: beyond that, the one not seen for longest goes. */
export const UNKNOWN_CERTIFICATES_MAX = 100;

/** An unknown certificate is written at most once in this time, in milliseconds. */
export const NOTED_EVERY_MS = 10 * 60_000;

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

export class UnknownCertificateTable {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Notes that a certificate came to the gate. Returns whether it is new. */
  note(fingerprint: Fingerprint, { at, app, country, details }: Sighting): boolean {
    const known = this.get(fingerprint);
    if (known !== undefined) {
      if (at - known.lastSeen < NOTED_EVERY_MS) return false;
      this.#sql.exec(
        "UPDATE unknown_certificates SET last_seen = ?, app = ?, country = ?, count = count + 1 WHERE fingerprint = ?",
        ...[at, app, country, fingerprint],
      );
      return false;
    }
    this.insert({ ...details, fingerprint, firstSeen: at, lastSeen: at, app, country, count: 1 });
    return true;
  }

  get(fingerprint: Fingerprint): UnknownCertificateRecord | undefined {
    return this.#read("WHERE fingerprint = ?", fingerprint)[0];
  }

  /** All that nobody claims, last seen first. */
  list(): UnknownCertificateRecord[] {
    return this.#read(
      `WHERE fingerprint NOT IN (SELECT fingerprint FROM claims) ORDER BY last_seen DESC, fingerprint`,
    );
  }

  /** Those of a backup's that a restore would add: not here yet, not claimed, and not older than a full list. */
  missing(
    backup: readonly UnknownCertificateRecord[],
    isClaimed: (fingerprint: Fingerprint) => boolean,
  ): UnknownCertificateRecord[] {
    const present = this.#read("");
    const known = new Set(present.map(({ fingerprint }) => fingerprint));
    const lacking = backup.filter(({ fingerprint }) => {
      if (known.has(fingerprint) || isClaimed(fingerprint)) return false;
      known.add(fingerprint);
      return true;
    });
    const kept = new Set(
      [...present, ...lacking].sort((a, b) => b.lastSeen - a.lastSeen).slice(0, UNKNOWN_CERTIFICATES_MAX),
    );
    return lacking.filter((each) => kept.has(each));
  }

  /** One that is not here yet; the list stays within its limit. */
  insert(record: UnknownCertificateRecord): void {
    const { fingerprint, subject, issuer, serial, notBefore, notAfter } = record;
    const { firstSeen, lastSeen, app, country, count } = record;
    insert(this.#sql, "unknown_certificates", {
      ...{ fingerprint, subject, issuer, serial, not_before: notBefore, not_after: notAfter },
      ...{ first_seen: firstSeen, last_seen: lastSeen, app, country, count },
    });
    this.#sql.exec(
      `DELETE FROM unknown_certificates WHERE fingerprint IN
         (SELECT fingerprint FROM unknown_certificates ORDER BY last_seen DESC LIMIT -1 OFFSET ?)`,
      UNKNOWN_CERTIFICATES_MAX,
    );
  }

  remove(fingerprint: Fingerprint): void {
    this.#sql.exec("DELETE FROM unknown_certificates WHERE fingerprint = ?", fingerprint);
  }

  #read(where: string, ...values: SqlStorageValue[]): UnknownCertificateRecord[] {
    const query = `SELECT * FROM unknown_certificates ${where}`;
    return all<UnknownCertificateRow>(this.#sql, query, ...values).map(toRecord);
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
