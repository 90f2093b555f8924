import { expect, it } from "vitest";
import { normaliseSerial, parseRevoked, REVOKED_TEMPLATE } from "../../../scripts/edge/state/revoked.ts";

it.each([
  ["0a1b", "A1B"],
  ["0A:1B", "A1B"],
  ["serial=0A1B", "A1B"],
  ["0x0a1b", "A1B"],
  ["00", "0"],
])("writes the serial %s as %s", (text, serial) => {
  expect(normaliseSerial(text)).toBe(serial);
});

it("reads serials, and skips comments and empty lines", () => {
  expect(parseRevoked(REVOKED_TEMPLATE).size).toBe(0);
  expect(parseRevoked("# phones\r\n0A:1B\r\n\n ff  # the tablet\n")).toEqual(new Set(["A1B", "FF"]));
});

it("does not skip a line that it cannot read, since a revoked device would pass", () => {
  expect(() => parseRevoked("AB\nalice-phone\n")).toThrow("revoked.txt, line 2");
});
