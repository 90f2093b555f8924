import { describe, expect, it } from "vitest";
import { parseOpenSslTime } from "../../../../src/domain/request/openssl-time.ts";

describe("a time that is read", () => {
  it.each([
    ["two digits of a day", "Dec 22 19:39:00 2018 GMT", "2018-12-22T19:39:00Z"],
    ["one digit, double-spaced", "Jan  1 00:00:00 2020 GMT", "2020-01-01T00:00:00Z"],
    ["one digit, single-spaced", "Jan 1 00:00:00 2020 GMT", "2020-01-01T00:00:00Z"],
    ["one digit with a zero", "Jan 01 00:00:00 2020 GMT", "2020-01-01T00:00:00Z"],
    ["a leap day", "Feb 29 12:00:00 2024 GMT", "2024-02-29T12:00:00Z"],
    ["the last second of a day", "Nov 24 23:59:59 2026 GMT", "2026-11-24T23:59:59Z"],
    ["no well-defined end (RFC 5280)", "Dec 31 23:59:59 9999 GMT", "9999-12-31T23:59:59Z"],
    ["before 1970", "May  5 05:05:05 1955 GMT", "1955-05-05T05:05:05Z"],
  ])("has %s", (_, text, iso) => {
    expect(parseOpenSslTime(text)).toBe(Date.parse(iso));
  });

  it("is in each of the twelve months", () => {
    const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    for (const [index, month] of months.entries()) {
      expect(parseOpenSslTime(`${month} 15 01:02:03 2026 GMT`)).toBe(Date.UTC(2026, index, 15, 1, 2, 3));
    }
  });
});

describe("a time that is turned down", () => {
  it.each([
    ["no text", ""],
    ["a day that February has not", "Feb 30 00:00:00 2024 GMT"],
    ["a leap day of a common year", "Feb 29 00:00:00 2023 GMT"],
    ["a day that June has not", "Jun 31 00:00:00 2024 GMT"],
    ["day 0", "Jan  0 00:00:00 2024 GMT"],
    ["day 32", "Jan 32 00:00:00 2024 GMT"],
    ["hour 24", "Jan  1 24:00:00 2024 GMT"],
    ["minute 60", "Jan  1 00:60:00 2024 GMT"],
    ["second 60", "Dec 31 23:59:60 2016 GMT"],
    ["a month that is none", "Foo  1 00:00:00 2024 GMT"],
    ["a month in lower case", "jan  1 00:00:00 2024 GMT"],
    ["a month in upper case", "JAN  1 00:00:00 2024 GMT"],
    ["a year of two digits", "Jan  1 00:00:00 24 GMT"],
    ["a year that Date.UTC would put in the last century", "Jan  1 00:00:00 0024 GMT"],
    ["another zone", "Jan  1 00:00:00 2024 CET"],
    ["no zone", "Jan  1 00:00:00 2024"],
    ["three blanks", "Jan   1 00:00:00 2024 GMT"],
    ["a blank before", " Jan  1 00:00:00 2024 GMT"],
    ["a blank after", "Jan  1 00:00:00 2024 GMT "],
    ["a line break after", "Jan  1 00:00:00 2024 GMT\n"],
    ["two times", "Jan  1 00:00:00 2024 GMT Jan  1 00:00:00 2024 GMT"],
    ["ISO 8601", "2024-01-01T00:00:00Z"],
    ["digits of another script", "Jan  ١ 00:00:00 2024 GMT"],
    ["a number", 1_704_067_200_000],
    ["null", null],
    ["undefined", undefined],
    ["a list", ["Jan  1 00:00:00 2024 GMT"]],
    ["a Date", new Date(0)],
  ])("is %s", (_, value) => {
    expect(parseOpenSslTime(value)).toBeUndefined();
  });
});
