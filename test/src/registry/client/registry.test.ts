import { abortAllDurableObjects, reset, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Enrolment } from "../../../../src/domain/records.ts";
import type { UserId } from "../../../../src/domain/user.ts";
import { RegistryUnavailable } from "../../../../src/registry/client/call.ts";
import { lookUp } from "../../../../src/registry/client/lookup.ts";
import type { RegistryBindings } from "../../../../src/registry/client/objects.ts";
import { RegistryClient } from "../../../../src/registry/client/registry-client.ts";
import { CLAIM_ABANDONED_MS, CLAIM_VALID_MS } from "../../../../src/registry/storage/generation.ts";
import {
  ALICE,
  BOB,
  by,
  DETAILS,
  directory,
  directoryStub,
  enrolment,
  fingerprint,
  intercepted,
  interrupted,
  justBefore,
  key,
  registry,
  registryStub,
  rows,
  sighting,
  UNLIMITED_STANDING,
  userId,
} from "../fixtures.ts";

const F = key(1);
const SUPERSEDED = { ok: false, error: { code: "deletion-superseded" } };
const worker = new RegistryClient(env);

beforeEach(async () => {
  for (const user of [ALICE, BOB]) await worker.putUser(by(), user, undefined);
});
afterEach(async () => {
  vi.useRealTimers();
  await reset();
});

const enrol = (user: UserId, change: Partial<Enrolment> = {}, through: RegistryBindings = env) =>
  new RegistryClient(through).enrol(by(), user, enrolment(change));

async function enrolled(user: UserId, change: Partial<Enrolment> = {}): Promise<string> {
  const result = await enrol(user, change);
  return result.ok ? result.value.device.id : expect.fail(result.error.code);
}

const standing = (of = F, remembered?: UserId) => lookUp(env, of, remembered, sighting());
const revoke = (user: UserId, id: string) => registry(user).changeStatus(by(), id, "revoke");

/** Who has a row for the key, seen from inside both registries. */
async function holders(of = F): Promise<string[]> {
  const found: string[] = [];
  for (const user of [ALICE, BOB]) {
    await runInDurableObject(registryStub(user), (_, state) => {
      const query = "SELECT 1 FROM credentials c JOIN devices d ON d.seq = c.device WHERE c.key = ?";
      if (rows(state, query, of).length > 0) found.push(user);
      expect(rows(state, "SELECT 1 FROM devices").length).toBe(
        rows(state, "SELECT 1 FROM credentials").length,
      );
    });
  }
  return found;
}

