import { DurableObject } from "cloudflare:workers";
import type { SecretDigest } from "../../domain/credential.ts";
import { type StatusAct, transition } from "../../domain/device.ts";
import type { Fingerprint } from "../../domain/fingerprint.ts";
import type { Page } from "../../domain/list-page.ts";
import type {
  DeviceRecord,
  Enrolment,
  InvitationRecord,
  InvitationUse,
  NextCertificate,
  RegistryError,
  Sighting,
  StandingRecord,
  WipeDelivery,
} from "../../domain/records.ts";
import { err, ok, type Result } from "../../domain/result.ts";
import type { UserId } from "../../domain/user.ts";
import { deviceLost, wipeDelivered } from "../../notify/event.ts";
import { notifySettings } from "../../notify/settings.ts";
import {
  type Actor,
  type AuditNote,
  type AuditRecord,
  readAudit,
  refuseAudited,
  writeAudit,
} from "../storage/audit-log.ts";
import { type AuditRestored, restoreAudit } from "../storage/audit-restore.ts";
import type { StaleClaim } from "../storage/generation.ts";
import { migrate } from "../storage/migrations.ts";
import { Outbox } from "../storage/outbox.ts";
import { type Added, Certificates } from "./certificates.ts";
import { DeviceTable } from "./device-table.ts";
import { type Enrolled, Enrolments } from "./enrolments.ts";
import { noteExpiring } from "./expiry.ts";
import { InvitationTable } from "./invitation-table.ts";
import { RegistryState } from "./registry-state.ts";
import { type Restored, type RestoreRequest, Restores } from "./restores.ts";
import { USER_REGISTRY_MIGRATIONS } from "./schema.ts";
import { standingAtSighting } from "./sightings.ts";

/**
 * One user's devices: the only judge of who may pass. A Durable Object, one per user, named by the
 * user's id. Every change checks, writes and audits in one transaction; a reply leaves only when
 * the writes are durable. Nothing is kept in memory: an object may vanish between two calls.
 */
export class UserRegistry extends DurableObject {
  readonly #sql: SqlStorage;
  readonly #user: UserId;
  readonly #devices: DeviceTable;
  readonly #invitations: InvitationTable;
  readonly #state: RegistryState;
  readonly #enrolments: Enrolments;
  readonly #certificates: Certificates;
  readonly #restores: Restores;
  readonly #outbox: Outbox;

  constructor(ctx: DurableObjectState, env: unknown) {
    super(ctx, env as Cloudflare.Env);
    migrate(ctx.storage, USER_REGISTRY_MIGRATIONS);
    this.#sql = ctx.storage.sql;
    this.#user = (ctx.id.name ?? "") as UserId;
    this.#devices = new DeviceTable(this.#sql, this.#user);
    this.#invitations = new InvitationTable(this.#sql, this.#user);
    this.#state = new RegistryState(this.#sql);
    this.#enrolments = new Enrolments(this.#sql, this.#devices, this.#invitations, this.#state);
    this.#certificates = new Certificates(this.#sql, this.#devices, this.#state);
    this.#restores = new Restores(this.#sql, this.#devices, this.#state);
    this.#outbox = new Outbox(ctx.storage, notifySettings(env));
  }

  override alarm(): Promise<void> {
    return this.#outbox.deliverDue(Date.now);
  }

