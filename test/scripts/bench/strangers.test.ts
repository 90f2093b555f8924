import { beforeAll, describe, expect, it } from "vitest";
import {
  brokenBounds,
  STRANGER_KINDS,
  STRANGERS_MIX,
  type StrangersResult,
} from "../../../scripts/bench/budget/strangers.ts";
import { liveStrangersDay } from "../../../scripts/bench/strangers.ts";

// The small form of what `npm run budget` does: the real Worker and objects in workerd.

const FREE_PLAN = { objectRequests: 100_000, read: 5_000_000, written: 100_000 };
/** As many an hour as 100,000 a day. */
const HOURS = 0.5;
const REQUESTS = Math.round((100_000 / 24) * HOURS);

let result: StrangersResult;
beforeAll(async () => {
  result = await liveStrangersDay({
    requests: REQUESTS,
    hours: HOURS,
    isolates: 10,
    networks: 65_536,
    seed: 1,
  });
});

describe("half an hour of strangers, at 100,000 requests a day from 65,536 networks", () => {
  it("costs the directory nothing that grows with them (finding 1: 2,994 wrong sign-ins read a day's rows)", () => {
    expect(result.requests).toBe(REQUESTS);
    // Each isolate asks for its key once and every ten minutes, and once about each of three secrets that ended.
    expect(result.objectRequests).toBeLessThan(REQUESTS / 10);
    // The page of a verified certificate asks about it as the gate does: two rows for each such question. This is a
    // tenth of the 5 % of the day's limit.
    expect(result.read).toBeLessThan(REQUESTS / 4);
    expect(result.written).toBeLessThan(REQUESTS / 50);
  });

  it.each([
    "sign-in, a guess",
    "pages, a forged cookie",
    "enrolment, a wrong code without a certificate",
    "enrolment page without a certificate",
    "whoami without a certificate",
    "unknown paths of ours",
    "an app without a certificate",
    "an app's page, a navigation",
    "provider, a sign-in begun",
    "provider, a callback without a sign-in",
    "provider, a forged code",
    "provider, a forged ticket",
    "provider, a forged logout",
  ] as const)("costs nothing at all: %s", (kind) => {
    expect(result.kinds[kind].requests).toBeGreaterThan(10);
    expect(result.kinds[kind]).toMatchObject({ objectRequests: 0, read: 0, written: 0 });
  });

  it("writes rows only for a code that its user's registry refuses, for whoever waits, and for a browser that was let in", () => {
    const writing = STRANGER_KINDS.filter((kind) => result.kinds[kind].written > 0);
    const expected = /withdrawn code|verified certificate|nobody here|signed out/;
    expect(writing.filter((kind) => !expected.test(kind))).toEqual([]);
  });

  it("a person signs one more browser in for about a dozen rows", () => {
    expect(result.signIn.objectRequests).toBeLessThanOrEqual(15);
    expect(result.signIn.read).toBeLessThanOrEqual(75);
    expect(result.signIn.written).toBeGreaterThan(0);
    expect(result.signIn.written).toBeLessThanOrEqual(15);
  });

  it("keeps nobody from anything: devices and browsers pass, people and tokens sign in, a lost phone is revoked", () => {
    expect(Object.values(result.people)).toHaveLength(8);
    expect(result.people).toEqual(Object.fromEntries(Object.keys(result.people).map((what) => [what, true])));
  });
});

it("the shares of the mix are a thousand", () => {
  expect(Object.values(STRANGERS_MIX).reduce<number>((sum, share) => sum + share, 0)).toBe(1000);
});

it("a bound that is broken is reported, and one that holds is not", () => {
  expect(brokenBounds(result, FREE_PLAN)).toEqual([]);
  const people = { ...result.people, "a phone is revoked": false };
  const broken = { ...result, objectRequests: 5_000, read: 249_999, written: 7_000, people };
  expect(brokenBounds(broken, FREE_PLAN)).toEqual([
    "objectRequests: 5000, which is not below 5000",
    "written: 7000, which is not below 5000",
    "not so: a phone is revoked",
  ]);
});
