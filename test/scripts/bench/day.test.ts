import { describe, expect, it } from "vitest";
import { type DayOptions, makeDay } from "../../../scripts/bench/budget/day.ts";

const OPTIONS: DayOptions = {
  ...{ devices: 8, requests: 2_000, isolates: 12, scanner: 500, stranger: 100, seed: 1 },
};

describe("a household's day", () => {
  const day = makeDay(OPTIONS);

  it("has the requests that were asked for, in the order of their times, within one day", () => {
    const count = (who: string) => day.filter((event) => event.who === who).length;
    expect([count("device"), count("scanner"), count("stranger")]).toEqual([2_000, 500, 100]);
    for (const [index, event] of day.entries())
      expect(event.at).toBeGreaterThanOrEqual(day[index - 1]?.at ?? 0);
    expect((day.at(-1)?.at ?? 0) - (day[0]?.at ?? 0)).toBeLessThan(86_400_000);
  });

  it("reaches every device and every isolate, and no others", () => {
    const devices = day.filter(({ who }) => who === "device");
    expect(new Set(devices.map(({ device }) => device)).size).toBe(8);
    expect(new Set(devices.map(({ isolate }) => isolate)).size).toBe(12);
    expect(Math.max(...day.map(({ isolate }) => isolate))).toBe(11);
  });

  it("is the same for the same seed, and another one for another", () => {
    expect(makeDay(OPTIONS)).toEqual(day);
    expect(makeDay({ ...OPTIONS, seed: 2 })).not.toEqual(day);
  });
});