  /** The gate's question. `null`: this user has no such certificate; that costs no row. */
  standing(fingerprint: Fingerprint, sighting: Sighting): StandingRecord | null {
    const transaction = (work: () => void) => this.#transaction(work);
    return standingAtSighting(this.#sql, fingerprint, sighting, transaction) ?? null;
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

  audit(limit: number, before: number | null, search?: string): Page<AuditRecord> {
    return readAudit(this.#sql, limit, before, search);
  }

  /**
   * Whether `enrol` would succeed: asked before the directory grants the fingerprint, so that an
   * enrolment that cannot succeed leaves no claim behind. A refusal is audited.
   */
  checkEnrolment(by: Actor, enrolment: Enrolment, use?: InvitationUse): Result<null, RegistryError> {
    return this.#transaction(() => this.#enrolments.check(by, enrolment, use));
  }

  /**
   * Enrols a certificate on the claim that the directory granted to this user, by an invitation if one
   * is presented (see `Enrolments`).
   */
  enrol(
    by: Actor,
    enrolment: Enrolment,
    claimedAt: number,
    generation: number,
    use?: InvitationUse,
  ): Result<Enrolled, RegistryError | StaleClaim> {
    const claim = { claimedAt, generation };
    return this.#transaction(() => this.#enrolments.enrol(by, enrolment, claim, use));
  }

  /**
   * Whether an invitation would enrol a certificate, and whether the device would then wait for approval.
   * Nothing is used up or written.
   */
  offer(by: Actor, enrolment: Enrolment, use: InvitationUse): Result<{ approval: boolean }, RegistryError> {
    return this.#enrolments.offer(by, enrolment, use);
  }

  /** The device with this certificate, to be shown to the device itself; `null`: it is not here. */
  deviceOf(fingerprint: Fingerprint): DeviceRecord | null {
    const device = this.#devices.byFingerprint(fingerprint);
    if (device === undefined) return null;
    const isRetired = device.certificates.some(
      (each) => each.fingerprint === fingerprint && each.retiredAt !== null,
    );
    return isRetired && device.status !== "lost" ? { ...device, status: "revoked" } : device;
  }

  /** Whether `addCertificate` would succeed: asked before the directory grants the fingerprint, as with `enrol`. */
  checkCertificate(by: Actor, id: string, next: NextCertificate): Result<null, RegistryError> {
    return this.#transaction(() => this.#certificates.check(by, id, next));
  }

  /**
   * Adds a certificate to a device, on the claim that the directory granted to this user (see `Certificates`).
   */
  addCertificate(
    by: Actor,
    id: string,
    next: NextCertificate,
    claimedAt: number,
    generation: number,
  ): Result<Added, RegistryError | StaleClaim> {
    return this.#transaction(() => this.#certificates.add(by, id, next, { claimedAt, generation }));
  }

  /** Retires one certificate of a device at once: never the last one. Repeating is no error. */
  retireCertificate(by: Actor, id: string, fingerprint: Fingerprint): Result<DeviceRecord, RegistryError> {
    return this.#transaction(() => this.#certificates.retire(by, id, fingerprint));
  }

  invitations(): InvitationRecord[] {
    return this.#invitations.list();
  }

  /**
   * Writes an invitation whose code has this digest, and which the directory indexed in this generation of the
   * user. Repeating it changes nothing.
   */
  invite(
    by: Actor,
    invitation: Pick<InvitationRecord, "id" | "app" | "approval" | "expiresAt">,
    digest: SecretDigest,
    generation: number,
  ): Result<InvitationRecord, RegistryError | StaleClaim> {
    return this.#transaction(() => {
      const { id, app, approval, expiresAt } = invitation;
      const refusal = this.#state.refuseGeneration(by, generation);
      if (refusal?.code === "stale-claim") return err(refusal);
      if (refusal !== undefined) return this.#refuse(by, "invite", { id, name: null }, refusal);
      if (this.#invitations.byId(id) === undefined) {
        const made = { ...invitation, user: this.#user, createdAt: by.at, createdBy: by.actor };
        this.#invitations.insert(made, digest, by.at);
        writeAudit(this.#sql, by, {
          act: "invite",
          outcome: "done",
          target: { id, name: null },
          detail: { app, approval: approval ? "yes" : "no", expiresAt: new Date(expiresAt).toISOString() },
        });
      }
      const written = this.#invitations.byId(id);
      return written === undefined ? err({ code: "unknown-invitation" }) : ok(written);
    });
  }

  /** Takes an invitation back that nobody has used. */
  withdraw(by: Actor, id: string): Result<null, RegistryError> {
    return this.#transaction(() => {
      const known = this.#invitations.byId(id);
      if (known === undefined || known.usedAt !== null) return err({ code: "unknown-invitation" });
      this.#invitations.remove(id);
      writeAudit(this.#sql, by, { act: "withdraw", outcome: "done", target: { id, name: null } });
      return ok(null);
    });
  }

