import { beforeEach, describe, expect, it } from "vitest";
import { ASK_AGAIN_MS, KeyedSecrets } from "../../../src/auth/keyed-secrets.ts";
import { digestOf } from "../../../src/auth/secrets.ts";
import type { SecretDigest } from "../../../src/domain/credential.ts";

const DIGEST = /^[0-9a-f]{64}$/;
const KEY = "0f".repeat(32);
const OTHER_KEY = "f0".repeat(32);
const START = Date.UTC(2026, 10, 26, 12);

/** The directory's answer, how often it was asked, and whether it fails. */
let directory: { key: string; exempt: SecretDigest[]; asked: number; isDown: boolean };
let now: number;
let secrets: KeyedSecrets;

beforeEach(() => {
  directory = { key: KEY, exempt: [], asked: 0, isDown: false };
  now = START;
  secrets = isolate();
});

/** What an isolate has. */
function isolate(): KeyedSecrets {
  const ask = async () => {
    directory.asked += 1;
    if (directory.isDown) throw new Error("down");
    return { key: directory.key, exempt: [...directory.exempt] };
  };
  return new KeyedSecrets(
    ask,
    () => now,
    () => undefined,
  );
}

/** Secrets of a registry with another key. */
async function foreign() {
  const ask = async () => ({ key: OTHER_KEY, exempt: [] });
  const others = new KeyedSecrets(ask, Date.now, () => undefined);
  const [{ code }, card] = [await others.newCode(), await others.newCard()];
  return { ...(await others.newToken()), code, card };
}

