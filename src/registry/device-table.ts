import { type DeviceStatus, deviceNameKey } from "./device.ts";
import type { Fingerprint } from "./fingerprint.ts";
import { type Page, pageOf } from "./page.ts";
import type { CertificateRecord, DeviceRecord, Enrolment, WipeReceipt } from "./records.ts";
import { retiredSince } from "./retirement.ts";
import type { UserId } from "./user.ts";

type DeviceRow = {
  seq: number;
  id: string;
  name: string;
  status: string;
  status_since: number;
  note: string | null;
  enrolled_at: number;
  last_seen_at: number | null;
  last_seen_app: string | null;
  last_seen_country: string | null;
  last_seen_ip: string | null;
  wipe_first_at: number | null;
  wipe_last_at: number | null;
  wipe_count: number;
  wipe_token_refresh: number;
  comparison_code: string | null;
};

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
  retires_at: number | null;
  replaces: string | null;
};

/** Reads and writes the tables `devices` and `certificates` of one user. Decides nothing. */
export class DeviceTable {
  readonly #sql: SqlStorage;
  readonly #user: UserId;

  constructor(sql: SqlStorage, user: UserId) {
    this.#sql = sql;
    this.#user = user;
  }

  byId(id: string): DeviceRecord | undefined {
    return this.#read("WHERE id = ?", id)[0];
  }

  byFingerprint(fingerprint: Fingerprint): DeviceRecord | undefined {
    return this.#read("WHERE seq = (SELECT device FROM certificates WHERE fingerprint = ?)", fingerprint)[0];
  }

  /** The device that is not revoked and has this name, as `deviceNameKey` compares. */
  byName(name: string): DeviceRecord | undefined {
    return this.#read("WHERE name_key = ? AND status <> 'revoked'", deviceNameKey(name))[0];
  }

  /** Up to `limit` devices in the order of their enrolment, after the one with the cursor `after`. */
  page(limit: number, after: number): Page<DeviceRecord> {
    const rows = this.#sql
      .exec<DeviceRow>("SELECT * FROM devices WHERE seq > ? ORDER BY seq LIMIT ?", after, limit + 1)
      .toArray();
    const { items, next } = pageOf(rows, limit, (row) => String(row.seq));
    return { items: this.#withCertificates(items), next };
  }

  /** All of them: for a restore. */
  all(): DeviceRecord[] {
    return this.#withCertificates(this.#sql.exec<DeviceRow>("SELECT * FROM devices ORDER BY seq").toArray());
  }

  any(): boolean {
    return this.#sql.exec("SELECT 1 FROM devices LIMIT 1").toArray().length > 0;
  }

  insert(id: string, enrolment: Enrolment, at: number, comparisonCode: string | null = null): void {
    const { seq } = this.#sql
      .exec<{ seq: number }>(
        `INSERT INTO devices (id, name, name_key, status, note, enrolled_at, status_since, comparison_code)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING seq`,
        id,
        enrolment.name,
        deviceNameKey(enrolment.name),
        enrolment.status,
        enrolment.note,
        at,
        at,
        comparisonCode,
      )
      .one();
    const { subject, issuer, serial, notBefore, notAfter } = enrolment.facts;
    this.#sql.exec(
      `INSERT INTO certificates (fingerprint, device, subject, issuer, serial, not_before, not_after, added_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      ...[enrolment.fingerprint, seq, subject, issuer, serial, notBefore, notAfter, at],
    );
  }

  describe(id: string, name: string, note: string | null): void {
    this.#sql.exec(
      "UPDATE devices SET name = ?, name_key = ?, note = ? WHERE id = ?",
      ...[name, deviceNameKey(name), note, id],
    );
  }

  setStatus(id: string, status: DeviceStatus, since: number): void {
    this.#sql.exec("UPDATE devices SET status = ?, status_since = ? WHERE id = ?", status, since, id);
  }

  setReceipt(id: string, receipt: WipeReceipt | null): void {
    this.#sql.exec(
      `UPDATE devices SET wipe_first_at = ?, wipe_last_at = ?, wipe_count = ?, wipe_token_refresh = ?
       WHERE id = ?`,
      ...[receipt?.firstAt ?? null, receipt?.lastAt ?? null, receipt?.count ?? 0],
      ...[receipt?.tokenRefresh ? 1 : 0, id],
    );
  }

  remove(id: string): void {
    this.#sql.exec("DELETE FROM certificates WHERE device = (SELECT seq FROM devices WHERE id = ?)", id);
    this.#sql.exec("DELETE FROM devices WHERE id = ?", id);
  }

  #read(where: string, value: string): DeviceRecord[] {
    return this.#withCertificates(
      this.#sql.exec<DeviceRow>(`SELECT * FROM devices ${where}`, value).toArray(),
    );
  }

  /** One query for the certificates of all the rows, which are neighbours by `seq` or a single one. */
  #withCertificates(rows: DeviceRow[]): DeviceRecord[] {
    const first = rows[0];
    const last = rows.at(-1);
    if (first === undefined || last === undefined) return [];
    const certificates = Map.groupBy(
      this.#sql
        .exec<CertificateRow>(
          "SELECT * FROM certificates WHERE device BETWEEN ? AND ? ORDER BY device, added_at, replaces",
          first.seq,
          last.seq,
        )
        .toArray(),
      (row) => row.device,
    );
    return rows.map((row) => this.#toRecord(row, certificates.get(row.seq) ?? []));
  }

  #toRecord(row: DeviceRow, certificates: CertificateRow[]): DeviceRecord {
    return {
      id: row.id,
      user: this.#user,
      name: row.name,
      // The table's CHECK holds the column to these values.
      status: row.status as DeviceStatus,
      statusSince: row.status_since,
      note: row.note,
      enrolledAt: row.enrolled_at,
      certificates: certificates.map(toCertificate),
      lastSeen:
        row.last_seen_at === null || row.last_seen_app === null
          ? null
          : {
              at: row.last_seen_at,
              app: row.last_seen_app,
              country: row.last_seen_country,
              ip: row.last_seen_ip,
            },
      wipe: toReceipt(row),
      comparisonCode: row.status === "pending" ? row.comparison_code : null,
    };
  }
}

function toReceipt(row: DeviceRow): WipeReceipt | null {
  if (row.wipe_first_at === null || row.wipe_last_at === null) return null;
  return {
    firstAt: row.wipe_first_at,
    lastAt: row.wipe_last_at,
    count: row.wipe_count,
    tokenRefresh: row.wipe_token_refresh === 1,
  };
}

function toCertificate(row: CertificateRow): CertificateRecord {
  return {
    fingerprint: row.fingerprint as Fingerprint,
    subject: row.subject,
    issuer: row.issuer,
    serial: row.serial,
    notBefore: row.not_before,
    notAfter: row.not_after,
    addedAt: row.added_at,
    // A date that has passed is written down when somebody comes by; it counts before.
    retiredAt: retiredSince({ retiredAt: row.retired_at, retiresAt: row.retires_at }, Date.now()),
    retiresAt: row.retires_at,
    replaces: row.replaces as Fingerprint | null,
  };
}
