// The one index of all users: who exists, and whose credential is whose. It never judges: a user's registry does.
// The methods are the doors by which the Worker comes in: those that only open a transaction are described where they
// lead.
import { DurableObject } from "cloudflare:workers";
import type { Principal, SecretDigest, SessionRecord, TokenRecord } from "../../domain/credential.ts";
import { type CredentialKey, ISSUED_KINDS, kindOf } from "../../domain/credential-key.ts";
import type { Fingerprint } from "../../domain/fingerprint.ts";
import type { ListPage } from "../../domain/general/list-page.ts";
import { err, ok, type Result } from "../../domain/general/result.ts";
import type { IdentityKey, IdentityRecord, Person, WaitingPersonRecord } from "../../domain/person.ts";
import type { RegistryError, Sighting, UnknownCertificateRecord, UserRecord } from "../../domain/records.ts";
import type { UserId } from "../../domain/user.ts";
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
import { type Claim, directoryTime } from "../storage/generation.ts";
import { migrate } from "../storage/migrations.ts";
import { Outbox } from "../storage/outbox.ts";
import { DirectoryClock } from "./clock.ts";
import { type CredentialCheck, CredentialCheckTable } from "./credential-check.ts";
import { Credentials, type NewToken } from "./credentials.ts";
import { InvitationIndex } from "./invitation-index.ts";
import { People } from "./people.ts";
import {
  type DirectoryBackup,
  type DirectoryRestored,
  type DirectoryRestoreRequest,
  DirectoryRestores,
} from "./restores.ts";
import { DIRECTORY_MIGRATIONS } from "./schema.ts";
import { type NewSession, type SessionKey, SessionTable } from "./session-table.ts";
import { type SignInError, SignIns } from "./sign-ins.ts";
import { UnknownCertificateTable } from "./unknown-certificate-table.ts";
import { UnknownCertificates } from "./unknown-certificates.ts";
import { type ClaimError, type PutUser, type UserChanges, Users } from "./users.ts";

