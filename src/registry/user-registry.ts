import { DurableObject } from "cloudflare:workers";
import { err, ok, type Result } from "../result.ts";
import { type Actor, type AuditRecord, readAudit, writeAudit } from "./audit-log.ts";
import { type StatusAct, transition } from "./device.ts";
import { DeviceTable } from "./device-table.ts";
import type { Fingerprint } from "./fingerprint.ts";
import type { Page } from "./page.ts";
import type {
  DeviceRecord,
  Enrolment,
  RegistryError,
  Sighting,
  StandingRecord,
  WipeDelivery,
} from "./records.ts";
import { migrate } from "./schema.ts";
import { standingAtSighting } from "./sightings.ts";
import type { UserId } from "./user.ts";
import { USER_REGISTRY_MIGRATIONS } from "./user-registry-schema.ts";

/**
 * How long a claim in the directory entitles to an enrolment here, in milliseconds: shorter than
 * `CLAIM_ABANDONED_MS`, after which the directory may grant the fingerprint to another user.
 */
export const CLAIM_VALID_MS = 30_000;

/**
 * One user's devices: the only judge of who may pass. A Durable Object, one per user, named by the
 * user's id. Every change checks, writes and audits in one transaction; a reply leaves only when
 * the writes are durable. Nothing is kept in memory: an object may vanish between two calls.
 */
export class UserRegistry extends DurableObject {
  readonly #sql: SqlStorage;
  readonly #devices: DeviceTable;

  constructor(ctx: DurableObjectState, env: unknown) {
    super(ctx, env as Cloudflare.Env);
    migrate(ctx.storage, USER_REGISTRY_MIGRATIONS);
    this.#sql = ctx.storage.sql;
    this.#devices = new DeviceTable(this.#sql, (ctx.id.name ?? "") as UserId);
  }

  /** The gate's question. `null`: this user has no such certificate; that costs no row. */
  standing(fingerprint: Fingerprint, sighting: Sighting): StandingRecord | null {
    return standingAtSighting(this.#sql, fingerprint, sighting) ?? null;
  }

  list(limit: number, after: number): Page<DeviceRecord> {
    return this.#devices.page(limit, after);
  }

  get(id: string): DeviceRecord | null {
    return this.#devices.byId(id) ?? null;
  }

  holds(fingerprint: Fingerprint): boolean {
    return this.#devices.byFingerprint(fingerprint) !== undefined;
  }

  audit(limit: number, before: number | null): Page<AuditRecord> {
    return readAudit(this.#sql, limit, before);
  }

  /**
   * Whether `enrol` would succeed: asked before the directory grants the fingerprint, so that an
   * enrolment that cannot succeed leaves no claim behind. A refusal is audited.
   */
  checkEnrolment(by: Actor, enrolment: Enrolment): Result<null, RegistryError> {
    return this.#transaction(() => {
      const error = this.#enrolmentError(enrolment);
      return error === undefined ? ok(null) : this.#refuse(by, "enrol", enrolmentTarget(enrolment), error);
    });
  }

  /**
   * Enrols a certificate that the directory granted to this user at `claimedAt`. Enrolling one
   * that is here already changes nothing.
   * Throws when the claim is older than `CLAIM_VALID_MS`, or than the registry's reopening (the
   * claim went with the user who was deleted): the caller claims and tries again.
   */
  enrol(
    by: Actor,
    enrolment: Enrolment,
    claimedAt: number,
  ): Result<{ device: DeviceRecord; created: boolean }, RegistryError> {
    if (Date.now() - claimedAt > CLAIM_VALID_MS) throw new Error("the claim is too old");
    return this.#transaction(() => {
      const error = this.#enrolmentError(enrolment);
      if (error !== undefined) return this.#refuse(by, "enrol", enrolmentTarget(enrolment), error);
      if (claimedAt <= this.#openedAt()) throw new Error("the claim is older than the registry");
      const known = this.#devices.byFingerprint(enrolment.fingerprint);
      if (known !== undefined) return ok({ device: known, created: false });

      const id = crypto.randomUUID();
      this.#devices.insert(id, enrolment, by.at);
      writeAudit(this.#sql, by, {
        act: "enrol",
        outcome: "done",
        target: { id, name: enrolment.name },
        detail: { fingerprint: enrolment.fingerprint, status: enrolment.status, note: enrolment.note },
      });
      return ok({ device: this.#mustGet(id), created: true });
    });
  }

