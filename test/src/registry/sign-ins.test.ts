import { abortAllDurableObjects, evictDurableObject, reset, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ATTEMPTS_MAX } from "../../../src/registry/attempt-table.ts";
import { SESSION_MS, type SecretDigest, type TokenRecord } from "../../../src/registry/credential.ts";
import { SESSIONS_MAX } from "../../../src/registry/credential-table.ts";
import { ALICE, asOf, BOB, by, directory, directoryStub, dump, rows, totalChanges } from "./fixtures.ts";

const NOW = Date.UTC(2026, 10, 25, 12);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const IP = "198.51.100.7";

const ADMIN = digest("the ADMIN_TOKEN");

beforeEach(async () => {
  for (const user of [ALICE, BOB]) await directory().putUser(by({ at: NOW }), user, undefined);
});
afterEach(reset);

/** Stands for a digest: what the directory is given is hex, and it does not look into it. */
function digest(of: string): SecretDigest {
  return `digest of ${of}` as SecretDigest;
}

let serial = 0;
function session(credential: string, change: { client?: string | null } = {}) {
  serial += 1;
  const id = `${String(serial).padStart(8, "0")}-session`;
  const place = { ip: IP, country: "CH", client: "Firefox" };
  return { id, digest: digest(`cookie ${id}`), credential: digest(credential), ...place, ...change };
}

async function makeToken(name: string, change: Partial<TokenRecord> = {}): Promise<TokenRecord> {
  const token = {
    id: `id of ${name}`,
    user: ALICE,
    name,
    scope: "devices" as const,
    expiresAt: null,
    ...change,
  };
  const made = await directory().createToken(by({ at: NOW }), token, digest(name));
  if (!made.ok) throw new Error(made.error.code);
  return made.value;
}

/** Signs in with a token by its name; `the ADMIN_TOKEN` is that. The session. */
async function signIn(credential: string, at = NOW, ip: string | null = IP) {
  const opened = session(credential);
  const result = await directory().signIn(
    by({ at, ip, actor: "anonymous" }),
    opened,
    credential === "the ADMIN_TOKEN",
  );
  return { ...opened, result };
}

const whose = (of: { digest: SecretDigest }, at = NOW, admin = ADMIN) =>
  directory().principal("session", of.digest, admin, at);

async function audit() {
  return (await directory().audit(500, null)).items.reverse();
}

const RESTARTS = [
  ["an eviction", () => evictDurableObject(directoryStub())],
  ["an abort", () => abortAllDurableObjects()],
] as const;

