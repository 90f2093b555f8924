// What can be done with a user's devices: their names, notes, limits, statuses and receipts, and forgetting them.
import type { AuditAct } from "../../../domain/audit-act.ts";
import { isAdmin } from "../../../domain/credential.ts";
import { type CredentialKey, fingerprintOf } from "../../../domain/credential-key.ts";
import { type StatusAct, transition } from "../../../domain/device.ts";
import { err, ok, type Result } from "../../../domain/general/result.ts";
import type { DeviceRecord, RegistryError, WipeDelivery } from "../../../domain/records.ts";
import { credentialOf, retiredSince } from "../../../domain/retirement.ts";
import type { UserId } from "../../../domain/user.ts";
import { deviceApproved, deviceLost } from "../../../notify/acts.ts";
import { wipeDelivered } from "../../../notify/sightings.ts";
import { type Actor, refuseAudited, writeAudit } from "../../storage/audit-log.ts";
import { credentialId, noteEnd } from "../../storage/ended.ts";
import type { Outbox } from "../../storage/outbox.ts";
import type { BrowserTable } from "../tables/browser-table.ts";
import type { DeviceTable } from "../tables/device-table.ts";
import type { RegistryState } from "../tables/registry-state.ts";
import type { Credentials } from "./credentials.ts";
import { type DeviceEdit, differences, edited } from "./edit.ts";

/** Rules of one user's devices. Each method that changes something is to be called in a transaction. */
export class Devices {
  readonly #sql: SqlStorage;
  readonly #user: UserId;
  readonly #devices: DeviceTable;
  readonly #credentials: Credentials;
  readonly #state: RegistryState;
  readonly #outbox: Outbox;
  readonly #browsers: BrowserTable;

  constructor(
    sql: SqlStorage,
    user: UserId,
    devices: DeviceTable,
    credentials: Credentials,
    state: RegistryState,
    outbox: Outbox,
    browsers: BrowserTable,
  ) {
    this.#sql = sql;
    this.#user = user;
    this.#devices = devices;
    this.#credentials = credentials;
    this.#state = state;
    this.#outbox = outbox;
    this.#browsers = browsers;
  }

  /**
   * The device with this credential, as it is shown to the device itself: revoked, if the credential is retired.
   * `null`: it is not here.
   */
  deviceOf(key: CredentialKey, now: number): DeviceRecord | null {
    const device = this.#devices.byKey(key);
    if (device === undefined) return null;
    const credential = credentialOf(device, key);
    const isRetired = credential !== undefined && retiredSince(credential, now) !== null;
    return isRetired && device.status !== "lost" ? { ...device, status: "revoked" } : device;
  }

  /** Changes a device's name, note or limits. */
  edit(by: Actor, id: string, change: DeviceEdit): Result<DeviceRecord, RegistryError> {
    return this.#changeDevice(by, "edit", id, (device) => {
      const after = edited(device, change);
      const { name, kind, apps, status } = after;
      const namesake = status === "revoked" ? undefined : this.#devices.byName(name);
      if (namesake !== undefined && namesake.id !== id) return err({ code: "name-taken", name });
      if (kind !== "certificate" && (apps ?? []).length === 0) return err({ code: "scope-required" });
      const detail = differences(device, after);
      if (Object.keys(detail).length === 0) return ok(undefined);
      this.#devices.change(device, after);
      return ok(detail);
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
      this.#devices.change(device, { ...device, status, statusSince, statusReason: reason });
      if (device.kind === "browser" && (act === "lost" || act === "reinstate"))
        this.#browsers.setLost(id, act === "lost" ? by.at : null);
      if (status === "lost" && isChanged) {
        this.#devices.setReceipt(id, null);
        this.#outbox.add(deviceLost({ user: this.#user, device, by: by.actor, since: by.at }), Date.now());
      }
      if (act === "approve" && isChanged && !isAdmin(by.actor)) {
        const approved = { user: this.#user, device, by: by.actor, since: by.at };
        this.#outbox.add(deviceApproved(approved), Date.now());
      }
      return ok({ before: device.status, status, ...(reason === null ? {} : { reason }) });
    });
  }

  /**
   * Adds to a lost device's receipt. The first delivery, and the first that included the token call, are audited and
   * sent as a notification. The actor is `gate`, since nobody asked for them.
   */
  noteWipe(key: CredentialKey, { at, count, app, country, ip, ...delivery }: WipeDelivery): void {
    const device = this.#devices.byKey(key);
    if (device?.status !== "lost") return;
    const before = device.wipe;
    // What a browser is told does not depend on the call.
    const isBrowser = device.kind === "browser";
    const tokenRefresh = !isBrowser && delivery.tokenRefresh;
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
        detail: {
          app,
          ...(isBrowser ? { kind: device.kind } : { tokenRefresh: tokenRefresh ? "yes" : "no" }),
        },
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
    this.#remove(by, device, asOf);
    return ok(device);
  }

  /** The same for devices that need not be revoked first. Returns the keys that they had. */
  forgetAll(by: Actor, ids: readonly string[], asOf: number): CredentialKey[] {
    const devices = ids.map((id) => this.#devices.mustGet(id));
    for (const device of devices) this.#remove(by, device, asOf);
    return devices.flatMap(({ credentials }) => credentials.map(({ key }) => key));
  }

  #remove(by: Actor, device: DeviceRecord, asOf: number): void {
    const { id, name, credentials } = device;
    this.#credentials.settle(by, device);
    this.#devices.remove(id);
    noteEnd(this.#sql, "device", id, by.at);
    for (const credential of credentials) {
      const retiredAt = retiredSince(credential, by.at);
      if (retiredAt === null) continue;
      noteEnd(this.#sql, "credential", credentialId(id, credential.key), retiredAt);
    }
    this.#state.release(asOf);
    const detail = { fingerprints: credentials.map(({ key }) => fingerprintOf(key)).join(" ") };
    writeAudit(this.#sql, by, { act: "forget", outcome: "done", target: { id, name }, detail });
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
