// One user's devices: the only judge of who may pass. Methods that only open a transaction are described where they lead.
import { DurableObject } from "cloudflare:workers";
import type { BrowserError, BrowserProspect, BrowserUse, Opener } from "../../domain/browser.ts";
import type { SecretDigest } from "../../domain/credential.ts";
import type { CredentialKey } from "../../domain/credential-key.ts";
import type { StandingRecord, StatusAct } from "../../domain/device.ts";
import type { Fingerprint } from "../../domain/fingerprint.ts";
import type { ListPage } from "../../domain/general/list-page.ts";
import { ok, type Result } from "../../domain/general/result.ts";
import type {
  BundleUse,
  DeviceRecord,
  Enrolment,
  InvitationRecord,
  InvitationUse,
  NewBundle,
  NextCredential,
  RegistryError,
  Sighting,
  Welcome,
  WipeDelivery,
} from "../../domain/records.ts";
import type { UserId } from "../../domain/user.ts";
import { notifySettings } from "../../notify/settings.ts";
import {
  type Actor,
  type AuditRecord,
  type AuditRestored,
  readAudit,
  refuseAudited,
  restoreAudit,
} from "../storage/audit-log.ts";
import type { StaleClaim } from "../storage/generation.ts";
import { migrate } from "../storage/migrations.ts";
import { Outbox } from "../storage/outbox.ts";
import { Browsers } from "./rules/browsers.ts";
import { Bundles, type Checked } from "./rules/bundles.ts";
import { type Added, Credentials } from "./rules/credentials.ts";
import { Devices } from "./rules/devices.ts";
import type { DeviceEdit } from "./rules/edit.ts";
import { type Enrolled, Enrolments } from "./rules/enrolments.ts";
import { noteExpiring } from "./rules/expiries.ts";
import { Invitations, type NewInvitation } from "./rules/invitations.ts";
import { type Restored, type RestoreRequest, Restores } from "./rules/restores.ts";
import { Sightings } from "./rules/sightings.ts";
import { USER_REGISTRY_MIGRATIONS } from "./schema.ts";
import { BrowserTable } from "./tables/browser-table.ts";
import { BundleTable } from "./tables/bundle-table.ts";
import { CredentialTable } from "./tables/credential-table.ts";
import { DeviceTable } from "./tables/device-table.ts";
import { RegistryState } from "./tables/registry-state.ts";

/** How soon deleting ended bundles is tried again, in milliseconds. */
const END_AGAIN_MS = 10 * 60_000;

/**
 * A Durable Object, one per user, named by the user's id. Every change checks, writes and audits in one transaction; a
 * reply leaves only when the writes are durable. Nothing is kept in memory: an object may vanish between two calls.
 */
export class UserRegistry extends DurableObject {
  readonly #sql: SqlStorage;
  readonly #user: UserId;
  readonly #devices: DeviceTable;
  readonly #credentialTable: CredentialTable;
  readonly #rules: Devices;
  readonly #state: RegistryState;
  readonly #credentials: Credentials;
  readonly #sightings: Sightings;
  readonly #invitations: Invitations;
  readonly #enrolments: Enrolments;
  readonly #bundleTable: BundleTable;
  readonly #bundles: Bundles;
  readonly #browsers: Browsers;
  readonly #restores: Restores;
  readonly #outbox: Outbox;

