import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { relativeTime } from "../../../../src/domain/general/relative-time.ts";

const NOW = Date.UTC(2026, 10, 24, 12);
const [SECOND, MINUTE, HOUR, DAY] = [1000, 60_000, 3_600_000, 86_400_000];
const YEAR = 365 * DAY;
const from = (ms: number) => relativeTime(new Date(NOW + ms).toISOString(), NOW);

describe("the future", () => {
  it.each<[string, number, string]>([
    ["a moment", 1, "in less than a minute"],
    ["not quite a minute", MINUTE - 1, "in less than a minute"],
    ["a minute", MINUTE, "in 1 minute"],
    ["an invitation of five minutes, fresh", 5 * MINUTE - 200, "in 5 minutes"],
    ["not quite an hour", 59.4 * MINUTE, "in 59 minutes"],
    ["an hour, fresh", HOUR - 200, "in 1 hour"],
    ["one and a half", 90 * MINUTE, "in 1 h 30 min"],
    ["not quite two hours", 2 * HOUR - MINUTE, "in 1 h 59 min"],
    ["two hours, fresh", 2 * HOUR - 200, "in 2 hours"],
    ["not quite ten hours", 10 * HOUR - MINUTE, "in 9 h 59 min"],
    ["ten hours, fresh", 10 * HOUR - 200, "in 10 hours"],
    ["a session of twelve hours, fresh", 12 * HOUR - 5 * SECOND, "in 12 hours"],
    ["a link of 24 hours, fresh", 24 * HOUR - 200, "in 24 hours"],
    ["the day after tomorrow", 2 * DAY, "in 2 days"],
    ["with hours", 2 * DAY + 5 * HOUR, "in 2 d 5 h"],
    ["a link of seven days, fresh", 7 * DAY - 200, "in 7 days"],
    ["not quite ten days", 10 * DAY - HOUR, "in 9 d 23 h"],
    ["a certificate in its last month", 20 * DAY - 5 * SECOND, "in 20 days"],
    ["rotate --until 30d, at once", 30 * DAY - SECOND, "in 30 days"],
    ["a token of 90 days, fresh", 90 * DAY - SECOND, "in 90 days"],
    ["more than that", 91 * DAY, "in 3 months"],
    ["a year", YEAR, "in 12 months"],
    ["two years", 2 * YEAR, "in 2 years"],
    ["two and a half", 2.5 * YEAR, "in 2 y 6 mo"],
    ["a certificate of five years, fresh", 5 * YEAR - SECOND, "in 5 years"],
    ["a certificate of ten years, fresh", 10 * YEAR - SECOND, "in 10 years"],
    ["longer", 14.4 * YEAR, "in 14 years"],
  ])("%s", (_, ms, text) => expect(from(ms)).toBe(text));
});

describe("the past", () => {
  it.each<[string, number, string]>([
    ["now", 0, "just now"],
    ["not quite a minute", MINUTE - 1, "just now"],
    ["a minute", MINUTE, "1 minute ago"],
    ["is cut", 3 * HOUR - 1, "2 hours ago"],
    ["a day", DAY, "1 day ago"],
    ["90 days", 90 * DAY, "90 days ago"],
    ["not quite three months", 91 * DAY, "91 days ago"],
    ["months", 100 * DAY, "3 months ago"],
    ["a year", YEAR, "1 year ago"],
    ["years", 2 * YEAR - 1, "1 year ago"],
  ])("%s", (_, ms, text) => expect(from(-ms)).toBe(text));

  it("is empty for a time that cannot be parsed", () => expect(relativeTime("soon", NOW)).toBe(""));
});

/** What a text says, in milliseconds, and the half of its smallest unit: how far off it may be. */
function read(text: string): { ms: number; off: number } {
  const sizes: [RegExp, number][] = [
    [/(\d+) (?:minutes?|min)\b/, MINUTE],
    [/(\d+) (?:hours?|h)\b/, HOUR],
    [/(\d+) (?:days?|d)\b/, DAY],
    [/(\d+) (?:months?|mo)\b/, YEAR / 12],
    [/(\d+) (?:years?|y)\b/, YEAR],
  ];
  const found = sizes.flatMap(([unit, size]) => {
    const count = unit.exec(text)?.[1];
    return count === undefined ? [] : [{ ms: Number(count) * size, off: size }];
  });
  return {
    ms: found.reduce((sum, { ms }) => sum + ms, 0),
    // The smallest unit that may stand in the text, whether it is there or was nought.
    off: Math.min(...found.map(({ off }) => off)),
  };
}

describe("whatever the time", () => {
  /** Anywhere, and around the times at which the units change. */
  const changes = [HOUR, 10 * HOUR, DAY, 2 * DAY, 10 * DAY, 90 * DAY, YEAR / 4, YEAR, 2 * YEAR, 10 * YEAR];
  const times = fc.oneof(
    fc.integer({ min: MINUTE, max: 40 * YEAR }),
    fc
      .tuple(fc.constantFrom(...changes), fc.integer({ min: -DAY, max: DAY }))
      .map(([at, by]) => Math.max(MINUTE, at + by)),
  );

  it("the future is at most half a unit off, and the past less than one, never too old", () => {
    fc.assert(
      fc.property(times, (ms) => {
        const future = read(from(ms));
        expect(Math.abs(future.ms - ms), from(ms)).toBeLessThanOrEqual(future.off / 2);
        const past = read(from(-ms));
        expect(past.ms, from(-ms)).toBeLessThanOrEqual(ms);
        expect(ms - past.ms, from(-ms)).toBeLessThan(past.off);
      }),
    );
  });

  it("what is later never reads as earlier", () => {
    fc.assert(
      fc.property(
        times,
        fc.oneof(fc.integer({ min: 0, max: 2 * DAY }), fc.integer({ min: 0, max: 400 * DAY })),
        (ms, more) => {
          expect(read(from(ms + more)).ms).toBeGreaterThanOrEqual(read(from(ms)).ms);
          expect(read(from(-ms - more)).ms).toBeGreaterThanOrEqual(read(from(-ms)).ms);
        },
      ),
    );
  });

  it("below ten units the second one is there, unless it is nought", () => {
    fc.assert(
      fc.property(times, (ms) => {
        const [, count = "", unit = ""] = /^in (\d+) (hour|day|year)/.exec(from(ms)) ?? [];
        const size = { hour: HOUR, day: DAY, year: YEAR }[unit];
        const smaller = { hour: MINUTE, day: HOUR, year: YEAR / 12 }[unit];
        if (size === undefined || smaller === undefined || Number(count) >= 10) return;
        expect(Math.abs(ms - Number(count) * size), from(ms)).toBeLessThanOrEqual(smaller / 2);
      }),
    );
  });
});
