// All SQL on the table `credentials`. Decides nothing: a record says what is stored.
import type { CredentialKey } from "../../../domain/credential-key.ts";
import type { CertificateDetails, CredentialRecord } from "../../../domain/records.ts";
import { all, insert, one, update } from "../../storage/sql.ts";

/**
 * One row per credential of a device: one, or two during a renewal, besides those that are retired. It can be trusted: a
 * row is only written together with a device, after the directory granted the key to this user.
 */
export const CREDENTIALS_SCHEMA = `
  CREATE TABLE credentials (
    -- See credential-key.ts.
    key TEXT PRIMARY KEY,
    device INTEGER NOT NULL REFERENCES devices (seq),
    -- What a certificate says of itself, NULL until it is known. Of a token, only from when to when it is valid.
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
    -- The key of the credential that ends when this one is first seen, NULL afterwards.
    replaces TEXT,
    -- The lowest number of days before its expiry of which somebody was notified.
    expiry_told INTEGER
  ) WITHOUT ROWID;
  CREATE INDEX credentials_device ON credentials (device);`;

type CredentialRow = {
  key: string;
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

type ExpiringRow = Pick<CredentialRow, "key" | "expiry_told"> & {
  id: string;
  name: string;
  not_after: number;
};

/** A credential with its device, as the gate's question needs them. */
export type SightedRow = Pick<CredentialRow, "not_after" | "retired_at" | "retire_by" | "replaces"> & {
  seq: number;
  id: string;
  status: string;
  name: string;
  status_since: number;
  last_seen_at: number | null;
  last_seen_app: string | null;
  last_seen_country: string | null;
  kind: string;
  apps: string | null;
  countries: string | null;
  paths: string | null;
  expires_at: number | null;
  countries_seen: string | null;
  refusal_told_at: number | null;
};

export class CredentialTable {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** The credentials of devices with a `seq` in this range, ordered by `seq` and then by when they were added. */
  ofDevices(first: number, last: number): Map<number, CredentialRecord[]> {
    const rows = all<CredentialRow>(
      this.#sql,
      "SELECT * FROM credentials WHERE device BETWEEN ? AND ? ORDER BY device, added_at, replaces",
      ...[first, last],
    );
    const byDevice = Map.groupBy(rows, ({ device }) => device);
    return new Map([...byDevice].map(([device, own]) => [device, own.map(toRecord)]));
  }

  /** The `seq` of the device that has this credential. */
  holder(key: CredentialKey): number | undefined {
    const query = "SELECT device FROM credentials WHERE key = ?";
    return one<{ device: number }>(this.#sql, query, key)?.device;
  }

  /** Reads two rows by key, however many devices there are. */
  sighted(key: CredentialKey): SightedRow | undefined {
    return one<SightedRow>(
      this.#sql,
      `SELECT d.seq, d.id, d.status, d.name, d.status_since, d.last_seen_at, d.last_seen_app, d.last_seen_country,
         d.kind, d.apps, d.countries, d.paths, d.expires_at, d.countries_seen, d.refusal_told_at,
         c.not_after, c.retired_at, c.retire_by, c.replaces
       FROM credentials c JOIN devices d ON d.seq = c.device WHERE c.key = ?`,
      key,
    );
  }

  get(key: CredentialKey): CredentialRecord | undefined {
    const query = "SELECT * FROM credentials WHERE key = ?";
    return all<CredentialRow>(this.#sql, query, key).map(toRecord)[0];
  }

  /**
   * Credentials that expire between these times and are not retired by the first, with their devices. Not a browser's
   * sign-in, which nobody renews: it lasts while the browser is used.
   */
  expiring(after: number, until: number): ExpiringRow[] {
    return all(
      this.#sql,
      `SELECT c.key, c.not_after, c.expiry_told, d.id, d.name
       FROM credentials c JOIN devices d ON d.seq = c.device
       WHERE d.status IN ('active', 'suspended') AND d.kind <> 'browser' AND c.not_after > ? AND c.not_after <= ?
         AND c.retired_at IS NULL AND (c.retire_by IS NULL OR c.retire_by > ?)`,
      ...[after, until, after],
    );
  }

  /** `device` is its id, which must be there. */
  insert(device: string, credential: CredentialRecord): void {
    const { key, subject, issuer, serial, notBefore, notAfter } = credential;
    const { addedAt, retiredAt, retireBy, replaces } = credential;
    const holder = one<{ seq: number }>(this.#sql, "SELECT seq FROM devices WHERE id = ?", device);
    if (holder === undefined) throw new Error("a credential needs its device");
    insert(this.#sql, "credentials", {
      ...{ key, device: holder.seq, subject, issuer, serial },
      ...{ not_before: notBefore, not_after: notAfter, added_at: addedAt },
      ...{ retired_at: retiredAt, retire_by: retireBy, replaces },
    });
  }

  /** Fills in what the enrolment left open. */
  complete(key: CredentialKey, details: CertificateDetails): void {
    this.#sql.exec(
      `UPDATE credentials SET
         subject = COALESCE(subject, ?), issuer = COALESCE(issuer, ?), serial = COALESCE(serial, ?),
         not_before = COALESCE(not_before, ?), not_after = ?
       WHERE key = ?`,
      ...[details.subject, details.issuer, details.serial, details.notBefore, details.notAfter, key],
    );
  }

  change(key: CredentialKey, changes: Partial<CredentialRow>): void {
    update(this.#sql, "credentials", { key }, changes);
  }

  end(key: CredentialKey, retiredAt: number | null): void {
    this.change(key, { retired_at: retiredAt, replaces: null });
  }

  /** A device's only credential that is not retired has no date, and replaces no other one. */
  keepAlone(device: string): void {
    this.#sql.exec(
      `UPDATE credentials SET retire_by = NULL, replaces = NULL
       WHERE device = (SELECT seq FROM devices WHERE id = ?) AND retired_at IS NULL`,
      device,
    );
  }

  removeOf(device: string): void {
    this.#sql.exec("DELETE FROM credentials WHERE device = (SELECT seq FROM devices WHERE id = ?)", device);
  }
}

function toRecord(row: CredentialRow): CredentialRecord {
  return {
    key: row.key as CredentialKey,
    subject: row.subject,
    issuer: row.issuer,
    serial: row.serial,
    notBefore: row.not_before,
    notAfter: row.not_after,
    addedAt: row.added_at,
    retiredAt: row.retired_at,
    retireBy: row.retire_by,
    replaces: row.replaces as CredentialKey | null,
  };
}
