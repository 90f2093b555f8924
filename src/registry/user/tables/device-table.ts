import type { CredentialKey, DeviceKind } from "../../../domain/credential-key.ts";
import { type DeviceStatus, deviceNameKey } from "../../../domain/device.ts";
import { type ListPage, pageOf } from "../../../domain/general/list-page.ts";
import type { Limits } from "../../../domain/limits.ts";
import type { CredentialRecord, DeviceRecord, WipeReceipt } from "../../../domain/records.ts";
import type { UserId } from "../../../domain/user.ts";
import { all, insert, one, update } from "../../storage/sql.ts";
import type { CredentialTable } from "./credential-table.ts";

/** One row per device, from its enrolment until it is forgotten. */
export const DEVICES_SCHEMA = `
  CREATE TABLE devices (
    -- The order of enrolment, and the lists' cursor.
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    -- The name as it is compared (deviceNameKey), unique among devices that are not revoked.
    name_key TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'active', 'suspended', 'lost', 'revoked')),
    status_since INTEGER NOT NULL DEFAULT 0,
    -- Why the status is what it is, if anybody said. The log has every reason, but here it costs no row to show.
    status_reason TEXT,
    note TEXT,
    enrolled_at INTEGER NOT NULL,
    -- Written as seldom as sightings.ts says.
    last_seen_at INTEGER,
    last_seen_app TEXT,
    last_seen_country TEXT,
    last_seen_ip TEXT,
    -- The receipt of a lost device, cleared whenever it is reported lost.
    wipe_first_at INTEGER,
    wipe_last_at INTEGER,
    wipe_count INTEGER NOT NULL DEFAULT 0,
    wipe_token_refresh INTEGER NOT NULL DEFAULT 0,
    -- Six digits by which a person tells a pending device from another one.
    comparison_code TEXT
  );
  CREATE UNIQUE INDEX devices_name ON devices (name_key) WHERE status <> 'revoked';`;

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
  kind: string;
  apps: string | null;
  countries: string | null;
  paths: string | null;
  expires_at: number | null;
  expiry_told: number | null;
  countries_seen: string | null;
  refusal_told_at: number | null;
};

type ExpiringRow = Pick<DeviceRow, "id" | "name" | "expiry_told"> & { expires_at: number };

/** Reads and writes the table `devices` of one user, with the credentials of each. Decides nothing. */
export class DeviceTable {
  readonly #sql: SqlStorage;
  readonly #user: UserId;
  readonly #credentials: CredentialTable;

