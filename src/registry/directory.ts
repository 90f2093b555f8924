import { DurableObject } from "cloudflare:workers";
import { certificateWaiting } from "../notify/event.ts";
import { notifySettings } from "../notify/settings.ts";
import { err, ok, type Result } from "../result.ts";
import { type Actor, type AuditRecord, readAudit, writeAudit } from "./audit-log.ts";
import { type AuditRestored, restoreAudit } from "./audit-restore.ts";
import type { Principal, SecretDigest, SessionRecord, TokenRecord } from "./credential.ts";
import { type CredentialCheck, CredentialCheckTable } from "./credential-check.ts";
import { CredentialTable } from "./credential-table.ts";
import {
  type DirectoryBackup,
  type DirectoryRestored,
  type DirectoryRestoreRequest,
  DirectoryRestores,
} from "./directory-restores.ts";
import { DIRECTORY_MIGRATIONS } from "./directory-schema.ts";
import type { Fingerprint } from "./fingerprint.ts";
import { InvitationIndex } from "./invitation-index.ts";
import { Outbox } from "./outbox.ts";
import { type Page, pageOf } from "./page.ts";
import { PendingTable } from "./pending-table.ts";
import type { PendingRecord, RegistryError, Sighting, UserRecord } from "./records.ts";
import { migrate } from "./schema.ts";
import type { NewSession, SessionKey } from "./session-table.ts";
import { type SignInError, SignIns } from "./sign-ins.ts";
import type { UserId } from "./user.ts";

/**
 * The age in milliseconds at which a claim that no device stands behind counts as abandoned: its
 * enrolment was interrupted and, after `CLAIM_VALID_MS`, can no longer be completed.
 */
export const CLAIM_ABANDONED_MS = 2 * 60_000;

type UserRow = { id: string; name: string | null; created_at: number; closing: string | null };
type ClaimRow = { user: string; claimed_at: number };

/** Why a fingerprint was not granted; `owner` is for the Worker, never for a client. */
export type ClaimError = { code: "unknown-user" } | { code: "fingerprint-taken"; owner: UserId };

/**
 * The one index of all users: who there is, and whose fingerprint is whose. It never judges: a
 * user's registry does. A Durable Object named `directory`.
 */
