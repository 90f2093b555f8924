import { abortAllDurableObjects, evictDurableObject, reset, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { representDevice } from "../../../../src/api/represent.ts";
import { type CredentialKey, fingerprintOf } from "../../../../src/domain/credential-key.ts";
import type { StatusAct } from "../../../../src/domain/device.ts";
import type { DeviceRecord, NextCredential } from "../../../../src/domain/records.ts";
import { NO_DETAILS } from "../../../../src/domain/records.ts";
import type { UserId } from "../../../../src/domain/user.ts";
import { lookUp } from "../../../../src/registry/client/lookup.ts";
import type { RegistryBindings } from "../../../../src/registry/client/objects.ts";
import { RegistryClient } from "../../../../src/registry/client/registry-client.ts";
import { CLAIM_VALID_MS } from "../../../../src/registry/storage/generation.ts";
import {
  ALICE,
  BOB,
  by,
  cost,
  DETAILS,
  directory,
  enrolment,
  fingerprint,
  intercepted,
  interrupted,
  key,
  registry,
  registryStub,
  rows,
  sighting,
  totalChanges,
  UNLIMITED_STANDING,
} from "../fixtures.ts";

// A device and its next certificate: both are let in until the next one is seen or a date passes.

const [OLD, NEW, THIRD] = [key(1), key(2), key(3)];
const worker = new RegistryClient(env);
const alice = () => registry(ALICE);
let id: string;

beforeEach(async () => {
  for (const user of [ALICE, BOB]) await worker.putUser(by(), user, undefined);
  id = await enrol(ALICE, OLD);
});
afterEach(async () => {
  vi.useRealTimers();
  await reset();
});

async function enrol(user: UserId, of: CredentialKey, name = "Pixel 9"): Promise<string> {
  const result = await worker.enrol(by(), user, enrolment({ key: of, name, details: DETAILS }));
  return result.ok ? result.value.device.id : expect.fail(result.error.code);
}

const next = (change: Partial<NextCredential> = {}): NextCredential => ({
  key: NEW,
  details: NO_DETAILS,
  retireBy: null,
  ...change,
});
const add = (change: Partial<NextCredential> = {}, through: RegistryBindings = env, at = Date.now()) =>
  new RegistryClient(through).addCredential(by({ at }), ALICE, id, next(change));
const retire = (of: CredentialKey) => registry(ALICE).retireCredential(by(), id, fingerprintOf(of));
const act = (what: StatusAct) => registry(ALICE).changeStatus(by(), id, what);
const refused = (code: string) => ({ ok: false, error: { code } });

async function device(): Promise<DeviceRecord> {
  return (await alice().get(id)) ?? expect.fail("the device is gone");
}

async function standing(of: CredentialKey, at = Date.now()): Promise<string | undefined> {
  const found = await lookUp(env, of, ALICE, sighting({ at }));
  return found.found ? found.device.status : undefined;
}

/** The lines about credentials, oldest first. */
async function audit() {
  const { items } = await alice().audit(100, null);
  return items
    .reverse()
    .filter(({ act }) => act.includes("credential"))
    .map(({ act, outcome, actor, detail }) => ({ act, outcome, actor, ...detail }));
}

const RESTARTS = [
  ["an eviction", () => evictDurableObject(registryStub(ALICE))],
  ["an abort", () => abortAllDurableObjects()],
] as const;

describe("a device's next certificate", () => {
  it("is asked about, claimed, written: in the order of an enrolment", async () => {
    const calls: string[] = [];
    const bindings = intercepted(({ name, proceed }) => {
      calls.push(name);
      return proceed();
    });
    expect(await add({ details: DETAILS }, bindings)).toMatchObject({ ok: true, value: { created: true } });
    expect(calls).toEqual([
      "directory.user",
      "alice.checkCredential",
      "directory.claim",
      "alice.addCredential",
    ]);
  });

  it("belongs to the same device, with one name and one history, and says which one it replaces", async () => {
    const at = Date.UTC(2126, 0, 1);
    const until = at + 1000;
    const added = await add({ details: DETAILS, retireBy: until }, env, at);
    const none = { retiredAt: null, retireBy: null, replaces: null };
    expect(added.ok && added.value.device).toMatchObject({
      id,
      name: "Pixel 9",
      credentials: [
        { key: OLD, ...DETAILS, ...none, retireBy: until },
        { key: NEW, ...DETAILS, addedAt: at, ...none, replaces: OLD },
      ],
    });
    expect(await alice().list(10, 0)).toMatchObject({ items: [{ id }], next: null });
    expect(await audit()).toEqual([
      {
        ...{ act: "add-credential", outcome: "done", actor: "admin" },
        ...{ fingerprint: fingerprint(2), replaces: fingerprint(1), retireBy: new Date(until).toISOString() },
      },
    ]);
  });

  it("and the old one are both let in, however often the old one comes", async () => {
    await add();
    for (let n = 0; n < 3; n++) expect(await standing(OLD)).toBe("active");
    expect((await device()).credentials.map(({ retiredAt }) => retiredAt)).toEqual([null, null]);
  });

  it("retires the old one at the moment when it is first seen, and the device stays active", async () => {
    await add();
    const at = Date.now() + 5;
    expect(await standing(NEW, at)).toBe("active");
    expect(await standing(OLD, at + 1)).toBe("revoked");
    expect(await standing(NEW, at + 2)).toBe("active");
    expect(await device()).toMatchObject({
      status: "active",
      credentials: [
        { key: OLD, retiredAt: at },
        { key: NEW, retiredAt: null, replaces: null },
      ],
    });
    expect((await audit()).slice(1)).toEqual([
      {
        ...{ act: "retire-credential", outcome: "done", actor: "gate" },
        ...{ fingerprint: fingerprint(1), reason: "successor-seen", successor: fingerprint(2) },
      },
    ]);
  });

  it("is retired once: later sightings write nothing about it", async () => {
    await add({ details: DETAILS });
    const at = Date.now();
    await standing(NEW, at);
    const changes = () => runInDurableObject(registryStub(ALICE), (_, state) => totalChanges(state));
    const before = await changes();
    await standing(NEW, at + 1);
    await standing(OLD, at + 2);
    await standing(OLD, at + 10 * 60_000);
    expect(await changes()).toBe(before);
  });

  it.each(RESTARTS)("and what became of the old one survive %s", async (_, restart) => {
    await add({ retireBy: Date.now() + 60_000 });
    const before = await device();
    await restart();
    expect(await device()).toEqual(before);
    await standing(NEW);
    await restart();
    expect(await standing(OLD)).toBe("revoked");
    expect(await standing(NEW)).toBe("active");
  });

  it("added twice changes nothing, and says so", async () => {
    const first = await add({ retireBy: Date.now() + 60_000 });
    const again = await add({ retireBy: null, details: DETAILS });
    expect(again).toEqual({ ok: true, value: { created: false, device: await device() } });
    expect(first.ok && first.value.device).toEqual(again.ok && again.value.device);
    expect(await audit()).toHaveLength(1);
  });

  it("with the same fingerprint as the present one changes nothing either", async () => {
    expect(await add({ key: OLD, retireBy: Date.now() + 1 })).toMatchObject({
      ok: true,
      value: { created: false, device: { credentials: [{ key: OLD, retireBy: null }] } },
    });
  });

  it("may be added to a suspended device, and shows there not yet that it works", async () => {
    await act("suspend");
    expect(await add()).toMatchObject({ ok: true });
    expect(await standing(NEW)).toBe("suspended");
    expect(await standing(OLD)).toBe("suspended");
    await act("reinstate");
    expect(await standing(OLD)).toBe("active");
    expect(await standing(NEW)).toBe("active");
    expect(await standing(OLD)).toBe("revoked");
  });

  it("is filled in with its own details when it is seen", async () => {
    await add();
    await standing(NEW);
    expect((await device()).credentials).toMatchObject([DETAILS, DETAILS]);
  });
});

describe("a next certificate is refused", () => {
  it.each<[string, StatusAct]>([
    ["lost", "lost"],
    ["revoked", "revoke"],
  ])("for a device that is %s", async (_, what) => {
    await act(what);
    expect(await add()).toMatchObject(refused("forbidden-transition"));
    expect(await audit()).toMatchObject([{ outcome: "refused", reason: "forbidden-transition" }]);
    expect(await directory().owner(NEW)).toBeNull();
  });

  it("for a device that waits for approval", async () => {
    const pending = enrolment({ key: THIRD, name: "Tablet", status: "pending" });
    const made = await worker.enrol(by(), ALICE, pending);
    id = made.ok ? made.value.device.id : "";
    expect(await add()).toMatchObject(refused("forbidden-transition"));
  });

  it("for a device that has two already, until one of them is retired", async () => {
    await add();
    expect(await add({ key: THIRD })).toEqual(refused("too-many-credentials"));
    expect(await directory().owner(THIRD)).toBeNull();
    await standing(NEW);
    expect(await add({ key: THIRD })).toMatchObject({
      ok: true,
      value: {
        device: { credentials: [{ key: OLD }, { key: NEW }, { replaces: NEW }] },
      },
    });
    await standing(THIRD);
    expect(await standing(OLD)).toBe("revoked");
    expect(await standing(NEW)).toBe("revoked");
  });

  it("that another user has, who is not named", async () => {
    await enrol(BOB, NEW);
    expect(await add()).toEqual(refused("fingerprint-taken"));
    expect((await device()).credentials).toHaveLength(1);
  });

  it("that another device of the same user has", async () => {
    await enrol(ALICE, NEW, "Tablet");
    expect(await add()).toEqual(refused("fingerprint-taken"));
  });

  it("that a revoked device has", async () => {
    const tablet = await enrol(ALICE, NEW, "Tablet");
    await registry(ALICE).changeStatus(by(), tablet, "revoke");
    expect(await add()).toEqual(refused("fingerprint-revoked"));
  });

  it("that was retired, for this device and for another one", async () => {
    await add();
    await standing(NEW);
    expect(await add({ key: OLD })).toEqual(refused("fingerprint-revoked"));
    expect(await worker.enrol(by(), ALICE, enrolment({ key: OLD, name: "Other" }))).toEqual(
      refused("fingerprint-revoked"),
    );
    expect(await worker.enrol(by(), BOB, enrolment({ key: OLD }))).toEqual(refused("fingerprint-taken"));
  });

  it("for a device or a user who is not there, without a claim", async () => {
    expect(await worker.addCredential(by(), BOB, id, next())).toEqual(refused("unknown-device"));
    const nobody = "nobody" as UserId;
    expect(await worker.addCredential(by(), nobody, id, next())).toEqual(refused("unknown-user"));
    expect(await directory().owner(NEW)).toBeNull();
  });

  it("on a claim that is too old", async () => {
    const now = Date.now();
    vi.useFakeTimers({ toFake: ["Date"], now });
    const { generation } = await directory().putUser(by(), ALICE, undefined);
    expect(await alice().addCredential(by(), id, next(), now - CLAIM_VALID_MS - 1, generation)).toEqual(
      refused("stale-claim"),
    );
    expect((await device()).credentials).toHaveLength(1);
  });
});

describe("the date", () => {
  const T = Date.UTC(2126, 0, 1);
  const UNTIL = T + 60_000;

  it("ends the old certificate by itself, at the question, and is written down once by the gate", async () => {
    await add({ retireBy: UNTIL }, env, T);
    expect(await standing(OLD, UNTIL - 1)).toBe("active");
    expect(await standing(OLD, UNTIL)).toBe("revoked");
    expect(await standing(OLD, UNTIL + 5)).toBe("revoked");
    expect((await audit()).slice(1)).toEqual([
      {
        ...{ act: "retire-credential", outcome: "done", actor: "gate", fingerprint: fingerprint(1) },
        ...{ reason: "date", retiredAt: new Date(UNTIL).toISOString() },
      },
    ]);
    expect((await device()).credentials).toMatchObject([{ retiredAt: UNTIL }, { retiredAt: null }]);
  });

  it("tells since when the certificate is revoked", async () => {
    await add({ retireBy: UNTIL }, env, T);
    expect(await alice().standing(OLD, sighting({ at: UNTIL + 9 }))).toEqual({
      status: "revoked",
      name: "Pixel 9",
      since: UNTIL,
      ...UNLIMITED_STANDING,
    });
  });

  it("counts in what is shown before anybody came by", async () => {
    await add({ retireBy: UNTIL }, env, T);
    const stored = await device();
    expect(stored.credentials[0]).toMatchObject({ retiredAt: null, retireBy: UNTIL });
    const shown = (at: number) => representDevice(stored, { at }).credentials[0]?.retiredAt;
    expect([shown(UNTIL - 1), shown(UNTIL)]).toEqual([null, new Date(UNTIL).toISOString()]);
    expect(await audit()).toHaveLength(1);
  });

  it("is what ended it, though its successor came later", async () => {
    await add({ retireBy: UNTIL }, env, T);
    expect(await standing(NEW, UNTIL + 1000)).toBe("active");
    expect((await audit()).at(-1)).toMatchObject({ reason: "date", successor: fingerprint(2) });
    expect((await device()).credentials).toMatchObject([{ retiredAt: UNTIL }, { replaces: null }]);
  });

  it("means nothing once the successor was seen", async () => {
    await add({ retireBy: UNTIL }, env, T);
    await standing(NEW, T + 1);
    expect(await standing(OLD, UNTIL + 1)).toBe("revoked");
    expect(await standing(NEW, UNTIL + 1)).toBe("active");
    expect((await audit()).filter(({ act }) => act === "retire-credential")).toHaveLength(1);
  });

  it("frees the place of a certificate that nobody has come with since", async () => {
    await add({ retireBy: UNTIL }, env, T);
    expect(await add({ key: THIRD }, env, UNTIL - 1)).toEqual(refused("too-many-credentials"));
    expect(await add({ key: THIRD }, env, UNTIL)).toMatchObject({ ok: true });
    expect(await audit()).toMatchObject([
      { act: "add-credential" },
      { outcome: "refused" },
      { act: "retire-credential", actor: "gate", fingerprint: fingerprint(1), reason: "date" },
      { act: "add-credential", fingerprint: fingerprint(3), replaces: fingerprint(2) },
    ]);
  });
});

describe("retire", () => {
  it("ends one certificate at once; again is no error, and no second line", async () => {
    await add();
    expect(await retire(OLD)).toMatchObject({ ok: true });
    expect(await standing(OLD)).toBe("revoked");
    expect(await standing(NEW)).toBe("active");
    expect(await retire(OLD)).toMatchObject({ ok: true });
    expect((await audit()).slice(1)).toEqual([
      {
        ...{ act: "retire-credential", outcome: "done", actor: "admin" },
        ...{ fingerprint: fingerprint(1), reason: "asked" },
      },
    ]);
  });

  it("of the next one calls the renewal off: no date ends the old one any more", async () => {
    const until = Date.now() + 60_000;
    await add({ retireBy: until });
    await retire(NEW);
    expect(await standing(NEW)).toBe("revoked");
    expect(await standing(OLD, until + 1)).toBe("active");
    expect((await device()).credentials).toMatchObject([
      { key: OLD, retiredAt: null, retireBy: null },
      { key: NEW, replaces: null },
    ]);
  });

  it("never ends the last one, and audits the attempt", async () => {
    expect(await retire(OLD)).toEqual(refused("last-credential"));
    await add();
    await standing(NEW);
    expect(await retire(NEW)).toEqual(refused("last-credential"));
    expect(await standing(NEW)).toBe("active");
    expect(await audit()).toMatchObject([
      { outcome: "refused", reason: "last-credential" },
      { act: "add-credential" },
      { outcome: "done" },
      { outcome: "refused", reason: "last-credential" },
    ]);
  });

  it("does not know a certificate of another device, nor a device of another user", async () => {
    await enrol(ALICE, THIRD, "Tablet");
    expect(await retire(THIRD)).toEqual(refused("unknown-credential"));
    expect(await retire(NEW)).toEqual(refused("unknown-credential"));
    expect(await registry(BOB).retireCredential(by(), id, fingerprint(1))).toEqual(refused("unknown-device"));
  });
});

describe("a device with a retired certificate", () => {
  beforeEach(async () => {
    await add();
    await standing(NEW);
  });

  it("is not seen when that one comes", async () => {
    const before = (await device()).lastSeen;
    await alice().standing(OLD, sighting({ at: Date.now() + 3_600_000, country: "FR" }));
    expect((await device()).lastSeen).toEqual(before);
  });

  it("is lost with both: whichever an app has, it is to be told", async () => {
    await act("lost");
    expect(await standing(OLD)).toBe("lost");
    expect(await standing(NEW)).toBe("lost");
    const delivery = { at: Date.now(), count: 1, tokenRefresh: true, app: "a", country: null, ip: null };
    await alice().noteWipe(OLD, delivery);
    expect((await device()).wipe).toMatchObject({ count: 1 });
    await act("reinstate");
    expect(await standing(OLD)).toBe("revoked");
    expect(await standing(NEW)).toBe("active");
  });

  it("is revoked with both, and forgotten with both: the claims are released", async () => {
    await act("revoke");
    expect([await standing(OLD), await standing(NEW)]).toEqual(["revoked", "revoked"]);
    expect(await worker.forget(by(), ALICE, id)).toMatchObject({ ok: true });
    expect([await standing(OLD), await standing(NEW)]).toEqual([undefined, undefined]);
    expect([await directory().owner(OLD), await directory().owner(NEW)]).toEqual([null, null]);
    await enrol(BOB, OLD);
  });

  it("leaves a line of a date that passed unseen, when it is forgotten", async () => {
    const other = await enrol(ALICE, THIRD, "Tablet");
    const until = Date.now() + 1000;
    const last = { key: key(4), details: NO_DETAILS, retireBy: until };
    expect(await worker.addCredential(by(), ALICE, other, last)).toMatchObject({ ok: true });
    const later = by({ at: until + 1000 });
    await registry(ALICE).changeStatus(later, other, "revoke");
    expect(await worker.forget(later, ALICE, other)).toMatchObject({ ok: true });
    expect((await audit()).at(-1)).toMatchObject({
      act: "retire-credential",
      actor: "gate",
      fingerprint: fingerprint(3),
      reason: "date",
      retiredAt: new Date(until).toISOString(),
    });
  });

  it("shows the holder of the retired one that it is shut out", async () => {
    expect(await alice().deviceOf(OLD, Date.now())).toMatchObject({ status: "revoked" });
    expect(await alice().deviceOf(NEW, Date.now())).toMatchObject({ status: "active" });
  });
});

describe("when it is interrupted", () => {
  it.each([
    ["alice.checkCredential", "before"],
    ["alice.checkCredential", "after"],
    ["directory.claim", "before"],
    ["directory.claim", "after"],
    ["alice.addCredential", "before"],
    ["alice.addCredential", "after"],
  ] as const)("%s lost %s it was done: repeated, it is there once", async (name, when) => {
    await expect(add({}, interrupted(name, when))).rejects.toThrow();
    expect(await standing(OLD)).toBe("active");
    expect(await add()).toMatchObject({ ok: true });
    expect((await device()).credentials.map((each) => each.key)).toEqual([OLD, NEW]);
    expect(await audit()).toHaveLength(1);
  });

  it("with the claim alone, another user gets the fingerprint once that is abandoned", async () => {
    await expect(add({}, interrupted("alice.addCredential", "before"))).rejects.toThrow();
    expect(await worker.enrol(by(), BOB, enrolment({ key: NEW }))).toEqual(refused("fingerprint-taken"));
    expect(await standing(NEW)).toBeUndefined();
  });

  it("a sighting that cannot be written lets the new one in, and ends the old one at the next try", async () => {
    await add();
    await runInDurableObject(registryStub(ALICE), (_, state) => {
      state.storage.sql.exec(
        "CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'over the limit'); END",
      );
    });
    const log = vi.spyOn(console, "log").mockImplementation(() => {});
    expect(await standing(NEW)).toBe("active");
    log.mockRestore();
    // Both or neither: without the audit line, the old one is not retired.
    expect(await standing(OLD)).toBe("active");
    expect((await device()).credentials).toMatchObject([{ retiredAt: null }, { replaces: OLD }]);
    await runInDurableObject(registryStub(ALICE), (_, state) => {
      state.storage.sql.exec("DROP TRIGGER full");
    });
    expect(await standing(NEW)).toBe("active");
    expect(await standing(OLD)).toBe("revoked");
  });

  it("a date that cannot be written down ends the certificate all the same", async () => {
    const until = Date.now() + 1000;
    await add({ retireBy: until });
    await runInDurableObject(registryStub(ALICE), (_, state) => {
      state.storage.sql.exec(
        "CREATE TRIGGER full BEFORE UPDATE ON credentials BEGIN SELECT RAISE(ABORT, 'over the limit'); END",
      );
    });
    const log = vi.spyOn(console, "log").mockImplementation(() => {});
    expect(await standing(OLD, until)).toBe("revoked");
    log.mockRestore();
  });
});

describe("at the same time", () => {
  it("uses of both and a retirement end with one certificate that is let in, and one line", async () => {
    await add({ details: DETAILS });
    await Promise.all([
      ...Array.from({ length: 6 }, (_, n) => standing(n % 2 === 0 ? NEW : OLD)),
      retire(OLD),
      ...Array.from({ length: 6 }, (_, n) => standing(n % 2 === 0 ? OLD : NEW)),
    ]);
    expect([await standing(OLD), await standing(NEW)]).toEqual(["revoked", "active"]);
    expect((await audit()).filter(({ act }) => act === "retire-credential")).toHaveLength(1);
  });

  it("retiring both leaves one", async () => {
    await add();
    const results = await Promise.all([retire(OLD), retire(NEW)]);
    expect(results.filter(({ ok }) => ok)).toHaveLength(1);
    expect((await device()).credentials.filter(({ retiredAt }) => retiredAt === null)).toHaveLength(1);
  });

  it("two next credentials: one is added, and the other one refused", async () => {
    const results = await Promise.all([add(), add({ key: THIRD })]);
    expect(results.filter(({ ok }) => ok)).toHaveLength(1);
    expect(results.filter(({ ok }) => !ok)).toEqual([refused("too-many-credentials")]);
  });

  it("one next certificate for two users: exactly one gets it", async () => {
    const bobs = await enrol(BOB, THIRD);
    const results = await Promise.all([add(), worker.addCredential(by(), BOB, bobs, next())]);
    expect(results.filter(({ ok }) => ok)).toHaveLength(1);
  });
});

describe("the cost", () => {
  it("of a question is two rows read, with a retired certificate and with the next one too", async () => {
    await add({ details: DETAILS });
    await standing(OLD);
    const { at, measured } = await runInDurableObject(registryStub(ALICE), (object, state) => {
      const at = (object.get(id)?.lastSeen?.at ?? 0) + 1;
      const ask = (of: CredentialKey, when: number) =>
        cost(state, () => object.standing(of, sighting({ at: when })));
      return { at, measured: [ask(OLD, at), ask(NEW, at), ask(NEW, at + 1), ask(OLD, at + 2)] };
    });
    expect(at).toBeGreaterThan(1);
    const [before, first, then, retired] = measured;
    expect(before).toEqual({ read: 2, written: 0 });
    expect(then).toEqual({ read: 2, written: 0 });
    expect(retired).toEqual({ read: 2, written: 0 });
    // The first sighting of the next one: both certificates and the audit line.
    expect(first?.written).toBe(3);
    expect(first?.read).toBeLessThanOrEqual(8);
  });

  it("does not grow with the devices of the user", async () => {
    const costs = async (devices: number) => {
      await runInDurableObject(registryStub(ALICE), (_, state) => {
        for (let n = rows(state, "SELECT 1 FROM devices").length; n < devices; n++) {
          state.storage.sql.exec(
            "INSERT INTO devices (id, name, name_key, status, enrolled_at) VALUES (?1, ?1, ?1, 'active', 0)",
            `d${n}`,
          );
          state.storage.sql.exec(
            `INSERT INTO credentials (key, device, added_at)
             SELECT ?, seq, 0 FROM devices WHERE id = ?`,
            key(1000 + n),
            `d${n}`,
          );
        }
      });
      return runInDurableObject(registryStub(ALICE), (object, state) => {
        const base = 50_000 + devices;
        const measured = {
          check: cost(state, () => object.checkCredential(by(), id, next())),
          add: cost(state, () => object.addCredential(by(), id, next({ key: key(base) }), Date.now(), 0)),
          retire: cost(state, () => object.retireCredential(by(), id, fingerprint(base))),
        };
        state.storage.sql.exec("DELETE FROM credentials WHERE key = ?", key(base));
        return measured;
      });
    };
    const few = await costs(5);
    expect(await costs(300)).toEqual(few);
  });
});
