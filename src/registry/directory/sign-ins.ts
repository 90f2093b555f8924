// Who is signed in on Latchkey's pages: rules of sessions, however they were opened.
import {
  actorOf,
  EMERGENCY_SESSION_MS,
  type Grant,
  type Principal,
  SESSION_MS,
  type SecretDigest,
  type SessionRecord,
  sessionActor,
  type TokenRecord,
  userActor,
} from "../../domain/credential.ts";
import { err, ok, type Result } from "../../domain/general/result.ts";
import type { IdentityKey, Role } from "../../domain/person.ts";
import type { UserId } from "../../domain/user.ts";
import { adminSignIn, ownerSignIn } from "../../notify/acts.ts";
import { type Actor, writeAudit } from "../storage/audit-log.ts";
import type { Outbox } from "../storage/outbox.ts";
import type { Credentials } from "./credentials.ts";
import type { People } from "./people.ts";
import {
  ADMIN_HOLDER,
  holderOf,
  type NewSession,
  type SessionKey,
  type SessionTable,
  userOf,
} from "./session-table.ts";
import type { Users } from "./users.ts";

export type SignInError =
  /** The token is nobody's; of a user who signs in with the identity provider: the identity is no longer theirs. */
  | { code: "wrong-token" }
  /** The credentials are right but have signed in too often: try again after this long. */
  | { code: "too-many-sign-ins"; retryAfterMs: number };

/** What sessions must have been opened with to be open still: digests, from the Worker's settings now. */
export interface SettingsDigests {
  /** Of the `ADMIN_TOKEN`. */
  admin: SecretDigest;
  /** Of the identity provider; `null`: nobody signs in with one. */
  provider: SecretDigest | null;
}

/** Whose an open session is. */
interface Open {
  id: string;
  grant: Grant;
  actor: string;
  token: TokenRecord | null;
}

/** What a role grants: an owner everything, a member their own devices. */
function grantOf(user: UserId, role: Role): Grant {
  return role === "owner" ? { scope: "root", user: null } : { scope: "devices", user };
}

/** Each method that writes is to be called in a transaction. */
export class SignIns {
  readonly #sql: SqlStorage;
  readonly #sessions: SessionTable;
  readonly #credentials: Credentials;
  readonly #users: Users;
  readonly #people: People;
  readonly #outbox: Outbox;

  constructor(
    sql: SqlStorage,
    sessions: SessionTable,
    credentials: Credentials,
    users: Users,
    people: People,
    outbox: Outbox,
  ) {
    this.#sql = sql;
    this.#sessions = sessions;
    this.#credentials = credentials;
    this.#users = users;
    this.#people = people;
    this.#outbox = outbox;
  }

  /** Whose session this is, and what it may do now. `null`: it has ended. */
  ofSession(key: SessionKey, digests: SettingsDigests, now: number): Principal | null {
    const found = this.#open(key, digests, now);
    if (found === undefined) return null;
    const { id, grant, actor, token } = found;
    if (token !== null) this.#credentials.noteUse(token, now);
    return { ...grant, actor: sessionActor(actor, id), session: id };
  }

  /**
   * Opens a session with a token (`isAdmin`: the Worker has compared it with the `ADMIN_TOKEN`). Returns the
   * holder under which its sessions are kept, for the cookie. A wrong token writes nothing. People are notified if the
   * session is for the `ADMIN_TOKEN`, which can do everything.
   */
  signIn(by: Actor, session: NewSession, isAdmin: boolean): Result<{ holder: string }, SignInError> {
    const token = isAdmin ? null : this.#credentials.byDigest(session.credential, by.at);
    if (token === undefined) return err({ code: "wrong-token" });
    const lifeMs = token?.scope === "emergency" ? EMERGENCY_SESSION_MS : SESSION_MS;
    const endsAt = Math.min(by.at + lifeMs, token?.expiresAt ?? Number.POSITIVE_INFINITY);
    const opened = this.#begin(by, token?.id ?? ADMIN_HOLDER, actorOf(token), session, endsAt);
    if (opened.ok && token === null) {
      const { id, client, country } = session;
      this.#outbox.add(adminSignIn({ session: id, client, country, at: by.at }), Date.now());
    }
    return opened;
  }

