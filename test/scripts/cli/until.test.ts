import { describe, expect, it } from "vitest";
import { untilOption } from "../../../scripts/cli/command/until.ts";

/** Times as this machine's clock shows them. */
const local = (text: string) => Date.parse(text);
/** A Thursday. */
const NOW = local("2026-11-26T15:30");

describe("--until", () => {
  it.each([
    ["3d", "2026-11-29T15:30"],
    ["12h", "2026-11-27T03:30"],
    ["90m", "2026-11-26T17:00"],
    ["2026-12-24", "2026-12-25T00:00"],
    ["2026-11-26", "2026-11-27T00:00"],
    ["2028-02-29", "2028-03-01T00:00"],
    ["2026-12-24T18:00", "2026-12-24T18:00"],
    ["2026-12-24t18:00:30", "2026-12-24T18:00:30"],
    ["2026-12-24T18:00Z", "2026-12-24T18:00Z"],
    ["2026-12-24T18:00+02:00", "2026-12-24T16:00Z"],
    ["18:00", "2026-11-26T18:00"],
    ["9:05", "2026-11-27T09:05"],
    ["15:30", "2026-11-27T15:30"],
    ["sunday", "2026-11-30T00:00"],
    ["Sun", "2026-11-30T00:00"],
    ["thursday", "2026-11-27T00:00"],
    ["wednesday", "2026-12-03T00:00"],
    ["thurs", "2026-11-27T00:00"],
  ])("'%s' on a Thursday at 15:30 is %s", (text, time) => {
    expect(untilOption(text, NOW)).toBe(local(time));
  });

  it.each([
    "",
    "soon",
    "su",
    "sundays",
    "tomorrow",
    "3",
    "3w",
    "-3d",
    "24:00",
    "7:5",
    "2026-02-30",
    "2027-02-29",
    "2026-13-01",
    "2026-12-24T25:00",
    "2026-12-24 18:00",
    "24.12.2026",
    "12/24/2026",
    "2026-12-24\u001b[2J",
  ])("'%s' is misuse, and the hint shows every form", (text) => {
    expect(() => untilOption(text, NOW)).toThrow(
      expect.objectContaining({
        exitCode: 2,
        message: expect.stringMatching(/^--until '[ -~]*' is not a time$/),
        hint: "write a date (2026-12-24), a date and time (2026-12-24T18:00), a time (18:00), a weekday (sunday) or a time span (3d, 12h)",
      }),
    );
  });

  it.each(["2026-11-25", "2020-01-01", "2026-11-26T15:30", "0d", "2037-01-01", "3651d", "999999d"])(
    "'%s' is past or too far away",
    (text) => {
      expect(() => untilOption(text, NOW, "--retire-after")).toThrow(
        expect.objectContaining({
          exitCode: 2,
          message: `--retire-after '${text}' is in the past, or more than ten years away`,
          hint: "give a time within the next ten years",
        }),
      );
    },
  );
});
