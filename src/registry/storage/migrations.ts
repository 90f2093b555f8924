// How a Durable Object's database is brought up to date.

/** One step of a schema: SQL statements, applied in one transaction and never changed afterwards. */
export type Migration = string;

/**
 * Brings a Durable Object's database up to date: applies the migrations that it has not seen, in
 * order. The table `schema_version` (one row: how many were applied) lives as long as the object.
 * An object that is up to date is only read.
 *
 * A database newer than the code (a rollback of the Worker) is an error: the object then refuses
 * to start, and the gate refuses with `registry-unavailable`, rather than misread it.
 */
export function migrate(storage: DurableObjectStorage, migrations: readonly Migration[]): void {
  storage.transactionSync(() => {
    const version = schemaVersion(storage);
    if (version > migrations.length) {
      throw new Error(`the database has schema ${version}, this Worker knows only ${migrations.length}`);
    }
    if (version === migrations.length) return;
    for (const migration of migrations.slice(version)) storage.sql.exec(migration);
    storage.sql.exec(
      `CREATE TABLE IF NOT EXISTS schema_version (id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL);
       INSERT OR REPLACE INTO schema_version (id, version) VALUES (1, ${migrations.length});`,
    );
  });
}

function schemaVersion(storage: DurableObjectStorage): number {
  const known = storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'schema_version'").toArray();
  if (known.length === 0) return 0;
  return storage.sql.exec<{ version: number }>("SELECT version FROM schema_version WHERE id = 1").one()
    .version;
}
