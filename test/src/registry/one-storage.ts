import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import type { UserId } from "../../../src/domain/user.ts";
import type { RegistryBindings } from "../../../src/registry/client/objects.ts";
import { Directory } from "../../../src/registry/directory/directory.ts";
import { DIRECTORY_MIGRATIONS } from "../../../src/registry/directory/schema.ts";
import { USER_REGISTRY_MIGRATIONS } from "../../../src/registry/user/schema.ts";
import { UserRegistry } from "../../../src/registry/user/user-registry.ts";
import { directoryStub, intercepted, rows } from "./fixtures.ts";

// The directory and some users' registries in the storage of one Durable Object, each with tables of its own: a call
// to them is a call of a function, which neither leaves the isolate nor waits for a disk. So thousands of
// interleavings run in seconds, on the real classes and the runtime's own SQLite.

/** The objects, and a way to make them as they were at first. */
export interface OneStorage {
  bindings: RegistryBindings;
  directory: Directory;
  registries: ReadonlyMap<UserId, UserRegistry>;
  reset(): void;
}

export function inOneStorage(
  users: readonly UserId[],
  work: (objects: OneStorage) => Promise<void>,
): Promise<void> {
  return runInDurableObject(directoryStub(), async (_, state) => {
    const directory = within(state, "directory", DIRECTORY_MIGRATIONS, () => new Directory(state, env));
    const registries = new Map(
      users.map((user) => [
        user,
        within(state, user, USER_REGISTRY_MIGRATIONS, () => new UserRegistry(state, env)),
      ]),
    );
    const objects = {
      DIRECTORY: { getByName: () => directory },
      USER_REGISTRY: { getByName: (user: UserId) => registries.get(user) },
    } as unknown as RegistryBindings;
    // As by RPC: the answer comes later, and is a copy.
    const bindings = intercepted(async ({ proceed }) => structuredClone(await proceed()), objects);
    await work({ bindings, directory, registries, reset: resetting(state) });
  });
}

/** Makes an object that takes `state` for its own: under its own name, and with its name before that of each table. */
function within<T>(state: DurableObjectState, name: string, migrations: readonly string[], make: () => T): T {
  const { storage, id } = state;
  const made = migrations.join().matchAll(/CREATE (?:UNIQUE )?(?:TABLE|INDEX) (\w+)/g);
  const tables = new RegExp(`\\b(schema_version|${[...made].map(([, table]) => table).join("|")})\\b`, "g");
  const queries = new Map<string, string>();
  const sql = {
    exec(query: string, ...values: SqlStorageValue[]) {
      const own = queries.get(query) ?? query.replaceAll(tables, `${name}_$1`);
      queries.set(query, own);
      return storage.sql.exec(own, ...values);
    },
  };
  const transactionSync = <R>(work: () => R) => storage.transactionSync(work);
  Object.defineProperties(state, {
    storage: { configurable: true, value: { sql, transactionSync } },
    id: { configurable: true, value: { name } },
  });
  try {
    return make();
  } finally {
    // The object keeps what it took from its state while it was made; transactions are the same for all.
    Object.defineProperties(state, {
      storage: { configurable: true, value: storage },
      id: { configurable: true, value: id },
    });
  }
}

/** Empties the tables of all objects, but for the rows that they have now. */
function resetting(state: DurableObjectState): () => void {
  // Those that refer to others come first: they are emptied first.
  const first = rows(
    state,
    `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\'
     ORDER BY instr(sql, 'REFERENCES') = 0`,
  ).map(({ name }) => ({ table: String(name), content: rows(state, `SELECT * FROM ${name}`) }));
  return () => {
    for (const { table, content } of first) {
      state.storage.sql.exec(`DELETE FROM ${table}`);
      for (const row of content) {
        const values = Object.values(row);
        state.storage.sql.exec(
          `INSERT INTO ${table} VALUES (${values.map(() => "?").join(", ")})`,
          ...values,
        );
      }
    }
  };
}
