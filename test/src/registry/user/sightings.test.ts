import { evictDurableObject, reset, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Sighting } from "../../../../src/domain/records.ts";
import { LAST_APP_EVERY_MS, LAST_SEEN_EVERY_MS } from "../../../../src/registry/user/rules/sightings.ts";
import {
  ALICE,
  by,
  DETAILS,
  enrolment,
  key,
  registry,
  registryStub,
  sighting,
  totalChanges,
  UNLIMITED_STANDING,
} from "../fixtures.ts";

const T = Date.UTC(2026, 10, 24, 12);
const FIRST = { at: T, app: "app.example.com", country: "CH", ip: "198.51.100.9" };

afterEach(reset);

/** What the registry says of the device that these tests enrol. */
const ACTIVE = { status: "active", name: "Pixel 9", since: T - 1000, ...UNLIMITED_STANDING };

const see = (change: Partial<Sighting> = {}) =>
  registry(ALICE).standing(key(1), sighting({ ...FIRST, ...change }));

const device = async () => (await registry(ALICE).list(1, 0)).items[0] ?? expect.fail("no device");
const changes = () => runInDurableObject(registryStub(ALICE), (_, state) => totalChanges(state));

describe("last seen", () => {
  beforeEach(async () => {
    await registry(ALICE).enrol(by({ at: T - 1000 }), enrolment({ details: DETAILS }), Date.now(), 0);
  });

  it("is noted on the first sighting, and kept across an eviction", async () => {
    expect((await device()).lastSeen).toBeNull();
    expect(await see()).toEqual(ACTIVE);
    await evictDurableObject(registryStub(ALICE));
    expect((await device()).lastSeen).toEqual(FIRST);
  });

  it.each([
    ["the same moment", {}],
    ["a moment later", { at: T + 1 }],
    ["just under five minutes later", { at: T + LAST_SEEN_EVERY_MS - 1 }],
    ["another address alone", { at: T + 1000, ip: "203.0.113.1" }],
    ["an earlier time", { at: T - 1 }],
    ["an earlier time from elsewhere", { at: T - 1, app: "other.example.com", country: "DE" }],
    ["a much earlier time", { at: T - 10 * LAST_SEEN_EVERY_MS }],
  ])("is not written again at %s", async (_, change) => {
    await see();
    const written = await changes();
    expect(await see(change)).toEqual(ACTIVE);
    expect(await changes()).toBe(written);
    expect((await device()).lastSeen).toEqual(FIRST);
  });

  it.each([
    ["after five minutes", { at: T + LAST_SEEN_EVERY_MS, ip: "203.0.113.1" }],
    ["after a minute in another app", { at: T + LAST_APP_EVERY_MS, app: "other.example.com" }],
    ["at once in another country", { at: T + 1, country: "DE" }],
    ["at once when the country is not known any more", { at: T + 1, country: null }],
  ])("is written %s", async (_, change) => {
    await see();
    const written = await changes();
    await see(change);
    expect(await changes()).toBe(written + 1);
    expect((await device()).lastSeen).toEqual({ ...FIRST, ...change });
  });

  it("is not written at each change between two apps that a phone uses by turns", async () => {
    await see();
    const written = await changes();
    for (let second = 1; second < 60; second++) {
      await see({ at: T + second * 1000, app: second % 2 === 0 ? "app.example.com" : "other.example.com" });
    }
    expect(await changes()).toBe(written);
  });

  it("that cannot be written lets the device in all the same", async () => {
    await runInDurableObject(registryStub(ALICE), (_, state) => {
      state.storage.sql.exec(
        "CREATE TRIGGER full BEFORE UPDATE ON devices BEGIN SELECT RAISE(ABORT, 'over the limit'); END",
      );
    });
    const log = vi.spyOn(console, "log").mockImplementation(() => {});
    expect(await see()).toMatchObject({ status: "active" });
    expect(String(log.mock.calls[0]?.[0])).toContain("over the limit");
    log.mockRestore();
  });

  it("counts its five minutes from the last time that it was written", async () => {
    for (const minute of [0, 4, 8, 9, 10]) await see({ at: T + minute * 60_000 });
    expect((await device()).lastSeen?.at).toBe(T + 8 * 60_000);
    expect(LAST_SEEN_EVERY_MS).toBe(300_000);
  });

  it("is written for a device that is refused, too: the owner sees where a lost phone is", async () => {
    const { id } = await device();
    await registry(ALICE).changeStatus(by({ at: T - 1 }), id, "lost");
    expect(await see()).toEqual({ status: "lost", name: "Pixel 9", since: T - 1, ...UNLIMITED_STANDING });
    expect((await device()).lastSeen).toEqual(FIRST);
  });

  it("writes no audit line", async () => {
    await see();
    expect((await registry(ALICE).audit(10, null)).items.map(({ act }) => act)).toEqual(["enrol"]);
  });
});

describe("details of a certificate", () => {
  it("are filled in from the first sighting when the enrolment gave none, and then kept", async () => {
    await registry(ALICE).enrol(by(), enrolment(), Date.now(), 0);
    await see();
    expect((await device()).credentials).toMatchObject([DETAILS]);
    const written = await changes();
    await see({ details: { subject: "CN=x", issuer: "CN=y", serial: "FF", notBefore: 1, notAfter: 2 } });
    expect((await device()).credentials).toMatchObject([DETAILS]);
    expect(await changes()).toBe(written);
  });

  it("are filled in though last seen is not due", async () => {
    await registry(ALICE).enrol(by(), enrolment(), Date.now(), 0);
    await see({ details: { subject: null, issuer: null, serial: null, notBefore: null, notAfter: null } });
    await see({ at: T + 1 });
    expect(await device()).toMatchObject({ lastSeen: { at: T }, credentials: [DETAILS] });
  });

  it("that the enrolment gave are not overwritten", async () => {
    await registry(ALICE).enrol(by(), enrolment({ details: DETAILS }), Date.now(), 0);
    await see({ details: { subject: "CN=x", issuer: "CN=y", serial: "FF", notBefore: 1, notAfter: 2 } });
    expect((await device()).credentials).toMatchObject([DETAILS]);
  });

  it("that the enrolment gave in part are kept, and the rest filled in", async () => {
    const given = { ...DETAILS, subject: "CN=given", issuer: null, notAfter: null };
    await registry(ALICE).enrol(by(), enrolment({ details: given }), Date.now(), 0);
    await see();
    expect((await device()).credentials).toMatchObject([{ ...DETAILS, subject: "CN=given" }]);
  });

  it("of one certificate do not touch those of another", async () => {
    await registry(ALICE).enrol(by(), enrolment(), Date.now(), 0);
    await registry(ALICE).enrol(by(), enrolment({ name: "B", key: key(2) }), Date.now(), 0);
    await see();
    const [first, second] = (await registry(ALICE).list(2, 0)).items;
    expect(first?.credentials).toMatchObject([DETAILS]);
    expect(second).toMatchObject({ lastSeen: null, credentials: [{ subject: null, notAfter: null }] });
  });
});

it("a certificate that this user does not have leaves no trace", async () => {
  await registry(ALICE).enrol(by(), enrolment(), Date.now(), 0);
  const written = await changes();
  expect(await registry(ALICE).standing(key(2), sighting())).toBeNull();
  expect(await changes()).toBe(written);
});