describe("a session", () => {
  it("is opened with the ADMIN_TOKEN, and the audit log tells by whom and from where", async () => {
    const opened = await signIn("the ADMIN_TOKEN");
    expect(opened.result).toEqual({ ok: true, value: null });
    expect(await whose(opened)).toEqual({
      scope: "root",
      user: null,
      actor: `admin, session ${opened.id.slice(0, 8)}`,
      session: opened.id,
    });
    expect((await audit()).at(-1)).toMatchObject({
      at: NOW,
      actor: "admin",
      ip: IP,
      country: "CH",
      act: "sign-in",
      outcome: "done",
      target: { id: opened.id, name: null },
    });
  });

  it("is opened with a token, has its reach, and notes its use", async () => {
    const token = await makeToken("laptop", { scope: "read" });
    const opened = await signIn("laptop");
    expect(await whose(opened)).toEqual({
      scope: "read",
      user: "alice",
      actor: `token alice/laptop, session ${opened.id.slice(0, 8)}`,
      session: opened.id,
    });
    expect((await audit()).at(-1)).toMatchObject({ act: "sign-in", actor: "token alice/laptop" });
    expect(await directory().tokens()).toEqual([{ ...token, lastUsedAt: NOW }]);
  });

  it("is nobody's for another digest, nor for that of its token, nor is its digest a token's", async () => {
    await makeToken("laptop");
    const opened = await signIn("laptop");
    expect(await whose({ digest: digest("another") })).toBeNull();
    expect(await whose({ digest: digest("laptop") })).toBeNull();
    expect(await directory().principal("token", opened.digest, ADMIN, NOW)).toBeNull();
  });

  it("ends after twelve hours", async () => {
    await makeToken("laptop");
    for (const opened of [await signIn("laptop"), await signIn("the ADMIN_TOKEN")]) {
      expect(await whose(opened, NOW + SESSION_MS - 1)).not.toBeNull();
      expect(await whose(opened, NOW + SESSION_MS)).toBeNull();
    }
    expect(SESSION_MS).toBe(12 * HOUR);
    expect(await directory().sessions(null, NOW + SESSION_MS)).toEqual([]);
  });

  it("of the ADMIN_TOKEN ends when that is another one; those of tokens do not", async () => {
    await makeToken("laptop");
    const admins = await signIn("the ADMIN_TOKEN");
    const alices = await signIn("laptop");
    const next = digest("another ADMIN_TOKEN");
    expect(await whose(admins, NOW, next)).toBeNull();
    expect(await whose(alices, NOW, next)).toMatchObject({ user: "alice" });
  });

  it("ends with its token: when that is revoked", async () => {
    const { id } = await makeToken("laptop");
    await makeToken("desktop");
    const [gone, stays] = [await signIn("laptop"), await signIn("desktop")];
    expect(await directory().revokeToken(by(), id)).toEqual({ ok: true, value: null });
    expect(await whose(gone)).toBeNull();
    expect(await whose(stays)).not.toBeNull();
    expect((await directory().sessions(null, NOW)).map((each) => each.id)).toEqual([stays.id]);
  });

  it("when that expires, and is not listed then", async () => {
    await makeToken("laptop", { expiresAt: NOW + HOUR });
    const opened = await signIn("laptop");
    expect(await whose(opened, NOW + HOUR - 1)).not.toBeNull();
    expect(await whose(opened, NOW + HOUR)).toBeNull();
    expect(await directory().sessions(null, NOW + HOUR - 1)).toHaveLength(1);
    expect(await directory().sessions(null, NOW + HOUR)).toEqual([]);
  });

  it("when its user is deleted, even when one of the same name comes again", async () => {
    await makeToken("laptop");
    await makeToken("bob's", { user: BOB });
    const [gone, stays] = [await signIn("laptop"), await signIn("bob's")];
    const removal = await asOf(ALICE);
    expect(await directory().removeUser(by(), ALICE, removal)).toMatchObject({ ok: true });
    await directory().putUser(by(), ALICE, undefined);
    expect(await whose(gone)).toBeNull();
    expect(await directory().principal("token", digest("laptop"), ADMIN, NOW)).toBeNull();
    expect(await whose(stays)).toMatchObject({ user: "bob" });
    expect((await directory().tokens()).map(({ name }) => name)).toEqual(["bob's"]);
  });

  it.each(RESTARTS)("outlives %s", async (_, restart) => {
    await makeToken("laptop");
    const [alices, admins] = [await signIn("laptop"), await signIn("the ADMIN_TOKEN")];
    await restart();
    expect(await whose(alices)).toMatchObject({ user: "alice" });
    expect(await whose(admins)).toMatchObject({ scope: "root" });
    await directory().endSessions(by({ at: NOW }), null, [alices.id]);
    await restart();
    expect(await whose(alices)).toBeNull();
  });

  it("is one of so many of its token; the oldest goes, and no other token's", async () => {
    await makeToken("laptop");
    await makeToken("desktop");
    const other = await signIn("desktop", NOW);
    const opened: Awaited<ReturnType<typeof signIn>>[] = [];
    for (let n = 0; n <= SESSIONS_MAX; n++) opened.push(await signIn("laptop", NOW + n));
    const alive = await Promise.all(opened.map(async (each) => (await whose(each, NOW + HOUR)) !== null));
    expect(alive).toEqual([false, ...Array(SESSIONS_MAX).fill(true)]);
    expect(await whose(other, NOW + HOUR)).not.toBeNull();
  });

  it("that is over leaves the table with the next sign-in", async () => {
    await signIn("the ADMIN_TOKEN");
    await signIn("the ADMIN_TOKEN", NOW + SESSION_MS);
    expect((await dump(directoryStub())).sessions).toHaveLength(1);
  });

  it("opened with the ADMIN_TOKEN is listed as such, with what the browser calls itself", async () => {
    await makeToken("laptop");
    await signIn("the ADMIN_TOKEN", NOW);
    await signIn("laptop", NOW + 1);
    const place = { ip: IP, country: "CH", client: "Firefox" };
    expect(await directory().sessions(null, NOW + 2)).toEqual([
      {
        id: expect.any(String),
        token: { id: "id of laptop", name: "laptop", user: "alice" },
        createdAt: NOW + 1,
        expiresAt: NOW + 1 + SESSION_MS,
        ...place,
      },
      { id: expect.any(String), token: null, createdAt: NOW, expiresAt: NOW + SESSION_MS, ...place },
    ]);
  });
});

