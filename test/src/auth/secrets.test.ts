import { describe, expect, it } from "vitest";
import { base64url, digestOf, randomText, sameText } from "../../../src/auth/secrets.ts";

describe("texts", () => {
  it("are digested as SHA-256 in hex", async () => {
    // FIPS 180-2, appendix B.1.
    expect(await digestOf("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  });

  it.each([
    ["", "", true],
    ["a", "a", true],
    ["a", "b", false],
    ["a", "", false],
    ["aa", "a", false],
    ["é", "e\u0301", false],
  ])("%j and %j are the same: %s", async (left, right, expected) => {
    expect(await sameText(left, right)).toBe(expected);
  });

  it("are written in base64url without padding", () => {
    expect(base64url(new Uint8Array([0xfb, 0xff, 0xbf]))).toBe("-_-_");
    expect(base64url(new Uint8Array([1]))).toBe("AQ");
    expect(randomText(32)).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });
});