describe("enrol", () => {
  it("asks, claims, writes: in this order", async () => {
    const calls: string[] = [];
    await enrol(
      ALICE,
      {},
      intercepted(({ name, proceed }) => {
        calls.push(name);
        return proceed();
      }),
    );
    expect(calls).toEqual(["directory.user", "alice.checkEnrolment", "directory.claim", "alice.enrol"]);
  });

  it("lets the device in from then on", async () => {
    expect(await standing()).toEqual({ found: false, user: undefined });
    const at = Date.UTC(2026, 5, 1);
    expect(await worker.enrol(by({ at }), ALICE, enrolment())).toMatchObject({ ok: true });
    expect(await standing()).toEqual({
      found: true,
      user: "alice",
      device: { status: "active", name: "Pixel 9", since: at, ...UNLIMITED_STANDING },
    });
  });

  it("is unchanged for the same user, and refused to another, who learns no name", async () => {
    const id = await enrolled(ALICE);
    expect(await enrol(ALICE, { name: "Other" })).toMatchObject({
      ok: true,
      value: { created: false, device: { id, name: "Pixel 9" } },
    });
    expect(await enrol(BOB)).toEqual({ ok: false, error: { code: "fingerprint-taken" } });
    expect(await holders()).toEqual(["alice"]);
  });

  it("makes no registry for a user who does not exist", async () => {
    const nobody = userId("nobody");
    const touched: string[] = [];
    const bindings = intercepted(({ name, proceed }) => {
      touched.push(name);
      return proceed();
    });
    expect(await enrol(nobody, {}, bindings)).toEqual({ ok: false, error: { code: "unknown-user" } });
    expect(touched).toEqual(["directory.user"]);
  });

  it("that cannot succeed leaves no claim", async () => {
    await enrolled(ALICE);
    expect(await enrol(ALICE, { key: key(2) })).toMatchObject({
      error: { code: "name-taken" },
    });
    expect(await enrol(BOB, { key: key(2) })).toMatchObject({ ok: true });
  });

  it("brings a fingerprint back only after its revoked record was forgotten", async () => {
    const id = await enrolled(ALICE);
    await revoke(ALICE, id);
    expect(await enrol(ALICE)).toEqual({ ok: false, error: { code: "fingerprint-revoked" } });
    expect(await enrol(BOB)).toEqual({ ok: false, error: { code: "fingerprint-taken" } });
    await worker.forget(by(), ALICE, id);
    expect(await enrol(BOB)).toMatchObject({ ok: true });
    const acts = (await registry(ALICE).audit(10, null)).items.map(({ act, outcome }) => `${act} ${outcome}`);
    expect(acts).toEqual(["forget done", "enrol refused", "revoke done", "enrol done"]);
  });
});

describe("concurrent enrolments", () => {
  it("of one fingerprint by two users: exactly one wins, and the loser has no row", async () => {
    const winners = new Set<string>();
    for (let round = 0; round < 30; round++) {
      const of = key(1000 + round);
      const users = round % 2 === 0 ? [ALICE, BOB] : [BOB, ALICE];
      const results = await Promise.all(
        users.map((user) => enrol(user, { key: of, name: `Device ${round}` })),
      );
      expect(results.filter(({ ok }) => ok)).toHaveLength(1);
      const loss = results.find(({ ok }) => !ok);
      expect(loss).toEqual({ ok: false, error: { code: "fingerprint-taken" } });
      const winner = users[results.findIndex(({ ok }) => ok)] ?? expect.fail();
      expect(await holders(of)).toEqual([winner]);
      expect(await standing(of)).toMatchObject({ found: true, user: winner, device: { status: "active" } });
      winners.add(winner);
    }
    // Neither user is preferred: the rounds were races.
    expect([...winners].sort()).toEqual(["alice", "bob"]);
  });

  it("of one fingerprint by two users, whichever step the other one comes before", async () => {
    let n = 2000;
    for (const step of ["directory.user", "alice.checkEnrolment", "directory.claim", "alice.enrol"]) {
      const of = key(++n);
      const change = { key: of, name: `Device ${n}` };
      let other: Awaited<ReturnType<typeof enrol>> | undefined;
      const through = justBefore(step, async () => {
        other = await enrol(BOB, change);
      });
      const own = await enrol(ALICE, change, through);
      expect([own.ok, other?.ok].filter(Boolean), step).toHaveLength(1);
      expect(await holders(of), step).toEqual([own.ok ? "alice" : "bob"]);
    }
  });

  it("of one fingerprint by one user: one creates, the others find it unchanged", async () => {
    const results = await Promise.all(
      Array.from({ length: 12 }, (_, n) => enrol(ALICE, { name: `Device ${n}` })),
    );
    const values = results.map((result) => (result.ok ? result.value : expect.fail(result.error.code)));
    expect(values.filter(({ created }) => created)).toHaveLength(1);
    expect(new Set(values.map(({ device }) => device.id)).size).toBe(1);
    expect((await registry(ALICE).list(100, 0)).items).toHaveLength(1);
    expect((await registry(ALICE).audit(100, null)).items).toHaveLength(1);
  });

  it("of one name: one gets it, the others are told, and nobody is let in by a loser's fingerprint", async () => {
    const numbers = Array.from({ length: 12 }, (_, n) => n + 1);
    const results = await Promise.all(numbers.map((n) => enrol(ALICE, { key: key(n) })));
    expect(results.filter(({ ok }) => ok)).toHaveLength(1);
    for (const result of results) {
      if (!result.ok) expect(result.error).toEqual({ code: "name-taken", name: "Pixel 9" });
    }
    const standings = await Promise.all(numbers.map((n) => standing(key(n))));
    expect(standings.filter(({ found }) => found)).toHaveLength(1);
    expect((await registry(ALICE).list(100, 0)).items).toHaveLength(1);
  });

  it("with revocations of one device: it ends revoked, and the audit log has it once", async () => {
    const id = await enrolled(ALICE);
    const results = await Promise.all([
      ...Array.from({ length: 6 }, () => revoke(ALICE, id)),
      ...Array.from({ length: 6 }, () => enrol(ALICE)),
    ]);
    expect(results).toHaveLength(12);
    expect(await standing()).toMatchObject({ device: { status: "revoked" } });
    const acts = (await registry(ALICE).audit(100, null)).items.filter(({ outcome }) => outcome === "done");
    expect(acts.map(({ act }) => act)).toEqual(["revoke", "enrol"]);
  });
});

