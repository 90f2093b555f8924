// What has ended, so that no backup brings it back unasked: the table `ended`, in both objects.
import type { AuditAct } from "../../domain/audit-act.ts";
import { type CredentialKey, DEVICE_KINDS, keyOf } from "../../domain/credential-key.ts";
import type { Fingerprint } from "../../domain/fingerprint.ts";
import { all, insert, one } from "./sql.ts";

/** Kept for as long as the object lives. */
export const ENDED_SCHEMA = `
  CREATE TABLE ended (
    what TEXT NOT NULL CHECK (what IN ('device', 'certificate', 'token', 'user')),
    -- The device's, token's or user's id; for a certificate its device's id, a space, and the fingerprint.
    id TEXT NOT NULL,
    -- When it ended last: a deleted user may come back and be deleted again.
    at INTEGER NOT NULL,
    PRIMARY KEY (what, id)
  ) WITHOUT ROWID;`;

/** The same table, in which a credential goes by its key: for a registry that has certificates in it. */
export const ENDED_BY_KEY = `
  ALTER TABLE ended RENAME TO ended_by_fingerprint;
  CREATE TABLE ended (
    what TEXT NOT NULL CHECK (what IN ('device', 'credential', 'token', 'user')),
    -- The device's, token's or user's id; for a credential its device's id, a space, and its key.
    id TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (what, id)
  ) WITHOUT ROWID;
  INSERT INTO ended
    SELECT replace(what, 'certificate', 'credential'), iif(what = 'certificate', replace(id, ' ', ' cert:'), id), at
    FROM ended_by_fingerprint;
  DROP TABLE ended_by_fingerprint;`;

/**
 * A forgotten device, a retired credential of a forgotten device, a revoked API token, a deleted user, an identity that
 * was unbound, an address that was taken from its user.
 */
export type EndedKind = "device" | "credential" | "token" | "user" | "identity" | "address";

/** Call it in the transaction of the change that ends the thing. */
export function noteEnd(sql: SqlStorage, what: EndedKind, id: string, at: number): void {
  insert(sql, "ended", { what, id, at }, "REPLACE");
}

/** When each thing of this kind ended last, by its id. Reads all of them: restores are rare. */
export function endedAt(sql: SqlStorage, what: EndedKind): ReadonlyMap<string, number> {
  const rows = all<{ id: string; at: number }>(sql, "SELECT id, at FROM ended WHERE what = ?", what);
  return new Map(rows.map(({ id, at }) => [id, at]));
}

/** How a device's credential is named here. */
export function credentialId(device: string, key: CredentialKey): string {
  return `${device} ${key}`;
}

/** How a user's address is named here. */
export function addressId(user: string, address: string): string {
  return `${user} ${address}`;
}

/** How an identity that an address had bound is named here, besides its id. */
export function boundId(address: string, issuer: string): string {
  return `${address} ${issuer}`;
}

/** How an identity that somebody had admitted is named here, besides its id: no address begins like this. */
export function admittedId(subject: string, issuer: string): string {
  return `subject ${subject} ${issuer}`;
}

/** An address names this user, whatever has ended before. */
export function noteNamed(sql: SqlStorage, user: string, address: string): void {
  const [first, begin] = [addressId(user, address), boundId(address, "")];
  sql.exec("DELETE FROM ended WHERE what = 'address' AND id = ?", first);
  sql.exec("DELETE FROM ended WHERE what = 'identity' AND substr(id, 1, ?) = ?", begin.length, begin);
}

/** An identity was unbound; `email`: the address that had bound it, `null` if somebody had admitted the person. */
export function noteUnbound(
  sql: SqlStorage,
  { id, email, subject, issuer }: { id: string; email: string | null; subject: string; issuer: string },
  at: number,
): void {
  noteEnd(sql, "identity", id, at);
  noteEnd(sql, "identity", email === null ? admittedId(subject, issuer) : boundId(email, issuer), at);
}

/** Whether a thing of this kind has ended. */
export function hasEnded(sql: SqlStorage, what: EndedKind, id: string): boolean {
  return one(sql, "SELECT at FROM ended WHERE what = ? AND id = ?", what, id) !== undefined;
}

/** A line of an audit log, as far as it says what ended. */
interface Line {
  at: number;
  act: AuditAct;
  outcome: "done" | "refused";
  target: { id: string } | null;
  detail: Record<string, string | null>;
}

/** Notes what a line of a backup's audit log says has ended: that registry's ends count in this one, too. */
export function noteEndOf(sql: SqlStorage, { at, act, outcome, target, detail }: Line): void {
  if (outcome !== "done" || target === null) return;
  if (act === "forget") noteEnd(sql, "device", target.id, at);
  if (act === "retire-credential") {
    const kind = DEVICE_KINDS.find((each) => each === detail.kind) ?? "certificate";
    const key = keyOf(kind, (detail.fingerprint ?? "") as Fingerprint);
    noteEnd(sql, "credential", credentialId(target.id, key), at);
  }
  if (act === "revoke-token") noteEnd(sql, "token", target.id, at);
  if (act === "delete-user") noteEnd(sql, "user", target.id, at);
  if (act === "unbind-identity") {
    const { email = null, subject, issuer } = detail;
    noteUnbound(sql, { id: target.id, email, subject: subject ?? "", issuer: issuer ?? "" }, at);
  }
  if (act === "edit-user") {
    const [before, now] = [detail.emailsBefore, detail.emails].map((list) => list?.split(" ") ?? []);
    for (const address of before?.filter((each) => !now?.includes(each)) ?? []) {
      noteEnd(sql, "address", addressId(target.id, address), at);
    }
    for (const address of now?.filter((each) => !before?.includes(each)) ?? []) {
      noteNamed(sql, target.id, address);
    }
  }
}