describe("ending sessions", () => {
  beforeEach(async () => {
    await makeToken("phone");
    await makeToken("laptop");
    await makeToken("bob's", { user: BOB });
    await makeToken("all", { user: null, scope: "read" });
  });

  it("reaches a user's own, of each of that user's tokens, and nobody else's", async () => {
    const [a, b] = [await signIn("phone"), await signIn("laptop")];
    const others = [await signIn("bob's"), await signIn("all"), await signIn("the ADMIN_TOKEN")];
    const ids = others.map(({ id }) => id);
    expect(await directory().endSessions(by({ at: NOW }), ALICE, ids)).toBe(0);
    expect(await directory().endSessions(by({ at: NOW }), ALICE, [a.id, ...ids])).toBe(1);
    expect([await whose(a), (await whose(b)) !== null]).toEqual([null, true]);
    expect(await directory().endSessions(by({ at: NOW }), ALICE)).toBe(1);
    expect(await whose(b)).toBeNull();
    for (const other of others) expect(await whose(other)).not.toBeNull();
  });

  it("reaches everybody's for who may do everything", async () => {
    const all = [
      await signIn("phone"),
      await signIn("bob's"),
      await signIn("all"),
      await signIn("the ADMIN_TOKEN"),
    ];
    expect(await directory().endSessions(by({ at: NOW }), null)).toBe(4);
    for (const each of all) expect(await whose(each)).toBeNull();
  });

  it("of none is none, and is not audited", async () => {
    const opened = await signIn("phone");
    const before = await audit();
    expect(await directory().endSessions(by({ at: NOW }), null, [])).toBe(0);
    expect(await directory().endSessions(by({ at: NOW }), null, ["nothing", opened.digest])).toBe(0);
    expect(await audit()).toEqual(before);
    expect(await whose(opened)).not.toBeNull();
  });

  it("is audited, one line a session, and repeating it changes nothing", async () => {
    const opened = await signIn("phone");
    const actor = by({ actor: "token alice/phone", at: NOW + 5 });
    await directory().endSessions(actor, ALICE, [opened.id]);
    await directory().endSessions(actor, ALICE, [opened.id]);
    const lines = (await audit()).filter(({ act }) => act === "sign-out");
    expect(lines).toMatchObject([
      { at: NOW + 5, actor: "token alice/phone", outcome: "done", target: { id: opened.id, name: null } },
    ]);
  });
});

