import { type AuditRecord, restoredLines } from "./audit-log.ts";

/** What became of lines that were to be restored. */
export interface AuditRestored {
  /** How many lines of the log are a backup's now. */
  lines: number;
  /** Whether the log has lines of its own: then it takes no more. */
  isClosed: boolean;
}

/**
 * Takes lines of a backup over into a log that has none of its own yet. Lines that it has already are passed
 * over, so that a chunk may be sent again; what does not follow on them is not taken. Call it in a transaction.
 */
export function restoreAudit(sql: SqlStorage, entries: readonly AuditRecord[]): AuditRestored {
  const restored = restoredLines(sql);
  const { last } = sql.exec<{ last: number }>("SELECT COALESCE(MAX(id), 0) AS last FROM audit").one();
  if (last > restored) return { lines: restored, isClosed: true };
  let next = last + 1;
  for (const { id, at, actor, ip, country, act, outcome, target, detail } of entries) {
    if (id !== next) continue;
    sql.exec(
      `INSERT INTO audit (id, at, actor, ip, country, act, outcome, target_id, target_name, detail)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ...[id, at, actor, ip, country, act, outcome],
      ...[target?.id ?? null, target?.name ?? null, JSON.stringify(detail)],
    );
    next += 1;
  }
  if (next - 1 > restored) {
    sql.exec("INSERT OR REPLACE INTO audit_restored (id, lines) VALUES (1, ?)", next - 1);
  }
  return { lines: next - 1, isClosed: false };
}
