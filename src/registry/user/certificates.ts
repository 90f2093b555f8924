// A certificate's life: how a device gets its next one, and how the old one ends.
import type { Fingerprint } from "../../domain/fingerprint.ts";
import type {
  CertificateRecord,
  DeviceRecord,
  NextCertificate,
  RegistryError,
} from "../../domain/records.ts";
import { DAY_MS } from "../../domain/relative-time.ts";
import { err, ok, type Result } from "../../domain/result.ts";
import {
  CERTIFICATES_MAX,
  certificateOf,
  livingCertificates,
  retiredSince,
} from "../../domain/retirement.ts";
import type { UserId } from "../../domain/user.ts";
import { certificateExpiring, EXPIRY_THRESHOLDS_DAYS } from "../../notify/event.ts";
import { type Actor, refuseAudited, writeAudit } from "../storage/audit-log.ts";
import type { Claim, StaleClaim } from "../storage/generation.ts";
import type { Outbox } from "../storage/outbox.ts";
import type { CertificateTable } from "./certificate-table.ts";
import type { DeviceTable } from "./device-table.ts";
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

/** Rules of the certificates of one user's devices. Each method is to be called in a transaction. */
export class Certificates {
  readonly #sql: SqlStorage;
  readonly #table: CertificateTable;
  readonly #devices: DeviceTable;
  readonly #state: RegistryState;

  constructor(sql: SqlStorage, table: CertificateTable, devices: DeviceTable, state: RegistryState) {
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
    const { fingerprint, details, retireBy } = next;
    const replaced = livingCertificates(device, by.at)[0]?.fingerprint ?? null;
    const added = { ...details, fingerprint, addedAt: by.at, retiredAt: null, retireBy: null };
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
    if (livingCertificates(device, by.at).length === 1) {
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
    for (const row of this.#table.expiring(now, now + longest * DAY_MS)) {
      const { id, name, not_after: notAfter, expiry_told: told } = row;
      const threshold = EXPIRY_THRESHOLDS_DAYS.find((days) => notAfter - now <= days * DAY_MS);
      if (threshold === undefined || (told !== null && told <= threshold)) continue;
      const fingerprint = row.fingerprint as Fingerprint;
      this.#table.change(fingerprint, { expiry_told: threshold });
      outbox.add(
        certificateExpiring({ user, device: { id, name }, fingerprint, notAfter, threshold }, now),
        now,
      );
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
    return livingCertificates(device, by.at).length >= CERTIFICATES_MAX
      ? { code: "too-many-certificates" }
      : undefined;
  }
}
