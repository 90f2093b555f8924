// One user's devices: the only judge of who may pass. Methods that only open a transaction are described where they lead.
import { DurableObject } from "cloudflare:workers";
import type { AuditAct } from "../../domain/audit-act.ts";
import type { SecretDigest } from "../../domain/credential.ts";
import { type CredentialKey, fingerprintOf } from "../../domain/credential-key.ts";
import { type StatusAct, transition } from "../../domain/device.ts";
import type { Fingerprint } from "../../domain/fingerprint.ts";
import type { ListPage } from "../../domain/list-page.ts";
import type {
  DeviceRecord,
  Enrolment,
  InvitationRecord,
  InvitationUse,
  NextCredential,
  RegistryError,
  Sighting,
  StandingRecord,
  WipeDelivery,
} from "../../domain/records.ts";
import { err, ok, type Result } from "../../domain/result.ts";
import { credentialOf, retiredSince } from "../../domain/retirement.ts";
import type { UserId } from "../../domain/user.ts";
import { deviceLost, wipeDelivered } from "../../notify/event.ts";
import { notifySettings } from "../../notify/settings.ts";
import {
  type Actor,
  type AuditRecord,
  type AuditRestored,
  readAudit,
  refuseAudited,
  restoreAudit,
  writeAudit,
} from "../storage/audit-log.ts";
import { credentialId, noteEnd } from "../storage/ended.ts";
import type { StaleClaim } from "../storage/generation.ts";
import { migrate } from "../storage/migrations.ts";
import { Outbox } from "../storage/outbox.ts";
import { CredentialTable } from "./credential-table.ts";
import { type Added, Credentials } from "./credentials.ts";
import { DeviceTable } from "./device-table.ts";
import { type DeviceEdit, differences, edited } from "./edit.ts";
import { type Enrolled, Enrolments } from "./enrolments.ts";
import { Invitations, type NewInvitation } from "./invitations.ts";
import { RegistryState } from "./registry-state.ts";
import { type Restored, type RestoreRequest, Restores } from "./restores.ts";
import { USER_REGISTRY_MIGRATIONS } from "./schema.ts";
import { Sightings } from "./sightings.ts";

/**
 * A Durable Object, one per user, named by the user's id. Every change checks, writes and audits in one transaction; a
 * reply leaves only when the writes are durable. Nothing is kept in memory: an object may vanish between two calls.
 */
export class UserRegistry extends DurableObject {
  readonly #sql: SqlStorage;
  readonly #user: UserId;
  readonly #devices: DeviceTable;
  readonly #state: RegistryState;
  readonly #credentials: Credentials;
  readonly #sightings: Sightings;
  readonly #invitations: Invitations;
  readonly #enrolments: Enrolments;
  readonly #restores: Restores;
  readonly #outbox: Outbox;

  constructor(ctx: DurableObjectState, env: unknown) {
    super(ctx, env as Cloudflare.Env);
    migrate(ctx.storage, USER_REGISTRY_MIGRATIONS);
    const sql = ctx.storage.sql;
    this.#sql = sql;
    this.#user = (ctx.id.name ?? "") as UserId;
    const credentials = new CredentialTable(sql);
    this.#devices = new DeviceTable(sql, this.#user, credentials);
    this.#state = new RegistryState(sql);
    this.#credentials = new Credentials(sql, credentials, this.#devices, this.#state);
    this.#sightings = new Sightings(sql, credentials, this.#credentials, (work) => this.#transaction(work));
    this.#invitations = new Invitations(sql, this.#user, this.#state);
    this.#enrolments = new Enrolments(sql, this.#devices, this.#invitations, this.#state);
    this.#restores = new Restores(sql, this.#devices, credentials, this.#state);
    this.#outbox = new Outbox(ctx.storage, notifySettings(env));
  }

  override alarm(): Promise<void> {
    return this.#outbox.deliverDue(Date.now);
  }

  /** The gate's question. `null`: this user has no such credential; that costs no row. */
  standing(key: CredentialKey, sighting: Sighting): StandingRecord | null {
    return this.#sightings.standing(key, sighting) ?? null;
  }

  list(limit: number, after: number): ListPage<DeviceRecord> {
    return this.#devices.page(limit, after);
  }

  get(id: string): DeviceRecord | null {
    return this.#devices.byId(id) ?? null;
  }

  holds(key: CredentialKey): boolean {
    return this.#devices.byKey(key) !== undefined;
  }

