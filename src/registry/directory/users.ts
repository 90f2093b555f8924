// Who exists, whom an address names, and whose key is whose: the rules, and all SQL on the tables `users`, `emails` and
// `claims`.
import { type CredentialKey, fingerprintOf } from "../../domain/credential-key.ts";
import { type ListPage, pageOf } from "../../domain/general/list-page.ts";
import { err, ok, type Result } from "../../domain/general/result.ts";
import type { EmailAddress, Role } from "../../domain/person.ts";
import type { RegistryError, UserRecord } from "../../domain/records.ts";
import type { UserId } from "../../domain/user.ts";
import { type Actor, writeAudit } from "../storage/audit-log.ts";
import { addressId, noteEnd, noteNamed } from "../storage/ended.ts";
import { CLAIM_ABANDONED_MS, type Claim } from "../storage/generation.ts";
import { all, insert, one, update } from "../storage/sql.ts";
import type { DirectoryClock } from "./clock.ts";

/** A user, and when that user was put or restored last: see generation.ts. */
export interface StoredUser extends UserRecord {
  generation: number;
}

/** Whose key it is, and since when. */
export interface StoredClaim {
  user: UserId;
  claimedAt: number;
}

type UserRow = {
  id: string;
  name: string | null;
  created_at: number;
  generation: number;
  role: string;
  /** A JSON list. */
  addresses: string;
};

const SELECT = `SELECT *, (SELECT json_group_array(address) FROM emails WHERE emails.user = users.id) AS addresses
  FROM users`;

/** What is to be changed of a user; what is left out stays. `emails`: all that the user has from then on. */
export interface UserChanges {
  name?: string | undefined;
  role?: Role | undefined;
  emails?: readonly EmailAddress[] | undefined;
}

/** Why a key was not granted; `owner` is for the Worker, never for a client. */
export type ClaimError = { code: "unknown-user" } | { code: "fingerprint-taken"; owner: UserId };

/** A user who was put, and the generation that begins with it. */
export interface PutUser {
  user: UserRecord;
  created: boolean;
  generation: number;
}

/** Each method that writes is to be called in a transaction. */
export class Users {
  readonly #sql: SqlStorage;
  readonly #clock: DirectoryClock;

  constructor(sql: SqlStorage, clock: DirectoryClock) {
    this.#sql = sql;
    this.#clock = clock;
  }

