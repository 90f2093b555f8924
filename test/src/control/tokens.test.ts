import { reset } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Authenticator } from "../../../src/control/authenticate.ts";
import { ApiError } from "../../../src/control/problem.ts";
import { newToken } from "../../../src/control/secrets.ts";
import { QUESTIONS_A_NETWORK, QUESTIONS_AN_HOUR } from "../../../src/control/stranger-budget.ts";
import type { Actor } from "../../../src/registry/audit-log.ts";
import type { TokenScope } from "../../../src/registry/credential.ts";
import { LAST_USED_EVERY_MS } from "../../../src/registry/credential-table.ts";
import { Credentials } from "../../../src/registry/credentials.ts";
import type { UserId } from "../../../src/registry/user.ts";
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
  return new Authenticator(env.ADMIN_TOKEN, new Credentials(intercepted(around)), () => now);
}

async function makeToken(
  change: { user?: UserId | null; scope?: TokenScope; expiresAt?: number | null } = {},
): Promise<{ id: string; token: string }> {
  const { token, digest } = await newToken();
  const id = crypto.randomUUID();
  const record = { id, user: ALICE, name: id, scope: "devices" as const, expiresAt: null, ...change };
  const made = await directory().createToken(by({ at: now }), record, digest);
  if (!made.ok) throw new Error(made.error.code);
  return { id, token };
}

const unknownToken = async () => (await newToken()).token;

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

  it("is not taken for wrong when the directory does not answer, nor is it remembered as such", async () => {
    const { token } = await makeToken();
    const reader = isolate();
    fails = true;
    await expect(ask(reader, token)).rejects.toThrow("the registry does not answer");
    fails = false;
    expect(await ask(reader, token)).toMatchObject({ user: "alice" });
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
  it.each([
    "x",
    "",
    "lkt_",
    `lkt_${"A".repeat(49)}`,
    "A".repeat(100_000),
    "'; DROP TABLE tokens; --",
    `Bearer ${env.ADMIN_TOKEN}`,
  ])("garbage is wrong, and nobody is asked: %.20s", async (garbage) => {
    const reader = isolate();
    for (let n = 0; n < QUESTIONS_AN_HOUR + 5; n++) {
      expect(await ask(reader, garbage)).toBe(garbage === "" ? undefined : "wrong-credentials");
    }
    expect(calls).toEqual([]);
  });

  it("a token that is well made and of nobody is asked about, and writes nothing", async () => {
    const before = await dump(directoryStub());
    expect(await ask(isolate(), await unknownToken())).toBe("wrong-credentials");
    expect(calls).toEqual(["directory.principal"]);
    expect(await dump(directoryStub())).toEqual(before);
  });

  it("one network is stopped after so many of them, another is not", async () => {
    const reader = isolate();
    for (let n = 0; n < QUESTIONS_A_NETWORK; n++) {
      expect(await ask(reader, await unknownToken())).toBe("wrong-credentials");
    }
    calls = [];
    expect(await ask(reader, await unknownToken())).toBe("too-many-attempts");
    expect(calls).toEqual([]);
    expect(await ask(reader, await unknownToken(), "198.51.100.8")).toBe("wrong-credentials");
  });

  it("all of an IPv6 network are one", async () => {
    const reader = isolate();
    for (let n = 0; n < QUESTIONS_A_NETWORK; n++)
      await ask(reader, await unknownToken(), `2001:db8::${n + 1}`);
    expect(await ask(reader, await unknownToken(), "2001:db8::ffff:1:2:3")).toBe("too-many-attempts");
    expect(await ask(reader, await unknownToken(), "2001:db8:0:1::1")).toBe("wrong-credentials");
  });

  it("all networks are stopped after so many of all, and are told until when", async () => {
    const reader = isolate();
    for (let n = 0; n < QUESTIONS_AN_HOUR; n++) await ask(reader, await unknownToken(), `203.0.113.${n}`);
    now = NOW + 10 * MINUTE;
    const refusal = await reader.ofBearer(sent(`Bearer ${await unknownToken()}`)).catch((error) => error);
    expect(refusal).toMatchObject({ code: "too-many-attempts", headers: { "Retry-After": "3000" } });
    expect(calls).toHaveLength(QUESTIONS_AN_HOUR);
    now = NOW + HOUR;
    expect(await ask(reader, await unknownToken())).toBe("wrong-credentials");
  });

  it("however many come at a time", async () => {
    const reader = isolate();
    const tokens = await Promise.all(Array.from({ length: 200 }, unknownToken));
    const answers = await Promise.all(tokens.map((token, n) => ask(reader, token, `203.0.113.${n}`)));
    expect(calls).toHaveLength(QUESTIONS_AN_HOUR);
    expect(answers.filter((answer) => answer === "too-many-attempts")).toHaveLength(200 - QUESTIONS_AN_HOUR);
  });
});