describe("a wrong token", () => {
  it("is told so, counted and audited, without the token", async () => {
    const { result } = await signIn("wrong");
    expect(result).toEqual({ ok: false, error: { code: "wrong-token" } });
    await signIn("wrong", NOW + 1);
    const lines = (await audit()).filter(({ act }) => act === "sign-in");
    const line = {
      actor: "anonymous",
      ip: IP,
      country: "CH",
      act: "sign-in",
      outcome: "refused",
      target: null,
    };
    expect(lines).toEqual([
      { id: expect.any(Number), at: NOW, ...line, detail: { reason: "wrong-token", attempts: "1" } },
      { id: expect.any(Number), at: NOW + 1, ...line, detail: { reason: "wrong-token", attempts: "2" } },
    ]);
    expect((await dump(directoryStub())).sessions).toEqual([]);
  });

  it("is what an expired or a revoked one is", async () => {
    await makeToken("expired", { expiresAt: NOW });
    const { id } = await makeToken("revoked");
    await directory().revokeToken(by(), id);
    for (const name of ["expired", "revoked"]) {
      expect((await signIn(name)).result).toEqual({ ok: false, error: { code: "wrong-token" } });
    }
  });

  it("is not slowed down four times, and then ever more", async () => {
    let at = NOW;
    const waits: number[] = [];
    for (let n = 0; n < 12; n++) {
      expect((await signIn("wrong", at)).result).toEqual({ ok: false, error: { code: "wrong-token" } });
      const { result } = await signIn("wrong", at);
      const wait = result.ok || result.error.code !== "too-many-attempts" ? 0 : result.error.retryAfterMs;
      waits.push(wait / 1_000);
      // The question itself was a wrong one when there was no wait.
      if (wait === 0) n += 1;
      at += wait;
    }
    expect(waits).toEqual([0, 0, 15, 30, 60, 120, 240, 480, 900, 900]);
  });

  async function stop(ip: string | null = IP) {
    for (let n = 0; n < 5; n++) await signIn("wrong", NOW, ip);
    expect((await signIn("wrong", NOW, ip)).result).toMatchObject({ error: { code: "too-many-attempts" } });
  }

  it("makes its network wait, and writes nothing while it does; a right one must wait as well", async () => {
    await makeToken("laptop");
    await stop();
    await runInDurableObject(directoryStub(), (instance, state) => {
      const before = totalChanges(state);
      for (const [credential, isAdmin] of [
        ["wrong", false],
        ["laptop", false],
        ["the ADMIN_TOKEN", true],
      ] as const) {
        const actor = by({ at: NOW + 14_999, actor: "anonymous" });
        expect(instance.signIn(actor, session(credential), isAdmin)).toEqual({
          ok: false,
          error: { code: "too-many-attempts", retryAfterMs: 1 },
        });
      }
      expect(totalChanges(state)).toBe(before);
    });
    expect((await signIn("laptop", NOW + 15_000)).result).toMatchObject({ ok: true });
  });

  it("does not make other networks wait, nor what is not a sign-in", async () => {
    await makeToken("laptop");
    const opened = await signIn("laptop");
    await stop();
    expect((await signIn("laptop", NOW, "198.51.100.8")).result).toMatchObject({ ok: true });
    expect(await whose(opened)).not.toBeNull();
    expect(await directory().principal("token", digest("laptop"), ADMIN, NOW)).not.toBeNull();
  });

  it("counts for all of an IPv6 network, and for all that have no address together", async () => {
    for (let n = 0; n < 5; n++) await signIn("wrong", NOW, `2001:db8::${n}`);
    expect((await signIn("wrong", NOW, "2001:db8::ffff")).result).toMatchObject({
      error: { code: "too-many-attempts" },
    });
    expect((await signIn("wrong", NOW, "2001:db8:0:1::1")).result).toMatchObject({
      error: { code: "wrong-token" },
    });
    await stop(null);
  });

  it("is forgotten after a right one", async () => {
    await makeToken("laptop");
    for (let n = 0; n < 4; n++) await signIn("wrong");
    await signIn("laptop");
    expect((await dump(directoryStub())).attempts).toEqual([]);
    for (let n = 0; n < 4; n++) await signIn("wrong");
    expect((await signIn("laptop")).result).toMatchObject({ ok: true });
  });

  it("is forgiven a day after the last one, and not before", async () => {
    await stop();
    const attempts = async () => (await audit()).at(-1)?.detail.attempts;
    await signIn("wrong", NOW + 24 * HOUR);
    expect(await attempts()).toBe("6");
    await signIn("wrong", NOW + 48 * HOUR + 1);
    expect(await attempts()).toBe("1");
  });

  it.each(RESTARTS)("is counted across %s", async (_, restart) => {
    await stop();
    await restart();
    expect((await signIn("wrong", NOW + 1)).result).toMatchObject({ error: { code: "too-many-attempts" } });
  });

  it("is counted for so many networks, and the longest quiet is forgotten first", async () => {
    await runInDurableObject(directoryStub(), (instance, state) => {
      const wrong = (n: number) =>
        instance.signIn(by({ at: NOW + n, ip: `10.0.${n >> 8}.${n & 255}` }), session("wrong"), false);
      // Wrong codes are counted apart: strangers without a certificate push none of them out.
      state.storage.sql.exec("INSERT INTO attempts VALUES ('code', 'a certificate', 10, ?)", NOW - 1);
      for (let n = 0; n < ATTEMPTS_MAX + 3; n++) wrong(n);
      const kept = rows(state, "SELECT subject FROM attempts WHERE kind = 'sign-in' ORDER BY last_at");
      expect(kept).toHaveLength(ATTEMPTS_MAX);
      expect(kept[0]).toEqual({ subject: "10.0.0.3" });
      expect(rows(state, "SELECT count FROM attempts WHERE kind = 'code'")).toEqual([{ count: 10 }]);
    });
  });
});

