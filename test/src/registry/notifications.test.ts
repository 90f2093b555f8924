import { abortAllDurableObjects, evictDurableObject, reset, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { DeviceStatus, StatusAct } from "../../../src/domain/device.ts";
import { DAY_MS } from "../../../src/domain/general/relative-time.ts";
import { NO_LIMITS } from "../../../src/domain/limits.ts";
import { NO_DETAILS, type WipeDelivery } from "../../../src/domain/records.ts";
import { at, configure, HOOK, NOW, type Post, receivers, toldBy } from "../notify/fixtures.ts";
import {
  ALICE,
  by,
  cost,
  DETAILS,
  directory,
  directoryStub,
  enrolment,
  fingerprint,
  key,
  registry,
  registryStub,
  rows,
  sighting,
  totalChanges,
} from "./fixtures.ts";

// What the registry tells of, and that it tells of it once.

const F = key(1);
const alice = () => registry(ALICE);
let posts: Post[];

beforeEach(() => {
  at(NOW);
  configure({ NOTIFY_URLS: [HOOK] });
  posts = receivers();
});
afterEach(reset);

const told = () => toldBy(registryStub(ALICE), posts);
const waiting = () => toldBy(directoryStub(), posts);

async function enrol(n: number, daysLeft: number | null = null, status: "active" | "pending" = "active") {
  const details = { ...DETAILS, notAfter: daysLeft === null ? null : NOW + daysLeft * DAY_MS };
  const device = enrolment({ key: key(n), name: `Device ${n}`, details, status });
  const result = await alice().enrol(by(), device, Date.now(), 0);
  if (!result.ok) throw new Error(result.error.code);
  return result.value.device.id;
}
const act = (id: string, what: StatusAct, reason?: string) => alice().changeStatus(by({ reason }), id, what);

const RESTARTS = [
  ["an eviction", () => evictDurableObject(registryStub(ALICE))],
  ["an abort", () => abortAllDurableObjects()],
] as const;

describe("a certificate that waits", () => {
  it("is told of when it comes first, and not each time that it is seen", async () => {
    const seen = sighting({ at: NOW - 5, country: "CH" });
    expect(await directory().resolve(F, seen)).toBeNull();
    expect(await waiting()).toMatchObject([
      {
        id: `certificate-waiting:${fingerprint(1)}:${NOW - 5}`,
        type: "certificate-waiting",
        data: { fingerprint: fingerprint(1), subject: "CN=phone", app: "app.example.com", country: "CH" },
      },
    ]);
    for (const later of [0, 3600_000]) await directory().resolve(F, sighting({ at: NOW + later }));
    expect(await waiting()).toEqual([]);
    await directory().resolve(key(2), sighting());
    expect(await waiting()).toMatchObject([{ data: { fingerprint: fingerprint(2) } }]);
  });

  it("is told of again after it was dismissed", async () => {
    await directory().resolve(F, sighting());
    const [first] = await waiting();
    await directory().dismiss(by(), fingerprint(1));
    await directory().resolve(F, sighting({ at: NOW + 60_000 }));
    const [second] = await waiting();
    expect(second?.id).toBe(`certificate-waiting:${fingerprint(1)}:${NOW + 60_000}`);
    expect(second?.id).not.toBe(first?.id);
  });

  it("is told of when the claim that hid it turns out to be abandoned", async () => {
    await directory().putUser(by(), ALICE, undefined);
    await directory().claim(by(), F, ALICE);
    at(NOW + 3 * 60_000);
    expect(await directory().resolve(F, sighting({ at: Date.now() }), ALICE)).toBeNull();
    expect(await waiting()).toMatchObject([{ data: { fingerprint: fingerprint(1) } }]);
  });

  it("is not told of when it belongs to somebody", async () => {
    await directory().putUser(by(), ALICE, undefined);
    await directory().claim(by(), F, ALICE);
    await directory().resolve(F, sighting());
    expect(await waiting()).toEqual([]);
  });
});

describe("a device that is reported lost", () => {
  it("is told of at once, and again only after it was restored", async () => {
    const id = await enrol(1);
    await act(id, "suspend");
    expect(await told()).toEqual([]);
    await act(id, "lost", "in the train");
    expect(await told()).toMatchObject([
      {
        id: `device-lost:${id}:${NOW}`,
        type: "device-lost",
        data: { user: "alice", device: { id, name: "Device 1" }, by: "admin" },
      },
    ]);
    await act(id, "lost");
    await act(id, "lost", "in the bus");
    expect(await told()).toEqual([]);
    await act(id, "reinstate");
    expect(await told()).toEqual([]);
    at(NOW + 1_000);
    await act(id, "lost");
    expect(await told()).toMatchObject([{ id: `device-lost:${id}:${NOW + 1_000}` }]);
  });

  it("is not told of when the report is refused", async () => {
    const id = await enrol(1);
    await act(id, "revoke");
    expect(await act(id, "lost")).toMatchObject({ ok: false });
    expect(await told()).toEqual([]);
  });

  it.each(RESTARTS)("is told of after %s between the report and the alarm", async (_, restart) => {
    await act(await enrol(1), "lost");
    await restart();
    expect(await told()).toHaveLength(1);
    await restart();
    expect(await told()).toEqual([]);
  });
});

describe("a wipe answer", () => {
  const note = (change: Partial<WipeDelivery> = {}) => {
    const place = { app: "vault.example.com", country: "BR", ip: "203.0.113.5" };
    return alice().noteWipe(F, { at: NOW, count: 1, tokenRefresh: false, ...place, ...change });
  };

  it("is told of when the audit log tells of it: the first, and the first on the token call", async () => {
    const id = await enrol(1);
    await note();
    expect(await told(), "of a device that is not lost").toEqual([]);
    await act(id, "lost");
    await told();
    await note({ at: NOW + 1_000 });
    await note({ at: NOW + 2_000, count: 5 });
    expect(await told()).toMatchObject([
      {
        id: `wipe-delivered:${id}:${NOW}:other`,
        at: new Date(NOW + 1_000).toISOString(),
        data: { device: { id }, app: "vault.example.com", country: "BR", tokenRefresh: false },
      },
    ]);
    await note({ tokenRefresh: true });
    await note({ tokenRefresh: true });
    await note();
    const [event, ...more] = await told();
    expect(event).toMatchObject({ id: `wipe-delivered:${id}:${NOW}:token`, data: { tokenRefresh: true } });
    expect(more).toEqual([]);
    expect(JSON.stringify(event), "no address of a client").not.toContain("203.0.113.5");
  });

  it("is told of once when the first is on the token call", async () => {
    const id = await enrol(1);
    await act(id, "lost");
    await told();
    await note({ tokenRefresh: true });
    await note();
    expect(await told()).toMatchObject([{ id: `wipe-delivered:${id}:${NOW}:token` }]);
  });
});

describe("a certificate that ends", () => {
  const daily = (now = NOW) => alice().noteExpiring(now);
  const ids = async () => (await told()).map(({ id }) => id);

  it.each([
    [30.001, undefined],
    [30, 30],
    [7.001, 30],
    [7, 7],
    [1.001, 7],
    [1, 1],
    [0.001, 1],
    [0, undefined],
    [-5, undefined],
    [null, undefined],
  ])("in %d days is told of at the threshold of %d", async (daysLeft, threshold) => {
    const id = await enrol(1, daysLeft);
    await daily();
    const events = await told();
    expect(events.map(({ data }) => data)).toEqual(
      threshold === undefined
        ? []
        : [
            {
              user: "alice",
              device: { id, name: "Device 1" },
              fingerprint: fingerprint(1),
              notAfter: new Date(NOW + (daysLeft ?? 0) * DAY_MS).toISOString(),
              threshold,
            },
          ],
    );
  });

  it("is told of once at each threshold, by a daily cron", async () => {
    await enrol(1, 40.5);
    const days: [number, unknown][] = [];
    for (let day = 0; day <= 45; day++) {
      at(NOW + day * DAY_MS);
      await daily(Date.now());
      await daily(Date.now());
      for (const id of await ids()) days.push([day, id]);
    }
    expect(days).toEqual([
      [11, `certificate-expiring:${fingerprint(1)}:30`],
      [34, `certificate-expiring:${fingerprint(1)}:7`],
      [40, `certificate-expiring:${fingerprint(1)}:1`],
    ]);
  });

  it("that is near already is told of once, not for each threshold", async () => {
    await enrol(1, 0.5);
    await daily();
    await daily(NOW + 1_000);
    expect(await ids()).toEqual([`certificate-expiring:${fingerprint(1)}:1`]);
  });

  it.each<[DeviceStatus, StatusAct[], number]>([
    ["active", [], 1],
    ["suspended", ["suspend"], 1],
    ["lost", ["lost"], 0],
    ["revoked", ["revoke"], 0],
  ])("of a device that is %s", async (_, acts, count) => {
    const id = await enrol(1, 5);
    for (const what of acts) await act(id, what);
    await told();
    await daily();
    expect(await ids()).toHaveLength(count);
  });

  it("of a device that is pending is not told of", async () => {
    await enrol(1, 5, "pending");
    await daily();
    expect(await ids()).toEqual([]);
  });

  it("does not hide others", async () => {
    for (const [n, days] of [29, 6, 0.5, 100].entries()) await enrol(n + 1, days);
    await daily();
    expect((await ids()).sort()).toEqual([
      `certificate-expiring:${fingerprint(1)}:30`,
      `certificate-expiring:${fingerprint(2)}:7`,
      `certificate-expiring:${fingerprint(3)}:1`,
    ]);
  });

  it.each(RESTARTS)("is told of once across %s", async (_, restart) => {
    await enrol(1, 5);
    await daily();
    await restart();
    await daily();
    expect(await ids()).toHaveLength(1);
    await restart();
    await daily();
    expect(await ids()).toEqual([]);
  });

  it("is not told of when that is off, and is once it is on again", async () => {
    configure({ NOTIFY_OFF: ["certificate-expiring"] });
    await enrol(1, 5);
    await daily();
    expect(await ids()).toEqual([]);
    configure({ NOTIFY_OFF: [] });
    await evictDurableObject(registryStub(ALICE));
    await daily();
    expect(await ids()).toEqual([`certificate-expiring:${fingerprint(1)}:7`]);
  });

  it("costs no row when there is nothing to tell", async () => {
    await enrol(1, 5);
    await enrol(2, 100);
    await daily();
    await told();
    await runInDurableObject(registryStub(ALICE), (inside, state) => {
      expect(cost(state, () => inside.noteExpiring(NOW + 1_000)).written).toBe(0);
    });
  });
});

describe("a browser that is signed in", () => {
  it.each([null, NOW + 3600_000])(
    "and ends by itself (its own end: %s) is not told of",
    async (expiresAt) => {
      const limits = { ...NO_LIMITS, kind: "browser" as const, apps: ["app.example.com"], expiresAt };
      const details = { ...NO_DETAILS, notAfter: NOW + 3600_000 };
      const wanted = enrolment({ key: key(1, "browser"), limits, details });
      expect((await alice().enrol(by(), wanted, Date.now(), 0)).ok).toBe(true);
      await alice().noteExpiring(NOW);
      expect(await told()).toEqual([]);
    },
  );
});

describe("a device that expires", () => {
  const daily = (now = NOW) => alice().noteExpiring(now);
  const ids = async () => (await told()).map(({ id }) => id);
  const END = NOW + 40.5 * DAY_MS;

  async function enrolUntil(expiresAt: number | null, status: "active" | "pending" = "active") {
    const limits = { ...NO_LIMITS, expiresAt };
    const result = await alice().enrol(by(), enrolment({ name: "Guest", limits, status }), Date.now(), 0);
    return result.ok ? result.value.device.id : expect.fail(result.error.code);
  }

  it("is told of once at each threshold, by a daily cron", async () => {
    const id = await enrolUntil(END);
    const days: [number, unknown][] = [];
    for (let day = 0; day <= 45; day++) {
      at(NOW + day * DAY_MS);
      await daily(Date.now());
      await daily(Date.now());
      for (const told of await ids()) days.push([day, told]);
    }
    const event = `device-expiring:${id}:${END}`;
    expect(days).toEqual([
      [11, `${event}:30`],
      [34, `${event}:7`],
      [40, `${event}:1`],
    ]);
  });

  it("is told of with its end and the way to move it", async () => {
    const id = await enrolUntil(NOW + 2 * DAY_MS);
    await daily();
    const expiresAt = new Date(NOW + 2 * DAY_MS).toISOString();
    expect(await told()).toMatchObject([
      {
        type: "device-expiring",
        message: expect.stringContaining(`latchkey limit alice/${id} --until`),
        data: { user: "alice", device: { id, name: "Guest" }, expiresAt, threshold: 7 },
      },
    ]);
  });

  it("is told of again when its end was moved, and not when something else was changed", async () => {
    const id = await enrolUntil(NOW + 5 * DAY_MS);
    await daily();
    await told();
    await alice().edit(by(), id, { name: "Visitor", note: undefined });
    await daily();
    expect(await ids()).toEqual([]);
    const later = NOW + 20 * DAY_MS;
    await alice().edit(by(), id, { name: undefined, note: undefined, expiresAt: later });
    await daily();
    expect(await ids()).toEqual([`device-expiring:${id}:${later}:30`]);
  });

  it.each<[string, StatusAct[], number]>([
    ["suspended", ["suspend"], 1],
    ["lost", ["lost"], 0],
    ["revoked", ["revoke"], 0],
  ])("and is %s", async (_, acts, count) => {
    const id = await enrolUntil(NOW + 5 * DAY_MS);
    for (const what of acts) await act(id, what);
    await told();
    await daily();
    expect(await ids()).toHaveLength(count);
  });

  it.each([
    ["has no end", null],
    ["ended a moment ago", NOW],
    ["has a later end", NOW + 30.1 * DAY_MS],
  ])("and %s is not told of", async (_, expiresAt) => {
    await enrolUntil(expiresAt);
    await daily();
    expect(await ids()).toEqual([]);
  });

  it("costs no row when it was told of, or when that is off", async () => {
    await enrolUntil(NOW + 5 * DAY_MS);
    const written = () =>
      runInDurableObject(
        registryStub(ALICE),
        (inside, state) => cost(state, () => inside.noteExpiring(NOW)).written,
      );
    configure({ NOTIFY_OFF: "device-expiring" });
    await evictDurableObject(registryStub(ALICE));
    expect(await written()).toBe(0);
    configure({ NOTIFY_OFF: "" });
    await evictDurableObject(registryStub(ALICE));
    expect(await written()).toBeGreaterThan(0);
    expect(await written()).toBe(0);
  });
});

describe("without targets", () => {
  beforeEach(() => configure({ NOTIFY_URLS: [] }));

  it("the registry writes what it wrote before, and no more", async () => {
    const id = await enrol(1, 5);
    await act(id, "lost");
    await alice().noteWipe(F, { at: NOW, count: 1, tokenRefresh: true, app: "a.b", country: null, ip: null });
    await enrol(2, 5);
    await runInDurableObject(registryStub(ALICE), async (inside, state) => {
      const before = totalChanges(state);
      inside.noteExpiring(NOW);
      expect(totalChanges(state)).toBe(before);
      expect(rows(state, "SELECT * FROM outbox")).toEqual([]);
      expect(rows(state, "SELECT * FROM credentials WHERE expiry_told IS NOT NULL")).toEqual([]);
      expect(await state.storage.getAlarm()).toBeNull();
    });
  });

  it("nor does the directory", async () => {
    await directory().resolve(F, sighting());
    await directory().resumeOutbox();
    await runInDurableObject(directoryStub(), async (_, state) => {
      expect(rows(state, "SELECT * FROM outbox")).toEqual([]);
      expect(await state.storage.getAlarm()).toBeNull();
    });
  });

  it("what was not told is told when targets are set, as far as it still holds", async () => {
    await enrol(1, 5);
    await alice().noteExpiring(NOW);
    configure({ NOTIFY_URLS: [HOOK] });
    await evictDurableObject(registryStub(ALICE));
    await alice().noteExpiring(NOW);
    expect(await told()).toHaveLength(1);
  });
});
