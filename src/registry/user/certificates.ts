// A certificate's life: how a device gets its next one, how the old one ends, and all SQL on the table `certificates`.
import type { Fingerprint } from "../../domain/fingerprint.ts";
import type {
  CertificateFacts,
  CertificateRecord,
  DeviceRecord,
  NextCertificate,
  RegistryError,
} from "../../domain/records.ts";
import { DAY_MS } from "../../domain/relative-time.ts";
import { err, ok, type Result } from "../../domain/result.ts";
import { CERTIFICATES_MAX, retiredSince } from "../../domain/retirement.ts";
import type { UserId } from "../../domain/user.ts";
import { certificateExpiring, EXPIRY_THRESHOLDS_DAYS } from "../../notify/event.ts";
import { type Actor, refuseAudited, writeAudit } from "../storage/audit-log.ts";
import type { Claim, StaleClaim } from "../storage/generation.ts";
import type { Outbox } from "../storage/outbox.ts";
import { all, insert, one, update } from "../storage/sql.ts";
import type { RegistryState } from "./registry-state.ts";

const ADD = "add-certificate";
const RETIRE = "retire-certificate";

/** A device with its new certificate; `created` is false when it had that one before. */
export interface Added {
  device: DeviceRecord;
  created: boolean;
}

/** Which device a certificate belongs to, for the audit log. */
export interface Holder {
  id: string;
  name: string;
}

/** Why a certificate was retired: somebody asked for it, its date passed, or its successor came to the gate. */
export type RetirementReason = "asked" | "date" | "successor-seen";

/** The devices, as far as these rules ask for them (see `DeviceTable`, which reads certificates here). */
interface Devices {
  byId(id: string): DeviceRecord | undefined;
  mustGet(id: string): DeviceRecord;
  byFingerprint(fingerprint: Fingerprint): DeviceRecord | undefined;
}

/** Rules of the certificates of one user's devices. Each method is to be called in a transaction. */
export class Certificates {
  readonly #sql: SqlStorage;
  readonly #table: CertificateTable;
  readonly #devices: Devices;
  readonly #state: RegistryState;

  constructor(sql: SqlStorage, table: CertificateTable, devices: Devices, state: RegistryState) {
    this.#sql = sql;
    this.#table = table;
    this.#devices = devices;
    this.#state = state;
  }

  /** Whether `add` would succeed. A refusal is audited. */
  check(by: Actor, id: string, next: NextCertificate): Result<null, RegistryError> {
    const checked = this.#checked(by, id, next);
    return checked.ok ? ok(null) : checked;
  }

