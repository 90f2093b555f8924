// What is done to a user's devices, and what that leads to: their names and notes, statuses, receipts, and their end.
import type { AuditAct } from "../../domain/audit-act.ts";
import { type StatusAct, transition } from "../../domain/device.ts";
import type { Fingerprint } from "../../domain/fingerprint.ts";
import type { DeviceRecord, RegistryError, WipeDelivery } from "../../domain/records.ts";
import { err, ok, type Result } from "../../domain/result.ts";
import { certificateOf, retiredSince } from "../../domain/retirement.ts";
import type { UserId } from "../../domain/user.ts";
import { deviceLost, wipeDelivered } from "../../notify/event.ts";
import { type Actor, refuseAudited, writeAudit } from "../storage/audit-log.ts";
import { certificateId, noteEnd } from "../storage/ended.ts";
import type { Outbox } from "../storage/outbox.ts";
import type { Certificates } from "./certificates.ts";
import type { DeviceTable } from "./device-table.ts";
import type { RegistryState } from "./registry-state.ts";

/** What may be changed of a device at any time; what is `undefined` stays. */
export interface DeviceEdit {
  name: string | undefined;
  note: string | null | undefined;
}

/** Rules of one user's devices. Each method that changes something is to be called in a transaction. */
export class Devices {
  readonly #sql: SqlStorage;
  readonly #user: UserId;
  readonly #devices: DeviceTable;
  readonly #certificates: Certificates;
  readonly #state: RegistryState;
  readonly #outbox: Outbox;

  constructor(
    sql: SqlStorage,
    user: UserId,
    devices: DeviceTable,
    certificates: Certificates,
    state: RegistryState,
    outbox: Outbox,
  ) {
    this.#sql = sql;
    this.#user = user;
    this.#devices = devices;
    this.#certificates = certificates;
    this.#state = state;
    this.#outbox = outbox;
  }

  /**
   * The device with this certificate, to be shown to the device itself: revoked, if the certificate is retired.
   * `null`: it is not here.
   */
  deviceOf(fingerprint: Fingerprint, now: number): DeviceRecord | null {
    const device = this.#devices.byFingerprint(fingerprint);
    if (device === undefined) return null;
    const certificate = certificateOf(device, fingerprint);
    const isRetired = certificate !== undefined && retiredSince(certificate, now) !== null;
    return isRetired && device.status !== "lost" ? { ...device, status: "revoked" } : device;
  }

