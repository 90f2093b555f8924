import { describe, expect, it } from "vitest";
import { Sealer } from "../../../src/auth/sealed.ts";

const TOKEN = "0123456789abcdef0123456789abcdef";
const VALUE = { to: "/über?a=1", number: 3 };
const LIFE = 1000;

function sealerAt(now = { ms: 0 }, token = TOKEN) {
  return new Sealer(token, () => now.ms);
}

describe("a sealed value", () => {
  it("opens for its purpose, in any isolate with the same token", async () => {
    const sealed = await sealerAt().seal("door", VALUE, LIFE);
    expect(await sealerAt().open("door", sealed)).toEqual(VALUE);
  });

  it("shows nothing, and is never the same twice", async () => {
    const sealer = sealerAt();
    const [one, two] = [await sealer.seal("door", VALUE, LIFE), await sealer.seal("door", VALUE, LIFE)];
    expect(one).toMatch(/^[A-Za-z0-9_-]+$/);
    expect(one).not.toBe(two);
    expect(Buffer.from(one, "base64url").toString("latin1")).not.toContain("number");
  });

  it("ends", async () => {
    const now = { ms: 0 };
    const sealer = sealerAt(now);
    const sealed = await sealer.seal("door", VALUE, LIFE);
    now.ms = LIFE - 1;
    expect(await sealer.open("door", sealed)).toEqual(VALUE);
    now.ms = LIFE;
    expect(await sealer.open("door", sealed)).toBeUndefined();
  });

  it("opens for no other purpose, and under no other token", async () => {
    const sealed = await sealerAt().seal("door", VALUE, LIFE);
    expect(await sealerAt().open("ticket", sealed)).toBeUndefined();
    expect(await sealerAt({ ms: 0 }, `${TOKEN}0`).open("door", sealed)).toBeUndefined();
  });

  it("does not open when one character is another", async () => {
    const sealed = await sealerAt().seal("door", VALUE, LIFE);
    for (let index = 0; index < sealed.length; index++) {
      const other = sealed[index] === "A" ? "B" : "A";
      const changed = sealed.slice(0, index) + other + sealed.slice(index + 1);
      // The last character has bits that mean nothing.
      if (Buffer.from(changed, "base64url").equals(Buffer.from(sealed, "base64url"))) continue;
      expect(await sealerAt().open("door", changed)).toBeUndefined();
    }
  });

  it.each(["", "A", "AAAA", "not base64!", "A".repeat(100_000), "ü"])("%.20j is none", async (text) => {
    expect(await sealerAt().open("door", text)).toBeUndefined();
  });
});
