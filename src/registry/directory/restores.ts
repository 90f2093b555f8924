// Backups and restores of what only the directory knows: users, their identities, tokens and unknown certificates.
import { keyOf } from "../../domain/credential-key.ts";
import type { Fingerprint } from "../../domain/fingerprint.ts";
import type { EmailAddress, IdentityRecord } from "../../domain/person.ts";
import type { UnknownCertificateRecord, UserRecord } from "../../domain/records.ts";
import type { PlannedPeople, PlannedToken } from "../../domain/restore-plan.ts";
import type { UserId } from "../../domain/user.ts";
import { type Actor, writeAudit } from "../storage/audit-log.ts";
import { addressId, endedAt, hasEnded } from "../storage/ended.ts";
import type { DirectoryClock } from "./clock.ts";
import type { CredentialCheckTable } from "./credential-check.ts";
import type { BackupToken, Credentials } from "./credentials.ts";
import type { People } from "./people.ts";
import { planPeople } from "./people-plan.ts";
import { planTokens } from "./token-plan.ts";
import type { UnknownCertificateTable } from "./unknown-certificate-table.ts";
import type { Users } from "./users.ts";

/** What a backup holds of the directory, besides its users. */
export interface DirectoryBackup {
  tokens: BackupToken[];
  unknownCertificates: UnknownCertificateRecord[];
  identities: IdentityRecord[];
}

export interface DirectoryRestoreRequest extends DirectoryBackup {
  users: UserRecord[];
  /** When the backup was made, for the audit log. Milliseconds since the epoch. */
  madeAt: number;
}

export interface DirectoryRestored {
  /** Ids of users who were added, and of those who got their name back. */
  users: { added: UserId[]; renamed: UserId[] };
  tokens: PlannedToken[];
  /** Fingerprints of unknown certificates that are listed again. */
  unknownCertificates: Fingerprint[];
  people: PlannedPeople;
}

export class DirectoryRestores {
  readonly #sql: SqlStorage;
  readonly #clock: DirectoryClock;
  readonly #users: Users;
  readonly #credentials: Credentials;
  readonly #check: CredentialCheckTable;
  readonly #unknownCertificates: UnknownCertificateTable;
  readonly #people: People;

  constructor(
    sql: SqlStorage,
    clock: DirectoryClock,
    users: Users,
    credentials: Credentials,
    check: CredentialCheckTable,
    unknownCertificates: UnknownCertificateTable,
    people: People,
  ) {
    this.#sql = sql;
    this.#clock = clock;
    this.#users = users;
    this.#credentials = credentials;
    this.#check = check;
    this.#unknownCertificates = unknownCertificates;
    this.#people = people;
  }

  backup(): DirectoryBackup {
    return {
      tokens: this.#credentials.backup(),
      unknownCertificates: this.#unknownCertificates.list(),
      identities: this.#people.all(),
    };
  }

