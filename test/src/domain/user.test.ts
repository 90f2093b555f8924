import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseUserId } from "../../../src/domain/user.ts";

describe("parseUserId", () => {
  it.each([
    ["a name", "alice"],
    ["one letter", "a"],
    ["one digit", "7"],
    ["a hyphen inside", "alice-2"],
    ["a hyphen at the end", "alice-"],
    ["63 characters", "a".repeat(63)],
  ])("takes %s", (_, input) => {
    expect(parseUserId(input)).toBe(input);
  });

  it.each([
    ["nothing", ""],
    ["64 characters", "a".repeat(64)],
    ["an upper-case letter", "Alice"],
    ["a hyphen first", "-alice"],
    ["a blank", "alice b"],
    ["a line end", "alice\n"],
    ["a dot", "alice.b"],
    ["a slash", "alice/b"],
    ["an underscore", "alice_b"],
    ["an accent", "aliçe"],
    ["a cyrillic letter", "аlice"],
    ["a number", 7],
    ["null", null],
    ["a list that reads as one", ["alice"]],
  ])("refuses %s", (_, input) => {
    expect(parseUserId(input)).toBeUndefined();
  });

  it("takes exactly the ids of the grammar and changes none", () => {
    const letters = "abcdefghijklmnopqrstuvwxyz0123456789";
    const id = fc
      .tuple(fc.constantFrom(...letters), fc.array(fc.constantFrom(...letters, "-"), { maxLength: 62 }))
      .map(([first, rest]) => first + rest.join(""));
    fc.assert(fc.property(id, (text) => parseUserId(text) === text));
    fc.assert(
      fc.property(fc.oneof(fc.anything(), fc.string()), (input) => {
        const parsed = parseUserId(input);
        return (
          parsed === undefined || (parsed === input && [...parsed].every((c) => `${letters}-`.includes(c)))
        );
      }),
    );
  });
});
