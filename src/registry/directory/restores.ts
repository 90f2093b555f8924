import type { SecretDigest, TokenRecord } from "../../domain/credential.ts";
import type { Fingerprint } from "../../domain/fingerprint.ts";
import type { UnknownCertificateRecord, UserRecord } from "../../domain/records.ts";
import { type PlannedToken, planTokens } from "../../domain/restore-tokens.ts";
import type { UserId } from "../../domain/user.ts";
import { type Actor, writeAudit } from "../storage/audit-log.ts";
import type { DirectoryClock } from "./clock.ts";
import type { CredentialCheckTable } from "./credential-check.ts";
import type { CredentialTable } from "./credential-table.ts";
import type { UnknownCertificateTable } from "./unknown-certificate-table.ts";

/** A token as a backup has it: the token itself is kept nowhere. */
export interface BackupToken extends TokenRecord {
  digest: SecretDigest;
}

/** What the directory alone knows, and no list tells. */
export interface DirectoryBackup {
  tokens: BackupToken[];
  unknownCertificates: UnknownCertificateRecord[];
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
  /** Fingerprints that wait again. */
  unknownCertificates: Fingerprint[];
}

/** Restores what the directory knows. Each method is to be called in a transaction. */
export class DirectoryRestores {
  readonly #sql: SqlStorage;
  readonly #clock: DirectoryClock;
  readonly #credentials: CredentialTable;
  readonly #check: CredentialCheckTable;
  readonly #unknownCertificates: UnknownCertificateTable;

  constructor(
    sql: SqlStorage,
    clock: DirectoryClock,
    credentials: CredentialTable,
    check: CredentialCheckTable,
    unknownCertificates: UnknownCertificateTable,
  ) {
    this.#sql = sql;
    this.#clock = clock;
    this.#credentials = credentials;
    this.#check = check;
    this.#unknownCertificates = unknownCertificates;
  }

  backup(): DirectoryBackup {
    return {
      tokens: this.#credentials.tokensWithDigests(),
      unknownCertificates: this.#unknownCertificates.list(),
    };
  }

  /** Adds what is missing, and gives users their names back. Audited; repeating changes nothing. */
  restore(by: Actor, request: DirectoryRestoreRequest): DirectoryRestored {
    const backup = new Date(request.madeAt).toISOString();
    const users = this.#restoreUsers(by, request.users, backup);
    const tokens = this.#restoreTokens(by, request.tokens, backup);
    const added = new Set(tokens.filter(({ outcome }) => outcome === "added").map(({ id }) => id));
    // As far as is known here, their check was made with another registry's key: they are looked up without
    // one.
    if (added.size > 0) {
      this.#check.exempt(request.tokens.filter(({ id }) => added.has(id)).map(({ digest }) => digest));
    }
    const unknownCertificates = request.unknownCertificates.filter((each) =>
      this.#unknownCertificates.restore(each),
    );
    if (unknownCertificates.length > 0) {
      const detail = { backup, waiting: unknownCertificates.map(({ fingerprint }) => fingerprint).join(" ") };
      writeAudit(this.#sql, by, { act: "restore", outcome: "done", target: null, detail });
    }
    return { users, tokens, unknownCertificates: unknownCertificates.map(({ fingerprint }) => fingerprint) };
  }

  #restoreUsers(by: Actor, users: readonly UserRecord[], backup: string): DirectoryRestored["users"] {
    const [added, renamed]: [UserId[], UserId[]] = [[], []];
    for (const { id, name, createdAt } of users) {
      const present = this.#sql
        .exec<{ name: string | null }>("SELECT name FROM users WHERE id = ?", id)
        .toArray()[0];
      // A new generation, as with `putUser`: a deletion that is under way removes nobody.
      this.#sql.exec(
        `INSERT INTO users (id, name, created_at, generation) VALUES (?, ?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, generation = excluded.generation`,
        ...[id, name, createdAt, this.#clock.tick()],
      );
      if (present !== undefined && present.name === name) continue;
      (present === undefined ? added : renamed).push(id);
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
    return { added, renamed };
  }

  #restoreTokens(by: Actor, wanted: readonly BackupToken[], backup: string): PlannedToken[] {
    const present = this.#credentials.tokens();
    const planned = planTokens(wanted, { ...this.#ended(), present, users: this.#users(wanted), now: by.at });
    for (const [index, { outcome }] of planned.entries()) {
      const token = wanted[index];
      if (outcome !== "added" || token === undefined) continue;
      // Throws when another token has this digest: no backup can hold that.
      this.#credentials.insertToken(token, token.digest);
      writeAudit(this.#sql, by, {
        act: "restore",
        outcome: "done",
        target: { id: token.id, name: token.name },
        detail: { backup, outcome, user: token.user, scope: token.scope },
      });
    }
    return planned;
  }

  #users(tokens: readonly BackupToken[]): ReadonlySet<UserId> {
    const ids = new Set(tokens.flatMap(({ user }) => user ?? []));
    return new Set(
      [...ids].filter((id) => this.#sql.exec("SELECT 1 FROM users WHERE id = ?", id).toArray().length > 0),
    );
  }

  /** Which tokens were revoked, and when users were deleted. Reads the whole audit log: restores are rare. */
  #ended(): { revoked: ReadonlySet<string>; deletedAt: ReadonlyMap<string, number> } {
    const lines = this.#sql
      .exec<{ act: string; id: string; at: number }>(
        `SELECT act, target_id AS id, at FROM audit
         WHERE act IN ('revoke-token', 'delete-user') AND outcome = 'done' AND target_id IS NOT NULL ORDER BY audit.id`,
      )
      .toArray();
    return {
      revoked: new Set(lines.filter(({ act }) => act === "revoke-token").map(({ id }) => id)),
      deletedAt: new Map(lines.filter(({ act }) => act === "delete-user").map(({ id, at }) => [id, at])),
    };
  }
}