  /**
   * Opens a session for a user whom the Worker has identified with the identity provider; `credential` is that
   * provider's digest. People are notified if the user is an owner.
   */
  signInAs(
    by: Actor,
    session: NewSession,
    user: UserId,
    identity: IdentityKey,
  ): Result<{ holder: string }, SignInError> {
    const role = this.#users.get(user)?.role;
    // It may have been unbound since the Worker asked whose it is.
    if (role === undefined || this.#people.userOf(identity) !== user) return err({ code: "wrong-token" });
    const opened = this.#begin(by, holderOf(user), userActor(user), session, by.at + SESSION_MS);
    if (opened.ok && role === "owner") {
      const { id, client, country } = session;
      this.#outbox.add(ownerSignIn({ user, session: id, client, country, at: by.at }), Date.now());
    }
    return opened;
  }

  /** Ends the session that asks for it. `false`: it had ended. */
  signOut(by: Actor, key: SessionKey, digests: SettingsDigests): boolean {
    const found = this.#open(key, digests, by.at);
    if (found === undefined) return false;
    this.#end({ ...by, actor: sessionActor(found.actor, found.id) }, key.holder, found.id);
    return true;
  }

  /** Newest first: those of one user and of the user's tokens, or all. */
  list(user: UserId | null, now: number): SessionRecord[] {
    return this.#sessions.list(user, now).map(({ holder: _, ...session }) => session);
  }

  /** Ends these sessions, or all, of one user or everybody's (`null`). Returns how many. */
  end(by: Actor, user: UserId | null, ids: readonly string[] | undefined): number {
    const ended = this.#sessions.list(user, by.at).filter(({ id }) => ids === undefined || ids.includes(id));
    for (const { holder, id } of ended) this.#end(by, holder, id);
    return ended.length;
  }

  /** Ends the sessions that a user opened with the provider. Returns whose identity it is. */
  endOf(by: Actor, identity: IdentityKey): UserId | null {
    const user = this.#people.userOf(identity);
    if (user !== null) this.endOfPerson(by, user, null);
    return user;
  }

  /** The same for a user, except the session with this id. */
  endOfPerson(by: Actor, user: UserId, keep: string | null): void {
    const holder = holderOf(user);
    const open = this.#sessions.list(user, by.at).filter((each) => each.holder === holder);
    for (const { id } of open) if (id !== keep) this.#end(by, holder, id);
  }

  #begin(
    by: Actor,
    holder: string,
    actor: string,
    session: NewSession,
    endsAt: number,
  ): Result<{ holder: string }, SignInError> {
    const retryAfterMs = this.#sessions.open(holder, session, endsAt, by.at);
    if (retryAfterMs > 0) return err({ code: "too-many-sign-ins", retryAfterMs });
    const target = { id: session.id, name: null };
    writeAudit(this.#sql, { ...by, actor }, { act: "sign-in", outcome: "done", target });
    return ok({ holder });
  }

  /**
   * The open session with this key. It ends when what it was opened with has changed: the `ADMIN_TOKEN`, the identity
   * provider, or its token.
   */
  #open(key: SessionKey, { admin, provider }: SettingsDigests, now: number): Open | undefined {
    const found = this.#sessions.find(key, now);
    if (found === undefined) return undefined;
    const { id, credential } = found;
    if (key.holder === ADMIN_HOLDER) {
      if (credential !== admin) return undefined;
      return { id, grant: { scope: "root", user: null }, actor: actorOf(null), token: null };
    }
    const user = userOf(key.holder);
    if (user !== undefined) {
      const role = this.#users.get(user)?.role;
      if (credential !== provider || role === undefined) return undefined;
      return { id, grant: grantOf(user, role), actor: userActor(user), token: null };
    }
    const token = this.#credentials.byDigest(credential, now);
    if (token === undefined || token.id !== key.holder) return undefined;
    return { id, grant: { scope: token.scope, user: token.user }, actor: actorOf(token), token };
  }

  #end(by: Actor, holder: string, id: string): void {
    this.#sessions.end(holder, id);
    writeAudit(this.#sql, by, { act: "sign-out", outcome: "done", target: { id, name: null } });
  }
}
