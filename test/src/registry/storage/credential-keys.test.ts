import { evictDurableObject, reset, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DIRECTORY_MIGRATIONS } from "../../../../src/registry/directory/schema.ts";
import { type Migration, migrate } from "../../../../src/registry/storage/migrations.ts";
import { USER_REGISTRY_MIGRATIONS } from "../../../../src/registry/user/schema.ts";
import {
  ALICE,
  BOB,
  by,
  DETAILS,
  directory,
  directoryStub,
  dropAll,
  dump,
  fingerprint,
  key,
  registry,
  registryStub,
  rows,
  sighting,
} from "../fixtures.ts";

// The objects of an installation from before tokens and feeds: what was found by a certificate's fingerprint is found by
// its key from then on.

afterEach(reset);

const [F1, F2, F3, F4] = [1, 2, 3, 4].map(fingerprint);

/** An object's database as the first schema made it, with these rows in it; then brought up to date. */
async function upgrade(
  stub: DurableObjectStub,
  migrations: readonly Migration[],
  fill: (sql: SqlStorage) => void,
): Promise<void> {
  await runInDurableObject(stub, (_, state) => {
    dropAll(state);
    migrate(state.storage, migrations.slice(0, 1));
    fill(state.storage.sql);
    migrate(state.storage, migrations);
    expect(rows(state, "SELECT version FROM schema_version")).toEqual([{ version: migrations.length }]);
  });
  await evictDurableObject(stub);
}

function insert(sql: SqlStorage, table: string, row: Record<string, SqlStorageValue>): void {
  const columns = Object.keys(row);
  sql.exec(
    `INSERT INTO ${table} (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`,
    ...Object.values(row),
  );
}

describe("a user's registry with certificates in it", () => {
  const PHONE = {
    ...{ seq: 1, id: "phone", name: "Pixel 9", name_key: "pixel 9", status: "active", status_since: 10 },
    ...{ status_reason: null, note: "black", enrolled_at: 10, last_seen_at: 900 },
    ...{ last_seen_app: "app.example.com", last_seen_country: "CH", last_seen_ip: "198.51.100.9" },
    ...{ wipe_first_at: null, wipe_last_at: null, wipe_count: 0, wipe_token_refresh: 0 },
    comparison_code: null,
  };
  const LAPTOP = {
    ...{ ...PHONE, seq: 2, id: "laptop", name: "Laptop", name_key: "laptop", status: "lost" },
    ...{ status_reason: "on the train", note: null, wipe_first_at: 700, wipe_last_at: 800 },
    ...{ wipe_count: 3, wipe_token_refresh: 1 },
  };
  const details = {
    ...{ subject: DETAILS.subject, issuer: DETAILS.issuer, serial: DETAILS.serial },
    ...{ not_before: DETAILS.notBefore, not_after: DETAILS.notAfter },
  };
  const unknown = { subject: null, issuer: null, serial: null, not_before: null, not_after: null };
  const lasting = { retired_at: null, retire_by: null, replaces: null, expiry_told: null };
  /** Of the phone a retired one, and two in a renewal; of the laptop one that was never seen. */
  const CERTIFICATES = [
    { fingerprint: F1, device: 1, ...details, added_at: 10, ...lasting, retired_at: 50, expiry_told: 7 },
    { fingerprint: F2, device: 1, ...details, added_at: 20, ...lasting, retire_by: 9e15, expiry_told: 30 },
    { fingerprint: F3, device: 1, ...unknown, added_at: 60, ...lasting, replaces: F2 },
    { fingerprint: F4, device: 2, ...unknown, added_at: 10, ...lasting },
  ];
  const INVITATION = {
    ...{ id: "i", digest: "d", app: null, approval: 1, created_at: 5, created_by: "admin" },
    ...{ expires_at: 9e15, used_at: null, used_by: null },
  };
  const ENDED = [
    { what: "certificate", id: `tablet ${F1}`, at: 30 },
    { what: "device", id: "tablet", at: 31 },
  ];
  const line = (id: number, act: string, outcome: string, detail: object) => ({
    ...{ id, at: id, actor: "admin", ip: "198.51.100.7", country: "CH", act, outcome },
    ...{ target_id: "phone", target_name: "Pixel 9", detail: JSON.stringify(detail) },
  });
  const AUDIT = [
    line(1, "enrol", "done", { fingerprint: F1, status: "active", note: "black" }),
    line(2, "add-certificate", "done", { fingerprint: F2, replaces: F1, retireBy: null }),
    line(3, "add-certificate", "refused", { reason: "fingerprint-taken" }),
    line(4, "retire-certificate", "done", { fingerprint: F1, reason: "asked" }),
    line(5, "edit", "done", { name: "add-certificate" }),
  ];

  beforeEach(() =>
    upgrade(registryStub(ALICE), USER_REGISTRY_MIGRATIONS, (sql) => {
      for (const device of [PHONE, LAPTOP]) insert(sql, "devices", device);
      for (const { fingerprint: of = "", ...row } of CERTIFICATES)
        insert(sql, "certificates", { fingerprint: of, ...row } as Record<string, SqlStorageValue>);
      insert(sql, "invitations", INVITATION);
      for (const row of ENDED) insert(sql, "ended", row);
      for (const row of AUDIT) insert(sql, "audit", row);
      sql.exec("UPDATE registry_state SET generation = 77, released_at = 66");
    }),
  );

  it("has the same rows afterwards, by keys, with nothing limited", async () => {
    const tables = await dump(registryStub(ALICE));
    const free = {
      ...{ kind: "certificate", apps: null, countries: null, paths: null, expires_at: null },
      ...{ expiry_told: null, countries_seen: null, refusal_told_at: null },
    };
    expect(tables.devices).toEqual([PHONE, LAPTOP].map((device) => ({ ...device, ...free })));
    expect(tables.credentials).toEqual(
      CERTIFICATES.map(({ fingerprint: of, replaces, ...row }) => ({
        ...row,
        key: `cert:${of}`,
        replaces: replaces === null ? null : `cert:${replaces}`,
      })),
    );
    expect(tables.invitations).toEqual([
      {
        ...{ ...INVITATION, device_apps: null, device_countries: null, device_expires_at: null },
        ...{ bundle_name: null, bundle_key: null, bundle_renews: null },
      },
    ]);
    expect(tables.ended).toEqual([
      { what: "credential", id: `tablet cert:${F1}`, at: 30 },
      { what: "device", id: "tablet", at: 31 },
    ]);
    const acts = ["enrol", "add-credential", "add-credential", "retire-credential", "edit"];
    expect(tables.audit).toEqual(AUDIT.map((each, n) => ({ ...each, act: acts[n] })));
    expect(tables.registry_state).toEqual([{ id: 1, generation: 77, closed: 0, released_at: 66 }]);
    expect(Object.keys(tables)).not.toContain("certificates");
  });

  it("lets in whom it let in, and goes on with the renewal that was under way", async () => {
    const alice = registry(ALICE);
    const status = async (n: number) => (await alice.standing(key(n), sighting()))?.status;
    expect([await status(1), await status(2), await status(4)]).toEqual(["revoked", "active", "lost"]);
    expect(await status(3)).toBe("active");
    expect(await status(2)).toBe("revoked");
    expect((await alice.audit(1, null)).items[0]).toMatchObject({
      ...{ id: 6, act: "retire-credential", actor: "gate" },
      detail: { fingerprint: F2, reason: "successor-seen", successor: F3 },
    });
    expect(await alice.get("laptop")).toMatchObject({
      ...{ kind: "certificate", apps: null, statusReason: "on the train" },
      wipe: { firstAt: 700, lastAt: 800, count: 3, tokenRefresh: true },
    });
  });

  it("brings no retired certificate of a forgotten device back", async () => {
    const phone = (await registry(ALICE).get("phone")) ?? expect.fail("the phone is gone");
    const [retired, living] = phone.credentials;
    if (retired === undefined || living === undefined) throw new Error("the phone has no certificates");
    const ofTablet = [
      { ...retired, retiredAt: null },
      { ...living, key: key(9) },
    ];
    const tablet = { ...phone, id: "tablet", name: "Tablet", credentials: ofTablet };
    const request = { devices: [tablet], resurrect: ["tablet"], madeAt: 0 };
    // The phone has that certificate: of the plan only what the tablet would ask for counts here.
    await runInDurableObject(registryStub(ALICE), (_, state) => {
      state.storage.sql.exec("DELETE FROM credentials WHERE key = ?", key(1));
    });
    const [claimedAt, generation] = [Date.now(), 77];
    const keys = [key(1), key(9)];
    expect(await registry(ALICE).restore(by(), request, keys, claimedAt, generation)).toMatchObject({
      value: { devices: [{ outcome: "added" }] },
    });
    expect(await registry(ALICE).standing(key(1), sighting())).toMatchObject({ status: "revoked" });
    expect(await registry(ALICE).standing(key(9), sighting())).toMatchObject({ status: "active" });
  });
});

