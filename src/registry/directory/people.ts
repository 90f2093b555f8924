// Whose identity at the identity provider is whose: the rules, and all SQL on the table `identities`.

import { isAdmin } from "../../domain/credential.ts";
import { err, ok, type Result } from "../../domain/general/result.ts";
import type {
  EmailAddress,
  Identified,
  IdentityKey,
  IdentityRecord,
  Person,
  WaitingPersonRecord,
} from "../../domain/person.ts";
import type { RegistryError } from "../../domain/records.ts";
import type { UserId } from "../../domain/user.ts";
import { identityBound } from "../../notify/acts.ts";
import { type Actor, writeAudit } from "../storage/audit-log.ts";
import { admittedId, boundId, hasEnded, noteUnbound } from "../storage/ended.ts";
import type { Outbox } from "../storage/outbox.ts";
import { all, insert, one } from "../storage/sql.ts";
import { holderOf, type SessionTable } from "./session-table.ts";
import type { StoredUser, Users } from "./users.ts";
import { WaitingPeopleTable } from "./waiting-people-table.ts";

/** The longest that a provider may give (OpenID Connect Core 1.0, section 2, `sub`). */
const SUBJECT_MAX = 255;

type IdentityRow = {
  id: string;
  issuer: string;
  subject: string;
  user: string;
  address: string | null;
  bound_at: number;
};

/** Each method that writes is to be called in a transaction. */
export class People {
  readonly #sql: SqlStorage;
  readonly #users: Users;
  readonly #sessions: SessionTable;
  readonly #waiting: WaitingPeopleTable;
  readonly #outbox: Outbox;

  constructor(sql: SqlStorage, users: Users, sessions: SessionTable, outbox: Outbox) {
    this.#sql = sql;
    this.#users = users;
    this.#sessions = sessions;
    this.#waiting = new WaitingPeopleTable(sql);
    this.#outbox = outbox;
  }

