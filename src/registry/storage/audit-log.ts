// The audit log of one object: every change, and every attempt that was refused. Lines are only ever added, in the
// same transaction as the change, and live as long as the object.
import type { AuditAct } from "../../domain/audit-act.ts";
import { type ListPage, pageOf } from "../../domain/general/list-page.ts";
import { err } from "../../domain/general/result.ts";
import type { RegistryError } from "../../domain/records.ts";
import { noteEndOf } from "./ended.ts";
import { all, insert, one } from "./sql.ts";

/** Who makes a change, from where, when and why: every change has one. */
export interface Actor {
  /** `admin`, a token's name, `invitation` or `gate`. */
  actor: string;
  ip: string | null;
  country: string | null;
  /** Milliseconds since the epoch. */
  at: number;
  /**
   * Why, in a person's own words. It travels here and not as an argument, because an object of an earlier
   * deploy would take the argument for the device's new note.
   */
  reason?: string | undefined;
}

export interface AuditRecord {
  id: number;
  at: number;
  actor: string;
  ip: string | null;
  country: string | null;
  act: AuditAct;
  outcome: "done" | "refused";
  target: { id: string; name: string | null } | null;
  detail: Record<string, string | null>;
  /** It comes from a backup, and was not written by this registry. */
  restored?: true;
}

export interface AuditNote {
  act: AuditAct;
  outcome: "done" | "refused";
  target: { id: string; name: string | null } | null;
  detail?: Record<string, string | null>;
}

export const AUDIT_SCHEMA = `
  CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    ip TEXT,
    country TEXT,
    act TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('done', 'refused')),
    target_id TEXT,
    target_name TEXT,
    -- A JSON object of strings.
    detail TEXT NOT NULL
  );
  -- How many lines, from the first one on, come from a backup: one row at most, for as long as the object lives. The
  -- log shows these lines as restored, so that none of them can pass for its own.
  CREATE TABLE audit_restored (id INTEGER PRIMARY KEY CHECK (id = 1), lines INTEGER NOT NULL);`;

type Row = {
  id: number;
  at: number;
  actor: string;
  ip: string | null;
  country: string | null;
  act: string;
  outcome: string;
  target_id: string | null;
  target_name: string | null;
  detail: string;
};

/** Adds a line. Call it inside the transaction of the change that it records. */
export function writeAudit(sql: SqlStorage, by: Actor, { act, outcome, target, detail }: AuditNote): void {
  insert(sql, "audit", {
    ...{ at: by.at, actor: by.actor, ip: by.ip, country: by.country, act, outcome },
    ...{ target_id: target?.id ?? null, target_name: target?.name ?? null },
    detail: JSON.stringify(detail ?? {}),
  });
}

/** Audits that a change was refused, and returns why. */
export function refuseAudited(
  sql: SqlStorage,
  by: Actor,
  act: AuditAct,
  target: AuditNote["target"],
  error: RegistryError,
): { ok: false; error: RegistryError } {
  writeAudit(sql, by, { act, outcome: "refused", target, detail: { reason: error.code } });
  return err(error);
}

/** Lines that one search reads: a log grows for as long as its object lives, and rows read are counted. */
export const SEARCHED_LINES = 1_000;

/** What a search looks through, for the text that is bound. */
const FOUND = `AND instr(lower(act || ' ' || outcome || ' ' || actor || ' ' || coalesce(ip, '') || ' ' ||
  coalesce(country, '') || ' ' || coalesce(target_id, '') || ' ' || coalesce(target_name, '') || ' ' || detail),
  lower(?)) > 0`;

/**
 * Up to `limit` lines, newest first, older than the line `before` if given. With `search`, those of the next
 * `SEARCHED_LINES` that contain this text, whatever its case: `next` says where to go on, even if nothing was found.
 */
export function readAudit(
  sql: SqlStorage,
  limit: number,
  before: number | null,
  search?: string,
): ListPage<AuditRecord> {
  const end = Math.min(before ?? Number.POSITIVE_INFINITY, lastLine(sql) + 1);
  const begin = search === undefined ? 0 : Math.max(0, end - SEARCHED_LINES);
  const rows = all<Row>(
    sql,
    `SELECT * FROM audit WHERE id < ? AND id >= ? ${search === undefined ? "" : FOUND} ORDER BY id DESC LIMIT ?`,
    ...[end, begin, ...(search === undefined ? [] : [search]), limit + 1],
  );
  const restored = restoredLines(sql);
  const page = pageOf(
    rows.map((row) => toRecord(row, row.id <= restored)),
    limit,
    (record) => String(record.id),
  );
  return page.next === null && begin > 1 ? { ...page, next: String(begin) } : page;
}

/** What became of lines that were to be restored. */
export interface AuditRestored {
  /** How many lines of the log come from a backup now. */
  lines: number;
  /** Whether the log has lines of its own: then it takes no more. */
  isClosed: boolean;
}

/**
 * Takes over lines of a backup into a log that has none of its own yet. Lines that it already has are skipped, so that
 * a chunk may be sent again; lines that do not follow on are not taken. Call it in a transaction.
 */
export function restoreAudit(sql: SqlStorage, entries: readonly AuditRecord[]): AuditRestored {
  const restored = restoredLines(sql);
  const last = lastLine(sql);
  if (last > restored) return { lines: restored, isClosed: true };
  let lines = last;
  for (const entry of entries) {
    if (entry.id !== lines + 1) continue;
    // It gets the number that it had: SQLite gives a line the highest one plus one.
    writeAudit(sql, entry, entry);
    noteEndOf(sql, entry);
    lines += 1;
  }
  if (lines > restored) insert(sql, "audit_restored", { id: 1, lines }, "REPLACE");
  return { lines, isClosed: false };
}

function lastLine(sql: SqlStorage): number {
  return one<{ id: number | null }>(sql, "SELECT MAX(id) AS id FROM audit")?.id ?? 0;
}

function restoredLines(sql: SqlStorage): number {
  return one<{ lines: number }>(sql, "SELECT lines FROM audit_restored WHERE id = 1")?.lines ?? 0;
}

function toRecord(row: Row, isRestored: boolean): AuditRecord {
  return {
    id: row.id,
    at: row.at,
    actor: row.actor,
    ip: row.ip,
    country: row.country,
    // Only acts are written: our own, and those that a restore's request was checked for.
    act: row.act as AuditAct,
    outcome: row.outcome === "done" ? "done" : "refused",
    target: row.target_id === null ? null : { id: row.target_id, name: row.target_name },
    detail: JSON.parse(row.detail) as Record<string, string | null>,
    ...(isRestored ? { restored: true } : {}),
  };
}