  page(limit: number, after: string): ListPage<UserRecord> {
    const query = `${SELECT} WHERE id > ? ORDER BY id LIMIT ?`;
    const rows = all<UserRow>(this.#sql, query, after, limit + 1);
    return pageOf(rows.map(toUser), limit, ({ id }) => id);
  }

  get(id: UserId): StoredUser | undefined {
    const row = one<UserRow>(this.#sql, `${SELECT} WHERE id = ?`, id);
    return row === undefined ? undefined : { ...toUser(row), generation: row.generation };
  }

  /** Writes everything but the addresses, which stay. */
  put({ id, name, createdAt, role, generation }: Omit<StoredUser, "emails">): void {
    insert(this.#sql, "users", { id, name, created_at: createdAt, role, generation }, "REPLACE");
  }

  /**
   * Creates a user, or renames one; a name of `undefined` leaves the name as it is. Begins a new generation of
   * the user, for which the caller then opens the registry: a deletion that is under way removes nobody.
   */
  putUser(by: Actor, id: UserId, name: string | undefined): PutUser {
    const before = this.get(id);
    const user: UserRecord = {
      ...{ id, name: name ?? before?.name ?? null, createdAt: before?.createdAt ?? by.at },
      ...{ role: before?.role ?? "member", emails: before?.emails ?? [] },
    };
    const generation = this.#clock.tick();
    this.put({ ...user, generation });
    if (before !== undefined && before.name === user.name) return { user, created: false, generation };
    writeAudit(this.#sql, by, {
      act: before === undefined ? "create-user" : "rename-user",
      outcome: "done",
      target: { id, name: user.name },
      detail: before === undefined ? {} : { nameBefore: before.name },
    });
    return { user, created: before === undefined, generation };
  }

  /** Changes a user. Only what is different is written, and audited in one line. */
  edit(by: Actor, id: UserId, changes: UserChanges): Result<UserRecord, RegistryError> {
    const before = this.get(id);
    if (before === undefined) return err({ code: "unknown-user" });
    const { generation, ...user } = before;
    const { name = before.name, role = before.role } = changes;
    const emails = [...new Set(changes.emails ?? before.emails)].sort();
    for (const email of emails) {
      const owner = this.ofEmail(email) ?? id;
      if (owner !== id) return err({ code: "email-taken", email, owner });
    }
    const detail = {
      ...(name === before.name ? {} : { nameBefore: before.name }),
      ...(role === before.role ? {} : { role, roleBefore: before.role }),
      ...(emails.join() === before.emails.join()
        ? {}
        : { emails: emails.join(" "), emailsBefore: before.emails.join(" ") }),
    };
    if (Object.keys(detail).length === 0) return ok(user);
    update(this.#sql, "users", { id }, { name, role });
    for (const email of before.emails.filter((each) => !emails.includes(each))) {
      this.#sql.exec("DELETE FROM emails WHERE address = ?", email);
      noteEnd(this.#sql, "address", addressId(id, email), by.at);
    }
    for (const email of emails.filter((each) => !before.emails.includes(each))) {
      this.addEmail(id, email);
      noteNamed(this.#sql, id, email);
    }
    writeAudit(this.#sql, by, { act: "edit-user", outcome: "done", target: { id, name }, detail });
    return ok({ ...user, name, role, emails });
  }

  /** Makes a user an owner whom this address names. It must not name another. */
  appoint(by: Actor, id: UserId, email: EmailAddress): void {
    const emails = [...(this.get(id)?.emails ?? []), email];
    this.edit(by, id, { role: "owner", emails });
  }

  /** From now on this address, which names nobody yet, names this user. */
  addEmail(user: UserId, address: EmailAddress): void {
    insert(this.#sql, "emails", { address, user });
  }

  /** Whom an address names; `null`: nobody. */
  ofEmail(address: EmailAddress): UserId | null {
    const query = "SELECT user FROM emails WHERE address = ?";
    return (one<{ user: string }>(this.#sql, query, address)?.user ?? null) as UserId | null;
  }

  /** With the claims and the addresses. */
  remove(id: UserId): void {
    this.#sql.exec("DELETE FROM emails WHERE user = ?", id);
    this.#sql.exec("DELETE FROM claims WHERE user = ?", id);
    this.#sql.exec("DELETE FROM users WHERE id = ?", id);
  }

  claimOf(key: CredentialKey): StoredClaim | undefined {
    const query = "SELECT user, claimed_at FROM claims WHERE key = ?";
    const row = one<{ user: string; claimed_at: number }>(this.#sql, query, key);
    return row === undefined ? undefined : { user: row.user as UserId, claimedAt: row.claimed_at };
  }

  /** Those of these keys that somebody else has. */
  claimedByOthers(keys: readonly CredentialKey[], user: UserId): Map<CredentialKey, UserId> {
    return new Map(
      keys.flatMap((key) => {
        const owner = this.claimOf(key)?.user ?? user;
        return owner === user ? [] : [[key, owner] as const];
      }),
    );
  }

  /**
   * Grants a key to a user: the first one gets it, and gets it again on asking again. The
   * caller then enrols within `CLAIM_VALID_MS`.
   * When another user has it, the caller looks into that user's registry and asks again with what
   * it found: a claim that was older than `CLAIM_ABANDONED_MS` before it looked, and that no device stands
   * behind (`isHeld: false`), passes to the new user; else the attempt is refused for good, and audited.
   */
  claim(
    by: Actor,
    key: CredentialKey,
    user: UserId,
    found?: { owner: UserId; isHeld: boolean },
  ): Result<Claim, ClaimError> {
    const generation = this.get(user)?.generation;
    if (generation === undefined) return err({ code: "unknown-user" });
    const held = this.claimOf(key);
    if (held !== undefined && held.user !== user) {
      const owner = held.user;
      const passes = isAbandoned(held, by.at) && found?.owner === owner && !found.isHeld;
      if (!passes && found !== undefined) {
        writeAudit(this.#sql, by, {
          act: "enrol",
          outcome: "refused",
          target: { id: fingerprintOf(key), name: null },
          detail: { reason: "fingerprint-taken", user, owner },
        });
      }
      if (!passes) return err({ code: "fingerprint-taken", owner });
    }
    const claimedAt = this.#clock.tick();
    this.#grant(key, user, claimedAt);
    return ok({ claimedAt, generation });
  }

  /**
   * Grants a restore all of these keys that nobody else has: as `claim` does, in one go. The others are
   * `taken`, and may be asked for one by one. Begins a new generation of the user, as `putUser` does.
   */
  claimAll(
    keys: readonly CredentialKey[],
    user: UserId,
  ): Result<Claim & { taken: CredentialKey[] }, RegistryError> {
    if (this.get(user) === undefined) return err({ code: "unknown-user" });
    const claimedAt = this.#clock.tick();
    update(this.#sql, "users", { id: user }, { generation: claimedAt });
    const taken = this.claimedByOthers(keys, user);
    for (const key of keys) {
      if (!taken.has(key)) this.#grant(key, user, claimedAt);
    }
    return ok({ claimedAt, generation: claimedAt, taken: [...taken.keys()] });
  }

  drop(key: CredentialKey): void {
    this.#sql.exec("DELETE FROM claims WHERE key = ?", key);
  }

  #grant(key: CredentialKey, user: UserId, claimedAt: number): void {
    insert(this.#sql, "claims", { key, user, claimed_at: claimedAt }, "REPLACE");
  }
}

function toUser({ id, name, created_at, role, addresses }: UserRow): UserRecord {
  const emails = (JSON.parse(addresses) as EmailAddress[]).sort();
  // The table's CHECK holds the column to these values.
  return { id: id as UserId, name, createdAt: created_at, role: role as Role, emails };
}

/**
 * Whether the claim was abandoned, if its user's registry did not have the certificate when it was asked after
 * `before`: its enrolment could no longer be completed then, however late the answer comes here.
 */
export function isAbandoned(claim: StoredClaim, before: number): boolean {
  return Math.min(before, Date.now()) - claim.claimedAt > CLAIM_ABANDONED_MS;
}
