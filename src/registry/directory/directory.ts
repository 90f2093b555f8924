import { DurableObject } from "cloudflare:workers";
import type { Principal, SecretDigest, SessionRecord, TokenRecord } from "../../domain/credential.ts";
import type { Fingerprint } from "../../domain/fingerprint.ts";
import { type Page, pageOf } from "../../domain/list-page.ts";
import type { RegistryError, Sighting, UnknownCertificateRecord, UserRecord } from "../../domain/records.ts";
import { err, ok, type Result } from "../../domain/result.ts";
import type { UserId } from "../../domain/user.ts";
import { certificateWaiting } from "../../notify/event.ts";
import { notifySettings } from "../../notify/settings.ts";
import { type Actor, type AuditRecord, readAudit, refuseAudited, writeAudit } from "../storage/audit-log.ts";
import { type AuditRestored, restoreAudit } from "../storage/audit-restore.ts";
import { CLAIM_ABANDONED_MS, type Claim, directoryTime } from "../storage/generation.ts";
import { migrate } from "../storage/migrations.ts";
import { Outbox } from "../storage/outbox.ts";
import { DirectoryClock } from "./clock.ts";
import { type CredentialCheck, CredentialCheckTable } from "./credential-check.ts";
import { CredentialTable } from "./credential-table.ts";
import { InvitationIndex } from "./invitation-index.ts";
import {
  type DirectoryBackup,
  type DirectoryRestored,
  type DirectoryRestoreRequest,
  DirectoryRestores,
} from "./restores.ts";
import { DIRECTORY_MIGRATIONS } from "./schema.ts";
import type { NewSession, SessionKey } from "./session-table.ts";
import { type SignInError, SignIns } from "./sign-ins.ts";
import { UnknownCertificateTable } from "./unknown-certificate-table.ts";

type UserRow = { id: string; name: string | null; created_at: number; generation: number };
type ClaimRow = { user: string; claimed_at: number };

/** Why a fingerprint was not granted; `owner` is for the Worker, never for a client. */
export type ClaimError = { code: "unknown-user" } | { code: "fingerprint-taken"; owner: UserId };

/**
 * The one index of all users: who there is, and whose fingerprint is whose. It never judges: a
 * user's registry does. A Durable Object named `directory`.
 */
export class Directory extends DurableObject {
  readonly #sql: SqlStorage;
  readonly #clock: DirectoryClock;
  readonly #unknownCertificates: UnknownCertificateTable;
  readonly #credentials: CredentialTable;
  readonly #check: CredentialCheckTable;
  readonly #signIns: SignIns;
  readonly #invitationIndex: InvitationIndex;
  readonly #outbox: Outbox;
  readonly #restores: DirectoryRestores;

  constructor(ctx: DurableObjectState, env: unknown) {
    super(ctx, env as Cloudflare.Env);
    migrate(ctx.storage, DIRECTORY_MIGRATIONS);
    this.#sql = ctx.storage.sql;
    this.#clock = new DirectoryClock(this.#sql);
    this.#unknownCertificates = new UnknownCertificateTable(this.#sql);
    this.#credentials = new CredentialTable(this.#sql);
    this.#check = new CredentialCheckTable(this.#sql);
    this.#signIns = new SignIns(this.#sql, this.#credentials);
    this.#invitationIndex = new InvitationIndex(this.#sql);
    this.#outbox = new Outbox(ctx.storage, notifySettings(env));
    this.#restores = new DirectoryRestores(
      this.#sql,
      this.#clock,
      this.#credentials,
      this.#check,
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
    const claim = this.#claim(fingerprint);
    if (claim !== undefined && !(claim.user === notHeldBy && wasAbandoned(claim, sighting.at)))
      return claim.user as UserId;
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
    const rows = this.#sql
      .exec<UserRow>("SELECT * FROM users WHERE id > ? ORDER BY id LIMIT ?", after, limit + 1)
      .toArray();
    return pageOf(rows.map(toUser), limit, (user) => user.id);
  }

  user(id: UserId): UserRecord | null {
    return this.#sql.exec<UserRow>("SELECT * FROM users WHERE id = ?", id).toArray().map(toUser)[0] ?? null;
  }

