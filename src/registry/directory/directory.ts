// The one index of all users: who there is, and whose fingerprint is whose. It never judges: a user's registry does.
// The methods are the doors by which the Worker comes in: those that only open a transaction are described where they
// lead.
import { DurableObject } from "cloudflare:workers";
import type { Principal, SecretDigest, SessionRecord, TokenRecord } from "../../domain/credential.ts";
import type { Fingerprint } from "../../domain/fingerprint.ts";
import type { Page } from "../../domain/list-page.ts";
import type { RegistryError, Sighting, UnknownCertificateRecord, UserRecord } from "../../domain/records.ts";
import { err, ok, type Result } from "../../domain/result.ts";
import type { UserId } from "../../domain/user.ts";
import { certificateWaiting } from "../../notify/event.ts";
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
import { noteEnd } from "../storage/ended.ts";
import { CLAIM_ABANDONED_MS, type Claim, directoryTime } from "../storage/generation.ts";
import { migrate } from "../storage/migrations.ts";
import { Outbox } from "../storage/outbox.ts";
import { DirectoryClock } from "./clock.ts";
import { type CredentialCheck, CredentialCheckTable } from "./credential-check.ts";
import { Credentials, type NewToken, type SignInError } from "./credentials.ts";
import { InvitationIndex } from "./invitation-index.ts";
import {
  type DirectoryBackup,
  type DirectoryRestored,
  type DirectoryRestoreRequest,
  DirectoryRestores,
} from "./restores.ts";
import { DIRECTORY_MIGRATIONS } from "./schema.ts";
import type { NewSession, SessionKey } from "./session-table.ts";
import { UnknownCertificateTable } from "./unknown-certificate-table.ts";
import { type StoredClaim, Users } from "./users.ts";

/** Why a fingerprint was not granted; `owner` is for the Worker, never for a client. */
export type ClaimError = { code: "unknown-user" } | { code: "fingerprint-taken"; owner: UserId };

/** A Durable Object named `directory`. */
export class Directory extends DurableObject {
  readonly #sql: SqlStorage;
  readonly #clock: DirectoryClock;
  readonly #users: Users;
  readonly #unknownCertificates: UnknownCertificateTable;
  readonly #credentials: Credentials;
  readonly #check: CredentialCheckTable;
  readonly #invitationIndex: InvitationIndex;
  readonly #outbox: Outbox;
  readonly #restores: DirectoryRestores;

  constructor(ctx: DurableObjectState, env: unknown) {
    super(ctx, env as Cloudflare.Env);
    migrate(ctx.storage, DIRECTORY_MIGRATIONS);
    const sql = ctx.storage.sql;
    this.#sql = sql;
    this.#clock = new DirectoryClock(sql);
    this.#users = new Users(sql);
    this.#unknownCertificates = new UnknownCertificateTable(sql);
    this.#credentials = new Credentials(sql);
    this.#check = new CredentialCheckTable(sql);
    this.#invitationIndex = new InvitationIndex(sql);
    this.#outbox = new Outbox(ctx.storage, notifySettings(env));
    this.#restores = new DirectoryRestores(
      ...([sql, this.#clock, this.#users, this.#credentials, this.#check] as const),
      this.#unknownCertificates,
    );
  }

  override alarm(): Promise<void> {
    return this.#outbox.deliverDue(Date.now);
  }

  /**
   * The gate's question: whom to ask about this fingerprint. When nobody claims it, the verified
   * certificate is noted as waiting to be enrolled, and a notification is sent if it is new. `notHeldBy`:
   * since the sighting, the caller has asked this user's registry, which does not have it; a claim of that
   * user's that was old enough by then counts as abandoned and is dropped.
   */
  resolve(fingerprint: Fingerprint, sighting: Sighting, notHeldBy?: UserId): UserId | null {
    const claim = this.#users.claim(fingerprint);
    if (claim !== undefined && !(claim.user === notHeldBy && wasAbandoned(claim, sighting.at)))
      return claim.user;
    this.#transaction(() => {
      if (claim !== undefined) this.#drop(fingerprint);
      if (!this.#unknownCertificates.note(fingerprint, sighting)) return;
      const { at: firstSeen, app, country, facts } = sighting;
      const { subject } = facts;
      this.#outbox.add(certificateWaiting({ fingerprint, subject, app, country, firstSeen }), Date.now());
    });
    return null;
  }

  /** Once a day: see `Outbox.resume`. */
  resumeOutbox(): void {
    this.#outbox.resume();
  }

  users(limit: number, after: string): Page<UserRecord> {
    return this.#users.page(limit, after);
  }

  user(id: UserId): UserRecord | null {
    const user = this.#users.get(id);
    return user === undefined ? null : { id: user.id, name: user.name, createdAt: user.createdAt };
  }