  /** Renames a device or changes its note. */
  edit(by: Actor, id: string, change: DeviceEdit): Result<DeviceRecord, RegistryError> {
    return this.#changeDevice(by, "edit", id, (device) => {
      const name = change.name ?? device.name;
      const note = change.note === undefined ? device.note : change.note;
      const namesake = device.status === "revoked" ? undefined : this.#devices.byName(name);
      if (namesake !== undefined && namesake.id !== id) return err({ code: "name-taken", name });
      if (name === device.name && note === device.note) return ok(undefined);
      this.#devices.change({ ...device, name, note });
      return ok({
        ...(name === device.name ? {} : { nameBefore: device.name, name }),
        ...(note === device.note ? {} : { noteBefore: device.note, note }),
      });
    });
  }

  /**
   * Changes a device's status, for the reason that `by` gives. Repeating is no error; with another reason, it
   * replaces the reason.
   */
  changeStatus(by: Actor, id: string, act: StatusAct): Result<DeviceRecord, RegistryError> {
    return this.#changeDevice(by, act, id, (device) => {
      const step = transition(device.status, act);
      if (step.kind === "forbidden") {
        return err({ code: "forbidden-transition", status: device.status, act });
      }
      const status = step.kind === "changed" ? step.to : device.status;
      const isChanged = status !== device.status;
      // An empty reason removes one that was given before.
      const reason = by.reason || null;
      if (!isChanged && (by.reason === undefined || reason === device.statusReason)) return ok(undefined);
      const statusSince = isChanged ? by.at : device.statusSince;
      this.#devices.change({ ...device, status, statusSince, statusReason: reason });
      if (status === "lost" && isChanged) {
        this.#devices.setReceipt(id, null);
        this.#outbox.add(deviceLost({ user: this.#user, device, by: by.actor, since: by.at }), Date.now());
      }
      return ok({ before: device.status, status, ...(reason === null ? {} : { reason }) });
    });
  }

  /**
   * Adds to a lost device's receipt. The first delivery, and the first that included the token call, are audited and
   * sent as a notification. The actor is `gate`, since nobody asked for them.
   */
  noteWipe(fingerprint: Fingerprint, { at, count, tokenRefresh, app, country, ip }: WipeDelivery): void {
    const device = this.#devices.byFingerprint(fingerprint);
    if (device?.status !== "lost") return;
    const before = device.wipe;
    this.#devices.setReceipt(device.id, {
      firstAt: Math.min(before?.firstAt ?? at, at),
      lastAt: Math.max(before?.lastAt ?? at, at),
      count: (before?.count ?? 0) + count,
      tokenRefresh: tokenRefresh || (before?.tokenRefresh ?? false),
    });
    if (before !== null && (before.tokenRefresh || !tokenRefresh)) return;
    writeAudit(
      this.#sql,
      { actor: "gate", ip, country, at },
      {
        act: "wipe-delivered",
        outcome: "done",
        target: { id: device.id, name: device.name },
        detail: { app, tokenRefresh: tokenRefresh ? "yes" : "no" },
      },
    );
    const { statusSince: lostSince } = device;
    const delivered = { user: this.#user, device, app, country, tokenRefresh, lostSince, at };
    this.#outbox.add(wipeDelivered(delivered), Date.now());
  }

  /**
   * Removes the record of a revoked device. The audit log keeps that it existed. `asOf` is the directory's time: it
   * is about to release the claims up to then.
   */
  forget(by: Actor, id: string, asOf: number): Result<DeviceRecord, RegistryError> {
    const device = this.#devices.byId(id);
    if (device === undefined) return err({ code: "unknown-device" });
    const target = { id, name: device.name };
    if (device.status !== "revoked") {
      return refuseAudited(this.#sql, by, "forget", target, { code: "not-revoked", status: device.status });
    }
    this.#certificates.settle(by, device);
    this.#devices.remove(id);
    noteEnd(this.#sql, "device", id, by.at);
    for (const certificate of device.certificates) {
      const retiredAt = retiredSince(certificate, by.at);
      if (retiredAt === null) continue;
      noteEnd(this.#sql, "certificate", certificateId(id, certificate.fingerprint), retiredAt);
    }
    this.#state.release(asOf);
    const fingerprints = device.certificates.map(({ fingerprint }) => fingerprint).join(" ");
    writeAudit(this.#sql, by, { act: "forget", outcome: "done", target, detail: { fingerprints } });
    return ok(device);
  }

  /**
   * Runs one change of one device: `change` checks and writes, and returns the detail for the audit log
   * (`undefined`: nothing was to be changed), or why it refuses.
   */
  #changeDevice(
    by: Actor,
    act: AuditAct,
    id: string,
    change: (device: DeviceRecord) => Result<Record<string, string | null> | undefined, RegistryError>,
  ): Result<DeviceRecord, RegistryError> {
    const device = this.#devices.byId(id);
    if (device === undefined) return err({ code: "unknown-device" });
    const changed = change(device);
    if (!changed.ok) return refuseAudited(this.#sql, by, act, { id, name: device.name }, changed.error);
    if (changed.value === undefined) return ok(device);
    const after = this.#devices.mustGet(id);
    const target = { id, name: after.name };
    writeAudit(this.#sql, by, { act, outcome: "done", target, detail: changed.value });
    return ok(after);
  }
}