describe("while strangers are stopped", () => {
  /** An isolate whose budget is used up. */
  async function besieged(reader = isolate()): Promise<Authenticator> {
    for (let n = 0; n < QUESTIONS_AN_HOUR; n++) await ask(reader, await unknownToken(), `203.0.113.${n}`);
    expect(await ask(reader, await unknownToken(), "192.0.2.1")).toBe("too-many-attempts");
    calls = [];
    return reader;
  }

  it("the ADMIN_TOKEN works, and asks nobody", async () => {
    const reader = await besieged();
    const root = { scope: "root", user: null, actor: "admin", session: null };
    expect(await ask(reader, env.ADMIN_TOKEN)).toEqual(root);
    expect(calls).toEqual([]);
  });

  it("a token works that was right before, until it is wrong", async () => {
    const { id, token } = await makeToken();
    const reader = isolate();
    await ask(reader, token);
    await besieged(reader);
    for (let n = 0; n < 3; n++) expect(await ask(reader, token)).toMatchObject({ user: "alice" });
    await directory().revokeToken(by(), id);
    expect(await ask(reader, token)).toBe("wrong-credentials");
    expect(await ask(reader, token)).toBe("too-many-attempts");
  });

  it("one that is not known yet must wait, and works then", async () => {
    const { token } = await makeToken();
    const reader = await besieged();
    expect(await ask(reader, token)).toBe("too-many-attempts");
    now = NOW + HOUR;
    expect(await ask(reader, token)).toMatchObject({ user: "alice" });
  });
});

it("right tokens cost no budget: not one after the other, and not many at a time", async () => {
  const { token } = await makeToken();
  const reader = isolate();
  const many = await Promise.all(Array.from({ length: 100 }, () => ask(reader, token)));
  expect(many.filter((each) => typeof each === "object")).toHaveLength(100);
  for (let n = 0; n < 2 * QUESTIONS_AN_HOUR; n++)
    expect(await ask(reader, token)).toMatchObject({ user: "alice" });
  for (let n = 0; n < QUESTIONS_A_NETWORK; n++) {
    expect(await ask(reader, await unknownToken())).toBe("wrong-credentials");
  }
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

  it("with wrong tokens is bounded as the API is; the ADMIN_TOKEN is not stopped by what an isolate counts", async () => {
    const reader = isolate();
    for (let n = 0; n < QUESTIONS_AN_HOUR; n++) {
      const wrong = await reader.signIn(asked(by({ at: NOW, ip: `203.0.113.${n}` })), "wrong");
      expect(wrong).toEqual({ ok: false, error: { code: "wrong-token" } });
    }
    calls = [];
    const more = await reader.signIn(asked(by({ at: NOW, ip: "192.0.2.1" })), "wrong");
    expect(more).toMatchObject({ error: { code: "too-many-attempts", retryAfterMs: HOUR } });
    expect(calls).toEqual([]);
    expect(await reader.signIn(asked(by({ at: NOW, ip: "192.0.2.1" })), env.ADMIN_TOKEN)).toMatchObject({
      ok: true,
    });
  });
});
