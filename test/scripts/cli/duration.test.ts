import { describe, expect, it } from "vitest";
import { durationOption, durationText, parseDuration } from "../../../scripts/cli/command/arguments.ts";

const HOUR = 3600;
const DAY = 24 * HOUR;

describe("a time span", () => {
  it.each([
    ["30d", 30 * DAY],
    ["12h", 12 * HOUR],
    ["90m", 90 * 60],
    ["0d", 0],
    ["007m", 7 * 60],
  ])("%s is read", (text, seconds) => {
    expect(parseDuration(text)).toBe(seconds);
  });

  it.each([
    "",
    "30",
    "d",
    "30D",
    "30 d",
    " 30d",
    "30d ",
    "1d12h",
    "-1d",
    "+1d",
    "1.5d",
    "1e3d",
    "30s",
    "30w",
    "1234567d",
    "٣d",
    "never",
  ])("'%s' is none", (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  it.each([
    [7 * DAY, "7 days"],
    [DAY, "1 day"],
    [36 * HOUR, "36 hours"],
    [300, "5 minutes"],
    [90, "90 seconds"],
  ])("of %d seconds is shown as %s", (seconds, text) => {
    expect(durationText(seconds)).toBe(text);
  });
});

describe("an option's time span", () => {
  const range = { min: 300, max: 7 * DAY };

  it("may be as short and as long as its bounds", () => {
    expect(durationOption("--expires", "5m", range)).toBe(300);
    expect(durationOption("--expires", "7d", range)).toBe(7 * DAY);
  });

  it.each(["4m", "0h", "8d", "169h", "999999d"])("%s is misuse, and the hint gives the bounds", (text) => {
    expect(() => durationOption("--expires", text, range)).toThrow(
      expect.objectContaining({
        exitCode: 2,
        message: `--expires '${text}' is too short or too long`,
        hint: "give 5 minutes to 7 days",
      }),
    );
  });

  it("in another form is misuse, and the hint shows the form and the alternatives", () => {
    expect(() => durationOption("--expires", "soon\u001b", range, "never")).toThrow(
      expect.objectContaining({
        exitCode: 2,
        message: "--expires 'soon\\u{1b}' is not a time span",
        hint: "write a number and d, h or m, such as 30d, 12h or 90m: 5 minutes to 7 days, or never",
      }),
    );
  });
});