  audit(limit: number, before: number | null, search?: string): Page<AuditRecord> {
    return readAudit(this.#sql, limit, before, search);
  }

  /** Whose fingerprint this is: unlike `resolve`, it notes nothing. */
  owner(fingerprint: Fingerprint): UserId | null {
    return (this.#claim(fingerprint)?.user ?? null) as UserId | null;
  }

  /** What the Worker needs to recognise its own tokens and codes. Reads one row, whatever there is. */
  credentialCheck(): CredentialCheck {
    return this.#transaction(() => this.#check.get());
  }

  /** Whose token this is. `null`: nobody's, or it has ended. */
  ofToken(digest: SecretDigest, now: number): Principal | null {
    return this.#transaction(() => this.#signIns.ofToken(digest, now));
  }

  /** Whose session this is. `adminDigest` is that of the Worker's `ADMIN_TOKEN` now. `null`: it has ended. */
  ofSession(key: SessionKey, adminDigest: SecretDigest, now: number): Principal | null {
    return this.#transaction(() => this.#signIns.ofSession(key, adminDigest, now));
  }

  /** Opens a session with a token; `isAdmin`: the Worker has compared it with the `ADMIN_TOKEN`. */
  signIn(by: Actor, session: NewSession, isAdmin: boolean): Result<{ holder: string }, SignInError> {
    return this.#transaction(() => this.#signIns.signIn(by, session, isAdmin));
  }

  /** Ends the session that asks for it. `false`: it had ended. */
  signOut(by: Actor, key: SessionKey, adminDigest: SecretDigest): boolean {
    return this.#transaction(() => this.#signIns.signOut(by, key, adminDigest));
  }

  /** Newest first: of one user's tokens, or all. */
  sessions(user: UserId | null, now: number): SessionRecord[] {
    return this.#signIns.sessions(user, now);
  }

  /** Ends these sessions, as far as `user` (`null`: everybody's) has them; `undefined` = each. Tells how many. */
  endSessions(by: Actor, user: UserId | null, ids?: readonly string[]): number {
    return this.#transaction(() => this.#signIns.endSessions(by, user, ids));
  }

  tokens(): TokenRecord[] {
    return this.#signIns.tokens();
  }

  /** Writes a token with this digest. Repeating it changes nothing. */
  createToken(
    by: Actor,
    token: Omit<TokenRecord, "createdAt" | "lastUsedAt">,
    digest: SecretDigest,
  ): Result<TokenRecord, RegistryError> {
    return this.#transaction(() =>
      token.user !== null && this.user(token.user) === null
        ? err({ code: "unknown-user" })
        : this.#signIns.createToken(by, token, digest),
    );
  }

  /** Ends a token, and the sessions that were opened with it. */
  revokeToken(by: Actor, id: string): Result<null, RegistryError> {
    return this.#transaction(() => this.#signIns.revokeToken(by, id));
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
      const generation = this.#generation(user);
      if (generation === undefined) return err({ code: "unknown-user" });
      this.#invitationIndex.add(digest, user, expiresAt, by.at);
      return ok({ generation });
    });
  }

  /** Whose the code with this digest is, and that user's name; `null`: nobody's. */
  invitationOwner(digest: SecretDigest): { user: UserId; name: string | null } | null {
    const user = this.#invitationIndex.owner(digest);
    return user === null ? null : { user, name: this.user(user)?.name ?? null };
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
      const user = {
        id,
        name: name ?? before?.name ?? null,
        createdAt: before?.createdAt ?? by.at,
      };
      const generation = this.#clock.tick();
      this.#sql.exec(
        "INSERT OR REPLACE INTO users (id, name, created_at, generation) VALUES (?, ?, ?, ?)",
        ...[user.id, user.name, user.createdAt, generation],
      );
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
    return this.#generation(user) === undefined ? null : this.#clock.last;
  }

  /**
   * Removes a user whose registry was closed for this `removal` (a time from `asOf`), and what is left of
   * that user's claims, unless the user was put again since.
   */
  removeUser(by: Actor, id: UserId, removal: number): Result<null, RegistryError> {
    return this.#transaction(() => {
      const user = this.user(id);
      const generation = this.#generation(id);
      if (user === null || generation === undefined) return err({ code: "unknown-user" });
      const target = { id, name: user.name };
      if (generation > directoryTime(removal)) {
        return refuseAudited(this.#sql, by, "delete-user", target, { code: "deletion-superseded" });
      }
      this.#sql.exec("DELETE FROM claims WHERE user = ?", id);
      this.#sql.exec("DELETE FROM invitation_index WHERE user = ?", id);
      this.#credentials.removeTokensOf(id);
      this.#sql.exec("DELETE FROM users WHERE id = ?", id);
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
      const generation = this.#generation(user);
      if (generation === undefined) return err({ code: "unknown-user" });
      const held = this.#claim(fingerprint);
      if (held !== undefined && held.user !== user) {
        const isAbandoned = wasAbandoned(held, by.at) && found?.owner === held.user && !found.isHeld;
        if (!isAbandoned && found === undefined) {
          return err({ code: "fingerprint-taken", owner: held.user as UserId });
        }
        if (!isAbandoned) {
          writeAudit(this.#sql, by, {
            act: "enrol",
            outcome: "refused",
            target: { id: fingerprint, name: null },
            detail: { reason: "fingerprint-taken", user, owner: held.user },
          });
          return err({ code: "fingerprint-taken", owner: held.user as UserId });
        }
      }
      const claimedAt = this.#clock.tick();
      this.#grant(fingerprint, user, claimedAt);
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
      if (this.user(user) === null) return err({ code: "unknown-user" });
      const claimedAt = this.#clock.tick();
      this.#sql.exec("UPDATE users SET generation = ? WHERE id = ?", claimedAt, user);
      const taken = fingerprints.filter((fingerprint) => (this.#claim(fingerprint)?.user ?? user) !== user);
      for (const fingerprint of fingerprints) {
        if (!taken.includes(fingerprint)) this.#grant(fingerprint, user, claimedAt);
      }
      return ok({ claimedAt, generation: claimedAt, taken });
    });
  }

  /** What a backup needs of the directory besides its lists. */
  backup(): DirectoryBackup {
    return this.#restores.backup();
  }

  /** Restores users, tokens and waiting certificates out of a backup (see `DirectoryRestores`). */
  restore(by: Actor, request: DirectoryRestoreRequest): DirectoryRestored {
    return this.#transaction(() => this.#restores.restore(by, request));
  }

  /** Takes lines of a backup over into this log while it has none of its own (see audit-restore.ts). */
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
        const claim = this.#claim(fingerprint);
        if (claim?.user === user && claim.claimed_at <= claimedUntil) this.#drop(fingerprint);
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
      if (known === undefined || this.#claim(fingerprint) !== undefined) {
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

  /** When the user was put or restored last; `undefined`: there is no such user. */
  #generation(user: UserId): number | undefined {
    return this.#sql
      .exec<{ generation: number }>("SELECT generation FROM users WHERE id = ?", user)
      .toArray()[0]?.generation;
  }

  /** Gives a claim up. The certificate is unknown from now on, whatever was noted before it was claimed. */
  #drop(fingerprint: Fingerprint): void {
    this.#sql.exec("DELETE FROM claims WHERE fingerprint = ?", fingerprint);
    this.#unknownCertificates.remove(fingerprint);
  }

  #grant(fingerprint: Fingerprint, user: UserId, claimedAt: number): void {
    this.#sql.exec(
      "INSERT OR REPLACE INTO claims (fingerprint, user, claimed_at) VALUES (?, ?, ?)",
      ...[fingerprint, user, claimedAt],
    );
  }

  #claim(fingerprint: Fingerprint): ClaimRow | undefined {
    return this.#sql
      .exec<ClaimRow>("SELECT user, claimed_at FROM claims WHERE fingerprint = ?", fingerprint)
      .toArray()[0];
  }

  #transaction<T>(work: () => T): T {
    return this.ctx.storage.transactionSync(work);
  }
}

/**
 * Whether the claim was abandoned, if its user's registry did not have the certificate when it was asked after
 * `before`: its enrolment could no longer be completed then, however late the answer comes here.
 */
function wasAbandoned(claim: ClaimRow, before: number): boolean {
  return Math.min(before, Date.now()) - claim.claimed_at > CLAIM_ABANDONED_MS;
}

function toUser(row: UserRow): UserRecord {
  return { id: row.id as UserId, name: row.name, createdAt: row.created_at };
}