describe("an interrupted enrolment", () => {
  it.each([
    ["alice.checkEnrolment", "before"],
    ["alice.checkEnrolment", "after"],
    ["directory.claim", "before"],
    ["directory.claim", "after"],
    ["alice.enrol", "before"],
  ] as const)("(%s lost, %s) lets nobody in, and repeating heals it", async (name, when) => {
    await expect(enrol(ALICE, {}, interrupted(name, when))).rejects.toBeInstanceOf(RegistryUnavailable);
    await abortAllDurableObjects();
    expect(await holders()).toEqual([]);
    expect(await standing()).toMatchObject({ found: false });
    expect(await standing(F, ALICE)).toMatchObject({ found: false });
    expect(await enrol(ALICE)).toMatchObject({ ok: true, value: { created: true } });
    expect(await standing()).toMatchObject({ found: true, user: "alice", device: { status: "active" } });
  });

  it("whose answer alone was lost is found by repeating it", async () => {
    const lost = enrol(ALICE, {}, interrupted("alice.enrol", "after"));
    await expect(lost).rejects.toBeInstanceOf(RegistryUnavailable);
    expect(await enrol(ALICE)).toMatchObject({ ok: true, value: { created: false } });
    expect((await registry(ALICE).audit(10, null)).items).toHaveLength(1);
  });

  it("is repeated by itself when the runtime says that it may help, and creates one device", async () => {
    const failed = new Set<string>();
    const flaky = intercepted(async (call) => {
      const result = await call.proceed();
      if (failed.has(call.name)) return result;
      failed.add(call.name);
      throw Object.assign(new Error("connection lost"), { retryable: true });
    });
    expect(await enrol(ALICE, {}, flaky)).toMatchObject({ ok: true });
    expect([...failed]).toEqual(["directory.user", "alice.checkEnrolment", "directory.claim", "alice.enrol"]);
    expect((await registry(ALICE).list(10, 0)).items).toHaveLength(1);
    expect((await registry(ALICE).audit(10, null)).items).toHaveLength(1);
  });

  describe("leaves a claim that", () => {
    // Later than the real time at which the users were made: the directory's clock does not go back.
    const NOW = Date.UTC(2126, 10, 24);
    beforeEach(async () => {
      vi.useFakeTimers({ toFake: ["Date"], now: NOW });
      await enrol(ALICE, {}, interrupted("alice.enrol", "before")).catch(() => {});
    });

    it("keeps other users out while it is young", async () => {
      vi.setSystemTime(NOW + CLAIM_ABANDONED_MS);
      expect(await enrol(BOB)).toEqual({ ok: false, error: { code: "fingerprint-taken" } });
      expect(await holders()).toEqual([]);
    });

    it("passes to another user when it is abandoned", async () => {
      vi.setSystemTime(NOW + CLAIM_ABANDONED_MS + 1);
      expect(await enrol(BOB)).toMatchObject({ ok: true });
      expect(await holders()).toEqual(["bob"]);
      expect(await standing()).toMatchObject({ user: "bob", device: { status: "active" } });
      expect(await enrol(ALICE)).toEqual({ ok: false, error: { code: "fingerprint-taken" } });
    });

    it("never passes on while its user has the device, however old it is", async () => {
      await enrolled(ALICE);
      vi.setSystemTime(NOW + 1000 * CLAIM_ABANDONED_MS);
      expect(await enrol(BOB)).toEqual({ ok: false, error: { code: "fingerprint-taken" } });
      expect(await holders()).toEqual(["alice"]);
    });
  });

  it("that stood still until its claim is too old enrols nothing, though the claim has passed on", async () => {
    const now = Date.UTC(2126, 10, 24);
    vi.useFakeTimers({ toFake: ["Date"], now });
    const slow = justBefore("alice.enrol", async () => {
      vi.setSystemTime(now + CLAIM_ABANDONED_MS + 1);
      expect(await enrol(BOB)).toMatchObject({ ok: true });
    });
    expect(await enrol(ALICE, {}, slow)).toEqual({ ok: false, error: { code: "fingerprint-taken" } });
    expect(await holders()).toEqual(["bob"]);
  });

  it("that was slow, but not too slow, enrols", async () => {
    const now = Date.UTC(2126, 10, 24);
    vi.useFakeTimers({ toFake: ["Date"], now });
    const slow = justBefore("alice.enrol", async () => {
      vi.setSystemTime(now + CLAIM_VALID_MS);
      expect(await enrol(BOB)).toMatchObject({ ok: false });
    });
    expect(await enrol(ALICE, {}, slow)).toMatchObject({ ok: true });
    expect(await holders()).toEqual(["alice"]);
  });
});

