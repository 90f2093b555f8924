import type { SecretDigest } from "../../domain/credential.ts";
import type { InvitationRecord } from "../../domain/records.ts";
import type { UserId } from "../../domain/user.ts";

/** Used and expired invitations stay on the list for so long, in milliseconds. */
export const INVITATIONS_KEPT_MS = 30 * 24 * 60 * 60_000;

type InvitationRow = {
  id: string;
  app: string | null;
  approval: number;
  created_at: number;
  created_by: string;
  expires_at: number;
  used_at: number | null;
  used_by: string | null;
};

/** Reads and writes the table `invitations` of one user. */
export class InvitationTable {
  readonly #sql: SqlStorage;
  readonly #user: UserId;

  constructor(sql: SqlStorage, user: UserId) {
    this.#sql = sql;
    this.#user = user;
  }

  insert(invitation: Omit<InvitationRecord, "usedAt" | "usedBy">, digest: SecretDigest, now: number): void {
    this.#sql.exec("DELETE FROM invitations WHERE expires_at <= ?", now - INVITATIONS_KEPT_MS);
    const { id, app, approval, createdAt, createdBy, expiresAt } = invitation;
    this.#sql.exec(
      `INSERT INTO invitations (id, digest, app, approval, created_at, created_by, expires_at)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      ...[id, digest, app, approval ? 1 : 0, createdAt, createdBy, expiresAt],
    );
  }

  byDigest(digest: SecretDigest): InvitationRecord | undefined {
    return this.#read("WHERE digest = ?", digest)[0];
  }

  byId(id: string): InvitationRecord | undefined {
    return this.#read("WHERE id = ?", id)[0];
  }

  /** Newest first. */
  list(): InvitationRecord[] {
    return this.#read("ORDER BY created_at DESC, id");
  }

  use(id: string, device: string, now: number): void {
    this.#sql.exec("UPDATE invitations SET used_at = ?, used_by = ? WHERE id = ?", now, device, id);
  }

  remove(id: string): void {
    this.#sql.exec("DELETE FROM invitations WHERE id = ?", id);
  }

  removeAll(): void {
    this.#sql.exec("DELETE FROM invitations");
  }

  #read(where: string, ...values: SqlStorageValue[]): InvitationRecord[] {
    return this.#sql
      .exec<InvitationRow>(`SELECT * FROM invitations ${where}`, ...values)
      .toArray()
      .map((row) => ({
        id: row.id,
        user: this.#user,
        app: row.app,
        approval: row.approval === 1,
        createdAt: row.created_at,
        createdBy: row.created_by,
        expiresAt: row.expires_at,
        usedAt: row.used_at,
        usedBy: row.used_by,
      }));
  }
}
