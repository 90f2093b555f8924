import { stripVTControlCharacters } from "node:util";
import { describe, expect, it } from "vitest";
import { qrCode } from "../../../scripts/terminal/qr-code.ts";
import { readQrCode } from "./qr-reader.ts";

const LINK = "https://vault.example.com/.latchkey/enrol#0123456789ABCDEFGHJKMNPQRS";

describe("a QR code on a terminal", () => {
  it.each([
    ["a link", LINK],
    ["a link to a port", LINK.replace(".com/", ".com:8443/")],
    ["a link to the longest host", LINK.replace("vault.example", `${"a".repeat(63)}.`.repeat(3))],
  ])("of %s is read back by a decoder", (_, link) => {
    expect(readQrCode(qrCode(link).lines)).toBe(link);
  });

  it("is black and white on a light terminal and on a dark one", () => {
    for (const line of qrCode(LINK).lines) {
      // Colours of the cube, which no theme changes; and nothing of them is left for the next line.
      expect(line).toBe(`\u001b[38;5;231;48;5;16m${stripVTControlCharacters(line)}\u001b[0m`);
      expect(stripVTControlCharacters(line)).toMatch(/^[█▀▄ ]+$/);
    }
  });

  it("has a light margin, and is as wide as it says", () => {
    const { lines, columns } = qrCode(LINK);
    const plain = lines.map(stripVTControlCharacters);
    expect(new Set(plain.map((line) => [...line].length))).toEqual(new Set([columns]));
    for (const edge of [plain.at(0), plain.at(-1)]) expect(edge).toBe("█".repeat(columns));
    for (const line of plain) expect(line).toMatch(/^██.+██$/);
  });

  it("fits on a small terminal", () => {
    const { lines, columns } = qrCode(LINK);
    expect(columns).toBeLessThanOrEqual(80);
    expect(lines.length).toBeLessThanOrEqual(23);
  });
});