  /** Fingerprints that `restore` would need, for the directory to grant first. */
  wantedByRestore(request: RestoreRequest, now: number): Fingerprint[] {
    return this.#restores.wanted(request, now);
  }

  /** Restores devices out of a backup (see `Restores`). */
  restore(
    by: Actor,
    request: RestoreRequest,
    granted: Fingerprint[],
    claimedAt: number,
    generation: number,
  ): Result<Restored, RegistryError | StaleClaim> {
    const claim = { claimedAt, generation };
    return this.#transaction(() => this.#restores.restore(by, request, granted, claim));
  }

  /** Takes lines of a backup over into this log while it has none of its own (see audit-restore.ts). */
  restoreAudit(entries: AuditRecord[]): AuditRestored {
    return this.#transaction(() => restoreAudit(this.#sql, entries));
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
      const { reason } = by;
      if (!isChanged && (reason === undefined || reason === device.statusReason)) return ok(undefined);
      const statusSince = isChanged ? by.at : device.statusSince;
      this.#devices.change({ ...device, status, statusSince, statusReason: reason ?? null });
      if (status === "lost" && isChanged) {
        this.#devices.setReceipt(id, null);
        const lost = { user: this.#user, device, by: by.actor, since: by.at };
        this.#outbox.add(deviceLost(lost), Date.now());
      }
      return ok({ before: device.status, status, ...(reason === undefined ? {} : { reason }) });
    });
  }

  /**
   * Adds to a lost device's receipt. The first delivery, and the first that the token call was
   * among, are told and audited: by `gate`, since nobody asked for them.
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
      const { statusSince: lostSince } = device;
      const delivered = { user: this.#user, device, app, country, tokenRefresh, lostSince, at };
      this.#outbox.add(wipeDelivered(delivered), Date.now());
    });
  }

  /** Once a day: notes which certificates end soon (see `noteExpiring`). Repeating it changes nothing. */
  noteExpiring(now: number): void {
    this.#transaction(() => noteExpiring(this.#sql, this.#user, this.#outbox, now));
    this.#outbox.resume();
  }

  /**
   * Removes the record of a revoked device; the audit log keeps that it existed. `asOf` is the directory's time: it
   * is about to release the claims up to then.
   */
  forget(by: Actor, id: string, asOf: number): Result<DeviceRecord, RegistryError> {
    return this.#transaction(() => {
      const device = this.#devices.byId(id);
      if (device === undefined) return err({ code: "unknown-device" });
      const target = { id, name: device.name };
      if (device.status !== "revoked") {
        return this.#refuse(by, "forget", target, { code: "not-revoked", status: device.status });
      }
      this.#certificates.settle(by, device);
      this.#devices.remove(id);
      this.#state.release(asOf);
      const fingerprints = device.certificates.map(({ fingerprint }) => fingerprint).join(" ");
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
      if (this.#devices.any()) return this.#refuse(by, "delete-user", null, { code: "user-has-devices" });
      if (!this.#state.close(by, removal))
        return this.#refuse(by, "delete-user", null, { code: "deletion-superseded" });
      this.#invitations.removeAll();
      return ok(null);
    });
  }

  /** Opens the registry for this generation of the user, unless a later one or a removal came first. */
  open(by: Actor, generation: number): void {
    this.#transaction(() => this.#state.open(by, generation));
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

  #refuse(by: Actor, act: string, target: AuditNote["target"], error: RegistryError) {
    return refuseAudited(this.#sql, by, act, target, error);
  }

  #transaction<T>(work: () => T): T {
    return this.ctx.storage.transactionSync(work);
  }
}