describe("a token", () => {
  it("is the prefix, 256 random bits and a check; its digest is what the registry keeps", async () => {
    const { token, digest } = await secrets.newToken();
    expect(token).toMatch(/^lkt_[A-Za-z0-9_-]{51}$/);
    expect(digest).toMatch(DIGEST);
    expect(digest).toBe(await digestOf(token));
    expect(await secrets.readToken(token)).toBe(digest);
    expect(await isolate().readToken(token), "in another isolate").toBe(digest);
  });

  it("is another one each time", async () => {
    const tokens = await Promise.all(
      Array.from({ length: 200 }, async () => (await secrets.newToken()).token),
    );
    expect(new Set(tokens).size).toBe(200);
  });

  it("that is mistyped is recognised as such, whichever character is changed", async () => {
    const { token } = await secrets.newToken();
    for (let at = 0; at < token.length; at++) {
      const other = token[at] === "A" ? "B" : "A";
      const mistyped = token.slice(0, at) + other + token.slice(at + 1);
      expect(await secrets.readToken(mistyped), String(at)).toBeUndefined();
    }
  });

  it.each([
    ["nothing", () => ""],
    ["the prefix alone", () => "lkt_"],
    ["cut off", (token: string) => token.slice(0, -1)],
    ["longer", (token: string) => `${token}A`],
    ["without its prefix", (token: string) => token.slice(4)],
    ["with another prefix", (token: string) => `lks_${token.slice(4)}`],
    ["with a space before", (token: string) => ` ${token}`],
    ["with a line end behind", (token: string) => `${token}\n`],
    ["in upper case", (token: string) => token.toUpperCase()],
    ["with what is no base64url", (token: string) => `${token.slice(0, 9)}+${token.slice(10)}`],
    ["made up", () => `lkt_${"A".repeat(51)}`],
    ["made up as tokens were before there was a key", () => `lkt_${"A".repeat(49)}`],
    ["very long", () => `lkt_${"A".repeat(100_000)}`],
  ])("cannot be one: %s", async (_, change) => {
    const { token } = await secrets.newToken();
    expect(await secrets.readToken(change(token))).toBeUndefined();
  });

  it("of another registry is none, and one whose check was made for a code is none", async () => {
    expect(await secrets.readToken((await foreign()).token)).toBeUndefined();
    // The check of a code over the same text: HMAC over another context.
    const body = `lkt_${"A".repeat(43)}`;
    const raw = Uint8Array.from(KEY.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
    const key = await crypto.subtle.importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
    const checkFor = async (context: string) => {
      const mac = await crypto.subtle.sign(
        "HMAC",
        key,
        new TextEncoder().encode(`latchkey ${context} ${body}`),
      );
      return Buffer.from(mac).toString("base64url").slice(0, 8);
    };
    expect(await secrets.readToken(body + (await checkFor("code")))).toBeUndefined();
    expect(await secrets.readToken(body + (await checkFor("session")))).toBeUndefined();
    expect(await secrets.readToken(body + (await checkFor("token")))).toMatch(DIGEST);
  });
});

describe("a code", () => {
  it("is 26 letters and digits that nobody mistakes for each other", async () => {
    const { code, digest } = await secrets.newCode();
    expect(code).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}$/);
    expect(digest).toBe(await digestOf(code));
    expect(await secrets.readCode(code)).toBe(digest);
    expect(await isolate().readCode(code), "in another isolate").toBe(digest);
  });

  it("uses each of the 32 characters about as often", async () => {
    const codes = await Promise.all(Array.from({ length: 400 }, () => secrets.newCode()));
    const counts = new Map<string, number>();
    for (const { code } of codes) {
      for (const character of code) counts.set(character, (counts.get(character) ?? 0) + 1);
    }
    expect(counts.size).toBe(32);
    // 325 are expected of each; five standard deviations are 89.
    for (const [character, count] of counts) expect(Math.abs(count - 325), character).toBeLessThan(90);
  });

  it.each([
    ["as it is", (code: string) => code],
    ["in lower case", (code: string) => code.toLowerCase()],
    ["with hyphens", (code: string) => code.replaceAll(/.{5}/g, "$&-")],
    ["with spaces and line ends", (code: string) => ` ${code.replaceAll(/.{4}/g, "$& ")}\t\r\n`],
    ["with O for 0 and I for 1", (code: string) => code.replaceAll("0", "O").replaceAll("1", "I")],
    ["with o for 0 and l for 1", (code: string) => code.replaceAll("0", "o").replaceAll("1", "l")],
  ])("is read as people type it: %s", async (_, type) => {
    const { code, digest } = await secrets.newCode();
    expect(await secrets.readCode(type(code))).toBe(digest);
  });

  it.each([
    ["nothing", () => ""],
    ["a character less", (code: string) => code.slice(1)],
    ["a character more", (code: string) => `${code}0`],
    ["a letter that is in no code", (code: string) => `U${code.slice(1)}`],
    ["a dot", (code: string) => `.${code.slice(1)}`],
    ["digits of another script", (code: string) => `٠${code.slice(1)}`],
    ["a very long text", () => "0".repeat(100_000)],
    ["made up", () => "0".repeat(26)],
  ])("cannot be one: %s", async (_, change) => {
    const { code } = await secrets.newCode();
    expect(await secrets.readCode(change(code))).toBeUndefined();
  });

  it("that is mistyped is recognised as such, and so is one of another registry", async () => {
    const { code } = await secrets.newCode();
    for (let at = 0; at < code.length; at++) {
      const other = code[at] === "A" ? "B" : "A";
      expect(
        await secrets.readCode(code.slice(0, at) + other + code.slice(at + 1)),
        String(at),
      ).toBeUndefined();
    }
    expect(await secrets.readCode((await foreign()).code)).toBeUndefined();
  });
});

describe("an emergency card", () => {
  it("has the form of a code, and is read as a token however it is typed", async () => {
    const { token: card, digest } = await secrets.newCard();
    expect(card).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}$/);
    expect(digest).toBe(await digestOf(card));
    const typed = [card, card.toLowerCase(), ` ${card.replaceAll(/.{4}/g, "$&- ")}\n`];
    typed.push(card.replaceAll("0", "o").replaceAll("1", "l"), card.replaceAll("1", "I"));
    for (const text of typed) expect(await isolate().readToken(text), text).toBe(digest);
  });

  it("passes for no code, and a code for no card", async () => {
    const [{ token: card }, { code }] = [await secrets.newCard(), await secrets.newCode()];
    expect(await secrets.readCode(card)).toBeUndefined();
    expect(await secrets.readToken(code)).toBeUndefined();
  });

  it("that is mistyped is recognised as such, and so is one of another registry", async () => {
    const { token: card } = await secrets.newCard();
    for (let at = 0; at < card.length; at++) {
      const other = card[at] === "A" ? "B" : "A";
      const mistyped = card.slice(0, at) + other + card.slice(at + 1);
      expect(await secrets.readToken(mistyped), String(at)).toBeUndefined();
    }
    expect(await secrets.readToken((await foreign()).card.token)).toBeUndefined();
  });

  it("that a restore brought is looked up, and is still no code", async () => {
    const { card } = await foreign();
    directory.exempt = [card.digest];
    expect(await secrets.readToken(card.token.toLowerCase())).toBe(card.digest);
    expect(await secrets.readCode(card.token)).toBeUndefined();
  });
});