  constructor(sql: SqlStorage, user: UserId, credentials: CredentialTable) {
    this.#sql = sql;
    this.#user = user;
    this.#credentials = credentials;
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

  byKey(key: CredentialKey): DeviceRecord | undefined {
    const seq = this.#credentials.holder(key);
    return seq === undefined ? undefined : this.#read("WHERE seq = ?", seq)[0];
  }

  /** The device that is not revoked and has this name, as `deviceNameKey` compares. */
  byName(name: string): DeviceRecord | undefined {
    return this.#read("WHERE name_key = ? AND status <> 'revoked'", deviceNameKey(name))[0];
  }

  /** Up to `limit` devices in the order of their enrolment, after the one with the cursor `after`. */
  page(limit: number, after: number): ListPage<DeviceRecord> {
    const rows = this.#rows("WHERE seq > ? ORDER BY seq LIMIT ?", after, limit + 1);
    const { items, next } = pageOf(rows, limit, (row) => String(row.seq));
    return { items: this.#withCertificates(items), next };
  }

  /** All of them: for a restore. */
  all(): DeviceRecord[] {
    return this.#withCertificates(this.#rows("ORDER BY seq"));
  }

  any(): boolean {
    return one(this.#sql, "SELECT 1 FROM devices LIMIT 1") !== undefined;
  }

  insert(device: Omit<DeviceRecord, "user">): void {
    const { id, name, status, statusSince, note, enrolledAt, lastSeen, wipe, comparisonCode } = device;
    // During a deploy, a Worker may still be an older one that knows nothing of it.
    const { statusReason = null } = device;
    insert(this.#sql, "devices", {
      ...{ id, name, name_key: deviceNameKey(name), note },
      ...{ status, status_since: statusSince, status_reason: statusReason },
      ...{ enrolled_at: enrolledAt, comparison_code: comparisonCode, kind: device.kind },
      ...limitColumns(device),
      ...{ last_seen_at: lastSeen?.at ?? null, last_seen_app: lastSeen?.app ?? null },
      ...{ last_seen_country: lastSeen?.country ?? null, last_seen_ip: lastSeen?.ip ?? null },
    });
    if (wipe !== null) this.setReceipt(id, wipe);
    for (const credential of device.credentials) this.#credentials.insert(id, credential);
  }

  /** What may be changed of a device. In one statement: a name counts as taken only among devices not revoked. */
  change(before: DeviceRecord, after: DeviceRecord): void {
    const { id, name, note, status, statusSince, statusReason } = after;
    update(
      this.#sql,
      "devices",
      { id },
      {
        ...{ name, name_key: deviceNameKey(name), note },
        ...{ status, status_since: statusSince, status_reason: statusReason },
        ...limitColumns(after),
        // Nobody has been notified of the new time.
        ...(before.expiresAt === after.expiresAt ? {} : { expiry_told: null }),
      },
    );
  }

  /** Devices that expire between these times themselves, and that are let in or may be again. */
  expiring(after: number, until: number): ExpiringRow[] {
    return all(
      this.#sql,
      `SELECT id, name, expires_at, expiry_told FROM devices
       WHERE status IN ('active', 'suspended') AND kind <> 'browser' AND expires_at > ? AND expires_at <= ?`,
      ...[after, until],
    );
  }

  noteExpiryTold(id: string, threshold: number): void {
    update(this.#sql, "devices", { id }, { expiry_told: threshold });
  }

  setReceipt(id: string, receipt: WipeReceipt | null): void {
    update(
      this.#sql,
      "devices",
      { id },
      {
        ...{ wipe_first_at: receipt?.firstAt ?? null, wipe_last_at: receipt?.lastAt ?? null },
        ...{ wipe_count: receipt?.count ?? 0, wipe_token_refresh: receipt?.tokenRefresh ? 1 : 0 },
      },
    );
  }

  remove(id: string): void {
    this.#credentials.removeOf(id);
    this.#sql.exec("DELETE FROM browsers WHERE device = ?", id);
    this.#sql.exec("DELETE FROM devices WHERE id = ?", id);
  }

  #read(where: string, ...values: SqlStorageValue[]): DeviceRecord[] {
    return this.#withCertificates(this.#rows(where, ...values));
  }

  #rows(where: string, ...values: SqlStorageValue[]): DeviceRow[] {
    return all<DeviceRow>(this.#sql, `SELECT * FROM devices ${where}`, ...values);
  }

  /** One query for the credentials of all the rows, which are consecutive by `seq` or only one. */
  #withCertificates(rows: DeviceRow[]): DeviceRecord[] {
    const first = rows[0];
    const last = rows.at(-1);
    if (first === undefined || last === undefined) return [];
    const credentials = this.#credentials.ofDevices(first.seq, last.seq);
    return rows.map((row) => this.#toRecord(row, credentials.get(row.seq) ?? []));
  }

  #toRecord(row: DeviceRow, credentials: CredentialRecord[]): DeviceRecord {
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
      credentials,
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
      ...toLimits(row),
    };
  }
}

/** The columns for a device's limits, in any table that has them. */
export type LimitColumns = Pick<DeviceRow, "kind" | "apps" | "countries" | "paths" | "expires_at">;

export function toLimits({ kind, apps, countries, paths, expires_at }: LimitColumns): Limits {
  return {
    kind: kind as DeviceKind,
    apps: fromList(apps),
    countries: fromList(countries),
    paths: fromList(paths),
    expiresAt: expires_at,
  };
}

/** All of them but the kind, which never changes. */
function limitColumns({ apps, countries, paths, expiresAt }: Limits) {
  return { apps: toList(apps), countries: toList(countries), paths: toList(paths), expires_at: expiresAt };
}

/** A list as it is stored in a column: JSON. */
export function toList(list: readonly string[] | null): string | null {
  return list === null ? null : JSON.stringify(list);
}

export function fromList(column: string | null): string[] | null {
  return column === null ? null : (JSON.parse(column) as string[]);
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