  constructor(ctx: DurableObjectState, env: unknown) {
    super(ctx, env as Cloudflare.Env);
    migrate(ctx.storage, USER_REGISTRY_MIGRATIONS);
    const sql = ctx.storage.sql;
    this.#sql = sql;
    this.#user = (ctx.id.name ?? "") as UserId;
    const credentials = new CredentialTable(sql);
    this.#credentialTable = credentials;
    this.#devices = new DeviceTable(sql, this.#user, credentials);
    this.#state = new RegistryState(sql);
    this.#credentials = new Credentials(sql, credentials, this.#devices, this.#state);
    this.#bundleTable = new BundleTable(sql);
    this.#outbox = new Outbox(ctx.storage, notifySettings(env));
    this.#sightings = new Sightings(
      ...([sql, this.#user, credentials, this.#credentials, this.#bundleTable, this.#outbox] as const),
      (work) => this.#transaction(work),
    );
    this.#invitations = new Invitations(sql, this.#user, this.#state, this.#bundleTable);
    const browsers = new BrowserTable(sql);
    this.#browsers = new Browsers(sql, browsers, this.#devices, credentials);
    this.#enrolments = new Enrolments(
      ...([sql, this.#user, this.#devices, this.#invitations, this.#state, this.#outbox] as const),
      browsers,
    );
    this.#bundles = new Bundles(
      ...([sql, this.#bundleTable, this.#devices] as const),
      ...([this.#invitations, this.#enrolments, this.#credentials] as const),
    );
    this.#restores = new Restores(sql, this.#devices, credentials, this.#state, browsers);
    this.#rules = new Devices(
      ...([sql, this.#user, this.#devices, this.#credentials, this.#state, this.#outbox] as const),
      browsers,
    );
  }

  override async alarm(): Promise<void> {
    await this.#outbox.deliverDue(Date.now);
    await this.#endBundles(Date.now());
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

  /** The same, with a certificate that comes with it. */
  async inviteWithBundle(
    by: Actor,
    invitation: NewInvitation,
    bundle: NewBundle,
    digest: SecretDigest,
    generation: number,
  ): Promise<Result<InvitationRecord, RegistryError | StaleClaim>> {
    const made = this.#transaction(() => this.#bundles.invite(by, invitation, bundle, digest, generation));
    await this.#wakeBy(this.#bundleTable.nextEnd());
    return made;
  }

  checkBundle(by: Actor, use: BundleUse): Result<Checked, RegistryError> {
    return this.#transaction(() => this.#bundles.check(by, use));
  }

  fetchBundle(
    by: Actor,
    use: BundleUse,
    claimedAt: number,
    generation: number,
  ): Result<Welcome, RegistryError | StaleClaim> {
    return this.#transaction(() => this.#bundles.handOut(by, use, { claimedAt, generation }));
  }

  prospect(key: CredentialKey | null, authTime: number | null, now: number): BrowserProspect {
    return this.#browsers.prospect(key, authTime, now);
  }

  /** Not to be repeated: a ticket works once. */
  openBrowser(by: Actor, key: CredentialKey, use: BrowserUse): Result<DeviceRecord | null, BrowserError> {
    return this.#transaction(() => this.#browsers.open(by, key, use));
  }

  /** Forgets browsers that ended long ago. `asOf` as for `forget`. */
  forgetEndedBrowsers(by: Actor, asOf: number, former: CredentialKey | null): CredentialKey[] {
    return this.#transaction(() => this.#rules.forgetAll(by, this.#browsers.ended(by.at, former), asOf));
  }

  endBrowsers(by: Actor, opener: Opener): number {
    return this.#transaction(() => this.#browsers.end(by, opener));
  }

  endBrowser(by: Actor, key: CredentialKey): boolean {
    return this.#transaction(() => this.#browsers.endOne(by, key));
  }

  withdraw(by: Actor, id: string): Result<null, RegistryError> {
    return this.#transaction(() => this.#invitations.withdraw(by, id));
  }

  offer(by: Actor, enrolment: Enrolment, use: InvitationUse): Result<{ approval: boolean }, RegistryError> {
    return this.#enrolments.offer(by, enrolment, use);
  }

  deviceOf(key: CredentialKey, now: number): DeviceRecord | null {
    return this.#rules.deviceOf(key, now);
  }

  edit(by: Actor, id: string, change: DeviceEdit): Result<DeviceRecord, RegistryError> {
    return this.#transaction(() => this.#rules.edit(by, id, change));
  }

  changeStatus(by: Actor, id: string, act: StatusAct): Result<DeviceRecord, RegistryError> {
    return this.#transaction(() => this.#rules.changeStatus(by, id, act));
  }

  noteWipe(key: CredentialKey, delivery: WipeDelivery): void {
    this.#transaction(() => this.#rules.noteWipe(key, delivery));
  }

  forget(by: Actor, id: string, asOf: number): Result<DeviceRecord, RegistryError> {
    return this.#transaction(() => this.#rules.forget(by, id, asOf));
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

  /** Once a day. Repeating it changes nothing. */
  noteExpiring(now: number): void {
    const tables = { devices: this.#devices, credentials: this.#credentialTable };
    this.#transaction(() => {
      this.#bundleTable.removeEnded(now);
      noteExpiring(this.#user, tables, this.#outbox, now);
    });
    this.#outbox.resume();
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

  /** Doesn't throw if the storage refuses to write: it is tried again later. The outbox has its own retries. */
  async #endBundles(now: number): Promise<void> {
    let next: number | null = now + END_AGAIN_MS;
    try {
      this.#bundleTable.removeEnded(now);
      next = this.#bundleTable.nextEnd();
    } catch (error) {
      console.log(JSON.stringify({ event: "bundles-not-ended", message: String(error) }));
    }
    await this.#wakeBy(next);
  }

  /** The object has only one alarm, which it shares with the outbox: it is only ever brought forward. */
  async #wakeBy(time: number | null): Promise<void> {
    if (time === null) return;
    const set = await this.ctx.storage.getAlarm();
    if (set === null || time < set) await this.ctx.storage.setAlarm(time);
  }

  #transaction<T>(work: () => T): T {
    return this.ctx.storage.transactionSync(work);
  }
}