  /** Renames a device or changes its note; what is `undefined` stays. */
  edit(
    by: Actor,
    id: string,
    change: { name: string | undefined; note: string | null | undefined },
  ): Result<DeviceRecord, RegistryError> {
    return this.#changeDevice(by, "edit", id, (device) => {
      const name = change.name ?? device.name;
      const note = change.note === undefined ? device.note : change.note;
      const namesake = device.status === "revoked" ? undefined : this.#devices.byName(name);
      if (namesake !== undefined && namesake.id !== id) return err({ code: "name-taken", name });
      if (name === device.name && note === device.note) return ok(undefined);
      this.#devices.describe(id, name, note);
      return ok({
        ...(name === device.name ? {} : { nameBefore: device.name, name }),
        ...(note === device.note ? {} : { noteBefore: device.note, note }),
      });
    });
  }

  /** Changes a device's status; a note, when given, replaces the device's. Repeating is no error. */
  changeStatus(
    by: Actor,
    id: string,
    act: StatusAct,
    note: string | undefined,
  ): Result<DeviceRecord, RegistryError> {
    return this.#changeDevice(by, act, id, (device) => {
      const step = transition(device.status, act);
      if (step.kind === "forbidden") {
        return err({ code: "forbidden-transition", status: device.status, act });
      }
      const status = step.kind === "changed" ? step.to : device.status;
      if (status === device.status && (note === undefined || note === device.note)) return ok(undefined);
      if (note !== undefined) this.#devices.describe(id, device.name, note);
      if (status !== device.status) {
        this.#devices.setStatus(id, status, by.at);
        if (status === "lost") this.#devices.setReceipt(id, null);
      }
      return ok({ before: device.status, status, ...(note === undefined ? {} : { note }) });
    });
  }

  /**
   * Adds to a lost device's receipt. The first delivery, and the first that the token call was
   * among, are audited: by `gate`, since nobody asked for them.
   */
  noteWipe(fingerprint: Fingerprint, { at, count, tokenRefresh, app, country, ip }: WipeDelivery): void {
    this.#transaction(() => {
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
    });
  }

  /** Removes the record of a revoked device; the audit log keeps that it existed. */
  forget(by: Actor, id: string): Result<DeviceRecord, RegistryError> {
    return this.#transaction(() => {
      const device = this.#devices.byId(id);
      if (device === undefined) return err({ code: "unknown-device" });
      const target = { id, name: device.name };
      if (device.status !== "revoked") {
        return this.#refuse(by, "forget", target, { code: "not-revoked", status: device.status });
      }
      this.#devices.remove(id);
      const fingerprints = device.certificates.map(({ fingerprint }) => fingerprint).join(" ");
      writeAudit(this.#sql, by, { act: "forget", outcome: "done", target, detail: { fingerprints } });
      return ok(device);
    });
  }

  /** Ends the registry of a user who is being deleted: from now on nothing can be enrolled. */
  close(by: Actor): Result<null, RegistryError> {
    return this.#transaction(() => {
      if (this.#devices.any()) return this.#refuse(by, "delete-user", null, { code: "user-has-devices" });
      this.#setClosed(by, 1, "delete-user");
      return ok(null);
    });
  }

  /** Begins the registry of a user, or begins it again after `close`. */
  open(by: Actor): void {
    this.#transaction(() => this.#setClosed(by, 0, "create-user"));
  }

  #setClosed(by: Actor, closed: 0 | 1, act: string): void {
    if (this.#isClosed() === (closed === 1)) return;
    const openedAt = closed === 1 ? 0 : Date.now();
    this.#sql.exec("UPDATE registry_state SET closed = ?, opened_at = ? WHERE id = 1", closed, openedAt);
    writeAudit(this.#sql, by, { act, outcome: "done", target: null });
  }

  #isClosed(): boolean {
    return this.#sql.exec("SELECT 1 FROM registry_state WHERE closed = 1").toArray().length > 0;
  }

  #openedAt(): number {
    return this.#sql.exec<{ opened_at: number }>("SELECT opened_at FROM registry_state WHERE id = 1").one()
      .opened_at;
  }

  #enrolmentError({ fingerprint, name }: Enrolment): RegistryError | undefined {
    if (this.#isClosed()) return { code: "unknown-user" };
    const known = this.#devices.byFingerprint(fingerprint);
    if (known?.status === "revoked") return { code: "fingerprint-revoked" };
    if (known !== undefined) return undefined;
    return this.#devices.byName(name) === undefined ? undefined : { code: "name-taken", name };
  }

  /**
   * Runs one change of one device: `change` checks and writes, and returns what the audit log
   * shall say (`undefined`: nothing was to be changed), or why it refuses.
   */
  #changeDevice(
    by: Actor,
    act: string,
    id: string,
    change: (device: DeviceRecord) => Result<Record<string, string | null> | undefined, RegistryError>,
  ): Result<DeviceRecord, RegistryError> {
    return this.#transaction(() => {
      const device = this.#devices.byId(id);
      if (device === undefined) return err({ code: "unknown-device" });
      const changed = change(device);
      if (!changed.ok) return this.#refuse(by, act, { id, name: device.name }, changed.error);
      if (changed.value === undefined) return ok(device);
      const after = this.#mustGet(id);
      writeAudit(this.#sql, by, {
        act,
        outcome: "done",
        target: { id, name: after.name },
        detail: changed.value,
      });
      return ok(after);
    });
  }

  #refuse(
    by: Actor,
    act: string,
    target: { id: string; name: string } | null,
    error: RegistryError,
  ): { ok: false; error: RegistryError } {
    writeAudit(this.#sql, by, { act, outcome: "refused", target, detail: { reason: error.code } });
    return err(error);
  }

  #mustGet(id: string): DeviceRecord {
    const device = this.#devices.byId(id);
    if (device === undefined) throw new Error("the device is gone within its own transaction");
    return device;
  }

  #transaction<T>(work: () => T): T {
    return this.ctx.storage.transactionSync(work);
  }
}

function enrolmentTarget({ fingerprint, name }: Enrolment): { id: string; name: string } {
  return { id: fingerprint, name };
}