describe("the directory is asked", () => {
  it("once, however many come, and by whatever they bring", async () => {
    const { token } = await foreign();
    const many = Array.from({ length: 50 }, () => [
      secrets.readToken(token),
      secrets.newToken(),
      secrets.newCode(),
    ]);
    await Promise.all(many.flat());
    for (let n = 0; n < 200; n++) {
      now += 2_000;
      expect(await secrets.readToken(token)).toBeUndefined();
      expect(await secrets.readCode("0".repeat(26))).toBeUndefined();
    }
    expect(directory.asked).toBe(1);
  });

  it("not at all about what is no token by its form", async () => {
    for (const text of ["", "x", "lkt_x", "A".repeat(100_000)])
      expect(await secrets.readToken(text)).toBeUndefined();
    for (const text of ["", "x", "A".repeat(100_000)]) expect(await secrets.readCode(text)).toBeUndefined();
    expect(directory.asked).toBe(0);
  });

  it("once in ten minutes while forged ones come: 144 times a day", async () => {
    const { token } = await foreign();
    for (let minute = 0; minute < 24 * 60; minute++) {
      now = START + minute * 60_000;
      await Promise.all([secrets.readToken(token), secrets.readToken(token)]);
    }
    expect(directory.asked).toBe(144);
  });

  it("never again while right ones come", async () => {
    const { token } = await secrets.newToken();
    now += 30 * 24 * 60 * 60_000;
    expect(await secrets.readToken(token)).toMatch(DIGEST);
    expect(directory.asked).toBe(1);
  });

  it("about a token that a restore brought: it works within ten minutes, and at once where nobody knew before", async () => {
    const { token, digest } = await foreign();
    await secrets.newToken();
    directory.exempt = [digest];
    expect(await isolate().readToken(token)).toBe(digest);
    now += ASK_AGAIN_MS - 1;
    expect(await secrets.readToken(token)).toBeUndefined();
    now += 1;
    expect(await secrets.readToken(token)).toBe(digest);
  });

  it("about a token that was made before there was a key", async () => {
    const token = `lkt_${"A".repeat(49)}`;
    directory.exempt = [await digestOf(token)];
    expect(await secrets.readToken(token)).toBe(directory.exempt[0]);
    expect(await secrets.readToken(`${token.slice(0, -1)}B`)).toBeUndefined();
  });

  it("for the current key whenever something is made: the registry may be another one", async () => {
    await secrets.newToken();
    directory.key = OTHER_KEY;
    const other = isolate();
    const [{ token }, { code }] = [await secrets.newToken(), await secrets.newCode()];
    expect(await other.readToken(token)).toMatch(DIGEST);
    expect(await other.readCode(code)).toMatch(DIGEST);
  });

  it("about a key that has changed: its secrets work within ten minutes", async () => {
    await secrets.newToken();
    directory.key = OTHER_KEY;
    const { token, code } = await foreign();
    expect(await secrets.readToken(token)).toBeUndefined();
    now += ASK_AGAIN_MS;
    expect(await secrets.readCode(code)).toMatch(DIGEST);
    expect(await secrets.readToken(token)).toMatch(DIGEST);
    expect(directory.asked).toBe(2);
  });

  it("once in a second while it fails, and nothing passes for wrong", async () => {
    const { token } = await secrets.newToken();
    const cold = isolate();
    directory = { ...directory, asked: 0, isDown: true };
    for (let n = 0; n < 20; n++) {
      await expect(cold.readToken(token)).rejects.toThrow();
      now += 100;
    }
    expect(directory.asked).toBe(2);
    expect(await secrets.readToken(token), "an isolate that knows the key needs nobody").toMatch(DIGEST);
    directory.isDown = false;
    now += 1_000;
    expect(await cold.readToken(token)).toMatch(DIGEST);
  });

  it("and a failure is shared by those who wait for it", async () => {
    directory.isDown = true;
    const asked = await Promise.allSettled(Array.from({ length: 20 }, () => secrets.newToken()));
    expect(asked.every(({ status }) => status === "rejected")).toBe(true);
    expect(directory.asked).toBe(1);
  });
});