  audit(limit: number, before: number | null, search?: string): Page<AuditRecord> {
    return readAudit(this.#sql, limit, before, search);
  }

  /** Whose fingerprint this is: unlike `resolve`, it notes nothing. */
  owner(fingerprint: Fingerprint): UserId | null {
    return this.#users.claim(fingerprint)?.user ?? null;
  }

  credentialCheck(): CredentialCheck {
    return this.#transaction(() => this.#check.get());
  }

  ofToken(digest: SecretDigest, now: number): Principal | null {
    return this.#transaction(() => this.#credentials.ofToken(digest, now));
  }

  ofSession(key: SessionKey, adminDigest: SecretDigest, now: number): Principal | null {
    return this.#transaction(() => this.#credentials.ofSession(key, adminDigest, now));
  }

  /** Not to be repeated: it would count twice. */
  signIn(by: Actor, session: NewSession, isAdmin: boolean): Result<{ holder: string }, SignInError> {
    return this.#transaction(() => this.#credentials.signIn(by, session, isAdmin));
  }

  signOut(by: Actor, key: SessionKey, adminDigest: SecretDigest): boolean {
    return this.#transaction(() => this.#credentials.signOut(by, key, adminDigest));
  }

  sessions(user: UserId | null, now: number): SessionRecord[] {
    return this.#credentials.sessions(user, now);
  }

  endSessions(by: Actor, user: UserId | null, ids?: readonly string[]): number {
    return this.#transaction(() => this.#credentials.endSessions(by, user, ids));
  }

  tokens(): TokenRecord[] {
    return this.#credentials.tokens();
  }

  createToken(by: Actor, token: NewToken, digest: SecretDigest): Result<TokenRecord, RegistryError> {
    return this.#transaction(() =>
      token.user !== null && this.#users.get(token.user) === undefined
        ? err({ code: "unknown-user" })
        : this.#credentials.createToken(by, token, digest),
    );
  }

  /** Not to be repeated: the second answer would be that there is no such token. */
  revokeToken(by: Actor, id: string): Result<null, RegistryError> {
    return this.#transaction(() => this.#credentials.revokeToken(by, id));
  }