  /**
   * Adds a certificate on the claim that the directory granted to this user. The device's other certificate passes
   * until the new one does, or until `retireBy`. Adding one that the device already has changes nothing.
   */
  add(by: Actor, id: string, next: NextCertificate, claim: Claim): Result<Added, RegistryError | StaleClaim> {
    const refusal = this.#state.refuseClaim(by, claim);
    if (refusal !== undefined) return err(refusal);
    const checked = this.#checked(by, id, next);
    if (!checked.ok) return checked;
    const device = checked.value;
    if (certificateOf(device, next.fingerprint) !== undefined) return ok({ device, created: false });

    this.settle(by, device);
    const { fingerprint, facts, retireBy } = next;
    const replaced = living(device, by.at)[0]?.fingerprint ?? null;
    const added = { ...facts, fingerprint, addedAt: by.at, retiredAt: null, retireBy: null };
    this.#table.insert(id, { ...added, replaces: replaced });
    if (replaced !== null) this.#table.change(replaced, { retire_by: retireBy });
    writeAudit(this.#sql, by, {
      act: ADD,
      outcome: "done",
      target: { id, name: device.name },
      detail: {
        fingerprint,
        replaces: replaced,
        retireBy: retireBy === null ? null : new Date(retireBy).toISOString(),
      },
    });
    return ok({ device: this.#devices.mustGet(id), created: true });
  }

  /**
   * Retires a certificate of a device immediately; repeating is no error. The certificate that is left has no date
   * of its own from then on: retiring the new one calls the renewal off.
   */
  retire(by: Actor, id: string, fingerprint: Fingerprint): Result<DeviceRecord, RegistryError> {
    const device = this.#devices.byId(id);
    if (device === undefined) return err({ code: "unknown-device" });
    const certificate = certificateOf(device, fingerprint);
    if (certificate === undefined) return err({ code: "unknown-certificate" });
    this.settle(by, device);
    if (retiredSince(certificate, by.at) !== null) return ok(this.#devices.mustGet(id));
    if (living(device, by.at).length === 1) {
      return refuseAudited(this.#sql, by, RETIRE, device, { code: "last-certificate" });
    }
    this.#retire(device, fingerprint, by.at, by, "asked");
    this.#table.keepAlone(id);
    return ok(this.#devices.mustGet(id));
  }

  /** Writes down which certificates of a device ended by their date. */
  settle(by: Actor, { id, name, certificates }: DeviceRecord): void {
    for (const certificate of certificates) {
      if (certificate.retiredAt === null) this.endByDate({ id, name }, certificate, by);
    }
  }

  /** Writes down that a certificate ended by its date, if it has. Nobody asked for it: the gate did it. */
  endByDate(
    holder: Holder,
    { fingerprint, retireBy }: Pick<CertificateRecord, "fingerprint" | "retireBy">,
    by: Actor,
  ): void {
    const retiredAt = retiredSince({ retiredAt: null, retireBy }, by.at);
    if (retiredAt !== null) this.#retire(holder, fingerprint, retiredAt, { ...by, actor: "gate" }, "date");
  }

  /** After `successor` was seen for the first time, it ends the one that it replaces, unless that ended before. */
  succeed(holder: Holder, successor: Fingerprint, replaced: Fingerprint, by: Actor): void {
    this.#table.change(successor, { replaces: null });
    const old = this.#table.get(replaced);
    if (old === undefined || old.retiredAt !== null) return;
    const since = retiredSince(old, by.at);
    const reason = since === null ? "successor-seen" : "date";
    this.#retire(holder, replaced, since ?? by.at, by, reason, successor);
  }

  /**
   * Notes an event for each certificate that has come closer to its expiry than anybody was notified of: within 30,
   * 7 or 1 days. Only of devices that pass, or may pass again, and not of certificates that are refused already,
   * because they were retired or have expired. It reads every certificate, so once a day is often enough. Writes
   * nothing while nobody is to be notified.
   */
  noteExpiring(user: UserId, outbox: Outbox, now: number): void {
    if (!outbox.isOn) return;
    const longest = Math.max(...EXPIRY_THRESHOLDS_DAYS);
    for (const { fingerprint, notAfter, told, device } of this.#table.expiring(now, now + longest * DAY_MS)) {
      const threshold = EXPIRY_THRESHOLDS_DAYS.find((days) => notAfter - now <= days * DAY_MS);
      if (threshold === undefined || (told !== null && told <= threshold)) continue;
      this.#table.change(fingerprint, { expiry_told: threshold });
      outbox.add(certificateExpiring({ user, device, fingerprint, notAfter, threshold }, now), now);
    }
  }

  #retire(
    { id, name }: Holder,
    fingerprint: Fingerprint,
    retiredAt: number,
    by: Actor,
    reason: RetirementReason,
    successor?: Fingerprint,
  ): void {
    this.#table.end(fingerprint, retiredAt);
    writeAudit(this.#sql, by, {
      act: RETIRE,
      outcome: "done",
      target: { id, name },
      detail: {
        fingerprint,
        reason,
        ...(successor === undefined ? {} : { successor }),
        ...(reason === "date" ? { retiredAt: new Date(retiredAt).toISOString() } : {}),
      },
    });
  }

  #checked(by: Actor, id: string, next: NextCertificate): Result<DeviceRecord, RegistryError> {
    const device = this.#devices.byId(id);
    if (device === undefined) return err({ code: "unknown-device" });
    const error = this.#error(by, device, next);
    return error === undefined ? ok(device) : refuseAudited(this.#sql, by, ADD, device, error);
  }

  #error(by: Actor, device: DeviceRecord, { fingerprint }: NextCertificate): RegistryError | undefined {
    const own = certificateOf(device, fingerprint);
    // As with a revoked device: a certificate that was retired does not come back.
    if (own !== undefined && retiredSince(own, by.at) !== null) return { code: "fingerprint-revoked" };
    const { status } = device;
    if (status !== "active" && status !== "suspended")
      return { code: "forbidden-transition", status, act: ADD };
    if (own !== undefined) return undefined;
    const other = this.#devices.byFingerprint(fingerprint);
    if (other !== undefined) {
      return { code: other.status === "revoked" ? "fingerprint-revoked" : "fingerprint-taken" };
    }
    return living(device, by.at).length >= CERTIFICATES_MAX ? { code: "too-many-certificates" } : undefined;
  }
}

export function certificateOf(device: DeviceRecord, fingerprint: Fingerprint): CertificateRecord | undefined {
  return device.certificates.find((each) => each.fingerprint === fingerprint);
}

/** Those that are not retired, in the order in which they came. */
function living(device: DeviceRecord, now: number): CertificateRecord[] {
  return device.certificates.filter((each) => retiredSince(each, now) === null);
}

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

/** Reads and writes the table `certificates`. Decides nothing: a record says what is stored. */
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
  expiring(after: number, until: number) {
    return all<ExpiringRow>(
      this.#sql,
      `SELECT c.fingerprint, c.not_after, c.expiry_told, d.id, d.name
       FROM certificates c JOIN devices d ON d.seq = c.device
       WHERE d.status IN ('active', 'suspended') AND c.not_after > ? AND c.not_after <= ?
         AND c.retired_at IS NULL AND (c.retire_by IS NULL OR c.retire_by > ?)`,
      ...[after, until, after],
    ).map(({ fingerprint, not_after: notAfter, expiry_told: told, ...device }) => ({
      ...{ fingerprint: fingerprint as Fingerprint, notAfter, told, device },
    }));
  }

  /** `device` is its id, which must be there. */
  insert(device: string, certificate: CertificateRecord): void {
    const { fingerprint, subject, issuer, serial, notBefore, notAfter } = certificate;
    const { addedAt, retiredAt, retireBy, replaces } = certificate;
    const holder = one<{ seq: number }>(this.#sql, "SELECT seq FROM devices WHERE id = ?", device);
    if (holder === undefined) throw new Error("a certificate needs its device");
    insert(this.#sql, "certificates", {
      ...{ fingerprint, device: holder.seq, subject, issuer, serial },
      ...{ not_before: notBefore, not_after: notAfter },
      ...{ added_at: addedAt, retired_at: retiredAt, retire_by: retireBy, replaces },
    });
  }

  /** Fills in what the enrolment left open. */
  complete(fingerprint: Fingerprint, facts: CertificateFacts): void {
    this.#sql.exec(
      `UPDATE certificates SET
         subject = COALESCE(subject, ?), issuer = COALESCE(issuer, ?), serial = COALESCE(serial, ?),
         not_before = COALESCE(not_before, ?), not_after = ?
       WHERE fingerprint = ?`,
      ...[facts.subject, facts.issuer, facts.serial, facts.notBefore, facts.notAfter, fingerprint],
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
