// The one index of all users: who exists, and whose credential is whose. It never judges: a user's registry does.
// The methods are the doors by which the Worker comes in: those that only open a transaction are described where they
// lead.
import { DurableObject } from "cloudflare:workers";
import type { Principal, SecretDigest, SessionRecord, TokenRecord } from "../../domain/credential.ts";
import {
  type CredentialKey,
  fingerprintOf,
  ISSUED_KINDS,
  keyOf,
  kindOf,
} from "../../domain/credential-key.ts";
import type { Fingerprint } from "../../domain/fingerprint.ts";
import type { ListPage } from "../../domain/general/list-page.ts";
import { err, ok, type Result } from "../../domain/general/result.ts";
import type { RegistryError, Sighting, UnknownCertificateRecord, UserRecord } from "../../domain/records.ts";
import type { UserId } from "../../domain/user.ts";
import { notifySettings } from "../../notify/settings.ts";
import { certificateWaiting } from "../../notify/sightings.ts";
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
import { type Claim, directoryTime } from "../storage/generation.ts";
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
import { type ClaimError, isAbandoned, type PutUser, Users } from "./users.ts";

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
    this.#users = new Users(sql, this.#clock);
    this.#unknownCertificates = new UnknownCertificateTable(sql);
    this.#outbox = new Outbox(ctx.storage, notifySettings(env));
    this.#credentials = new Credentials(sql, this.#outbox);
    this.#check = new CredentialCheckTable(sql);
    this.#invitationIndex = new InvitationIndex(sql);
    this.#restores = new DirectoryRestores(
      ...([sql, this.#clock, this.#users, this.#credentials, this.#check] as const),
      this.#unknownCertificates,
    );
  }

  override alarm(): Promise<void> {
    return this.#outbox.deliverDue(Date.now);
  }

  /**
   * The gate's question: whom to ask about this credential. When nobody claims it, a verified
   * certificate is noted as unknown, and a notification is sent if it is new. `notHeldBy`:
   * since the sighting, the caller has asked this user's registry, which does not have it; a claim of that
   * user's that was old enough by then counts as abandoned and is dropped.
   */
  resolve(key: CredentialKey, sighting: Sighting, notHeldBy?: UserId): UserId | null {
    const claim = this.#users.claimOf(key);
    if (claim !== undefined && !(claim.user === notHeldBy && isAbandoned(claim, sighting.at)))
      return claim.user;
    this.#transaction(() => {
      if (claim !== undefined) this.#drop(key);
      // A token that nobody has is an old one: there is nothing to enrol.
      if (kindOf(key) !== "certificate") return;
      const fingerprint = fingerprintOf(key);
      if (!this.#unknownCertificates.note(fingerprint, sighting)) return;
      const { at: firstSeen, app, country, details } = sighting;
      const { subject } = details;
      this.#outbox.add(certificateWaiting({ fingerprint, subject, app, country, firstSeen }), Date.now());
    });
    return null;
  }

  /** Once a day: see `Outbox.resume`. */
  resumeOutbox(): void {
    this.#outbox.resume();
  }

  users(limit: number, after: string): ListPage<UserRecord> {
    return this.#users.page(limit, after);
  }

  user(id: UserId): UserRecord | null {
    const user = this.#users.get(id);
    return user === undefined ? null : { id: user.id, name: user.name, createdAt: user.createdAt };
  }

  audit(limit: number, before: number | null, search?: string): ListPage<AuditRecord> {
    return readAudit(this.#sql, limit, before, search);
  }

  /** Whose credential this is: unlike `resolve`, it notes nothing. */
  owner(key: CredentialKey): UserId | null {
    return this.#users.claimOf(key)?.user ?? null;
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

  putUser(by: Actor, id: UserId, name: string | undefined): PutUser {
    return this.#transaction(() => this.#users.putUser(by, id, name));
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

  claim(
    by: Actor,
    key: CredentialKey,
    user: UserId,
    found?: { owner: UserId; isHeld: boolean },
  ): Result<Claim, ClaimError> {
    return this.#transaction(() => this.#users.claim(by, key, user, found));
  }

  claimAll(
    keys: readonly CredentialKey[],
    user: UserId,
  ): Result<Claim & { taken: CredentialKey[] }, RegistryError> {
    return this.#transaction(() => {
      const claims = this.#users.claimAll(keys, user);
      if (!claims.ok) return claims;
      const taken = new Set(claims.value.taken);
      this.#exempt(keys.filter((key) => !taken.has(key)));
      return claims;
    });
  }

  /** For what a restore was granted by `claim`, one by one: see `#exempt`. */
  exempt(keys: readonly CredentialKey[]): void {
    this.#transaction(() => this.#exempt(keys));
  }

  /** What `claimAll` would not grant, and who has it: it only reads. */
  claimedByOthers(keys: readonly CredentialKey[], user: UserId): [CredentialKey, UserId][] {
    return [...this.#users.claimedByOthers(keys, user)];
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
   * Gives up a user's claims, after the device with these credentials was forgotten; not those made
   * after `claimedUntil`, which belong to an enrolment that came since.
   */
  release(keys: CredentialKey[], user: UserId, claimedUntil: number): void {
    this.#transaction(() => {
      for (const key of keys) {
        const claim = this.#users.claimOf(key);
        if (claim?.user === user && claim.claimedAt <= claimedUntil) this.#drop(key);
      }
    });
  }

  unknownCertificates(): UnknownCertificateRecord[] {
    return this.#unknownCertificates.list();
  }

  unknownCertificate(fingerprint: Fingerprint): UnknownCertificateRecord | null {
    return this.#unknownCertificates.get(fingerprint) ?? null;
  }

  /** Takes a certificate off the list of unknown ones; it comes back when it is seen again. */
  dismiss(by: Actor, fingerprint: Fingerprint): Result<null, RegistryError> {
    return this.#transaction(() => {
      const known = this.#unknownCertificates.get(fingerprint);
      if (known === undefined || this.#users.claimOf(keyOf("certificate", fingerprint)) !== undefined) {
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

  /** The check in a backup's tokens was probably made with another registry's key: see `DirectoryRestores`. */
  #exempt(keys: readonly CredentialKey[]): void {
    // Browsers sign in again.
    const secrets = keys.filter((key) => (ISSUED_KINDS as readonly string[]).includes(kindOf(key)));
    if (secrets.length > 0) this.#check.exempt(secrets);
  }

  /** Gives a claim up. The certificate is unknown from now on, whatever was noted before it was claimed. */
  #drop(key: CredentialKey): void {
    this.#users.drop(key);
    if (kindOf(key) === "certificate") this.#unknownCertificates.remove(fingerprintOf(key));
  }

  #transaction<T>(work: () => T): T {
    return this.ctx.storage.transactionSync(work);
  }
}
