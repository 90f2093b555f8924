import { reset } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Authenticator } from "../../../src/auth/authenticate.ts";
import { DEAD_MS, DeadSecrets } from "../../../src/auth/dead-secrets.ts";
import { KeyedSecrets } from "../../../src/auth/keyed-secrets.ts";
import { randomText } from "../../../src/auth/secrets.ts";
import { ApiError } from "../../../src/contract/api-error.ts";
import type { TokenScope } from "../../../src/domain/credential.ts";
import type { UserId } from "../../../src/domain/user.ts";
import { directoryOf } from "../../../src/registry/client/objects.ts";
import { LAST_USED_EVERY_MS } from "../../../src/registry/directory/credentials.ts";
import type { Actor } from "../../../src/registry/storage/audit-log.ts";
import { keyedSecrets } from "../fixtures.ts";
import { ALICE, by, type Call, directory, directoryStub, dump, intercepted } from "../registry/fixtures.ts";

// Whose token it is, and what it costs to ask.

const NOW = Date.UTC(2026, 10, 25, 12);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const IP = "198.51.100.7";

let now: number;
let calls: string[];
let fails: boolean;
beforeEach(async () => {
  now = NOW;
  calls = [];
  fails = false;
  await directory().putUser(by(), ALICE, undefined);
});
afterEach(reset);

/** What an isolate has, with a clock and eyes on its calls. */
function isolate(): Authenticator {
  const around = async (call: Call) => {
    calls.push(call.name);
    if (fails) throw new Error("connection lost");
    return call.proceed();
  };
  const caller = directoryOf(intercepted(around));
  const waitUntil = () => undefined;
  const clock = () => now;
  const secrets = new KeyedSecrets(
    () => caller.ask((directory) => directory.credentialCheck()),
    clock,
    waitUntil,
  );
  return new Authenticator(env.ADMIN_TOKEN, caller, secrets, new DeadSecrets(clock, waitUntil), clock, null);
}

async function makeToken(
  change: { user?: UserId | null; scope?: TokenScope; expiresAt?: number | null } = {},
): Promise<{ id: string; token: string }> {
  const { token, digest } = await keyedSecrets().newToken();
  const id = crypto.randomUUID();
  const record = { id, user: ALICE, name: id, scope: "devices" as const, expiresAt: null, ...change };
  const made = await directory().createToken(by({ at: now }), record, digest);
  if (!made.ok) throw new Error(made.error.code);
  return { id, token };
}

/** Of the right form, as anybody can make them. */
const forged = () => `lkt_${randomText(38)}`;

/** A token of ours that was revoked. */
async function deadToken(): Promise<string> {
  const { id, token } = await makeToken();
  await directory().revokeToken(by(), id);
  return token;
}

function sent(authorization: string | null, ip = IP): Request {
  const headers = new Headers({ "CF-Connecting-IP": ip });
  if (authorization !== null) headers.set("Authorization", authorization);
  return new Request("https://app.example.com/.latchkey/api/v1/me", { headers });
}

/** The principal, or the code of the refusal. */
async function ask(of: Authenticator, token: string, ip = IP) {
  try {
    return await of.ofBearer(sent(`Bearer ${token}`, ip));
  } catch (error) {
    if (error instanceof ApiError) return error.code;
    throw error;
  }
}