  /**
   * Who a person is here:
   * 1. the user to whom the identity is bound;
   * 2. or the user whom the person's verified address names, if it has bound nobody at this issuer before: the identity
   *    is bound to that user, and the address does not count from then on;
   * 3. or nobody yet, and the person waits until an owner says who they are.
   *
   * `appointed`: whom the configuration makes an owner with this address. An address that names another user stays
   * that user's. `unknown-owner`: this user must be put first.
   */
  identify(by: Actor, person: Person, appointed: UserId | null): Identified | { kind: "unknown-owner" } {
    const bound = this.find(person);
    const known = bound === undefined ? undefined : this.#users.get(bound.user);
    if (known !== undefined) return identified(known);
    const { subject } = person;
    const address = person.isEmailVerified ? person.email : null;
    if (address !== null && this.#mayBind(person, address)) {
      const user = this.#users.ofEmail(address) ?? appointed;
      if (user !== null) {
        if (this.#users.get(user) === undefined) return { kind: "unknown-owner" };
        if (user === appointed) this.#users.appoint(by, user, address);
        this.#bind(by, user, person, address);
        const now = this.#users.get(user);
        if (now !== undefined) return identified(now);
      }
    }
    if (subject === "" || subject.length > SUBJECT_MAX) return { kind: "not-noted" };
    const comparisonCode = this.#waiting.note(by, person);
    return comparisonCode === null ? { kind: "not-noted" } : { kind: "waiting", comparisonCode };
  }

  /** Says who somebody who waits is. */
  admit(by: Actor, id: string, user: UserId): Result<IdentityRecord, RegistryError> {
    const person = this.#waiting.get(id);
    if (person === undefined) return err({ code: "unknown-person" });
    if (this.#users.get(user) === undefined) return err({ code: "unknown-user" });
    return ok(this.#bind(by, user, person, null));
  }

  /** Takes somebody off the list, who comes back with the next sign-in. */
  dismiss(by: Actor, id: string): Result<null, RegistryError> {
    const person = this.#waiting.get(id);
    if (person === undefined) return err({ code: "unknown-person" });
    this.#waiting.remove(person);
    const { issuer, subject, email, name } = person;
    writeAudit(this.#sql, by, {
      act: "dismiss-person",
      outcome: "done",
      target: { id, name: email ?? name },
      detail: { issuer, subject },
    });
    return ok(null);
  }

  /**
   * Takes an identity from a user, and ends all sessions that the user opened with the provider. The address that bound
   * it does not bind it again, and if somebody admitted the person, none does: from now on the person waits.
   */
  unbind(by: Actor, user: UserId, id: string): Result<null, RegistryError> {
    const identity = this.identities(user).find((each) => each.id === id);
    if (identity === undefined) return err({ code: "unknown-identity" });
    this.#sql.exec("DELETE FROM identities WHERE id = ?", id);
    this.#sessions.removeOf(holderOf(user));
    noteUnbound(this.#sql, identity, by.at);
    this.#audit(by, "unbind-identity", identity);
    return ok(null);
  }

  /** A user's, first bound first. */
  identities(user: UserId): IdentityRecord[] {
    return this.#rows("WHERE user = ? ORDER BY bound_at, id", user);
  }

  /** Whose identity this is. */
  userOf(identity: IdentityKey): UserId | null {
    return this.find(identity)?.user ?? null;
  }

  /** For a backup. */
  all(): IdentityRecord[] {
    return this.#rows("ORDER BY bound_at, id");
  }

  /** The identity, if it is somebody's. */
  find({ issuer, subject }: IdentityKey): IdentityRecord | undefined {
    return this.#rows("WHERE issuer = ? AND subject = ?", issuer, subject)[0];
  }

  waiting(): WaitingPersonRecord[] {
    return this.#waiting.list();
  }

  /** Writes an identity that is nobody else's. */
  insert({ id, user, issuer, subject, email, boundAt }: IdentityRecord): void {
    const row = { id, issuer, subject, user, address: email, bound_at: boundAt };
    insert(this.#sql, "identities", row, "REPLACE");
  }

  /** Of a user who is being deleted. */
  removeOf(user: UserId): void {
    this.#sql.exec("DELETE FROM identities WHERE user = ?", user);
    this.#sessions.removeOf(holderOf(user));
  }

  /** A provider may give an address to somebody else one day: at each issuer, it binds one identity. */
  #mayBind({ issuer, subject }: Person, address: EmailAddress): boolean {
    const query = "SELECT id FROM identities WHERE issuer = ? AND address = ?";
    const isBound = one<{ id: string }>(this.#sql, query, issuer, address) !== undefined;
    const ended = [boundId(address, issuer), admittedId(subject, issuer)];
    return !isBound && !ended.some((id) => hasEnded(this.#sql, "identity", id));
  }

  #bind(by: Actor, user: UserId, person: Person, email: EmailAddress | null): IdentityRecord {
    const { issuer, subject } = person;
    const identity = { id: crypto.randomUUID(), user, issuer, subject, email, boundAt: by.at };
    this.insert(identity);
    this.#waiting.remove(person);
    this.#audit(by, "bind-identity", identity);
    // Whoever holds the ADMIN_TOKEN knows whom they admitted.
    if (email !== null || !isAdmin(by.actor)) {
      this.#outbox.add(identityBound({ identity, by: by.actor, country: by.country }), Date.now());
    }
    return identity;
  }

  #audit(by: Actor, act: "bind-identity" | "unbind-identity", identity: IdentityRecord): void {
    const { id, user, issuer, subject, email } = identity;
    const target = { id, name: email ?? subject };
    writeAudit(this.#sql, by, { act, outcome: "done", target, detail: { user, issuer, subject, email } });
  }

  #rows(where: string, ...values: SqlStorageValue[]): IdentityRecord[] {
    const rows = all<IdentityRow>(this.#sql, `SELECT * FROM identities ${where}`, ...values);
    return rows.map(({ id, issuer, subject, user, address, bound_at }) => ({
      ...{ id, user: user as UserId, issuer, subject },
      ...{ email: address as EmailAddress | null, boundAt: bound_at },
    }));
  }
}

function identified({ id, role, name }: StoredUser): Identified {
  return { kind: "user", user: id, role, name };
}
