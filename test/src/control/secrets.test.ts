import { describe, expect, it } from "vitest";
import {
  base64url,
  digestOf,
  newCode,
  newToken,
  randomText,
  readCode,
  readToken,
  sameText,
} from "../../../src/control/secrets.ts";

const DIGEST = /^[0-9a-f]{64}$/;

describe("a token", () => {
  it("is the prefix, 256 random bits and a check; its digest is what the registry keeps", async () => {
    const { token, digest } = await newToken();
    expect(token).toMatch(/^lkt_[A-Za-z0-9_-]{49}$/);
    expect(digest).toMatch(DIGEST);
    expect(digest).toBe(await digestOf(token));
    expect(await readToken(token)).toBe(digest);
  });

  it("is another one each time", async () => {
    const tokens = await Promise.all(Array.from({ length: 200 }, async () => (await newToken()).token));
    expect(new Set(tokens).size).toBe(200);
  });

  it("that is mistyped is known for it: whichever character is changed", async () => {
    const { token } = await newToken();
    for (let at = 0; at < token.length; at++) {
      const other = token[at] === "A" ? "B" : "A";
      expect(await readToken(token.slice(0, at) + other + token.slice(at + 1)), String(at)).toBeUndefined();
    }
  });

  it.each([
    ["nothing", () => ""],
    ["the prefix alone", () => "lkt_"],
    ["cut off", (token: string) => token.slice(0, -1)],
    ["longer", (token: string) => `${token}A`],
    ["without its prefix", (token: string) => token.slice(4)],
    ["with another prefix", (token: string) => `lks_${token.slice(4)}`],
    ["with a blank before", (token: string) => ` ${token}`],
    ["with a line end behind", (token: string) => `${token}\n`],
    ["in upper case", (token: string) => token.toUpperCase()],
    ["with what is no base64url", (token: string) => `${token.slice(0, 9)}+${token.slice(10)}`],
    ["made up without the check", () => `lkt_${"A".repeat(49)}`],
  ])("cannot be one: %s", async (_, change) => {
    const { token } = await newToken();
    expect(await readToken(change(token))).toBeUndefined();
  });
});

describe("a code", () => {
  it("is 26 letters and digits that nobody mistakes for each other", async () => {
    const { code, digest } = await newCode();
    expect(code).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}$/);
    expect(digest).toBe(await digestOf(code));
    expect(await readCode(code)).toBe(digest);
  });

  it("uses each of the 32 characters about as often", async () => {
    const codes = await Promise.all(Array.from({ length: 400 }, async () => (await newCode()).code));
    const counts = new Map<string, number>();
    for (const character of codes.join("")) counts.set(character, (counts.get(character) ?? 0) + 1);
    expect(counts.size).toBe(32);
    // 325 are expected of each; five standard deviations are 89.
    for (const [character, count] of counts) expect(Math.abs(count - 325), character).toBeLessThan(90);
  });

  const CODE = "0123456789ABCDEFGHJKMNPQRS";
  it.each([
    ["as it is", CODE],
    ["in lower case", CODE.toLowerCase()],
    ["with hyphens", "01234-56789-ABCDE-FGHJK-MNPQRS"],
    ["with blanks and line ends", " 0123 4567 89AB\tCDEF GHJK MNPQ RS\r\n"],
    ["with O for 0 and I or l for 1", CODE.replace("0", "O").replace("1", "I")],
    ["with l for 1", CODE.replace("1", "l")],
  ])("is read as people type it: %s", async (_, text) => {
    expect(await readCode(text)).toBe(await digestOf(CODE));
  });

  it.each([
    ["nothing", ""],
    ["a character less", CODE.slice(1)],
    ["a character more", `${CODE}0`],
    ["a letter that is in no code", `U${CODE.slice(1)}`],
    ["a dot", `.${CODE.slice(1)}`],
    ["digits of another script", `٠${CODE.slice(1)}`],
    ["a very long text", "0".repeat(100_000)],
  ])("cannot be one: %s", async (_, text) => {
    expect(await readCode(text)).toBeUndefined();
  });
});

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
