// What people type into a form as a time, in their own time zone.
import { describe, expect, it } from "vitest";
import { fromLocalTime, toLocalTime } from "../../../src/pages/html/local-time.ts";

const at = (text: string, zone: string) => {
  const ms = fromLocalTime(text, zone);
  return ms === undefined ? undefined : new Date(ms).toISOString();
};

describe("a time in a zone", () => {
  it.each([
    ["2026-11-30T14:05", "UTC", "2026-11-30T14:05:00.000Z"],
    ["2026-11-30T14:05", "Europe/Zurich", "2026-11-30T13:05:00.000Z"],
    ["2026-07-01T00:00", "Europe/Zurich", "2026-06-30T22:00:00.000Z"],
    ["2026-07-01T00:00", "America/St_Johns", "2026-07-01T02:30:00.000Z"],
    ["2026-12-31T23:59", "Pacific/Kiritimati", "2026-12-31T09:59:00.000Z"],
    ["2026-11-30 14:05:59", "UTC", "2026-11-30T14:05:00.000Z"],
    // The hour that is skipped in spring, and the one that comes twice in autumn.
    ["2027-03-28T02:30", "Europe/Zurich", "2027-03-28T01:30:00.000Z"],
    ["2027-10-31T02:30", "Europe/Zurich", "2027-10-31T00:30:00.000Z"],
    ["2027-10-31T03:00", "Europe/Zurich", "2027-10-31T02:00:00.000Z"],
  ])("%s in %s is %s", (text, zone, expected) => {
    expect(at(text, zone)).toBe(expected);
  });

  it.each(["", "tomorrow", "2026-11-31T10:00", "2026-02-29T10:00", "2026-13-01T10:00", "2026-11-30T24:00"])(
    "%j is none",
    (text) => {
      expect(at(text, "Europe/Zurich")).toBeUndefined();
    },
  );

  it("is shown as it was typed, all through the year", () => {
    for (const zone of ["UTC", "Europe/Zurich", "America/New_York", "Australia/Lord_Howe"]) {
      for (let ms = Date.UTC(2026, 0, 1); ms < Date.UTC(2027, 0, 1); ms += 31 * 3_600_000) {
        expect(fromLocalTime(toLocalTime(ms, zone), zone), `${zone} ${ms}`).toBe(ms);
      }
    }
  });
});
