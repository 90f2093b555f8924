import { describe, expect, it } from "vitest";
import { digestOf } from "../../../src/control/secrets.ts";
import { SessionValues } from "../../../src/control/session-value.ts";

const ADMIN_TOKEN = "an-admin-token-of-more-than-32-characters";
const HOST = "app.example.com";
const sessions = new SessionValues(ADMIN_TOKEN);

describe("the value of a session's cookie", () => {
  it("is read where it was made, by whoever has the same ADMIN_TOKEN", async () => {
    const { value, digest } = await sessions.create(HOST);
    // What a cookie may hold: RFC 6265, section 4.1.1.
    expect(value).toMatch(/^[A-Za-z0-9_-]{43}\.[A-Za-z0-9_-]{43}$/);
    expect(digest).toBe(await digestOf(value));
    expect(await sessions.read(value, HOST)).toBe(digest);
    expect(await new SessionValues(ADMIN_TOKEN).read(value, HOST)).toBe(digest);
  });

  it("is another one each time", async () => {
    const values = await Promise.all(
      Array.from({ length: 100 }, async () => (await sessions.create(HOST)).value),
    );
    expect(new Set(values).size).toBe(100);
  });

  it("is nothing on another host, nor under another ADMIN_TOKEN", async () => {
    const { value } = await sessions.create(HOST);
    expect(await sessions.read(value, "vault.example.com")).toBeUndefined();
    expect(await sessions.read(value, `${HOST}.`)).toBeUndefined();
    expect(await new SessionValues(`${ADMIN_TOKEN}x`).read(value, HOST)).toBeUndefined();
  });

  it.each([
    ["nothing", () => ""],
    ["the text alone", (value: string) => value.split(".")[0] ?? ""],
    ["an empty code", (value: string) => `${value.split(".")[0]}.`],
    ["another code", (value: string) => `${value.split(".")[0]}.${"A".repeat(43)}`],
    ["another text", (value: string) => `${"A".repeat(43)}.${value.split(".")[1]}`],
    ["a character more", (value: string) => `${value}A`],
    ["a blank before", (value: string) => ` ${value}`],
    ["quotes", (value: string) => `"${value}"`],
    ["twice the value", (value: string) => `${value}.${value}`],
    ["what is no base64url", (value: string) => value.replace(/.$/, "*")],
    ["a very long text", () => "A".repeat(100_000)],
  ])("cannot be one: %s", async (_, change) => {
    const { value } = await sessions.create(HOST);
    expect(await sessions.read(change(value), HOST)).toBeUndefined();
  });
});
