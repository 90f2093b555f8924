import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/**
 * Makes every Durable Object fail at its start: the databases claim a schema of a later version, as
 * after a rollback of the Worker. The edge must be stopped.
 */
export function breakRegistry(registryDir: string): void {
  let broken = 0;
  for (const name of readdirSync(registryDir, { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".sqlite")) continue;
    const database = new DatabaseSync(join(registryDir, name));
    try {
      const known = database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'schema_version'").all();
      if (known.length === 0) continue;
      database.exec("UPDATE schema_version SET version = 999");
      broken += 1;
    } finally {
      database.close();
    }
  }
  if (broken < 2) throw new Error(`expected a directory and a registry, found ${broken} databases`);
}
