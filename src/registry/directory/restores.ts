// Backups and restores of what only the directory knows: users, tokens and unknown certificates.
import { keyOf } from "../../domain/credential-key.ts";
import type { Fingerprint } from "../../domain/fingerprint.ts";
import type { UnknownCertificateRecord, UserRecord } from "../../domain/records.ts";
import type { PlannedToken } from "../../domain/restore-plan.ts";
import type { UserId } from "../../domain/user.ts";
import { type Actor, writeAudit } from "../storage/audit-log.ts";
import { endedAt } from "../storage/ended.ts";
import type { DirectoryClock } from "./clock.ts";
import type { CredentialCheckTable } from "./credential-check.ts";
import type { BackupToken, Credentials } from "./credentials.ts";
import { planTokens } from "./token-plan.ts";
import type { UnknownCertificateTable } from "./unknown-certificate-table.ts";
import type { Users } from "./users.ts";

/** What a backup holds of the directory, besides its users. */
export interface DirectoryBackup {
  tokens: BackupToken[];
  unknownCertificates: UnknownCertificateRecord[];
}

export interface DirectoryRestoreRequest extends DirectoryBackup {
  users: Omit<UserRecord, "role" | "emails">[];
  /** When the backup was made, for the audit log. Milliseconds since the epoch. */
  madeAt: number;
}

export interface DirectoryRestored {
  /** Ids of users who were added, and of those who got their name back. */
  users: { added: UserId[]; renamed: UserId[] };
  tokens: PlannedToken[];
  /** Fingerprints of unknown certificates that are listed again. */
  unknownCertificates: Fingerprint[];
}

export class DirectoryRestores {
  readonly #sql: SqlStorage;
  readonly #clock: DirectoryClock;
  readonly #users: Users;
  readonly #credentials: Credentials;
  readonly #check: CredentialCheckTable;
  readonly #unknownCertificates: UnknownCertificateTable;

  constructor(
    sql: SqlStorage,
    clock: DirectoryClock,
    users: Users,
    credentials: Credentials,
    check: CredentialCheckTable,
    unknownCertificates: UnknownCertificateTable,
  ) {
    this.#sql = sql;
    this.#clock = clock;
    this.#users = users;
    this.#credentials = credentials;
    this.#check = check;
    this.#unknownCertificates = unknownCertificates;
  }

  backup(): DirectoryBackup {
    return { tokens: this.#credentials.backup(), unknownCertificates: this.#unknownCertificates.list() };
  }

  /** What `restore` would do. Writes nothing. */
  plan({ users, tokens, unknownCertificates }: DirectoryRestoreRequest, now: number): DirectoryRestored {
    const [added, renamed]: [UserId[], UserId[]] = [[], []];
    for (const { id, name } of users) {
      const present = this.#users.get(id);
      if (present === undefined) added.push(id);
      else if (present.name !== name) renamed.push(id);
    }
    const isThere = (id: UserId) => added.includes(id) || this.#users.get(id) !== undefined;
    return {
      users: { added, renamed },
      tokens: planTokens(tokens, {
        present: this.#credentials.tokens(),
        revokedAt: endedAt(this.#sql, "token"),
        deletedAt: endedAt(this.#sql, "user"),
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
    for (const user of request.users) this.#restoreUser(by, user, backup);
    const added = new Set(plan.tokens.filter(({ outcome }) => outcome === "added").map(({ id }) => id));
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

  #restoreUser(
    by: Actor,
    { id, name, createdAt }: DirectoryRestoreRequest["users"][number],
    backup: string,
  ): void {
    const present = this.#users.get(id);
    // A new generation, as with `putUser`: a deletion that is under way removes nobody.
    const generation = this.#clock.tick();
    this.#users.put({
      ...{ id, name, createdAt: present?.createdAt ?? createdAt, generation },
      role: present?.role ?? "member",
    });
    if (present !== undefined && present.name === name) return;
    writeAudit(this.#sql, by, {
      act: "restore",
      outcome: "done",
      target: { id, name },
      detail: {
        backup,
        outcome: present === undefined ? "added" : "changed",
        ...(present === undefined ? {} : { nameBefore: present.name }),
      },
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