describe("a user's token", () => {
  it("says whose it is, how far it reaches, and how the audit log names it", async () => {
    const { id, token } = await makeToken();
    const all = await makeToken({ user: null, scope: "read" });
    const reader = isolate();
    expect(await ask(reader, token)).toEqual({
      scope: "devices",
      user: "alice",
      actor: `token alice/${id}`,
      session: null,
    });
    expect(await ask(reader, all.token)).toMatchObject({
      scope: "read",
      user: null,
      actor: `token */${all.id}`,
    });
  });

  it("is nothing in another case, cut off, or with something behind it", async () => {
    const { token } = await makeToken();
    const reader = isolate();
    for (const wrong of [token.toUpperCase(), token.slice(1), `${token}x`, `${token} ${token}`]) {
      expect(await ask(reader, wrong), wrong).toBe("wrong-credentials");
    }
    expect(await reader.ofBearer(sent(`bearer   ${token}  `))).toMatchObject({ user: "alice" });
    expect(await reader.ofBearer(sent(`Basic ${token}`))).toBeUndefined();
    expect(await reader.ofBearer(sent(null))).toBeUndefined();
  });

  it("ends in the very millisecond that it says", async () => {
    const { token } = await makeToken({ expiresAt: NOW + HOUR });
    const reader = isolate();
    now = NOW + HOUR - 1;
    expect(await ask(reader, token)).toMatchObject({ user: "alice" });
    now = NOW + HOUR;
    expect(await ask(reader, token)).toBe("wrong-credentials");
  });

  it("ends with its revocation, in an isolate that knew it too", async () => {
    const { id, token } = await makeToken();
    const reader = isolate();
    expect(await ask(reader, token)).toMatchObject({ user: "alice" });
    await directory().revokeToken(by(), id);
    expect(await ask(reader, token)).toBe("wrong-credentials");
  });

  it("is not taken for wrong while the directory does not answer, nor remembered as such", async () => {
    const { token } = await makeToken();
    const [cold, warm] = [isolate(), isolate()];
    await ask(warm, token);
    const asked = { request: sent(null), hostname: "app.example.com", by: by({ at: NOW }) };
    fails = true;
    for (const reader of [cold, warm]) {
      for (let n = 0; n < 20; n++) {
        await expect(ask(reader, token)).rejects.toThrow(/the registry (does|did) not answer/);
        await expect(reader.signIn(asked, token)).rejects.toThrow(/the registry (does|did) not answer/);
      }
    }
    fails = false;
    expect(await ask(warm, token)).toMatchObject({ user: "alice" });
    expect(await warm.signIn(asked, token)).toMatchObject({ ok: true });
    now += 1_000;
    expect(await ask(cold, token)).toMatchObject({ user: "alice" });
  });
});

describe("the time of its last use", () => {
  const lastUsed = async () => (await directory().tokens()).map(({ lastUsedAt }) => lastUsedAt);

  it("is written every five minutes at most", async () => {
    const { token } = await makeToken();
    const reader = isolate();
    expect(await lastUsed()).toEqual([null]);
    await ask(reader, token);
    expect(await lastUsed()).toEqual([NOW]);
    now = NOW + LAST_USED_EVERY_MS - 1;
    await ask(reader, token);
    expect(await lastUsed()).toEqual([NOW]);
    now = NOW + LAST_USED_EVERY_MS;
    await ask(reader, token);
    expect(await lastUsed()).toEqual([NOW + LAST_USED_EVERY_MS]);
    expect(LAST_USED_EVERY_MS).toBe(5 * MINUTE);
  });

  it("is not written for a token that has ended", async () => {
    const { token } = await makeToken({ expiresAt: NOW });
    await ask(isolate(), token);
    expect(await lastUsed()).toEqual([null]);
  });
});

describe("what strangers cost", () => {
  it.each(["x", "", "lkt_", "A".repeat(100_000), "'; DROP TABLE tokens; --", `Bearer ${env.ADMIN_TOKEN}`])(
    "garbage is wrong, and nobody is asked: %.20s",
    async (garbage) => {
      const reader = isolate();
      for (let n = 0; n < 50; n++) {
        expect(await ask(reader, garbage)).toBe(garbage === "" ? undefined : "wrong-credentials");
      }
      expect(calls).toEqual([]);
    },
  );

  it("forged tokens cost one question, however many come", async () => {
    const before = await dump(directoryStub());
    const reader = isolate();
    const answers = await Promise.all(Array.from({ length: 500 }, () => ask(reader, forged())));
    expect(new Set(answers)).toEqual(new Set(["wrong-credentials"]));
    for (let n = 0; n < 500; n++) await ask(reader, forged(), `203.0.113.${n % 250}`);
    expect(calls).toEqual(["directory.credentialCheck"]);
    const { credential_check: _, ...after } = await dump(directoryStub());
    expect(before).toMatchObject(after);
  });

  it("a token that has ended costs one question an hour, also when many come at a time", async () => {
    const token = await deadToken();
    const reader = isolate();
    const at = by({ at: NOW });
    const signIn = async () =>
      reader.signIn({ request: sent(null), hostname: "app.example.com", by: at }, token);
    await Promise.all(Array.from({ length: 100 }, () => ask(reader, token)));
    for (let n = 0; n < 100; n++) expect(await ask(reader, token)).toBe("wrong-credentials");
    expect(await signIn()).toEqual({ ok: false, error: { code: "wrong-token" } });
    expect(calls).toEqual(["directory.credentialCheck", "directory.ofToken"]);
    now = NOW + DEAD_MS;
    for (let n = 0; n < 100; n++) await Promise.all([ask(reader, token), signIn()]);
    expect(calls).toHaveLength(3);
  });
});

