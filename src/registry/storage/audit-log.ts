import { type Page, pageOf } from "../../domain/list-page.ts";
import type { RegistryError } from "../../domain/records.ts";
import { err } from "../../domain/result.ts";

/** Who makes a change, from where, when and why: every change carries it. */
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
  act: string;
  outcome: "done" | "refused";
  target: { id: string; name: string | null } | null;
  detail: Record<string, string | null>;
  /** It is a backup's, and not written by this registry. */
  restored?: true;
}

export interface AuditNote {
  act: string;
  outcome: "done" | "refused";
  target: { id: string; name: string | null } | null;
  detail?: Record<string, string | null>;
}

/**
 * The audit log of one object: every change, and every attempt that was refused. Lines are only
 * ever added, in the same transaction as the change, and live as long as the object.
 * Columns: `id` counts up; `at` in milliseconds since the epoch; `detail` is a JSON object of texts.
 */
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
    detail TEXT NOT NULL
  );`;

/**
 * How many of a log's lines, from the first one on, are a backup's: one row at most, for as long as the object
 * lives. The log shows these lines as restored, so that none of them can pass for its own.
 */
export const AUDIT_RESTORED_SCHEMA = `
  CREATE TABLE audit_restored (id INTEGER PRIMARY KEY CHECK (id = 1), lines INTEGER NOT NULL);`;

export function restoredLines(sql: SqlStorage): number {
  return (
    sql.exec<{ lines: number }>("SELECT lines FROM audit_restored WHERE id = 1").toArray()[0]?.lines ?? 0
  );
}

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

/** Adds a line. Call it inside the transaction of the change that it tells of. */
export function writeAudit(sql: SqlStorage, by: Actor, note: AuditNote): void {
  sql.exec(
    `INSERT INTO audit (at, actor, ip, country, act, outcome, target_id, target_name, detail)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    by.at,
    by.actor,
    by.ip,
    by.country,
    note.act,
    note.outcome,
    note.target?.id ?? null,
    note.target?.name ?? null,
    JSON.stringify(note.detail ?? {}),
  );
}

/** Audits that a change was refused, and returns why. */
export function refuseAudited(
  sql: SqlStorage,
  by: Actor,
  act: string,
  target: AuditNote["target"],
  error: RegistryError,
): { ok: false; error: RegistryError } {
  writeAudit(sql, by, { act, outcome: "refused", target, detail: { reason: error.code } });
  return err(error);
}

/** Lines that one search looks at: a log grows for as long as its object lives, and rows read are counted. */
export const SEARCHED_LINES = 1_000;

/**
 * Up to `limit` lines, newest first, older than the line `before` when it is given; with `search`, those of the next
 * `SEARCHED_LINES` that hold this text, whatever its case: `next` says where to go on, also when nothing was found.
 */
export function readAudit(
  sql: SqlStorage,
  limit: number,
  before: number | null,
  search?: string,
): Page<AuditRecord> {
  const newest = sql.exec<{ id: number }>("SELECT COALESCE(MAX(id), 0) AS id FROM audit").one().id;
  const end = Math.min(before ?? Number.POSITIVE_INFINITY, newest + 1);
  const begin = search === undefined ? 0 : Math.max(0, end - SEARCHED_LINES);
  const found =
    search === undefined
      ? ""
      : `AND instr(lower(act || ' ' || outcome || ' ' || actor || ' ' || coalesce(ip, '') || ' ' ||
           coalesce(country, '') || ' ' || coalesce(target_id, '') || ' ' || coalesce(target_name, '') || ' ' ||
           detail), lower(?)) > 0`;
  const rows = sql
    .exec<Row>(
      `SELECT * FROM audit WHERE id < ? AND id >= ? ${found} ORDER BY id DESC LIMIT ?`,
      ...[end, begin],
      ...(search === undefined ? [] : [search]),
      limit + 1,
    )
    .toArray();
  const restored = restoredLines(sql);
  const page = pageOf(
    rows.map((row) => toRecord(row, row.id <= restored)),
    limit,
    (record) => String(record.id),
  );
  return page.next === null && begin > 1 ? { ...page, next: String(begin) } : page;
}

function toRecord(row: Row, isRestored: boolean): AuditRecord {
  return {
    id: row.id,
    at: row.at,
    actor: row.actor,
    ip: row.ip,
    country: row.country,
    act: row.act,
    outcome: row.outcome === "done" ? "done" : "refused",
    target: row.target_id === null ? null : { id: row.target_id, name: row.target_name },
    detail: JSON.parse(row.detail) as Record<string, string | null>,
    ...(isRestored ? { restored: true } : {}),
  };
}