describe("forget", () => {
  it("that did not reach the registry can be repeated, and nobody else enrols the certificate meanwhile", async () => {
    const id = await enrolled(ALICE);
    await revoke(ALICE, id);
    const lost = new RegistryClient(interrupted("alice.forget", "before")).forget(by(), ALICE, id);
    await expect(lost).rejects.toBeInstanceOf(RegistryUnavailable);
    expect(await standing()).toMatchObject({ found: true, device: { status: "revoked" } });
    expect(await enrol(BOB)).toEqual({ ok: false, error: { code: "fingerprint-taken" } });
    expect(await worker.forget(by(), ALICE, id)).toMatchObject({ ok: true });
    expect(await holders()).toEqual([]);
    expect(await enrol(BOB)).toMatchObject({ ok: true });
  });

  it.each(["before", "after"] as const)("is done when the claim's release is lost, %s it", async (when) => {
    const id = await enrolled(ALICE);
    await revoke(ALICE, id);
    const forgotten = await new RegistryClient(interrupted("directory.release", when)).forget(
      by(),
      ALICE,
      id,
    );
    expect(forgotten).toMatchObject({ ok: true });
    expect(await holders()).toEqual([]);
    expect((await standing()).found).toBe(false);
    // The claim that is left counts as abandoned after a while.
    vi.setSystemTime(Date.now() + CLAIM_ABANDONED_MS + 1);
    expect(await enrol(BOB)).toMatchObject({ ok: true });
  });

  it("whose release comes late takes no claim of a newer enrolment", async () => {
    const id = await enrolled(ALICE);
    await revoke(ALICE, id);
    const then = by({ at: Date.now() });
    expect(await worker.forget(then, ALICE, id)).toMatchObject({ ok: true });
    vi.setSystemTime(Date.now() + 1_000);
    expect(await enrol(ALICE)).toMatchObject({ ok: true });
    await directory().release([F], ALICE, then.at);
    expect(await standing()).toMatchObject({ found: true, device: { status: "active" } });
    expect(await enrol(BOB)).toEqual({ ok: false, error: { code: "fingerprint-taken" } });
  });

  it("is not repeated by itself: the second answer would be that there is no such device", async () => {
    const id = await enrolled(ALICE);
    await revoke(ALICE, id);
    const calls: string[] = [];
    const flaky = intercepted(async ({ name, proceed }) => {
      calls.push(name);
      const result = await proceed();
      if (name === "alice.forget") throw Object.assign(new Error("lost"), { retryable: true });
      return result;
    });
    await expect(new RegistryClient(flaky).forget(by(), ALICE, id)).rejects.toBeInstanceOf(
      RegistryUnavailable,
    );
    expect(calls.filter((name) => name === "alice.forget")).toHaveLength(1);
    expect(await worker.forget(by(), ALICE, id)).toEqual({ ok: false, error: { code: "unknown-device" } });
  });

  it("of an active device releases no claim", async () => {
    const id = await enrolled(ALICE);
    expect(await worker.forget(by(), ALICE, id)).toMatchObject({ error: { code: "not-revoked" } });
    expect(await standing()).toMatchObject({ found: true, device: { status: "active" } });
    expect(await enrol(BOB)).toMatchObject({ ok: false });
  });
});

