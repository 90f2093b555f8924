import { evictDurableObject, reset, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { DeviceKind } from "../../../../src/domain/credential-key.ts";
import type { StatusAct } from "../../../../src/domain/device.ts";
import { DAY_MS } from "../../../../src/domain/general/relative-time.ts";
import { type Limits, NO_LIMITS } from "../../../../src/domain/limits.ts";
import { NO_DETAILS, type Sighting } from "../../../../src/domain/records.ts";
import { COUNTRIES_SEEN_MAX, LAST_SEEN_EVERY_MS } from "../../../../src/registry/user/rules/sightings.ts";
import { at, configure, HOOK, NOW, type Post, receivers, toldBy } from "../../notify/fixtures.ts";
import {
  ALICE,
  by,
  cost,
  enrolment,
  fingerprint,
  key,
  registry,
  registryStub,
  rows,
  sighting,
} from "../fixtures.ts";

// What people are told of a device that comes to the gate: its first use, a new country, a refusal.

const alice = () => registry(ALICE);
const SECOND = 1_000;
let posts: Post[];

beforeEach(() => {
  at(NOW);
  configure({ NOTIFY_URLS: [HOOK] });
  posts = receivers();
});
afterEach(reset);

const told = () => toldBy(registryStub(ALICE), posts);
const toldIds = async () => (await told()).map(({ id }) => id);
const act = (id: string, what: StatusAct, time = NOW) => alice().changeStatus(by({ at: time }), id, what);

async function enrol(kind: DeviceKind = "certificate", change: Partial<Limits> = {}, notAfter = 8e15) {
  const apps = kind === "certificate" ? null : ["app.example.com"];
  const limits = { ...NO_LIMITS, kind, apps, paths: kind === "feed" ? ["/feed/*"] : null, ...change };
  const wanted = enrolment({ key: key(1, kind), limits, details: { ...NO_DETAILS, notAfter } });
  const result = await alice().enrol(by({ at: NOW - DAY_MS }), wanted, Date.now(), 0);
  return result.ok ? result.value.device.id : expect.fail(result.error.code);
}

/** The device comes to an app, this long after `NOW`. */
const see = (after: number, change: Partial<Sighting> = {}, kind: DeviceKind = "certificate", n = 1) =>
  alice().standing(key(n, kind), sighting({ at: NOW + after, details: NO_DETAILS, ...change }));

/** What questions cost the registry, notifications aside: rows written to its devices and credentials. */
async function written(questions: [number, Partial<Sighting>][], kind: DeviceKind = "certificate") {
  return runInDurableObject(registryStub(ALICE), (inside, state) => {
    const before = rows(state, "SELECT * FROM outbox").length;
    const { written } = cost(state, () => {
      for (const [after, change] of questions)
        inside.standing(key(1, kind), sighting({ at: NOW + after, details: NO_DETAILS, ...change }));
    });
    return { written, events: rows(state, "SELECT * FROM outbox").length - before };
  });
}

describe("a new country", () => {
  it("is told of, and the first one of a certificate is not", async () => {
    const id = await enrol();
    await see(0, { country: "CH" });
    expect(await told()).toEqual([]);
    await see(SECOND, { country: "BR", app: "files.example.com" });
    expect(await told()).toMatchObject([
      {
        id: `device-new-country:${id}:BR`,
        type: "device-new-country",
        at: new Date(NOW + SECOND).toISOString(),
        data: { user: "alice", device: { id, name: "Pixel 9" }, app: "files.example.com", country: "BR" },
      },
    ]);
  });

  it("is told of once, however often the device moves, and across an eviction", async () => {
    await enrol();
    const countries = ["CH", "BR", "CH", "BR"];
    for (const [n, country] of countries.entries()) await see(n * SECOND, { country });
    expect(await toldIds()).toHaveLength(1);
    await evictDurableObject(registryStub(ALICE));
    for (const [n, country] of countries.entries()) await see(DAY_MS + n * SECOND, { country });
    expect(await toldIds()).toEqual([]);
  });

  it("counts Tor, unknown and none as countries of their own", async () => {
    const id = await enrol();
    for (const [n, country] of ["CH", "T1", "XX", null, "T1", "XX", null].entries())
      await see(n * SECOND, { country });
    const event = `device-new-country:${id}`;
    expect((await toldIds()).sort()).toEqual([`${event}:T1`, `${event}:XX`, `${event}:unknown`]);
  });

  it("is told of though an earlier question arrives late", async () => {
    const id = await enrol();
    await see(0, { country: "CH" });
    await see(-SECOND, { country: "BR" });
    expect(await toldIds()).toEqual([`device-new-country:${id}:BR`]);
    expect((await alice().get(id))?.lastSeen).toMatchObject({ at: NOW, country: "CH" });
  });

  it("of a device that was last seen before countries were remembered is any other one", async () => {
    const id = await enrol();
    await see(0, { country: "CH" });
    await runInDurableObject(registryStub(ALICE), (_, { storage }) => {
      storage.sql.exec("UPDATE devices SET countries_seen = NULL");
    });
    await see(SECOND, { country: "DE" });
    await see(2 * SECOND, { country: "CH" });
    expect(await toldIds()).toEqual([`device-new-country:${id}:DE`]);
  });

  it("of a lost device is told of, too", async () => {
    const id = await enrol();
    await see(0, { country: "CH" });
    await act(id, "lost");
    await told();
    await see(SECOND, { country: "BR" });
    expect(await told()).toMatchObject([
      { type: "device-new-country", message: expect.stringContaining("reported lost") },
    ]);
  });

  it("in which the device was refused is new when it is let in there", async () => {
    const id = await enrol("certificate", { countries: ["CH"] });
    await see(0, { country: "CH" });
    await see(SECOND, { country: "BR" });
    expect(await told()).toMatchObject([{ type: "device-refused", data: { country: "BR" } }]);
    await alice().edit(by(), id, { countries: null });
    await see(2 * SECOND, { country: "BR" });
    expect(await toldIds()).toEqual([`device-new-country:${id}:BR`]);
  });

  it("is told of right after a device was let in for the first time, just when it had been refused", async () => {
    const id = await enrol();
    await act(id, "suspend");
    await see(0, { country: "CH" });
    await act(id, "reinstate");
    await see(SECOND, { country: "CH" });
    await told();
    await see(2 * SECOND, { country: "DE" });
    expect(await toldIds()).toEqual([`device-new-country:${id}:DE`]);
  });

  it("costs no row besides the notification: it is noted with the last-seen time", async () => {
    await enrol();
    expect(await written([[0, { country: "CH" }]])).toEqual({ written: 1, events: 0 });
    const both = await written([[SECOND, { country: "BR" }]]);
    // The device's row, and the event with its index.
    expect(both).toEqual({ written: 3, events: 1 });
    expect(await written([[2 * SECOND, { country: "BR" }]])).toEqual({ written: 0, events: 0 });
  });

  it(`is told of up to the ${COUNTRIES_SEEN_MAX}th, and then costs nothing more`, async () => {
    await enrol();
    const codes = Array.from({ length: COUNTRIES_SEEN_MAX + 10 }, (_, n) => `C${n}`);
    // Each a little earlier, so that no last-seen time is written.
    const visits = codes.map((country, n): [number, Partial<Sighting>] => [-n, { country }]);
    expect((await written(visits)).events).toBe(COUNTRIES_SEEN_MAX - 1);
    expect(await written(visits)).toEqual({ written: 0, events: 0 });
  });
});

describe.each(["token", "feed"] as const)("the first use of a %s", (kind) => {
  it("is told of, wherever it is, and no further one", async () => {
    const id = await enrol(kind);
    await see(0, { country: "CH" }, kind);
    expect(await told()).toMatchObject([
      {
        id: `token-first-used:${fingerprint(1)}`,
        type: "token-first-used",
        data: {
          ...{ user: "alice", device: { id, name: "Pixel 9" }, kind, fingerprint: fingerprint(1) },
          ...{ app: "app.example.com", country: "CH" },
        },
      },
    ]);
    await see(SECOND, { country: "CH" }, kind);
    await see(LAST_SEEN_EVERY_MS, { country: "CH" }, kind);
    expect(await told()).toEqual([]);
    await see(DAY_MS, { country: "BR" }, kind);
    expect(await toldIds()).toEqual([`device-new-country:${id}:BR`]);
  });

  it("is the first one that is let in", async () => {
    await enrol(kind);
    await see(0, { app: "files.example.com" }, kind);
    expect(await told()).toMatchObject([{ type: "device-refused" }]);
    await see(SECOND, {}, kind);
    expect(await toldIds()).toEqual([`token-first-used:${fingerprint(1)}`]);
  });

  it("is told of again after a renewal, once", async () => {
    const id = await enrol(kind);
    await see(0, {}, kind);
    await told();
    const next = { key: key(2, kind), details: { ...NO_DETAILS, notAfter: 8e15 }, retireBy: null };
    expect(await alice().addCredential(by(), id, next, Date.now(), 0)).toMatchObject({ ok: true });
    await see(SECOND, {}, kind);
    expect(await told(), "the old one").toEqual([]);
    for (const later of [2, 3]) await see(later * SECOND, {}, kind, 2);
    expect(await toldIds()).toEqual([`token-first-used:${fingerprint(2)}`]);
  });
});

describe("a refused device", () => {
  it("is not told of if it is a browser whose sign-in has ended, as each does some day", async () => {
    await enrol("browser", {}, NOW + SECOND);
    await see(SECOND, {}, "browser");
    expect(await told()).toEqual([]);
    await see(2 * SECOND, { app: "files.example.com" }, "browser");
    expect(await told()).toEqual([]);
  });

  it("is not told of if it is a browser on somebody else's computer whose time is up", async () => {
    await enrol("browser", { expiresAt: NOW + SECOND });
    await see(SECOND, {}, "browser");
    expect(await told()).toEqual([]);
  });

  it("is told of if it is a browser that shows up where it isn't signed in", async () => {
    await enrol("browser");
    await see(SECOND, { app: "files.example.com" }, "browser");
    expect(await told()).toMatchObject([{ type: "device-refused", data: { reason: "wrong-app" } }]);
  });

  const refusals: [string, DeviceKind, Partial<Limits>, Partial<Sighting>][] = [
    ["wrong-app", "certificate", { apps: ["app.example.com"] }, { app: "files.example.com" }],
    ["wrong-app", "token", {}, { app: "files.example.com" }],
    ["country", "certificate", { countries: ["CH"] }, { country: "BR" }],
    ["country", "feed", { countries: ["CH"] }, { country: null }],
    ["device-expired", "certificate", { expiresAt: NOW }, {}],
  ];

  it.each(refusals)("is told of: %s, of a %s", async (reason, kind, limits, change) => {
    const id = await enrol(kind, limits);
    await see(SECOND, change, kind);
    expect(await told()).toMatchObject([
      {
        id: `device-refused:${id}:${NOW + SECOND}`,
        type: "device-refused",
        at: new Date(NOW + SECOND).toISOString(),
        data: {
          ...{ user: "alice", device: { id, name: "Pixel 9" }, reason },
          ...{ app: "app.example.com", country: "CH", ...change },
        },
      },
    ]);
  });

  it("is told of when its token has expired; a certificate's dates are for the gate", async () => {
    await enrol("token", {}, NOW);
    await see(0, {}, "token");
    expect(await told()).toMatchObject([{ data: { reason: "expired-credential" } }]);
  });

  it("is told of when it is suspended", async () => {
    await act(await enrol(), "suspend");
    await see(SECOND);
    expect(await told()).toMatchObject([{ data: { reason: "device-suspended" } }]);
  });

  it("is told of once a day at most, whatever the reasons, and across an eviction", async () => {
    const id = await enrol("certificate", { apps: ["app.example.com"] });
    const elsewhere = { app: "files.example.com" };
    for (let hour = 0; hour < 24; hour++) await see(hour * 3600_000, elsewhere);
    await act(id, "suspend");
    await see(DAY_MS - 1);
    expect(await toldIds()).toHaveLength(1);
    await evictDurableObject(registryStub(ALICE));
    for (const day of [1, 1.5, 2, 2.9, 3]) await see(day * DAY_MS);
    expect(await toldIds()).toEqual([1, 2, 3].map((day) => `device-refused:${id}:${NOW + day * DAY_MS}`));
  });

  it("is told of once only since it was revoked", async () => {
    const id = await enrol();
    await act(id, "suspend");
    await see(0);
    await told();
    await act(id, "revoke", NOW + 2 * DAY_MS);
    for (const day of [3, 4, 5, 40]) await see(day * DAY_MS);
    expect(await told()).toMatchObject([
      { id: `device-refused:${id}:${NOW + 3 * DAY_MS}`, data: { reason: "device-revoked" } },
    ]);
  });

  it("is told of once when it still shows a credential that was retired", async () => {
    const id = await enrol("token");
    const next = { key: key(2, "token"), details: { ...NO_DETAILS, notAfter: 8e15 }, retireBy: null };
    await alice().addCredential(by(), id, next, Date.now(), 0);
    await see(0, {}, "token", 2);
    await told();
    for (const day of [1, 2, 3]) await see(day * DAY_MS, {}, "token", 1);
    expect(await told()).toMatchObject([{ data: { reason: "device-revoked" } }]);
    expect((await alice().get(id))?.lastSeen?.at, "the device itself was not seen").toBe(NOW);
  });

  it.each<[string, () => Promise<unknown>]>([
    ["pending", () => alice().enrol(by(), enrolment({ status: "pending" }), Date.now(), 0)],
    ["lost", async () => act(await enrol(), "lost")],
    ["unknown", async () => undefined],
    ["let in", () => enrol()],
  ])("that is %s is not told of", async (_, prepare) => {
    await prepare();
    await told();
    await see(SECOND);
    expect(await told()).toEqual([]);
  });

  it("costs one row a day besides the notification, and no other however often it comes", async () => {
    await act(await enrol(), "suspend");
    const often = Array.from({ length: 100 }, (_, n): [number, Partial<Sighting>] => [n, {}]);
    // The device's row, with the last-seen time, and the event with its index.
    expect(await written(often)).toEqual({ written: 3, events: 1 });
    expect(await written(often)).toEqual({ written: 0, events: 0 });
  });

  it("does not end the credential that its expired token replaces", async () => {
    const id = await enrol("token");
    const next = { key: key(2, "token"), details: { ...NO_DETAILS, notAfter: NOW }, retireBy: null };
    await alice().addCredential(by(), id, next, Date.now(), 0);
    await see(0, {}, "token", 2);
    expect((await alice().get(id))?.credentials).toMatchObject([{ retiredAt: null }, { retiredAt: null }]);
  });
});

describe("what nobody wants to be told of", () => {
  const day: [number, Partial<Sighting>][] = [
    [0, { country: "CH" }],
    [1, { country: "CH", app: "files.example.com" }],
    [-1, { country: "DE" }],
    [LAST_SEEN_EVERY_MS, { country: "CH" }],
  ];

  it.each<[string, object]>([
    ["without addresses", { NOTIFY_URLS: [] }],
    ["switched off", { NOTIFY_OFF: "token-first-used device-new-country device-refused" }],
  ])("costs nothing more than the last-seen times: %s", async (_, variables) => {
    configure(variables);
    await enrol("token");
    expect(await written(day, "token")).toEqual({ written: 2, events: 0 });
    await runInDurableObject(registryStub(ALICE), (_, state) => {
      expect(rows(state, "SELECT refusal_told_at FROM devices")).toEqual([{ refusal_told_at: null }]);
    });
  });

  it("does not hide the rest", async () => {
    configure({ NOTIFY_OFF: ["device-refused"] });
    const id = await enrol("token");
    for (const [after, change] of day) await see(after, change, "token");
    expect((await toldIds()).sort()).toEqual([
      `device-new-country:${id}:DE`,
      `token-first-used:${fingerprint(1)}`,
    ]);
  });
});