/** A Durable Object named `directory`. */
export class Directory extends DurableObject {
  readonly #sql: SqlStorage;
  readonly #clock: DirectoryClock;
  readonly #users: Users;
  readonly #unknownTable: UnknownCertificateTable;
  readonly #unknownCertificates: UnknownCertificates;
  readonly #credentials: Credentials;
  readonly #people: People;
  readonly #signIns: SignIns;
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
    this.#unknownTable = new UnknownCertificateTable(sql);
    this.#outbox = new Outbox(ctx.storage, notifySettings(env));
    this.#unknownCertificates = new UnknownCertificates(
      ...([sql, this.#users, this.#unknownTable, this.#outbox] as const),
      (work) => this.#transaction(work),
    );
    this.#credentials = new Credentials(sql);
    const sessions = new SessionTable(sql);
    this.#people = new People(sql, this.#users, sessions, this.#outbox);
    this.#signIns = new SignIns(
      ...([sql, sessions, this.#credentials, this.#users, this.#people, this.#outbox] as const),
    );
    this.#check = new CredentialCheckTable(sql);
    this.#invitationIndex = new InvitationIndex(sql);
    this.#restores = new DirectoryRestores(
      ...([sql, this.#clock, this.#users, this.#credentials, this.#check] as const),
      ...([this.#unknownTable, this.#people] as const),
    );
  }

  override alarm(): Promise<void> {
    return this.#outbox.deliverDue(Date.now);
  }

  resolve(key: CredentialKey, sighting: Sighting, notHeldBy?: UserId): UserId | null {
    return this.#unknownCertificates.resolve(key, sighting, notHeldBy);
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
    if (user === undefined) return null;
    const { generation: _, ...record } = user;
    return record;
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

  // An older Worker, during a deploy, knows no identity provider.
  ofSession(key: SessionKey, admin: SecretDigest, now: number, provider: SecretDigest | null = null) {
    return this.#transaction(() => this.#signIns.ofSession(key, { admin, provider }, now));
  }

  /** Not to be repeated: it would count twice. */
  signIn(by: Actor, session: NewSession, isAdmin: boolean): Result<{ holder: string }, SignInError> {
    return this.#transaction(() => this.#signIns.signIn(by, session, isAdmin));
  }

  /** Not to be repeated: it would count twice. */
  signInAs(by: Actor, session: NewSession, user: UserId, identity: IdentityKey) {
    return this.#transaction(() => this.#signIns.signInAs(by, session, user, identity));
  }

  signOut(by: Actor, key: SessionKey, admin: SecretDigest, provider: SecretDigest | null = null): boolean {
    return this.#transaction(() => this.#signIns.signOut(by, key, { admin, provider }));
  }

  sessions(user: UserId | null, now: number): SessionRecord[] {
    return this.#signIns.list(user, now);
  }

  endSessions(by: Actor, user: UserId | null, ids?: readonly string[]): number {
    return this.#transaction(() => this.#signIns.end(by, user, ids));
  }

  endPersonSessions(by: Actor, user: UserId, keep: string | null): void {
    this.#transaction(() => this.#signIns.endOfPerson(by, user, keep));
  }

  endSessionsOf(by: Actor, identity: IdentityKey): UserId | null {
    return this.#transaction(() => this.#signIns.endOf(by, identity));
  }

  identify(by: Actor, person: Person, appointed: UserId | null) {
    return this.#transaction(() => this.#people.identify(by, person, appointed));
  }

  editUser(by: Actor, id: UserId, changes: UserChanges): Result<UserRecord, RegistryError> {
    return this.#transaction(() => this.#users.edit(by, id, changes));
  }

  /** A user's, or everybody's (`null`). */
  identities(user: UserId | null): IdentityRecord[] {
    return user === null ? this.#people.all() : this.#people.identities(user);
  }

  userOfIdentity(identity: IdentityKey): UserId | null {
    return this.#people.userOf(identity);
  }

  /** Not to be repeated: the second answer would be that there is no such identity. */
  unbindIdentity(by: Actor, user: UserId, id: string): Result<null, RegistryError> {
    return this.#transaction(() => this.#people.unbind(by, user, id));
  }

  waitingPeople(): WaitingPersonRecord[] {
    return this.#people.waiting();
  }

  /** Not to be repeated: the second answer would be that nobody waits. */
  admitPerson(by: Actor, id: string, user: UserId): Result<IdentityRecord, RegistryError> {
    return this.#transaction(() => this.#people.admit(by, id, user));
  }

  /** Not to be repeated, as `admitPerson`. */
  dismissPerson(by: Actor, id: string): Result<null, RegistryError> {
    return this.#transaction(() => this.#people.dismiss(by, id));
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
      this.#people.removeOf(id);
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

  release(keys: CredentialKey[], user: UserId, claimedUntil: number): void {
    this.#transaction(() => this.#unknownCertificates.release(keys, user, claimedUntil));
  }

  unknownCertificates(): UnknownCertificateRecord[] {
    return this.#unknownTable.list();
  }

  unknownCertificate(fingerprint: Fingerprint): UnknownCertificateRecord | null {
    return this.#unknownTable.get(fingerprint) ?? null;
  }

  dismiss(by: Actor, fingerprint: Fingerprint): Result<null, RegistryError> {
    return this.#transaction(() => this.#unknownCertificates.dismiss(by, fingerprint));
  }

  /** The check in a backup's tokens was probably made with another registry's key: see `DirectoryRestores`. */
  #exempt(keys: readonly CredentialKey[]): void {
    // Browsers sign in again.
    const secrets = keys.filter((key) => (ISSUED_KINDS as readonly string[]).includes(kindOf(key)));
    if (secrets.length > 0) this.#check.exempt(secrets);
  }

  #transaction<T>(work: () => T): T {
    return this.ctx.storage.transactionSync(work);
  }
}
