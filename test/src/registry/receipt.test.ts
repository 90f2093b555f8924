import { abortAllDurableObjects, evictDurableObject, reset, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { StatusAct } from "../../../src/domain/device.ts";
import type { WipeDelivery } from "../../../src/domain/records.ts";
import { RegistryUnavailable } from "../../../src/registry/client/call.ts";
import { tellWipe } from "../../../src/registry/client/lookup.ts";
import {
  ALICE,
  BOB,
  by,
  cost,
  enrolment,
  intercepted,
  key,
  registry,
  registryStub,
  sighting,
  totalChanges,
} from "./fixtures.ts";

const F = key(1);
const T = Date.UTC(2026, 10, 24, 12);
const alice = () => registry(ALICE);

let id: string;

beforeEach(async () => {
  const enrolled = await alice().enrol(by({ at: T - 1000 }), enrolment(), Date.now(), 0);
  id = enrolled.ok ? enrolled.value.device.id : expect.fail(enrolled.error.code);
});
afterEach(reset);

const act = (what: StatusAct, at = T) => alice().changeStatus(by({ at }), id, what);
const wipe = async () => ((await alice().get(id)) ?? expect.fail("no device")).wipe;

function delivery(change: Partial<WipeDelivery> = {}): WipeDelivery {
  return {
    at: T + 1000,
    count: 1,
    tokenRefresh: false,
    app: "vault.example.com",
    country: "BR",
    ip: "203.0.113.5",
    ...change,
  };
}
const note = (change: Partial<WipeDelivery> = {}, of = F) => alice().noteWipe(of, delivery(change));

/** The audit log's lines of deliveries, oldest first. */
async function delivered() {
  const { items } = await alice().audit(100, null);
  return items.filter(({ act }) => act === "wipe-delivered").reverse();
}

const RESTARTS = [
  ["an eviction", () => evictDurableObject(registryStub(ALICE))],
  ["an abort", () => abortAllDurableObjects()],
] as const;

describe("the receipt of a lost device", () => {
  beforeEach(async () => {
    expect(await act("lost")).toMatchObject({ ok: true, value: { status: "lost", wipe: null } });
  });

  it("is empty until a wipe answer was delivered", async () => {
    await alice().standing(F, sighting());
    expect(await wipe()).toBeNull();
    expect(await delivered()).toEqual([]);
  });

  it("has the first time and the last, and adds up what isolates have counted", async () => {
    await note({ at: T + 1000, count: 1 });
    expect(await wipe()).toEqual({ firstAt: T + 1000, lastAt: T + 1000, count: 1, tokenRefresh: false });
    await note({ at: T + 2000, count: 7 });
    expect(await wipe()).toEqual({ firstAt: T + 1000, lastAt: T + 2000, count: 8, tokenRefresh: false });
  });

  it("takes deliveries in any order, as isolates tell of them", async () => {
    await note({ at: T + 3000 });
    await note({ at: T + 1000 });
    await note({ at: T + 2000 });
    expect(await wipe()).toEqual({ firstAt: T + 1000, lastAt: T + 3000, count: 3, tokenRefresh: false });
  });

  it("says once and for all that the token call was among them", async () => {
    await note();
    await note({ tokenRefresh: true });
    await note();
    expect(await wipe()).toMatchObject({ count: 3, tokenRefresh: true });
  });

  it("is audited at the first delivery and at the first token call, and not again", async () => {
    for (const [at, tokenRefresh] of [
      [T + 1000, false],
      [T + 2000, false],
      [T + 3000, true],
      [T + 4000, true],
      [T + 5000, false],
    ] as const) {
      await note({ at, tokenRefresh });
    }
    const line = {
      actor: "gate",
      ip: "203.0.113.5",
      country: "BR",
      act: "wipe-delivered",
      outcome: "done",
      target: { id, name: "Pixel 9" },
    };
    expect(await delivered()).toEqual([
      { ...line, id: 3, at: T + 1000, detail: { app: "vault.example.com", tokenRefresh: "no" } },
      { ...line, id: 4, at: T + 3000, detail: { app: "vault.example.com", tokenRefresh: "yes" } },
    ]);
  });

  it("is audited once when the token call comes first", async () => {
    await note({ tokenRefresh: true });
    await note();
    await note({ tokenRefresh: true });
    expect((await delivered()).map(({ detail }) => detail.tokenRefresh)).toEqual(["yes"]);
  });

  it.each(RESTARTS)("once noted, survives %s, and goes on from there", async (_, restart) => {
    await note({ tokenRefresh: true });
    await restart();
    const receipt = { firstAt: T + 1000, lastAt: T + 1000, count: 1, tokenRefresh: true };
    expect(await wipe()).toEqual(receipt);
    await note({ at: T + 2000, tokenRefresh: true });
    expect(await wipe()).toEqual({ ...receipt, lastAt: T + 2000, count: 2 });
    await restart();
    expect((await wipe())?.count).toBe(2);
    expect(await delivered(), "what was audited before the restart is not audited again").toHaveLength(1);
  });

  it("is kept when the device was found, and when it is revoked", async () => {
    await note({ tokenRefresh: true });
    const receipt = await wipe();
    expect(await act("reinstate")).toMatchObject({ value: { status: "active", wipe: receipt } });
    expect(await act("suspend")).toMatchObject({ value: { wipe: receipt } });
    expect(await act("revoke")).toMatchObject({ value: { status: "revoked", wipe: receipt } });
  });

  it("is cleared when the device is reported lost again, and audited anew", async () => {
    await note({ tokenRefresh: true });
    await act("reinstate");
    expect(await act("lost", T + 5000)).toMatchObject({ value: { statusSince: T + 5000, wipe: null } });
    await note({ at: T + 6000 });
    expect(await wipe()).toEqual({ firstAt: T + 6000, lastAt: T + 6000, count: 1, tokenRefresh: false });
    expect((await delivered()).map(({ at }) => at)).toEqual([T + 1000, T + 6000]);
  });

  it("is not cleared when the report is repeated, with a reason or without", async () => {
    await note();
    const receipt = await wipe();
    await act("lost", T + 5000);
    await alice().changeStatus(by({ at: T + 6000, reason: "on the train" }), id, "lost");
    expect(await alice().get(id)).toMatchObject({
      wipe: receipt,
      statusSince: T,
      statusReason: "on the train",
    });
  });

  it("stays as it is when the device is renamed", async () => {
    await note();
    const receipt = await wipe();
    await alice().edit(by(), id, { name: "Old Pixel", note: "stolen" });
    expect(await wipe()).toEqual(receipt);
  });

  it("goes with the record when it is forgotten: a device enrolled anew has none", async () => {
    await note();
    await act("revoke");
    await alice().forget(by(), id, 0);
    expect(await alice().enrol(by(), enrolment(), Date.now(), 0)).toMatchObject({
      value: { device: { wipe: null } },
    });
  });

  it("is this device's alone", async () => {
    const other = await alice().enrol(by(), enrolment({ name: "Laptop", key: key(2) }), Date.now(), 0);
    const laptop = other.ok ? other.value.device.id : expect.fail(other.error.code);
    await alice().changeStatus(by(), laptop, "lost");
    await note();
    expect((await alice().get(laptop))?.wipe).toBeNull();
    expect((await wipe())?.count).toBe(1);
  });

  it("costs one row to write, and one more for each of the two lines of the audit log", async () => {
    const written = await runInDurableObject(registryStub(ALICE), (instance, state) =>
      [false, false, true, true].map(
        (tokenRefresh) => cost(state, () => instance.noteWipe(F, delivery({ tokenRefresh }))).written,
      ),
    );
    expect(written).toEqual([2, 1, 2, 1]);
  });

  it("is not written when the audit line cannot be", async () => {
    await runInDurableObject(registryStub(ALICE), (_, state) => {
      state.storage.sql.exec(
        "CREATE TRIGGER no_audit BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no audit'); END",
      );
    });
    await expect(note()).rejects.toThrow("no audit");
    await abortAllDurableObjects();
    expect(await wipe()).toBeNull();
  });
});

describe("nothing is noted", () => {
  const changes = () => runInDurableObject(registryStub(ALICE), (_, state) => totalChanges(state));

  it.each<[string, StatusAct[]]>([
    ["active", []],
    ["suspended", ["suspend"]],
    ["revoked", ["revoke"]],
    ["found again", ["lost", "reinstate"]],
    ["lost, and then revoked", ["lost", "revoke"]],
  ])("of a device that is %s", async (_, acts) => {
    for (const one of acts) await act(one);
    const before = await changes();
    await note({ tokenRefresh: true });
    expect(await changes()).toBe(before);
    expect(await wipe()).toBeNull();
    expect(await delivered()).toEqual([]);
  });

  it("of a device that is pending", async () => {
    await alice().enrol(by(), enrolment({ name: "Tablet", key: key(2), status: "pending" }), Date.now(), 0);
    const before = await changes();
    await note({}, key(2));
    expect(await changes()).toBe(before);
  });

  it("of a certificate that this user does not have", async () => {
    await act("lost");
    const before = await changes();
    await note({}, key(9));
    await registry(BOB).noteWipe(F, delivery());
    expect(await changes()).toBe(before);
    expect(await wipe()).toBeNull();
  });
});

describe("tellWipe", () => {
  beforeEach(() => act("lost").then(() => {}));

  it("tells the user's registry", async () => {
    await tellWipe(env, ALICE, F, delivery({ count: 3 }));
    expect((await wipe())?.count).toBe(3);
  });

  it("is not repeated by itself: it would count twice", async () => {
    const calls: string[] = [];
    const flaky = intercepted(async ({ name, proceed }) => {
      calls.push(name);
      await proceed();
      throw Object.assign(new Error("lost"), { retryable: true });
    });
    await expect(tellWipe(flaky, ALICE, F, delivery())).rejects.toBeInstanceOf(RegistryUnavailable);
    expect(calls).toEqual(["alice.noteWipe"]);
    expect((await wipe())?.count).toBe(1);
  });
});