export class Directory extends DurableObject {
  readonly #sql: SqlStorage;
  readonly #pending: PendingTable;
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
    this.#pending = new PendingTable(this.#sql);
    this.#credentials = new CredentialTable(this.#sql);
    this.#check = new CredentialCheckTable(this.#sql);
    this.#signIns = new SignIns(this.#sql, this.#credentials);
    this.#invitationIndex = new InvitationIndex(this.#sql);
    this.#outbox = new Outbox(ctx.storage, notifySettings(env));
    this.#restores = new DirectoryRestores(this.#sql, this.#credentials, this.#check, this.#pending);
  }

  override alarm(): Promise<void> {
    return this.#outbox.deliverDue(Date.now);
  }

  /**
   * The gate's question: whom to ask about this fingerprint. When nobody claims it, the verified
   * certificate is noted as waiting to be enrolled, and told of when it is new.
   */
  resolve(fingerprint: Fingerprint, sighting: Sighting): UserId | null {
    const claim = this.#claim(fingerprint);
    if (claim !== undefined) return claim.user as UserId;
    this.#transaction(() => {
      if (!this.#pending.note(fingerprint, sighting)) return;
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

  /** Which user an invitation's digest belongs to: written before the invitation is. */
  indexInvitation(
    by: Actor,
    digest: SecretDigest,
    user: UserId,
    expiresAt: number,
  ): Result<null, RegistryError> {
    return this.#transaction(() => {
      if (this.user(user) === null) return err({ code: "unknown-user" });
      this.#invitationIndex.add(digest, user, expiresAt, by.at);
      return ok(null);
    });
  }

  /** Whose the code with this digest is, and that user's name; `null`: nobody's. */
  invitationOwner(digest: SecretDigest): { user: UserId; name: string | null } | null {
    const user = this.#invitationIndex.owner(digest);
    return user === null ? null : { user, name: this.user(user)?.name ?? null };
  }

  /**
   * Creates a user, or renames one; a name of `undefined` leaves the name as it is. A deletion that is
   * under way does not come to its end.
   */
  putUser(by: Actor, id: UserId, name: string | undefined): { user: UserRecord; created: boolean } {
    return this.#transaction(() => {
      this.#keep(id);
      const before = this.user(id);
      const user = {
        id,
        name: name ?? before?.name ?? null,
        createdAt: before?.createdAt ?? by.at,
      };
      if (before !== null && before.name === user.name) return { user, created: false };
      this.#sql.exec(
        "INSERT OR REPLACE INTO users (id, name, created_at) VALUES (?, ?, ?)",
        ...[user.id, user.name, user.createdAt],
      );
      writeAudit(this.#sql, by, {
        act: before === null ? "create-user" : "rename-user",
        outcome: "done",
        target: { id, name: user.name },
        detail: before === null ? {} : { nameBefore: before.name },
      });
      return { user, created: before === null };
    });
  }

  /**
   * Before a user's registry is closed: from now on, `putUser` and another deletion end this one.
   * Returns what `removeUser` must present.
   */
  beginRemoval(id: UserId): string {
    const removal = crypto.randomUUID();
    this.#sql.exec("UPDATE users SET closing = ? WHERE id = ?", removal, id);
    return removal;
  }

  /**
   * Removes a user whose registry was closed, and what is left of that user's claims. `removed` is
   * false when the user was put again, or another deletion begun, since this `removal` began: then
   * the user stays.
   */
  removeUser(by: Actor, id: UserId, removal: string): Result<{ removed: boolean }, RegistryError> {
    return this.#transaction(() => {
      const user = this.user(id);
      if (user === null) return err({ code: "unknown-user" });
      const open = this.#sql.exec("SELECT 1 FROM users WHERE id = ? AND closing = ?", id, removal).toArray();
      if (open.length === 0) return ok({ removed: false });
      this.#sql.exec("DELETE FROM claims WHERE user = ?", id);
      this.#sql.exec("DELETE FROM invitation_index WHERE user = ?", id);
      this.#credentials.removeTokensOf(id);
      this.#sql.exec("DELETE FROM users WHERE id = ?", id);
      writeAudit(this.#sql, by, { act: "delete-user", outcome: "done", target: { id, name: user.name } });
      return ok({ removed: true });
    });
  }

  /**
   * Grants a fingerprint to a user: the first one gets it, and gets it again on asking again. The
   * caller then enrols within `CLAIM_VALID_MS` of `claimedAt`.
   * When another user has it, the caller looks into that user's registry and asks again with what
   * it found: a claim older than `CLAIM_ABANDONED_MS` that no device stands behind (`isHeld: false`)
   * passes to the new user; else the attempt is refused for good, and audited.
   */
  claim(
    by: Actor,
    fingerprint: Fingerprint,
    user: UserId,
    found?: { owner: UserId; isHeld: boolean },
  ): Result<{ claimedAt: number }, ClaimError> {
    return this.#transaction(() => {
      if (this.user(user) === null) return err({ code: "unknown-user" });
      const claimedAt = Date.now();
      const held = this.#claim(fingerprint);
      if (held !== undefined && held.user !== user) {
        const isOld = claimedAt - held.claimed_at > CLAIM_ABANDONED_MS;
        const isAbandoned = isOld && found?.owner === held.user && !found.isHeld;
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
      this.#grant(fingerprint, user, claimedAt);
      return ok({ claimedAt });
    });
  }

  /**
   * Grants a restore all of these fingerprints that nobody else has: as `claim` does, in one go. The others are
   * `taken`, and may be asked for one by one. A deletion of the user that is under way does not come to its end,
   * since the restore has opened the registry again.
   */
  claimAll(
    fingerprints: readonly Fingerprint[],
    user: UserId,
  ): Result<{ claimedAt: number; taken: Fingerprint[] }, RegistryError> {
    return this.#transaction(() => {
      if (this.user(user) === null) return err({ code: "unknown-user" });
      this.#keep(user);
      const claimedAt = Date.now();
      const taken = fingerprints.filter((fingerprint) => (this.#claim(fingerprint)?.user ?? user) !== user);
      for (const fingerprint of fingerprints) {
        if (!taken.includes(fingerprint)) this.#grant(fingerprint, user, claimedAt);
      }
      return ok({ claimedAt, taken });
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
        const { rowsWritten } = this.#sql.exec(
          "DELETE FROM claims WHERE fingerprint = ? AND user = ? AND claimed_at <= ?",
          ...[fingerprint, user, claimedUntil],
        );
        if (rowsWritten > 0) this.#pending.remove(fingerprint);
      }
    });
  }

  pending(): PendingRecord[] {
    return this.#pending.list();
  }

  pendingCertificate(fingerprint: Fingerprint): PendingRecord | null {
    return this.#pending.get(fingerprint) ?? null;
  }

  /** Takes a certificate off the waiting list; it comes back when it is seen again. */
  dismiss(by: Actor, fingerprint: Fingerprint): Result<null, RegistryError> {
    return this.#transaction(() => {
      const known = this.#pending.get(fingerprint);
      if (known === undefined || this.#claim(fingerprint) !== undefined) {
        return err({ code: "unknown-pending" });
      }
      this.#pending.remove(fingerprint);
      writeAudit(this.#sql, by, {
        act: "dismiss",
        outcome: "done",
        target: { id: fingerprint, name: known.subject },
      });
      return ok(null);
    });
  }

  /** Ends a deletion that is under way: it removes nobody then. */
  #keep(user: UserId): void {
    this.#sql.exec("UPDATE users SET closing = NULL WHERE id = ? AND closing IS NOT NULL", user);
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

function toUser(row: UserRow): UserRecord {
  return { id: row.id as UserId, name: row.name, createdAt: row.created_at };
}