it("a directory with claims in it has them by keys afterwards, and its unknown certificates as they were", async () => {
  const noted = {
    ...{ subject: "CN=x", issuer: null, serial: "0A", not_before: 1, not_after: 2 },
    ...{ first_seen: 3, last_seen: 4, app: "app.example.com", country: null, count: 5 },
  };
  const users = ["alice", "bob"].map((id) => ({ id, name: null, created_at: 1, generation: 2 }));
  const unknown = ["1", "3"].map((n) => n.padStart(64, "0")).map((of) => ({ fingerprint: of, ...noted }));
  await upgrade(directoryStub(), DIRECTORY_MIGRATIONS, (sql) => {
    for (const user of users) insert(sql, "users", user);
    insert(sql, "claims", { fingerprint: F1 ?? "", user: "alice", claimed_at: 100 });
    insert(sql, "claims", { fingerprint: F2 ?? "", user: "bob", claimed_at: 200 });
    for (const row of unknown) insert(sql, "unknown_certificates", row);
    insert(sql, "ended", { what: "token", id: "t1", at: 7 });
  });
  const tables = await dump(directoryStub());
  expect(tables.claims).toEqual([
    { key: key(1), user: "alice", claimed_at: 100 },
    { key: key(2), user: "bob", claimed_at: 200 },
  ]);
  expect(tables.unknown_certificates).toEqual(unknown);
  expect(tables.users).toEqual(users.map((user) => ({ ...user, role: "member" })));
  expect(tables.ended).toEqual([{ what: "token", id: "t1", at: 7 }]);
  expect(await directory().resolve(key(2), sighting())).toBe(BOB);
  expect((await directory().unknownCertificates()).map((each) => each.fingerprint)).toEqual([F3]);
  expect(await directory().claim(by(), key(1), BOB)).toMatchObject({ error: { code: "fingerprint-taken" } });
  await runInDurableObject(directoryStub(), (_, state) => {
    const plan = rows(state, "EXPLAIN QUERY PLAN DELETE FROM claims WHERE user = 'alice'");
    expect(plan[0]?.detail).toContain("claims_user");
  });
});
