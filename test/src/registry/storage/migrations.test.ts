import { evictDurableObject, reset, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it } from "vitest";
import type { SecretDigest } from "../../../../src/domain/credential.ts";
import { Registry } from "../../../../src/registry/client/registry.ts";
import { DIRECTORY_MIGRATIONS } from "../../../../src/registry/directory/schema.ts";
import { migrate } from "../../../../src/registry/storage/migrations.ts";
import { USER_REGISTRY_MIGRATIONS } from "../../../../src/registry/user/schema.ts";
import { api, enrol } from "../../fixtures.ts";
import {
  ALICE,
  asOf,
  by,
  cost,
  directory,
  directoryStub,
  enrolment,
  fingerprint,
  registry,
  registryStub,
  rows,
  sighting,
  userId,
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

/** Drops every table, those that others refer to last. */
function dropAll({ storage: { sql } }: DurableObjectState): void {
  const tables = sql.exec("SELECT name, sql FROM sqlite_master WHERE type = 'table'").toArray();
  const own = tables.filter(({ name }) => !String(name).startsWith("_cf_"));
  own.sort((a, b) => Number(/REFERENCES/.test(String(b.sql))) - Number(/REFERENCES/.test(String(a.sql))));
  for (const { name } of own) sql.exec(`DROP TABLE ${name}`);
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

describe.each([
  ["a user's registry", USER_REGISTRY_MIGRATIONS, () => registryStub(ALICE)],
  ["the directory", DIRECTORY_MIGRATIONS, directoryStub],
] as const)("the schema of %s", (_, migrations, stub) => {
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

describe("a registry of version 1, with data in it", () => {
  /** Columns of version 1, as it was deployed. */
  const DEVICE = "id, name, name_key, status, note, enrolled_at, last_seen_at, last_seen_app, last_seen_ip";
  const [NOW, LOST_AT] = [Date.UTC(2026, 10, 24), Date.UTC(2026, 10, 20)];

  /** Takes the object back to version 1 and puts devices and an audit line into it. */
  async function makeOld(): Promise<void> {
    await runInDurableObject(registryStub(ALICE), (_, state) => {
      const { sql } = state.storage;
      dropAll(state);
      migrate(state.storage, USER_REGISTRY_MIGRATIONS.slice(0, 1));
      expect(version(state)).toEqual([{ id: 1, version: 1 }]);
      for (const [n, status] of ["active", "lost", "revoked", "pending", "suspended"].entries()) {
        sql.exec(
          `INSERT INTO devices (${DEVICE}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
          ...[`id-${n}`, `Phone ${n}`, `phone ${n}`, status, "a note", NOW + n, LOST_AT, "a.b", "::1"],
        );
        sql.exec(
          "INSERT INTO certificates (fingerprint, device, subject, added_at) VALUES (?, ?, 'CN=x', ?)",
          ...[fingerprint(n), n + 1, NOW + n],
        );
      }
      sql.exec(
        "INSERT INTO audit (at, actor, act, outcome, detail) VALUES (?, 'admin', 'lost', 'done', '{}')",
        LOST_AT,
      );
    });
    await evictDurableObject(registryStub(ALICE));
  }

  it("is brought up to date by the first question, and has lost nothing", async () => {
    await makeOld();
    const { items } = await registry(ALICE).list(10, 0);
    expect(items.map(({ name, status }) => [name, status])).toEqual([
      ["Phone 0", "active"],
      ["Phone 1", "lost"],
      ["Phone 2", "revoked"],
      ["Phone 3", "pending"],
      ["Phone 4", "suspended"],
    ]);
    for (const [n, device] of items.entries()) {
      expect(device).toMatchObject({
        id: `id-${n}`,
        note: "a note",
        enrolledAt: NOW + n,
        // Nobody noted it then: the enrolment is the earliest that it can be.
        statusSince: NOW + n,
        statusReason: null,
        wipe: null,
        lastSeen: { at: LOST_AT, app: "a.b", country: null, ip: "::1" },
        certificates: [{ fingerprint: fingerprint(n), subject: "CN=x", addedAt: NOW + n }],
      });
    }
    expect((await registry(ALICE).audit(10, null)).items).toMatchObject([{ act: "lost", at: LOST_AT }]);
    await runInDurableObject(registryStub(ALICE), (_, state) => {
      expect(version(state)).toEqual([{ id: 1, version: USER_REGISTRY_MIGRATIONS.length }]);
    });
  });

  it("answers the gate, and takes receipts and changes, as a fresh one does", async () => {
    await makeOld();
    const lost = { status: "lost", name: "Phone 1", since: NOW + 1 };
    expect(await registry(ALICE).standing(fingerprint(1), sighting())).toEqual(lost);
    const place = { app: "vault.example.com", country: null, ip: null };
    await registry(ALICE).noteWipe(fingerprint(1), { at: NOW + 9, count: 2, tokenRefresh: true, ...place });
    expect((await registry(ALICE).get("id-1"))?.wipe).toEqual({
      firstAt: NOW + 9,
      lastAt: NOW + 9,
      count: 2,
      tokenRefresh: true,
    });
    await registry(ALICE).changeStatus(by({ at: NOW + 10 }), "id-1", "reinstate");
    expect(await registry(ALICE).get("id-1")).toMatchObject({ status: "active", statusSince: NOW + 10 });
  });

  it("has the same columns as a fresh one", async () => {
    const columns = (state: DurableObjectState) =>
      rows(state, "SELECT name, type, \"notnull\", dflt_value, pk FROM pragma_table_info('devices')");
    const fresh = await runInDurableObject(registryStub(ALICE), (_, state) => columns(state));
    await makeOld();
    expect(await runInDurableObject(registryStub(ALICE), (_, state) => columns(state))).toEqual(fresh);
  });
});

/** Takes an object back to an older version, with what was in its tables then. */
async function takeBack(
  stub: DurableObjectStub,
  migrations: readonly string[],
  statements: readonly string[],
): Promise<void> {
  await runInDurableObject(stub, (_, state) => {
    dropAll(state);
    migrate(state.storage, migrations);
    for (const statement of statements) state.storage.sql.exec(statement);
  });
  await evictDurableObject(stub);
}

const AUDIT =
  "INSERT INTO audit (at, actor, act, outcome, detail) VALUES (7, 'admin', 'enrol', 'done', '{}')";

describe("a directory of version 1, with data in it", () => {
  const makeOld = () =>
    takeBack(directoryStub(), DIRECTORY_MIGRATIONS.slice(0, 1), [
      "INSERT INTO users VALUES ('alice', 'Alice', 5, NULL), ('bob', NULL, 6, 'a removal')",
      `INSERT INTO claims VALUES ('${fingerprint(1)}', 'alice', 8)`,
      `INSERT INTO pending VALUES ('${fingerprint(2)}', 'CN=x', NULL, NULL, NULL, 9, 1, 2, 'a.b', 'CH', 3)`,
      AUDIT,
    ]);

  it("is brought up to date by the first question, and has lost nothing", async () => {
    await makeOld();
    const before = await runInDurableObject(directoryStub(), (_, state) => version(state));
    expect(before).toEqual([{ id: 1, version: DIRECTORY_MIGRATIONS.length }]);
    expect((await directory().users(10, "")).items).toEqual([
      { id: "alice", name: "Alice", createdAt: 5 },
      { id: "bob", name: null, createdAt: 6 },
    ]);
    expect(await directory().resolve(fingerprint(1), sighting())).toBe("alice");
    expect(await directory().unknownCertificates()).toMatchObject([
      { fingerprint: fingerprint(2), subject: "CN=x", notAfter: 9, firstSeen: 1, lastSeen: 2, count: 3 },
    ]);
    expect((await directory().audit(10, null)).items).toMatchObject([{ at: 7, act: "enrol" }]);
    const removal = await asOf(userId("bob"));
    expect(await directory().removeUser(by(), userId("bob"), removal)).toMatchObject({ ok: true });
  });

  it("takes tokens, sessions and invitations as a fresh one does", async () => {
    await makeOld();
    const digest = (of: string) => of as SecretDigest;
    const token = { id: "t", user: ALICE, name: "laptop", scope: "devices" as const, expiresAt: null };
    expect(await directory().createToken(by(), token, digest("d"))).toMatchObject({ ok: true });
    const session = {
      id: "s",
      digest: digest("c"),
      credential: digest("d"),
      ip: null,
      country: null,
      client: null,
    };
    expect(await directory().signIn(by(), session, false)).toMatchObject({ ok: true });
    expect(await directory().indexInvitation(by(), digest("i"), ALICE, Date.now() + 1e6)).toMatchObject({
      ok: true,
    });
    expect(await directory().invitationOwner(digest("i"))).toMatchObject({ user: ALICE });
  });
});

describe("a directory of version 3, with tokens and sessions", () => {
  const OLD_TOKEN = "a".repeat(64);
  const makeOld = () =>
    takeBack(directoryStub(), DIRECTORY_MIGRATIONS.slice(0, 3), [
      "INSERT INTO users (id, created_at) VALUES ('alice', 1)",
      `INSERT INTO tokens (id, digest, user, name, scope, created_at) VALUES ('t', '${OLD_TOKEN}', 'alice', 'n', 'devices', 1)`,
      `INSERT INTO sessions (id, digest, token, credential, created_at, expires_at) VALUES ('s', 'c', 't', '${OLD_TOKEN}', 1, 9e15)`,
      "INSERT INTO attempts VALUES ('sign-in', '198.51.100.7', 5, 1)",
      AUDIT,
    ]);

  it("keeps its tokens, which carry no check, and signs everybody out", async () => {
    await makeOld();
    const check = await directory().credentialCheck();
    expect(check).toEqual({ key: expect.stringMatching(/^[0-9a-f]{64}$/), exempt: [OLD_TOKEN] });
    expect(await directory().ofToken(OLD_TOKEN as SecretDigest, 2)).toMatchObject({ user: "alice" });
    expect(await directory().sessions(null, 2)).toEqual([]);
    // The key stays what it is.
    await evictDurableObject(directoryStub());
    expect(await directory().credentialCheck()).toEqual(check);
  });

  it("makes a key of its own, once, when there were no tokens", async () => {
    const [first, again] = [await directory().credentialCheck(), await directory().credentialCheck()];
    expect(first).toEqual({ key: expect.stringMatching(/^[0-9a-f]{64}$/), exempt: [] });
    expect(again).toEqual(first);
    await reset();
    expect((await directory().credentialCheck()).key).not.toBe(first.key);
  });
});

describe("users from before there were generations", () => {
  const [NONE, CLOSED] = ["UPDATE registry_state SET closed = 0", "UPDATE registry_state SET closed = 1"];
  const makeOld = async (closing: string, state: string) => {
    await takeBack(directoryStub(), DIRECTORY_MIGRATIONS.slice(0, 3), [
      `INSERT INTO users VALUES ('alice', 'Alice', 5, ${closing})`,
      `INSERT INTO claims VALUES ('${fingerprint(1)}', 'alice', 8), ('${fingerprint(2)}', 'alice', 9)`,
    ]);
    await takeBack(registryStub(ALICE), USER_REGISTRY_MIGRATIONS.slice(0, 4), [state]);
  };
  const worker = new Registry(env);

  it("enrol, renew, forget and are deleted as others are", async () => {
    await makeOld("NULL", NONE);
    const enrolled = await worker.enrol(by(), ALICE, enrolment());
    const id = enrolled.ok ? enrolled.value.device.id : expect.fail(enrolled.error.code);
    expect(await worker.deleteUser(by(), ALICE)).toMatchObject({ error: { code: "user-has-devices" } });
    await worker.changeStatus(by(), ALICE, id, "revoke");
    expect(await worker.forget(by(), ALICE, id)).toMatchObject({ ok: true });
    expect(await directory().owner(fingerprint(1))).toBeNull();
    expect(await worker.deleteUser(by(), ALICE)).toMatchObject({ ok: true });
    expect(await directory().user(ALICE)).toBeNull();
  });

  it.each([
    ["NULL", NONE],
    ["'a removal'", NONE],
    ["'a removal'", CLOSED],
    // The deletion was overtaken by a PUT that did not come to the registry.
    ["NULL", CLOSED],
  ])("whose deletion was interrupted (%s; %s) come back by a PUT, and go by a deletion", async (...old) => {
    await makeOld(...old);
    await worker.putUser(by(), ALICE, undefined);
    expect(await worker.enrol(by(), ALICE, enrolment())).toMatchObject({ ok: true });
    await makeOld(...old);
    expect(await worker.deleteUser(by(), ALICE)).toEqual({ ok: true, value: null });
    expect(await directory().user(ALICE)).toBeNull();
    await worker.putUser(by(), ALICE, undefined);
    expect(await worker.enrol(by(), ALICE, enrolment())).toMatchObject({ ok: true });
  });

  it("forget a device at once: claims of theirs are no later than the directory's time", async () => {
    await makeOld("NULL", NONE);
    expect(await asOf(ALICE)).toBe(9);
  });
});

describe("a registry of version 2, with data in it", () => {
  const makeOld = () =>
    takeBack(registryStub(ALICE), USER_REGISTRY_MIGRATIONS.slice(0, 2), [
      `INSERT INTO devices (id, name, name_key, status, note, enrolled_at, status_since, wipe_first_at,
         wipe_last_at, wipe_count, wipe_token_refresh)
       VALUES ('a', 'Phone', 'phone', 'lost', 'n', 1, 2, 3, 4, 5, 1), ('b', 'New', 'new', 'pending', NULL, 1, 1, NULL, NULL, 0, 0)`,
      `INSERT INTO certificates VALUES ('${fingerprint(1)}', 1, 'CN=x', NULL, '0A', 1, 9, 1)`,
      `INSERT INTO certificates VALUES ('${fingerprint(2)}', 2, NULL, NULL, NULL, NULL, NULL, 1)`,
      AUDIT,
    ]);

  it("is brought up to date by the first question, and has lost nothing", async () => {
    await makeOld();
    expect((await registry(ALICE).list(10, 0)).items).toMatchObject([
      {
        id: "a",
        status: "lost",
        note: "n",
        statusSince: 2,
        wipe: { firstAt: 3, lastAt: 4, count: 5, tokenRefresh: true },
        certificates: [{ fingerprint: fingerprint(1), subject: "CN=x", serial: "0A", notAfter: 9 }],
        comparisonCode: null,
      },
      // It waits since before there were digits to compare.
      { id: "b", status: "pending", wipe: null, comparisonCode: null },
    ]);
    expect(await registry(ALICE).invitations()).toEqual([]);
    expect((await registry(ALICE).audit(10, null)).items).toMatchObject([{ at: 7, act: "enrol" }]);
    await runInDurableObject(registryStub(ALICE), (_, state) => {
      expect(version(state)).toEqual([{ id: 1, version: USER_REGISTRY_MIGRATIONS.length }]);
    });
  });

  it("takes invitations as a fresh one does", async () => {
    await makeOld();
    const invitation = { id: "i", app: null, approval: true, expiresAt: Date.now() + 1e6 };
    const digest = "d" as SecretDigest;
    expect(await registry(ALICE).invite(by(), invitation, digest, 0)).toMatchObject({ ok: true });
    const use = { digest, app: "app.example.com" };
    const wanted = enrolment({ fingerprint: fingerprint(3) });
    expect(await registry(ALICE).enrol(by(), wanted, Date.now(), 0, use)).toMatchObject({
      value: { device: { status: "pending", comparisonCode: expect.stringMatching(/^\d{6}$/) } },
    });
  });
});

it.each([
  ["the directory", directoryStub, DIRECTORY_MIGRATIONS],
  ["a user's registry", () => registryStub(ALICE), USER_REGISTRY_MIGRATIONS],
] as const)("%s has the same tables, from whichever version it comes", async (_, stub, migrations) => {
  const columns = (state: DurableObjectState) =>
    rows(
      state,
      `SELECT t.name AS "table", c.name, c.type, c."notnull", c.dflt_value, c.pk
       FROM sqlite_master t, pragma_table_info(t.name) c
       WHERE t.type = 'table' AND t.name NOT LIKE '\\_cf\\_%' ESCAPE '\\' ORDER BY 1, c.cid`,
    );
  const fresh = await runInDurableObject(stub(), (_, state) => columns(state));
  expect(fresh.length).toBeGreaterThan(20);
  for (let from = 1; from < migrations.length; from++) {
    await takeBack(stub(), migrations.slice(0, from), []);
    expect(await runInDurableObject(stub(), (_, state) => columns(state))).toEqual(fresh);
  }
});

describe("after a rollback to code that is older than the database", () => {
  it("a user's registry lets nobody in, and changes nothing", async () => {
    const { id } = await enrol("alice", "Pixel 9", fingerprint(1));
    await setVersion(registryStub(ALICE), 99);
    await expect(registry(ALICE).standing(fingerprint(1), sighting())).rejects.toThrow(/schema 99/);
    await expect(registry(ALICE).checkEnrolment(by(), enrolment())).rejects.toThrow(/schema 99/);
    const refused = await api("POST", `/users/alice/devices/${id}/revoke`);
    expect(refused.status).toBe(503);
    expect(await refused.json()).toMatchObject({ code: "registry-unavailable" });
  });

  it("the directory says nothing", async () => {
    await enrol("alice", "Pixel 9", fingerprint(1));
    await setVersion(directoryStub(), 99);
    await expect(directory().resolve(fingerprint(1), sighting())).rejects.toThrow(/schema 99/);
    expect((await api("GET", "/users")).status).toBe(503);
  });

  async function setVersion(stub: DurableObjectStub, to: number): Promise<void> {
    await runInDurableObject(stub, (_, state) => {
      state.storage.sql.exec("UPDATE schema_version SET version = ?", to);
    });
    await evictDurableObject(stub);
  }
});
