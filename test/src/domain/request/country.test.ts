import { describe, expect, it } from "vitest";
import { isCountry } from "../../../../src/domain/request/country.ts";

describe("isCountry", () => {
  it.each(["CH", "LI", "DE", "GB", "US", "XK", "AD", "ZW"])("takes %s", (code) => {
    expect(isCountry(code)).toBe(true);
  });

  it.each([
    ["T1", "Tor"],
    ["XX", "not known"],
    ["UK", "which is GB"],
    ["EU", "no country"],
    ["A1", "no letter"],
    ["AA", "not assigned"],
    ["ZZ", "not assigned"],
    ["ch", "lower case"],
    ["Ch", "mixed case"],
    ["CHE", "three letters"],
    ["C", "one letter"],
    ["", "nothing"],
    ["*", "no wildcard"],
    [" CH", "a blank"],
    ["AD AE", "two codes"],
    ["constructor", "a property of every object"],
  ])("turns down %j (%s)", (code) => {
    expect(isCountry(code)).toBe(false);
  });

  it("knows the 249 codes of ISO 3166-1 and Kosovo, and no other two letters", () => {
    const letters = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"];
    const known = letters.flatMap((a) => letters.map((b) => a + b)).filter(isCountry);
    expect(known).toHaveLength(250);
  });
});
