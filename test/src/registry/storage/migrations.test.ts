import { evictDurableObject, reset, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it } from "vitest";
import { DIRECTORY_MIGRATIONS } from "../../../../src/registry/directory/schema.ts";
import { migrate } from "../../../../src/registry/storage/migrations.ts";
import { USER_REGISTRY_MIGRATIONS } from "../../../../src/registry/user/schema.ts";
import { api, enrol } from "../../fixtures.ts";
import {
  ALICE,
  by,
  cost,
  directory,
  directoryStub,
  dropAll,
  enrolment,
  fingerprint,
  key,
  registry,
  registryStub,
  rows,
  sighting,
} from "../fixtures.ts";

afterEach(reset);

const FIRST = `CREATE TABLE shelves (id INTEGER PRIMARY KEY, label TEXT NOT NULL);
  CREATE INDEX shelves_label ON shelves (label);`;
const SECOND = "ALTER TABLE shelves ADD COLUMN room TEXT NOT NULL DEFAULT 'cellar';";
const THIRD = "UPDATE shelves SET label = upper(label); DROP INDEX shelves_label;";

/** Runs `work` in an object's storage that holds nothing, not even what the object's start made. */
function inEmptyStorage<T>(work: (state: DurableObjectState) => T): Promise<T> {
  return runInDurableObject(env.USER_REGISTRY.getByName("empty"), (_, state) => {
    dropAll(state);
    expect(schema(state)).toEqual([]);
    return work(state);
  });
}

function schema(state: DurableObjectState) {
  return rows(
    state,
    "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE '\\_cf\\_%' ESCAPE '\\' ORDER BY name",
  );
}

function version(state: DurableObjectState) {
  return rows(state, "SELECT * FROM schema_version");
}

describe("migrate", () => {
  it("makes the same of an old database as of a fresh one, and keeps the data", async () => {
    const fresh = await inEmptyStorage((state) => {
      migrate(state.storage, [FIRST, SECOND, THIRD]);
      return { schema: schema(state), version: version(state) };
    });
    await reset();
    const migrated = await inEmptyStorage((state) => {
      migrate(state.storage, [FIRST]);
      expect(version(state)).toEqual([{ id: 1, version: 1 }]);
      state.storage.sql.exec("INSERT INTO shelves (id, label) VALUES (1, 'jam'), (2, 'wine')");
      migrate(state.storage, [FIRST, SECOND]);
      migrate(state.storage, [FIRST, SECOND, THIRD]);
      return {
        schema: schema(state),
        version: version(state),
        data: rows(state, "SELECT * FROM shelves ORDER BY id"),
      };
    });
    expect(migrated).toEqual({
      ...fresh,
      version: [{ id: 1, version: 3 }],
      data: [
        { id: 1, label: "JAM", room: "cellar" },
        { id: 2, label: "WINE", room: "cellar" },
      ],
    });
  });

  it("applies each migration once, in order", async () => {
    await inEmptyStorage((state) => {
      const step = (n: number) => `INSERT INTO steps (step) VALUES (${n});`;
      const steps = ["CREATE TABLE steps (step INTEGER);", step(1), step(2), step(3), step(4)];
      for (const known of [2, 2, 4, 5, 5]) migrate(state.storage, steps.slice(0, known));
      expect(rows(state, "SELECT step FROM steps ORDER BY rowid")).toEqual(
        [1, 2, 3, 4].map((s) => ({ step: s })),
      );
    });
  });

  it("leaves everything as it was when one of several migrations fails", async () => {
    await inEmptyStorage((state) => {
      migrate(state.storage, [FIRST]);
      const before = schema(state);
      expect(() => migrate(state.storage, [FIRST, SECOND, "CREATE TABLE broken (;"])).toThrow();
      expect(schema(state)).toEqual(before);
      expect(version(state)).toEqual([{ id: 1, version: 1 }]);
      migrate(state.storage, [FIRST, SECOND]);
      expect(version(state)).toEqual([{ id: 1, version: 2 }]);
    });
  });

  it("refuses a database that is newer than the code, and changes nothing in it", async () => {
    await inEmptyStorage((state) => {
      migrate(state.storage, [FIRST, SECOND, THIRD]);
      const before = schema(state);
      expect(() => migrate(state.storage, [FIRST, SECOND])).toThrow(/schema 3.*knows only 2/);
      expect(schema(state)).toEqual(before);
      expect(version(state)).toEqual([{ id: 1, version: 3 }]);
    });
  });

  it("writes nothing when there is nothing to do", async () => {
    await inEmptyStorage((state) => {
      const migrations = [FIRST, SECOND];
      expect(cost(state, () => migrate(state.storage, migrations)).written).toBeGreaterThan(0);
      expect(cost(state, () => migrate(state.storage, migrations)).written).toBe(0);
    });
  });
});

