import { type DeviceStatus, deviceNameKey } from "../../domain/device.ts";
import type { Fingerprint } from "../../domain/fingerprint.ts";
import { type Page, pageOf } from "../../domain/list-page.ts";
import type { CertificateRecord, DeviceRecord, WipeReceipt } from "../../domain/records.ts";
import { retiredSince } from "../../domain/retirement.ts";
import type { UserId } from "../../domain/user.ts";

type DeviceRow = {
  seq: number;
  id: string;
  name: string;
  status: string;
  status_since: number;
  status_reason: string | null;
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
  retire_by: number | null;
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

  /** Of a device that was there before in the same transaction. */
  mustGet(id: string): DeviceRecord {
    const device = this.byId(id);
    if (device === undefined) throw new Error("the device is gone within its own transaction");
    return device;
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

  insert(device: Omit<DeviceRecord, "user">): void {
    const { id, name, status, statusSince, note, enrolledAt, lastSeen, wipe, comparisonCode } = device;
    // During a deploy, a Worker may still be an older one that knows nothing of it.
    const { statusReason = null } = device;
    this.#sql.exec(
      `INSERT INTO devices (id, name, name_key, status, status_since, status_reason, note, enrolled_at,
         comparison_code, last_seen_at, last_seen_app, last_seen_country, last_seen_ip)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ...[id, name, deviceNameKey(name), status, statusSince, statusReason, note, enrolledAt, comparisonCode],
      ...[lastSeen?.at ?? null, lastSeen?.app ?? null, lastSeen?.country ?? null, lastSeen?.ip ?? null],
    );
    if (wipe !== null) this.setReceipt(id, wipe);
    for (const certificate of device.certificates) this.insertCertificate(id, certificate);
  }

  insertCertificate(device: string, certificate: CertificateRecord): void {
    const { fingerprint, subject, issuer, serial, notBefore, notAfter } = certificate;
    const { addedAt, retiredAt, retireBy, replaces } = certificate;
    this.#sql.exec(
      `INSERT INTO certificates (fingerprint, device, subject, issuer, serial, not_before, not_after,
         added_at, retired_at, retire_by, replaces)
       SELECT ?, seq, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM devices WHERE id = ?`,
      ...[fingerprint, subject, issuer, serial, notBefore, notAfter],
      ...[addedAt, retiredAt, retireBy, replaces, device],
    );
  }

  /** What may be changed of a device. In one statement: a name counts as taken only among devices not revoked. */
  change({ id, name, note, status, statusSince, statusReason }: DeviceRecord): void {
    this.#sql.exec(
      `UPDATE devices SET name = ?, name_key = ?, note = ?, status = ?, status_since = ?, status_reason = ?
       WHERE id = ?`,
      ...[name, deviceNameKey(name), note, status, statusSince, statusReason, id],
    );
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
      statusReason: row.status_reason,
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
    retiredAt: retiredSince({ retiredAt: row.retired_at, retireBy: row.retire_by }, Date.now()),
    retireBy: row.retire_by,
    replaces: row.replaces as Fingerprint | null,
  };
}