  audit(limit: number, before: number | null, search?: string): ListPage<AuditRecord> {
    return readAudit(this.#sql, limit, before, search);
  }

  /** Asked before the directory grants the key: an enrolment that cannot succeed leaves no claim behind. */
  checkEnrolment(by: Actor, enrolment: Enrolment, use?: InvitationUse): Result<null, RegistryError> {
    return this.#transaction(() => this.#enrolments.check(by, enrolment, use));
  }

  enrol(
    by: Actor,
    enrolment: Enrolment,
    claimedAt: number,
    generation: number,
    use?: InvitationUse,
  ): Result<Enrolled, RegistryError | StaleClaim> {
    return this.#transaction(() => this.#enrolments.enrol(by, enrolment, { claimedAt, generation }, use));
  }

  /** Asked before the directory grants the key, as with `checkEnrolment`. */
  checkCredential(by: Actor, id: string, next: NextCredential): Result<null, RegistryError> {
    return this.#transaction(() => this.#credentials.check(by, id, next));
  }

  addCredential(
    by: Actor,
    id: string,
    next: NextCredential,
    claimedAt: number,
    generation: number,
  ): Result<Added, RegistryError | StaleClaim> {
    return this.#transaction(() => this.#credentials.add(by, id, next, { claimedAt, generation }));
  }

  retireCredential(by: Actor, id: string, fingerprint: Fingerprint): Result<DeviceRecord, RegistryError> {
    return this.#transaction(() => this.#credentials.retire(by, id, fingerprint));
  }

  invitations(): InvitationRecord[] {
    return this.#invitations.list();
  }

  invite(
    by: Actor,
    invitation: NewInvitation,
    digest: SecretDigest,
    generation: number,
  ): Result<InvitationRecord, RegistryError | StaleClaim> {
    return this.#transaction(() => this.#invitations.invite(by, invitation, digest, generation));
  }

  withdraw(by: Actor, id: string): Result<null, RegistryError> {
    return this.#transaction(() => this.#invitations.withdraw(by, id));
  }

  offer(by: Actor, enrolment: Enrolment, use: InvitationUse): Result<{ approval: boolean }, RegistryError> {
    return this.#enrolments.offer(by, enrolment, use);
  }

  /**
   * The device with this credential, to be shown to the device itself: revoked, if the credential is retired.
   * `null`: it is not here.
   */
  deviceOf(key: CredentialKey, now: number): DeviceRecord | null {
    const device = this.#devices.byKey(key);
    if (device === undefined) return null;
    const credential = credentialOf(device, key);
    const isRetired = credential !== undefined && retiredSince(credential, now) !== null;
    return isRetired && device.status !== "lost" ? { ...device, status: "revoked" } : device;
  }

  planRestore(request: RestoreRequest, now: number, granted?: CredentialKey[]): Restored {
    return this.#restores.plan(request, now, granted);
  }

  restore(
    by: Actor,
    request: RestoreRequest,
    granted: CredentialKey[],
    claimedAt: number,
    generation: number,
  ): Result<Restored, RegistryError | StaleClaim> {
    return this.#transaction(() => this.#restores.restore(by, request, granted, { claimedAt, generation }));
  }

  restoreAudit(entries: AuditRecord[]): AuditRestored {
    return this.#transaction(() => restoreAudit(this.#sql, entries));
  }

  /** Changes a device's name, note or limits; what is `undefined` stays. */
  edit(by: Actor, id: string, change: DeviceEdit): Result<DeviceRecord, RegistryError> {
    return this.#changeDevice(by, "edit", id, (device) => {
      const after = edited(device, change);
      const namesake = device.status === "revoked" ? undefined : this.#devices.byName(after.name);
      if (namesake !== undefined && namesake.id !== id) return err({ code: "name-taken", name: after.name });
      if (after.kind !== "certificate" && (after.apps ?? []).length === 0)
        return err({ code: "scope-required" });
      const detail = differences(device, after);
      if (Object.keys(detail).length === 0) return ok(undefined);
      this.#devices.change(after);
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
  noteWipe(key: CredentialKey, { at, count, tokenRefresh, app, country, ip }: WipeDelivery): void {
    this.#transaction(() => {
      const device = this.#devices.byKey(key);
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
    });
  }

  /** Once a day. Repeating it changes nothing. */
  noteExpiring(now: number): void {
    this.#transaction(() => this.#credentials.noteExpiring(this.#user, this.#outbox, now));
    this.#outbox.resume();
  }

  /**
   * Removes the record of a revoked device. The audit log keeps that it existed. `asOf` is the directory's time: it
   * is about to release the claims up to then.
   */
  forget(by: Actor, id: string, asOf: number): Result<DeviceRecord, RegistryError> {
    return this.#transaction(() => {
      const device = this.#devices.byId(id);
      if (device === undefined) return err({ code: "unknown-device" });
      const target = { id, name: device.name };
      if (device.status !== "revoked") {
        return refuseAudited(this.#sql, by, "forget", target, { code: "not-revoked", status: device.status });
      }
      this.#credentials.settle(by, device);
      this.#devices.remove(id);
      noteEnd(this.#sql, "device", id, by.at);
      for (const credential of device.credentials) {
        const retiredAt = retiredSince(credential, by.at);
        if (retiredAt === null) continue;
        noteEnd(this.#sql, "credential", credentialId(id, credential.key), retiredAt);
      }
      this.#state.release(asOf);
      const fingerprints = device.credentials.map(({ key }) => fingerprintOf(key)).join(" ");
      writeAudit(this.#sql, by, { act: "forget", outcome: "done", target, detail: { fingerprints } });
      return ok(device);
    });
  }

  /**
   * Closes the registry of a user who is being deleted by a removal of this time: from now on nothing can be
   * enrolled, unless the user is put again after it.
   */
  close(by: Actor, removal: number): Result<null, RegistryError> {
    return this.#transaction(() => {
      if (this.#devices.any())
        return refuseAudited(this.#sql, by, "delete-user", null, { code: "user-has-devices" });
      if (!this.#state.close(by, removal))
        return refuseAudited(this.#sql, by, "delete-user", null, { code: "deletion-superseded" });
      this.#invitations.removeAll();
      return ok(null);
    });
  }

  /** Opens the registry for this generation of the user, unless a later one or a removal came first. */
  open(by: Actor, generation: number): void {
    this.#transaction(() => this.#state.open(by, generation));
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
    return this.#transaction(() => {
      const device = this.#devices.byId(id);
      if (device === undefined) return err({ code: "unknown-device" });
      const changed = change(device);
      if (!changed.ok) return refuseAudited(this.#sql, by, act, { id, name: device.name }, changed.error);
      if (changed.value === undefined) return ok(device);
      const after = this.#devices.mustGet(id);
      writeAudit(this.#sql, by, {
        act,
        outcome: "done",
        target: { id, name: after.name },
        detail: changed.value,
      });
      return ok(after);
    });
  }

  #transaction<T>(work: () => T): T {
    return this.ctx.storage.transactionSync(work);
  }
}