it("makes room for emergency cards, and keeps every token as it was", async () => {
  await inEmptyStorage((state) => {
    const { sql } = state.storage;
    const [first = ""] = DIRECTORY_MIGRATIONS;
    const all = () => rows(state, "SELECT * FROM tokens ORDER BY id");
    const insert = (id: string, user: string | null, scope: string) =>
      sql.exec(
        `INSERT INTO tokens (id, digest, user, name, scope, created_at, expires_at, last_used_at)
         VALUES (?, ?, ?, ?, ?, 1, ?, ?)`,
        ...[id, `digest of ${id}`, user, `name of ${id}`, scope, user === null ? null : 7, 5],
      );
    migrate(state.storage, [first]);
    insert("a", "alice", "devices");
    insert("b", "bob", "read");
    insert("c", null, "read");
    expect(() => insert("d", "alice", "emergency")).toThrow(/CHECK/);
    const before = all();
    expect(before).toHaveLength(3);

    migrate(state.storage, DIRECTORY_MIGRATIONS);
    expect(all()).toEqual(before);
    insert("d", "alice", "emergency");
    expect(all()).toHaveLength(4);
    expect(() => insert("e", null, "emergency")).toThrow(/CHECK/);
    expect(() => insert("e", "alice", "root")).toThrow(/CHECK/);
    expect(() => sql.exec("UPDATE tokens SET digest = 'digest of a' WHERE id = 'd'")).toThrow(/UNIQUE/);
    const index = "SELECT tbl_name FROM sqlite_master WHERE name = 'tokens_user_name'";
    expect(rows(state, index)).toEqual([{ tbl_name: "tokens" }]);
  });
});

const COMMON = ["ended", "outbox", "audit", "audit_restored", "schema_version"];

describe.each([
  [
    "a user's registry",
    USER_REGISTRY_MIGRATIONS,
    () => registryStub(ALICE),
    ["devices", "credentials", "invitations", "bundles", "browsers", "tickets", "registry_state", ...COMMON],
  ],
  [
    "the directory",
    DIRECTORY_MIGRATIONS,
    directoryStub,
    [
      ...["users", "claims", "clock", "unknown_certificates", "tokens", "sign_ins"],
      ...["credential_check", "invitation_index", "emails", "identities", "waiting_people", "waiting_hour"],
      ...COMMON,
    ],
  ],
] as const)("the schema of %s", (_, migrations, stub, tables) => {
  it("makes these tables", async () => {
    await runInDurableObject(stub(), (_, state) => {
      const made = schema(state).filter(({ type }) => type === "table");
      expect(made.map(({ name }) => name)).toEqual([...tables].sort());
    });
  });

  it("is applied when the object is first asked, and counted", async () => {
    await runInDurableObject(stub(), (_, state) => {
      expect(version(state)).toEqual([{ id: 1, version: migrations.length }]);
    });
  });

  it("is not written again when the object starts again", async () => {
    await enrol("alice", "Pixel 9", fingerprint(1));
    await evictDurableObject(stub());
    await runInDurableObject(stub(), (_, state) => {
      // Counts since the connection was opened: whatever the start wrote would show.
      expect(rows(state, "SELECT total_changes() AS n")).toEqual([{ n: 0 }]);
      expect(cost(state, () => migrate(state.storage, migrations)).written).toBe(0);
    });
  });
});

it("a registry with data in it takes a further migration and answers as before", async () => {
  const { id } = await enrol("alice", "Pixel 9", fingerprint(1));
  const before = await registry(ALICE).get(id);
  await runInDurableObject(registryStub(ALICE), (_, state) => {
    const next = [...USER_REGISTRY_MIGRATIONS, "ALTER TABLE devices ADD COLUMN colour TEXT;"];
    migrate(state.storage, next);
    expect(rows(state, "SELECT name, colour FROM devices")).toEqual([{ name: "Pixel 9", colour: null }]);
    expect(version(state)).toEqual([{ id: 1, version: next.length }]);
  });
  expect(await registry(ALICE).get(id)).toEqual(before);
});

it("the directory makes a key for the checks of credentials once, and each directory another one", async () => {
  const first = await directory().credentialCheck();
  expect(first).toEqual({ key: expect.stringMatching(/^[0-9a-f]{64}$/), exempt: [] });
  await evictDurableObject(directoryStub());
  expect(await directory().credentialCheck()).toEqual(first);
  await reset();
  expect((await directory().credentialCheck()).key).not.toBe(first.key);
});

describe("after a rollback to code that is older than the database", () => {
  it("a user's registry lets nobody in, and changes nothing", async () => {
    const { id } = await enrol("alice", "Pixel 9", fingerprint(1));
    await setVersion(registryStub(ALICE), 99);
    await expect(registry(ALICE).standing(key(1), sighting())).rejects.toThrow(/schema 99/);
    await expect(registry(ALICE).checkEnrolment(by(), enrolment())).rejects.toThrow(/schema 99/);
    const refused = await api("POST", `/users/alice/devices/${id}/revoke`);
    expect(refused.status).toBe(503);
    expect(await refused.json()).toMatchObject({ code: "registry-unavailable" });
  });

  it("the directory says nothing", async () => {
    await enrol("alice", "Pixel 9", fingerprint(1));
    await setVersion(directoryStub(), 99);
    await expect(directory().resolve(key(1), sighting())).rejects.toThrow(/schema 99/);
    expect((await api("GET", "/users")).status).toBe(503);
  });

  async function setVersion(stub: DurableObjectStub, to: number): Promise<void> {
    await runInDurableObject(stub, (_, state) => {
      state.storage.sql.exec("UPDATE schema_version SET version = ?", to);
    });
    await evictDurableObject(stub);
  }
});