  /** What `restore` would do. Writes nothing. */
  plan(request: DirectoryRestoreRequest, now: number): DirectoryRestored {
    // An older Worker, during a deploy, knows no identities.
    const { users, tokens, unknownCertificates, identities = [] } = request;
    const [added, renamed]: [UserId[], UserId[]] = [[], []];
    for (const { id, name } of users) {
      const present = this.#users.get(id);
      if (present === undefined) added.push(id);
      else if (present.name !== name) renamed.push(id);
    }
    const isThere = (id: UserId) => added.includes(id) || this.#users.get(id) !== undefined;
    const deletedAt = endedAt(this.#sql, "user");
    return {
      users: { added, renamed },
      people: planPeople(users, identities, {
        userOf: (id) => this.#users.get(id),
        ofEmail: (email) => this.#users.ofEmail(email),
        find: (identity) => this.#people.find(identity),
        deletedAt,
        isTakenFrom: (user, email) => hasEnded(this.#sql, "address", addressId(user, email)),
        isUnbound: ({ id }) => hasEnded(this.#sql, "identity", id),
      }),
      tokens: planTokens(tokens, {
        present: this.#credentials.tokens(),
        revokedAt: endedAt(this.#sql, "token"),
        deletedAt,
        users: new Set(tokens.flatMap(({ user }) => (user !== null && isThere(user) ? [user] : []))),
        now,
      }),
      unknownCertificates: this.#unknownCertificates
        .missing(
          unknownCertificates,
          (fingerprint) => this.#users.claimOf(keyOf("certificate", fingerprint)) !== undefined,
        )
        .map(({ fingerprint }) => fingerprint),
    };
  }

  /**
   * Adds what is missing, and gives users their names back. Audited; repeating changes nothing. Call it in a
   * transaction.
   */
  restore(by: Actor, request: DirectoryRestoreRequest): DirectoryRestored {
    const plan = this.plan(request, by.at);
    const backup = new Date(request.madeAt).toISOString();
    for (const user of request.users) this.#restoreUser(by, user, plan.people, backup);
    const bound = addedOf(plan.people.identities);
    for (const identity of request.identities ?? []) {
      if (bound.delete(identity.id)) this.#restoreIdentity(by, identity, backup);
    }
    const added = addedOf(plan.tokens);
    const tokens = request.tokens.filter(({ id }) => added.has(id));
    for (const token of tokens) this.#restoreToken(by, token, backup);
    // Their check was probably made with another registry's key: they are looked up without one.
    if (tokens.length > 0) this.#check.exempt(tokens.map(({ digest }) => digest));
    const listed = new Set(plan.unknownCertificates);
    for (const each of request.unknownCertificates) {
      if (listed.delete(each.fingerprint)) this.#unknownCertificates.insert(each);
    }
    if (plan.unknownCertificates.length > 0) {
      const detail = { backup, waiting: plan.unknownCertificates.join(" ") };
      writeAudit(this.#sql, by, { act: "restore", outcome: "done", target: null, detail });
    }
    return plan;
  }

  #restoreUser(by: Actor, user: UserRecord, people: PlannedPeople, backup: string): void {
    const { id, name, createdAt } = user;
    const present = this.#users.get(id);
    const isOwner = people.owners.includes(id);
    const emails = people.emails
      .filter((each) => each.user === id && each.outcome === "added")
      .map(({ email }) => email as EmailAddress);
    // A new generation, as with `putUser`: a deletion that is under way removes nobody.
    const generation = this.#clock.tick();
    this.#users.put({
      ...{ id, name, createdAt: present?.createdAt ?? createdAt, generation },
      role: isOwner ? "owner" : (present?.role ?? "member"),
    });
    for (const email of emails) this.#users.addEmail(id, email);
    if (present !== undefined && present.name === name && emails.length === 0) return;
    writeAudit(this.#sql, by, {
      act: "restore",
      outcome: "done",
      target: { id, name },
      detail: {
        backup,
        outcome: present === undefined ? "added" : "changed",
        ...(present === undefined || present.name === name ? {} : { nameBefore: present.name }),
        ...(isOwner ? { role: "owner" } : {}),
        ...(emails.length === 0 ? {} : { emails: emails.join(" ") }),
      },
    });
  }

  #restoreIdentity(by: Actor, identity: IdentityRecord, backup: string): void {
    const { id, user, issuer, subject, email } = identity;
    this.#people.insert(identity);
    writeAudit(this.#sql, by, {
      act: "restore",
      outcome: "done",
      target: { id, name: email ?? subject },
      detail: { backup, outcome: "added", user, issuer, subject },
    });
  }

  #restoreToken(by: Actor, token: BackupToken, backup: string): void {
    const { id, name, user, scope } = token;
    this.#credentials.insert(token);
    writeAudit(this.#sql, by, {
      act: "restore",
      outcome: "done",
      target: { id, name },
      detail: { backup, outcome: "added", user, scope },
    });
  }
}

/** Ids of what is to be added. */
function addedOf(planned: readonly { id: string; outcome: string }[]): Set<string> {
  return new Set(planned.filter(({ outcome }) => outcome === "added").map(({ id }) => id));
}