describe("users", () => {
  it("are not deleted while they have devices", async () => {
    const id = await enrolled(ALICE);
    expect(await worker.deleteUser(by(), ALICE)).toEqual({ ok: false, error: { code: "user-has-devices" } });
    await revoke(ALICE, id);
    expect(await worker.deleteUser(by(), ALICE)).toEqual({ ok: false, error: { code: "user-has-devices" } });
    await worker.forget(by(), ALICE, id);
    expect(await worker.deleteUser(by(), ALICE)).toEqual({ ok: true, value: null });
    expect(await worker.deleteUser(by(), ALICE)).toEqual({ ok: false, error: { code: "unknown-user" } });
    expect(await enrol(ALICE)).toEqual({ ok: false, error: { code: "unknown-user" } });
  });

  it("come back empty when they are created again, and can enrol", async () => {
    const id = await enrolled(ALICE);
    await revoke(ALICE, id);
    await worker.forget(by(), ALICE, id);
    await worker.deleteUser(by(), ALICE);
    await abortAllDurableObjects();
    expect(await worker.putUser(by(), ALICE, undefined)).toMatchObject({ created: true });
    expect(await registry(ALICE).list(10, 0)).toEqual({ items: [], next: null });
    expect(await enrol(ALICE)).toMatchObject({ ok: true, value: { created: true } });
    expect(await standing()).toMatchObject({ found: true, device: { status: "active" } });
  });

  it.each(["directory.user", "alice.checkEnrolment", "directory.claim", "alice.enrol"])(
    "deleted while they enrol (before %s) are not left with a device",
    async (step) => {
      const through = justBefore(step, () => worker.deleteUser(by(), ALICE));
      expect(await enrol(ALICE, {}, through)).toEqual({ ok: false, error: { code: "unknown-user" } });
      expect(await worker.ofUser(ALICE)).toEqual({ ok: false, error: { code: "unknown-user" } });
      expect(await holders()).toEqual([]);
      expect(await standing()).toEqual({ found: false, user: undefined });
      expect(await enrol(BOB)).toMatchObject({ ok: true });
    },
  );

  it.each(["directory.asOf", "alice.close"])(
    "who enrol while they are deleted (before %s) keep both the device and the user",
    async (step) => {
      const through = justBefore(step, () => enrol(ALICE));
      expect(await new RegistryClient(through).deleteUser(by(), ALICE)).toMatchObject({ ok: false });
      expect(await standing()).toMatchObject({ found: true, user: "alice", device: { status: "active" } });
      expect(await directory().user(ALICE)).not.toBeNull();
    },
  );

  it("who enrol while they are deleted, after their registry was closed, do not", async () => {
    const through = justBefore("directory.removeUser", async () => {
      expect(await enrol(ALICE)).toEqual({ ok: false, error: { code: "unknown-user" } });
    });
    expect(await new RegistryClient(through).deleteUser(by(), ALICE)).toMatchObject({ ok: true });
    expect(await holders()).toEqual([]);
  });

  it("deleted and enrolling at the same time end with both, or with neither", async () => {
    for (let n = 0; n < 20; n++) {
      const user = userId(`user-${n}`);
      await worker.putUser(by(), user, undefined);
      const [deletion, enrolled] = await Promise.all([
        worker.deleteUser(by(), user),
        enrol(user, { key: key(3000 + n) }),
      ]);
      const exists = (await directory().user(user)) !== null;
      const holds = await registry(user).holds(key(3000 + n));
      expect([deletion.ok, enrolled.ok]).toEqual([!exists, holds]);
      expect(holds && !exists).toBe(false);
    }
  });

  const LOST = (calls: string[]) =>
    calls.flatMap((name) => [[name, "before"] as const, [name, "after"] as const]);

  describe.each(LOST(["directory.asOf", "alice.close", "directory.removeUser"]))(
    "whose deletion was interrupted (%s lost, %s it was done)",
    (name, when) => {
      const isDone = name === "directory.removeUser" && when === "after";
      const isClosed = name === "directory.removeUser" || (name === "alice.close" && when === "after");
      const interrupt = async () => {
        const lost = new RegistryClient(interrupted(name, when)).deleteUser(by(), ALICE);
        await expect(lost).rejects.toBeInstanceOf(RegistryUnavailable);
        await abortAllDurableObjects();
      };

      it("are deleted by repeating it", async () => {
        await interrupt();
        expect(await worker.deleteUser(by(), ALICE)).toEqual(
          isDone ? { ok: false, error: { code: "unknown-user" } } : { ok: true, value: null },
        );
        expect(await directory().user(ALICE)).toBeNull();
        expect(await enrol(ALICE)).toEqual({ ok: false, error: { code: "unknown-user" } });
        expect(await holders()).toEqual([]);
      });

      it("enrol nothing once their registry is closed, and are as they were before", async () => {
        await interrupt();
        expect(await enrol(ALICE)).toMatchObject(
          isClosed ? { ok: false, error: { code: "unknown-user" } } : { ok: true },
        );
        expect(await holders()).toEqual(isClosed ? [] : ["alice"]);
        expect(await worker.deleteUser(by(), ALICE)).toMatchObject(
          isClosed ? { ok: !isDone } : { ok: false, error: { code: "user-has-devices" } },
        );
      });

      it("come back by putting them again", async () => {
        await interrupt();
        expect(await worker.putUser(by(), ALICE, undefined)).toMatchObject({ created: isDone });
        expect(await enrol(ALICE)).toMatchObject({ ok: true, value: { created: true } });
        expect(await standing()).toMatchObject({ found: true, device: { status: "active" } });
      });

      it("keep a device that they have, and the user", async () => {
        await enrolled(ALICE);
        const deleting = new RegistryClient(interrupted(name, when)).deleteUser(by(), ALICE);
        await deleting.catch(() => {});
        expect(await standing()).toMatchObject({ found: true, user: "alice", device: { status: "active" } });
        expect(await enrol(ALICE, { key: key(2), name: "B" })).toMatchObject({ ok: true });
        expect(await worker.putUser(by(), ALICE, undefined)).toMatchObject({ created: false });
        expect(await standing()).toMatchObject({ found: true });
      });
    },
  );

  describe.each(LOST(["directory.putUser", "alice.open"]))(
    "whose creation was interrupted (%s lost, %s it was done)",
    (name, when) => {
      const isThere = name === "alice.open" || when === "after";

      it.each(["after a deletion", "for the first time", "while they are there"])(
        "%s: are there when it is repeated, and can enrol; before that, if the directory knows them",
        async (state) => {
          const user = state === "for the first time" ? userId("carol") : ALICE;
          if (state === "after a deletion") await worker.deleteUser(by(), ALICE);
          const bindings = interrupted(name.replace("alice", user), when);
          await expect(new RegistryClient(bindings).putUser(by(), user, undefined)).rejects.toBeInstanceOf(
            RegistryUnavailable,
          );
          const exists = isThere || state === "while they are there";
          expect(await enrol(user)).toMatchObject(
            exists ? { ok: true } : { ok: false, error: { code: "unknown-user" } },
          );
          expect(await worker.putUser(by(), user, undefined)).toMatchObject({ created: !exists });
          expect(await enrol(user, { key: key(2), name: "B" })).toMatchObject({ ok: true });
          expect(await standing(key(2))).toMatchObject({ found: true, user });
        },
      );
    },
  );

  it("deleted before their registry heard that they were put stay deleted", async () => {
    await worker.deleteUser(by(), ALICE);
    const late = justBefore("alice.open", () => worker.deleteUser(by(), ALICE));
    await new RegistryClient(late).putUser(by(), ALICE, undefined);
    expect(await directory().user(ALICE)).toBeNull();
    // Even for a claim that was granted meanwhile.
    expect(await registry(ALICE).enrol(by(), enrolment(), Date.now(), 0)).toEqual({
      ...{ ok: false, error: { code: "unknown-user" } },
    });
    expect(await holders()).toEqual([]);
  });

  it("deleted twice at once are deleted once, however the calls fall", async () => {
    for (const step of ["directory.asOf", "alice.close", "directory.removeUser"]) {
      await worker.putUser(by(), ALICE, undefined);
      const through = justBefore(step, () => worker.deleteUser(by(), ALICE));
      const second = await new RegistryClient(through).deleteUser(by(), ALICE);
      expect(second, step).toEqual({ ok: false, error: { code: "unknown-user" } });
      expect(await directory().user(ALICE)).toBeNull();
    }
    const { items } = await directory().audit(100, null);
    expect(items.filter(({ act, outcome }) => act === "delete-user" && outcome === "done")).toHaveLength(3);
  });

  // A deletion, a creation and an enrolment of one user, all at once.
  it("put again between the two steps of a deletion, are not left with a device but without a user", async () => {
    const enrolling = justBefore("alice.enrol", async () => {
      const deleting = justBefore("directory.removeUser", () => worker.putUser(by(), ALICE, undefined));
      await new RegistryClient(deleting).deleteUser(by(), ALICE);
    });
    await enrol(ALICE, {}, enrolling).catch(() => {});
    const exists = (await directory().user(ALICE)) !== null;
    expect((await holders()).length === 0 || exists).toBe(true);
  });

  it("put again between the two steps of a deletion can enrol", async () => {
    const deleting = justBefore("directory.removeUser", () => worker.putUser(by(), ALICE, undefined));
    expect(await new RegistryClient(deleting).deleteUser(by(), ALICE)).toEqual(SUPERSEDED);
    expect(await directory().user(ALICE)).not.toBeNull();
    expect(await enrol(ALICE)).toMatchObject({ ok: true, value: { created: true } });
    expect(await standing()).toMatchObject({ found: true, device: { status: "active" } });
  });

  it("put again before the deletion closes their registry can enrol", async () => {
    const deleting = justBefore("alice.close", () => worker.putUser(by(), ALICE, undefined));
    expect(await new RegistryClient(deleting).deleteUser(by(), ALICE)).toEqual(SUPERSEDED);
    expect(await enrol(ALICE)).toMatchObject({ ok: true, value: { created: true } });
  });

  it("deleted between the two steps of being put again, are not left with a device but without a user", async () => {
    const enrolling = justBefore("alice.enrol", async () => {
      const putting = justBefore("alice.open", () => worker.deleteUser(by(), ALICE));
      await new RegistryClient(putting).putUser(by(), ALICE, undefined);
    });
    await enrol(ALICE, {}, enrolling).catch(() => {});
    const exists = (await directory().user(ALICE)) !== null;
    expect((await holders()).length === 0 || exists).toBe(true);
  });

  it("who were not deleted because of a device are as they were", async () => {
    const id = await enrolled(ALICE);
    await worker.deleteUser(by(), ALICE);
    expect(await enrol(ALICE, { key: key(2), name: "B" })).toMatchObject({ ok: true });
    await revoke(ALICE, id);
    expect(await standing(key(2))).toMatchObject({
      found: true,
      user: "alice",
      device: { status: "active" },
    });
    expect(await worker.putUser(by(), ALICE, "Alice")).toMatchObject({
      created: false,
      user: { name: "Alice" },
    });
  });
});

