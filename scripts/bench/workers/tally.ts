// Runs in workerd. What the Durable Objects of this isolate read and wrote, by the runtime's own count.

export interface Tally {
  read: number;
  written: number;
}

let cursors: { rowsRead: number; rowsWritten: number }[] = [];

/** Counts every statement of this object from now on. */
export function countStatements(sql: SqlStorage): void {
  const exec = sql.exec.bind(sql);
  sql.exec = ((query: string, ...values: SqlStorageValue[]) => {
    const cursor = exec(query, ...values);
    cursors.push(cursor);
    return cursor;
  }) as typeof sql.exec;
}

/** The rows since the last call. Objects and Worker share the isolate, and so this module. */
export function takeTally(): Tally {
  const tally = {
    read: cursors.reduce((sum, { rowsRead }) => sum + rowsRead, 0),
    written: cursors.reduce((sum, { rowsWritten }) => sum + rowsWritten, 0),
  };
  cursors = [];
  return tally;
}