  /**
   * Which user an invitation's digest belongs to: written before the invitation is. Returns the user's generation,
   * in which the registry is to write the invitation.
   */
  indexInvitation(
    by: Actor,
    digest: SecretDigest,
    user: UserId,
    expiresAt: number,
  ): Result<{ generation: number }, RegistryError> {
    return this.#transaction(() => {
      const known = this.#users.get(user);
      if (known === undefined) return err({ code: "unknown-user" });
      this.#invitationIndex.add(digest, user, expiresAt, by.at);
      return ok({ generation: known.generation });
    });
  }

  /** Whose the code with this digest is, and that user's name; `null`: nobody's. */
  invitationOwner(digest: SecretDigest): { user: UserId; name: string | null } | null {
    const user = this.#invitationIndex.owner(digest);
    return user === null ? null : { user, name: this.#users.get(user)?.name ?? null };
  }

  /**
   * Creates a user, or renames one; a name of `undefined` leaves the name as it is. Begins a new generation of
   * the user, for which the caller then opens the registry: a deletion that is under way removes nobody.
   */
  putUser(
    by: Actor,
    id: UserId,
    name: string | undefined,
  ): { user: UserRecord; created: boolean; generation: number } {
    return this.#transaction(() => {
      const before = this.user(id);
      const user = { id, name: name ?? before?.name ?? null, createdAt: before?.createdAt ?? by.at };
      const generation = this.#clock.tick();
      this.#users.put({ ...user, generation });
      if (before !== null && before.name === user.name) return { user, created: false, generation };
      writeAudit(this.#sql, by, {
        act: before === null ? "create-user" : "rename-user",
        outcome: "done",
        target: { id, name: user.name },
        detail: before === null ? {} : { nameBefore: before.name },
      });
      return { user, created: before === null, generation };
    });
  }

  /**
   * The time as of which something is about to end: a user, by `removeUser`, or a user's claims, by
   * `release`. Everything granted from now on is later. `null`: there is no such user.
   */
  asOf(user: UserId): number | null {
    return this.#users.get(user) === undefined ? null : this.#clock.last;
  }

  /**
   * Removes a user whose registry was closed for this `removal` (a time from `asOf`), and what is left of
   * that user's claims, unless the user was put again since.
   */
  removeUser(by: Actor, id: UserId, removal: number): Result<null, RegistryError> {
    return this.#transaction(() => {
      const user = this.#users.get(id);
      if (user === undefined) return err({ code: "unknown-user" });
      const target = { id, name: user.name };
      if (user.generation > directoryTime(removal)) {
        return refuseAudited(this.#sql, by, "delete-user", target, { code: "deletion-superseded" });
      }
      this.#invitationIndex.removeOf(id);
      this.#credentials.removeOf(id);
      this.#users.remove(id);
      noteEnd(this.#sql, "user", id, by.at);
      writeAudit(this.#sql, by, { act: "delete-user", outcome: "done", target });
      return ok(null);
    });
  }

  /**
   * Grants a fingerprint to a user: the first one gets it, and gets it again on asking again. The
   * caller then enrols within `CLAIM_VALID_MS`.
   * When another user has it, the caller looks into that user's registry and asks again with what
   * it found: a claim that was older than `CLAIM_ABANDONED_MS` before it looked, and that no device stands
   * behind (`isHeld: false`), passes to the new user; else the attempt is refused for good, and audited.
   */
  claim(
    by: Actor,
    fingerprint: Fingerprint,
    user: UserId,
    found?: { owner: UserId; isHeld: boolean },
  ): Result<Claim, ClaimError> {
    return this.#transaction(() => {
      const generation = this.#users.get(user)?.generation;
      if (generation === undefined) return err({ code: "unknown-user" });
      const held = this.#users.claim(fingerprint);
      if (held !== undefined && held.user !== user) {
        const owner = held.user;
        const isAbandoned = wasAbandoned(held, by.at) && found?.owner === owner && !found.isHeld;
        if (!isAbandoned && found !== undefined) {
          writeAudit(this.#sql, by, {
            act: "enrol",
            outcome: "refused",
            target: { id: fingerprint, name: null },
            detail: { reason: "fingerprint-taken", user, owner },
          });
        }
        if (!isAbandoned) return err({ code: "fingerprint-taken", owner });
      }
      const claimedAt = this.#clock.tick();
      this.#users.grant(fingerprint, user, claimedAt);
      return ok({ claimedAt, generation });
    });
  }

  /**
   * Grants a restore all of these fingerprints that nobody else has: as `claim` does, in one go. The others are
   * `taken`, and may be asked for one by one. Begins a new generation of the user, as `putUser` does.
   */
  claimAll(
    fingerprints: readonly Fingerprint[],
    user: UserId,
  ): Result<Claim & { taken: Fingerprint[] }, RegistryError> {
    return this.#transaction(() => {
      if (this.#users.get(user) === undefined) return err({ code: "unknown-user" });
      const claimedAt = this.#clock.tick();
      this.#users.begin(user, claimedAt);
      const taken = this.#users.claimedByOthers(fingerprints, user);
      for (const fingerprint of fingerprints) {
        if (!taken.has(fingerprint)) this.#users.grant(fingerprint, user, claimedAt);
      }
      return ok({ claimedAt, generation: claimedAt, taken: [...taken.keys()] });
    });
  }

  /** What `claimAll` would not grant, and who has it: it only reads. */
  claimedByOthers(fingerprints: readonly Fingerprint[], user: UserId): [Fingerprint, UserId][] {
    return [...this.#users.claimedByOthers(fingerprints, user)];
  }

  backup(): DirectoryBackup {
    return this.#restores.backup();
  }

  planRestore(request: DirectoryRestoreRequest, now: number): DirectoryRestored {
    return this.#restores.plan(request, now);
  }

  restore(by: Actor, request: DirectoryRestoreRequest): DirectoryRestored {
    return this.#transaction(() => this.#restores.restore(by, request));
  }

  restoreAudit(entries: AuditRecord[]): AuditRestored {
    return this.#transaction(() => restoreAudit(this.#sql, entries));
  }

  /**
   * Gives up a user's claims, after the device with these certificates was forgotten; not those made
   * after `claimedUntil`, which belong to an enrolment that came since.
   */
  release(fingerprints: Fingerprint[], user: UserId, claimedUntil: number): void {
    this.#transaction(() => {
      for (const fingerprint of fingerprints) {
        const claim = this.#users.claim(fingerprint);
        if (claim?.user === user && claim.claimedAt <= claimedUntil) this.#drop(fingerprint);
      }
    });
  }

  unknownCertificates(): UnknownCertificateRecord[] {
    return this.#unknownCertificates.list();
  }

  unknownCertificate(fingerprint: Fingerprint): UnknownCertificateRecord | null {
    return this.#unknownCertificates.get(fingerprint) ?? null;
  }

  /** Takes a certificate off the waiting list; it comes back when it is seen again. */
  dismiss(by: Actor, fingerprint: Fingerprint): Result<null, RegistryError> {
    return this.#transaction(() => {
      const known = this.#unknownCertificates.get(fingerprint);
      if (known === undefined || this.#users.claim(fingerprint) !== undefined) {
        return err({ code: "certificate-not-listed" });
      }
      this.#unknownCertificates.remove(fingerprint);
      writeAudit(this.#sql, by, {
        act: "dismiss",
        outcome: "done",
        target: { id: fingerprint, name: known.subject },
      });
      return ok(null);
    });
  }

  /** Gives a claim up. The certificate is unknown from now on, whatever was noted before it was claimed. */
  #drop(fingerprint: Fingerprint): void {
    this.#users.drop(fingerprint);
    this.#unknownCertificates.remove(fingerprint);
  }

  #transaction<T>(work: () => T): T {
    return this.ctx.storage.transactionSync(work);
  }
}

/**
 * Whether the claim was abandoned, if its user's registry did not have the certificate when it was asked after
 * `before`: its enrolment could no longer be completed then, however late the answer comes here.
 */
function wasAbandoned(claim: StoredClaim, before: number): boolean {
  return Math.min(before, Date.now()) - claim.claimedAt > CLAIM_ABANDONED_MS;
}