describe("tokens", () => {
  it("are made, listed in order and revoked, and the audit log tells", async () => {
    const actor = by({ at: NOW });
    const phone = await makeToken("phone", { expiresAt: NOW + HOUR });
    const all = await makeToken("all", { user: null, scope: "read" });
    expect(phone).toEqual({
      id: "id of phone",
      user: "alice",
      name: "phone",
      scope: "devices",
      createdAt: NOW,
      expiresAt: NOW + HOUR,
      lastUsedAt: null,
    });
    expect(await directory().tokens()).toEqual([all, phone]);
    expect(await directory().revokeToken(actor, phone.id)).toEqual({ ok: true, value: null });
    expect(await directory().revokeToken(actor, phone.id)).toEqual({
      ok: false,
      error: { code: "unknown-token" },
    });
    expect(await directory().tokens()).toEqual([all]);
    expect((await audit()).filter(({ act }) => act.endsWith("-token"))).toMatchObject([
      {
        act: "create-token",
        target: { id: "id of phone", name: "phone" },
        detail: { user: "alice", scope: "devices", expiresAt: new Date(NOW + HOUR).toISOString() },
      },
      {
        act: "create-token",
        target: { name: "all" },
        detail: { user: null, scope: "read", expiresAt: null },
      },
      { act: "revoke-token", target: { name: "phone" }, detail: { user: "alice", scope: "devices" } },
    ]);
  });

  it("have a name of their own among a user's", async () => {
    await makeToken("phone");
    const again = { id: "other", user: ALICE, name: "phone", scope: "read" as const, expiresAt: null };
    expect(await directory().createToken(by(), again, digest("other"))).toEqual({
      ok: false,
      error: { code: "name-taken", name: "phone" },
    });
    const ofBob = await directory().createToken(by(), { ...again, user: BOB }, digest("other"));
    expect(ofBob).toMatchObject({ ok: true });
  });

  it("are made once when a reply was lost: the same again, and one audit line", async () => {
    const first = await makeToken("phone");
    expect(await makeToken("phone")).toEqual(first);
    expect(await directory().tokens()).toHaveLength(1);
    expect((await audit()).filter(({ act }) => act === "create-token")).toHaveLength(1);
  });

  it("are for users who are there", async () => {
    const token = {
      id: "x",
      user: "nobody" as typeof ALICE,
      name: "x",
      scope: "read" as const,
      expiresAt: null,
    };
    expect(await directory().createToken(by(), token, digest("x"))).toEqual({
      ok: false,
      error: { code: "unknown-user" },
    });
  });

  it("for all users only read: the table itself sees to it", async () => {
    await runInDurableObject(directoryStub(), (_, state) => {
      const insert = (user: string | null, scope: string) => () =>
        state.storage.sql.exec(
          "INSERT INTO tokens (id, digest, user, name, scope, created_at) VALUES ('i', 'd', ?, 'n', ?, 0)",
          user,
          scope,
        );
      expect(insert(null, "devices")).toThrow(/CHECK/);
      expect(insert("alice", "root")).toThrow(/CHECK/);
      expect(insert(null, "read")).not.toThrow();
    });
  });

  it.each(RESTARTS)("outlive %s", async (_, restart) => {
    const token = await makeToken("phone");
    await restart();
    expect(await directory().principal("token", digest("phone"), ADMIN, NOW)).toMatchObject({
      user: "alice",
    });
    expect(await directory().tokens()).toEqual([{ ...token, lastUsedAt: NOW }]);
  });
});
