import { type AuditRecord, restoredLines, writeAudit } from "./audit-log.ts";

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
  for (const entry of entries) {
    if (entry.id !== next) continue;
    // It gets the number that it had: SQLite gives a line the highest one and one more.
    writeAudit(sql, entry, entry);
    next += 1;
  }
  if (next - 1 > restored) {
    sql.exec("INSERT OR REPLACE INTO audit_restored (id, lines) VALUES (1, ?)", next - 1);
  }
  return { lines: next - 1, isClosed: false };
}
