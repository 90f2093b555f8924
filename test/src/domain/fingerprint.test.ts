import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseFingerprint, shortFingerprint } from "../../../src/domain/fingerprint.ts";

const CANONICAL = "3a1b".repeat(16);
const pairs = (hex: string) => hex.match(/../g)?.join(":") ?? "";

const hex = (length: number) =>
  fc.array(fc.constantFrom(..."0123456789abcdefABCDEF"), { minLength: length, maxLength: length });
const plain = hex(64).map((digits) => digits.join(""));

describe("parseFingerprint", () => {
  it.each([
    ["64 lower-case digits", CANONICAL],
    ["64 upper-case digits", CANONICAL.toUpperCase()],
    ["mixed case", CANONICAL.replaceAll("a", "A")],
    ["pairs joined by colons", pairs(CANONICAL)],
    ["upper-case pairs joined by colons, as OpenSSL prints them", pairs(CANONICAL).toUpperCase()],
  ])("reads %s", (_, input) => {
    expect(parseFingerprint(input)).toBe(CANONICAL);
  });

  it.each([
    ["nothing", ""],
    ["63 digits", CANONICAL.slice(1)],
    ["65 digits", `${CANONICAL}0`],
    ["128 digits (as in Cloudflare's types)", CANONICAL + CANONICAL],
    ["a digit that is none", `g${CANONICAL.slice(1)}`],
    ["a full-width digit", `０${CANONICAL.slice(1)}`],
    ["a blank before", ` ${CANONICAL}`],
    ["a blank after", `${CANONICAL} `],
    ["a line end after", `${CANONICAL}\n`],
    ["a colon after", `${pairs(CANONICAL)}:`],
    ["a colon before", `:${pairs(CANONICAL)}`],
    ["one colon missing", pairs(CANONICAL).replace(":", "")],
    ["colons between single digits", [...CANONICAL].join(":")],
    ["colons in only one place", `${CANONICAL.slice(0, 2)}:${CANONICAL.slice(2)}`],
    ["hyphens", pairs(CANONICAL).replaceAll(":", "-")],
    ["blanks between pairs", pairs(CANONICAL).replaceAll(":", " ")],
    ["a prefix", `sha256:${CANONICAL}`],
    ["0x", `0x${CANONICAL.slice(2)}`],
    ["SHA-1", CANONICAL.slice(0, 40)],
    ["two lines", `${CANONICAL}\n${CANONICAL}`],
    ["a number", 5],
    ["null", null],
    ["undefined", undefined],
    ["a list that reads as one", [CANONICAL]],
    ["an object that reads as one", { toString: () => CANONICAL }],
  ])("refuses %s", (_, input) => {
    expect(parseFingerprint(input)).toBeUndefined();
  });

  it("gives one canonical form for every way to write a fingerprint", () => {
    fc.assert(
      fc.property(plain, (text) => {
        const canonical = text.toLowerCase();
        expect(parseFingerprint(text)).toBe(canonical);
        expect(parseFingerprint(pairs(text))).toBe(canonical);
        expect(parseFingerprint(canonical)).toBe(canonical);
      }),
    );
  });

  it("answers 64 lower-case hex digits or nothing, whatever the input", () => {
    const nearly = fc.tuple(plain, fc.nat(63), fc.string()).map(([text, at, piece]) => {
      return text.slice(0, at) + piece + text.slice(at + 1);
    });
    fc.assert(
      fc.property(fc.oneof(fc.anything(), fc.string(), nearly, nearly.map(pairs)), (input) => {
        const parsed = parseFingerprint(input);
        if (parsed !== undefined) {
          expect(parsed).toMatch(/^[0-9a-f]{64}$/);
          expect(parsed).toBe(String(input).replaceAll(":", "").toLowerCase());
        }
      }),
    );
  });
});

it("shortFingerprint shows 8 digits", () => {
  expect(shortFingerprint(parseFingerprint(pairs(CANONICAL)) ?? expect.fail())).toBe("3a1b3a1b");
});
