import { describe, expect, it } from "vitest";
import { digestOf } from "../../../src/auth/secrets.ts";
import { SessionValues } from "../../../src/auth/session-value.ts";

const ADMIN_TOKEN = "an-admin-token-of-more-than-32-characters";
const HOST = "app.example.com";
const HOLDER = "0b6f0a52-8f8e-4a43-9f0e-1d3b6a1d7f55";
const sessions = new SessionValues(ADMIN_TOKEN);

/** A cookie's value, and where its session is found. */
async function create(holder = HOLDER) {
  const { text, digest } = await sessions.newText();
  return { value: await sessions.seal(text, holder, HOST), key: { holder, digest }, text };
}

describe("the value of a session's cookie", () => {
  it("is read where it was made, by whoever has the same ADMIN_TOKEN", async () => {
    for (const holder of [HOLDER, "admin"]) {
      const { value, key, text } = await create(holder);
      // What a cookie may hold: RFC 6265, section 4.1.1.
      expect(value).toMatch(/^[A-Za-z0-9_-]{43}\.[a-z0-9-]+\.[A-Za-z0-9_-]{43}$/);
      expect(key.digest).toBe(await digestOf(text));
      expect(await sessions.read(value, HOST)).toEqual(key);
      expect(await new SessionValues(ADMIN_TOKEN).read(value, HOST)).toEqual(key);
    }
  });

  it("is another one each time", async () => {
    const values = await Promise.all(Array.from({ length: 100 }, async () => (await create()).value));
    expect(new Set(values).size).toBe(100);
  });

  it("is nothing on another host, nor under another ADMIN_TOKEN", async () => {
    const { value } = await create();
    expect(await sessions.read(value, "vault.example.com")).toBeUndefined();
    expect(await sessions.read(value, `${HOST}.`)).toBeUndefined();
    expect(await new SessionValues(`${ADMIN_TOKEN}x`).read(value, HOST)).toBeUndefined();
  });

  it.each([
    ["nothing", () => ""],
    ["the text alone", (value: string) => value.split(".")[0] ?? ""],
    ["an empty code", (value: string) => value.replace(/[^.]*$/, "")],
    ["another code", (value: string) => value.replace(/[^.]*$/, "A".repeat(43))],
    ["another text", (value: string) => value.replace(/^[^.]*/, "A".repeat(43))],
    ["another holder", (value: string) => value.replace(HOLDER, "admin")],
    ["no holder", (value: string) => value.replace(`.${HOLDER}`, "")],
    ["a character more", (value: string) => `${value}A`],
    ["a blank before", (value: string) => ` ${value}`],
    ["quotes", (value: string) => `"${value}"`],
    ["twice the value", (value: string) => `${value}.${value}`],
    ["what is no base64url", (value: string) => value.replace(/.$/, "*")],
    ["a very long text", () => "A".repeat(100_000)],
  ])("cannot be one: %s", async (_, change) => {
    const { value } = await create();
    expect(await sessions.read(change(value), HOST)).toBeUndefined();
  });
});