describe("the right token", () => {
  it.each([40, 400])(
    "works on after %d forged ones, in the isolate that got them (finding 2: it was refused for an hour)",
    async (many) => {
      const { token } = await makeToken();
      const reader = isolate();
      for (let n = 0; n < many; n++) {
        expect(await ask(reader, forged(), `203.0.113.${n % 4}`)).toBe("wrong-credentials");
      }
      expect(await ask(reader, token, "192.0.2.77")).toMatchObject({ user: "alice" });
      const asked = {
        request: sent(null),
        hostname: "app.example.com",
        by: by({ at: NOW, ip: "203.0.113.1" }),
      };
      expect(await reader.signIn(asked, token)).toMatchObject({ ok: true });
    },
  );

  it("is asked about each time, however many come at a time", async () => {
    const { id, token } = await makeToken();
    const reader = isolate();
    const many = await Promise.all(Array.from({ length: 100 }, () => ask(reader, token)));
    expect(many.filter((each) => typeof each === "object")).toHaveLength(100);
    expect(calls.filter((name) => name === "directory.ofToken")).toHaveLength(100);
    await directory().revokeToken(by(), id);
    expect(await ask(reader, token)).toBe("wrong-credentials");
  });
});

describe("signing in", () => {
  const asked = (by: Actor) => ({ request: sent(null), hostname: "app.example.com", by });

  it("opens a session that is right on its host alone, for twelve hours", async () => {
    const { id, token } = await makeToken();
    const reader = isolate();
    const opened = await reader.signIn(asked(by({ at: NOW })), token);
    if (!opened.ok) return expect.fail(opened.error.code);
    const { cookie } = opened.value;
    const [session] = await directory().sessions(null, NOW);
    expect(await reader.ofSession(cookie, "app.example.com")).toEqual({
      scope: "devices",
      user: "alice",
      actor: `token alice/${id}, session ${session?.id.slice(0, 8)}`,
      session: session?.id,
    });
    calls = [];
    expect(await reader.ofSession(cookie, "vault.example.com")).toBeUndefined();
    expect(await reader.ofSession(`x${cookie}`, "app.example.com")).toBeUndefined();
    expect(calls, "nobody is asked about what cannot be one").toEqual([]);
    now = NOW + 12 * HOUR;
    expect(await reader.ofSession(cookie, "app.example.com")).toBeUndefined();
  });

  it("gives a new value each time, which is no token", async () => {
    const reader = isolate();
    const cookies: string[] = [];
    for (let n = 0; n < 3; n++) {
      const opened = await reader.signIn(asked(by({ at: NOW })), env.ADMIN_TOKEN);
      if (opened.ok) cookies.push(opened.value.cookie);
    }
    expect(new Set(cookies).size).toBe(3);
    for (const cookie of cookies) expect(await ask(reader, cookie)).toBe("wrong-credentials");
  });

  it("with wrong tokens asks nobody and writes nothing; the right one never waits for it", async () => {
    const { token } = await makeToken();
    const reader = isolate();
    const before = await dump(directoryStub());
    for (let n = 0; n < 300; n++) {
      const from = asked(by({ at: NOW, ip: `203.0.113.${n % 250}` }));
      expect(await reader.signIn(from, n % 2 === 0 ? "wrong" : forged())).toEqual({
        ok: false,
        error: { code: "wrong-token" },
      });
    }
    expect(calls).toEqual(["directory.credentialCheck"]);
    expect(await dump(directoryStub())).toEqual(before);
    for (const right of [token, env.ADMIN_TOKEN]) {
      expect(await reader.signIn(asked(by({ at: NOW, ip: "203.0.113.1" })), right)).toMatchObject({
        ok: true,
      });
    }
  });
});

describe("signing out", () => {
  const asked = { request: sent(null), hostname: "app.example.com", by: by({ at: NOW }) };

  it("ends the session with one call, and the dead cookie costs none afterwards", async () => {
    const reader = isolate();
    const opened = await reader.signIn(asked, env.ADMIN_TOKEN);
    if (!opened.ok) return expect.fail(opened.error.code);
    const { cookie } = opened.value;
    calls = [];
    await reader.signOut(cookie, "vault.example.com", by());
    expect(calls, "of another host").toEqual([]);
    await reader.signOut(cookie, "app.example.com", by({ at: NOW }));
    expect(calls).toEqual(["directory.signOut"]);
    for (let n = 0; n < 100; n++) {
      expect(await reader.ofSession(cookie, "app.example.com")).toBeUndefined();
      await reader.signOut(cookie, "app.example.com", by({ at: NOW }));
    }
    expect(calls).toEqual(["directory.signOut"]);
    const other = isolate();
    for (let n = 0; n < 100; n++) expect(await other.ofSession(cookie, "app.example.com")).toBeUndefined();
    expect(calls).toEqual(["directory.signOut", "directory.ofSession"]);
  });
});