describe("approve", () => {
  const approve = (user: UserId, through: RegistryBindings = env) =>
    new RegistryClient(through).approve(by(), fingerprint(1), user, { name: "Pixel 9", note: null });

  it("enrols a waiting certificate with the details that were seen", async () => {
    await standing();
    expect(await approve(ALICE)).toMatchObject({
      ok: true,
      value: { created: true, device: { status: "active", credentials: [{ key: F, ...DETAILS }] } },
    });
    expect(await directory().unknownCertificates()).toEqual([]);
    expect(await standing()).toMatchObject({ found: true, user: "alice", device: { status: "active" } });
  });

  it("knows only certificates that wait", async () => {
    expect(await approve(ALICE)).toEqual({ ok: false, error: { code: "certificate-not-listed" } });
    expect(await holders()).toEqual([]);
  });

  it("leaves the certificate waiting when it is refused", async () => {
    await standing();
    await enrolled(ALICE, { key: key(2) });
    expect(await approve(ALICE)).toMatchObject({ error: { code: "name-taken" } });
    expect(await approve(userId("nobody"))).toEqual({ ok: false, error: { code: "unknown-user" } });
    expect(await directory().unknownCertificates()).toHaveLength(1);
  });

  it("by two users at once: one gets it", async () => {
    await standing();
    const results = await Promise.all([approve(ALICE), approve(BOB)]);
    expect(results.filter(({ ok }) => ok)).toHaveLength(1);
    expect(await holders()).toHaveLength(1);
  });

  it("when interrupted is completed by enrolling the fingerprint", async () => {
    await standing();
    await approve(ALICE, interrupted("alice.enrol", "before")).catch(() => {});
    expect(await standing()).toMatchObject({ found: false });
    expect(await enrol(ALICE)).toMatchObject({ ok: true });
    expect(await standing()).toMatchObject({ found: true, device: { status: "active" } });
  });

  it("when interrupted after the claim, can be repeated", async () => {
    await standing();
    await approve(ALICE, interrupted("alice.enrol", "before")).catch(() => {});
    await standing();
    expect(await approve(ALICE)).toMatchObject({ ok: true });
  });
});

it("the directory alone lets nobody in: a claim written by hand changes nothing", async () => {
  await runInDurableObject(directoryStub(), (_, state) => {
    state.storage.sql.exec("INSERT INTO claims (key, user, claimed_at) VALUES (?, 'alice', 0)", F);
  });
  expect(await standing()).toMatchObject({ found: false });
});

it("an attempt on another user's certificate is audited once", async () => {
  await enrolled(ALICE);
  await enrol(BOB);
  const refused = (await directory().audit(10, null)).items.filter(({ outcome }) => outcome === "refused");
  expect(refused).toHaveLength(1);
});
