import { abortAllDurableObjects, evictDurableObject, reset, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  EMERGENCY_SESSION_MS,
  SESSION_MS,
  type SecretDigest,
  SIGN_INS_AN_HOUR,
  type TokenRecord,
} from "../../../../src/domain/credential.ts";
import type { SessionKey } from "../../../../src/registry/directory/session-table.ts";
import { ALICE, asOf, BOB, by, directory, directoryStub, dump } from "../fixtures.ts";

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
  return { ...opened, result, holder: result.ok ? result.value.holder : "nobody" };
}

const whose = ({ holder, digest }: SessionKey, at = NOW, admin = ADMIN) =>
  directory().ofSession({ holder, digest }, admin, at);

/** The table of sign-ins, as it is. */
async function kept() {
  const { sign_ins } = await dump(directoryStub());
  return (sign_ins as { holder: string; recent: string }[]).map(({ holder, recent }) => ({
    holder,
    recent: JSON.parse(recent) as { at: number; session: Record<string, unknown> | null }[],
  }));
}

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
    expect(opened.result).toEqual({ ok: true, value: { holder: "admin" } });
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

  it("is opened with a token, has its reach, and notes its use when it is used", async () => {
    const token = await makeToken("laptop", { scope: "read" });
    const opened = await signIn("laptop");
    expect(opened.result).toEqual({ ok: true, value: { holder: token.id } });
    expect(await directory().tokens()).toEqual([token]);
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
    expect(await whose({ ...opened, digest: digest("another") })).toBeNull();
    expect(await whose({ ...opened, digest: digest("laptop") })).toBeNull();
    for (const holder of ["admin", "nobody", ""]) expect(await whose({ ...opened, holder })).toBeNull();
    expect(await directory().ofToken(opened.digest, NOW)).toBeNull();
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

  it("of an emergency card ends after one", async () => {
    await makeToken("card", { scope: "emergency" });
    const opened = await signIn("card");
    expect(await whose(opened, NOW + EMERGENCY_SESSION_MS - 1)).toMatchObject({ scope: "emergency" });
    expect(await whose(opened, NOW + EMERGENCY_SESSION_MS)).toBeNull();
    expect(EMERGENCY_SESSION_MS).toBe(HOUR);
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
    expect(await directory().ofToken(digest("laptop"), NOW)).toBeNull();
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
    for (let n = 0; n <= SIGN_INS_AN_HOUR; n++) opened.push(await signIn("laptop", NOW + n * 5 * MINUTE));
    const alive = await Promise.all(opened.map(async (each) => (await whose(each, NOW + 3 * HOUR)) !== null));
    expect(alive).toEqual([false, ...Array(SIGN_INS_AN_HOUR).fill(true)]);
    expect(await whose(other, NOW + 3 * HOUR)).not.toBeNull();
  });

  it("that is over leaves the table with the next sign-in", async () => {
    await signIn("the ADMIN_TOKEN");
    const { id } = await signIn("the ADMIN_TOKEN", NOW + SESSION_MS);
    expect(await kept()).toEqual([
      { holder: "admin", recent: [expect.objectContaining({ session: expect.objectContaining({ id }) })] },
    ]);
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
        person: null,
        createdAt: NOW + 1,
        expiresAt: NOW + 1 + SESSION_MS,
        ...place,
      },
      {
        ...{ id: expect.any(String), token: null, person: null, createdAt: NOW, expiresAt: NOW + SESSION_MS },
        ...place,
      },
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

describe("a session that ends itself", () => {
  it("is found by its cookie, and the audit log names it", async () => {
    await makeToken("laptop");
    const [opened, other] = [await signIn("laptop"), await signIn("laptop")];
    const { holder, digest: of } = opened;
    expect(
      await directory().signOut(by({ at: NOW + 1, actor: "anonymous" }), { holder, digest: of }, ADMIN),
    ).toBe(true);
    expect(await whose(opened)).toBeNull();
    expect(await whose(other)).not.toBeNull();
    expect((await audit()).at(-1)).toMatchObject({
      ...{ act: "sign-out", outcome: "done", at: NOW + 1, target: { id: opened.id, name: null } },
      actor: `token alice/laptop, session ${opened.id.slice(0, 8)}`,
    });
  });

  it("is none when it has ended, or is another's, and writes nothing then", async () => {
    const opened = await signIn("the ADMIN_TOKEN");
    const before = await dump(directoryStub());
    const { digest: of } = opened;
    const attempts: [SessionKey, SecretDigest, number][] = [
      [{ holder: "admin", digest: of }, ADMIN, NOW + SESSION_MS],
      [{ holder: "admin", digest: of }, digest("another ADMIN_TOKEN"), NOW],
      [{ holder: "admin", digest: digest("another") }, ADMIN, NOW],
      [{ holder: "nobody", digest: of }, ADMIN, NOW],
    ];
    for (const [key, admin, at] of attempts) {
      expect(await directory().signOut(by({ at }), key, admin)).toBe(false);
    }
    expect(await dump(directoryStub())).toEqual(before);
  });

  it("leaves its time, and nothing about a person", async () => {
    const opened = await signIn("the ADMIN_TOKEN");
    await directory().endSessions(by({ at: NOW }), null, [opened.id]);
    expect(await kept()).toEqual([{ holder: "admin", recent: [{ at: NOW, session: null }] }]);
  });
});

describe("a wrong token", () => {
  it.each(["unknown", "expired", "revoked"])("that is %s is refused, and writes nothing", async (name) => {
    await makeToken("expired", { expiresAt: NOW });
    const { id } = await makeToken("revoked");
    await directory().revokeToken(by(), id);
    const before = await dump(directoryStub());
    expect((await signIn(name)).result).toEqual({ ok: false, error: { code: "wrong-token" } });
    expect(await dump(directoryStub())).toEqual(before);
  });

  it("makes nobody wait, however often (finding 3: the right ADMIN_TOKEN was kept out all day)", async () => {
    await makeToken("laptop");
    for (let n = 0; n < 50; n++) await signIn("wrong");
    expect((await signIn("the ADMIN_TOKEN")).result).toMatchObject({ ok: true });
    expect((await signIn("laptop")).result).toMatchObject({ ok: true });
  });
});

describe("right sign-ins", () => {
  const MINUTES = (n: number) => NOW + n * MINUTE;
  const refused = (retryAfterMs: number) => ({
    ok: false,
    error: { code: "too-many-sign-ins", retryAfterMs },
  });

  it("are twenty an hour for one token, and nobody else's count", async () => {
    await makeToken("laptop");
    await makeToken("desktop");
    for (let n = 0; n < SIGN_INS_AN_HOUR; n++) {
      expect((await signIn("laptop", MINUTES(n))).result).toMatchObject({ ok: true });
    }
    const before = await dump(directoryStub());
    expect((await signIn("laptop", MINUTES(20))).result).toEqual(refused(40 * MINUTE));
    expect((await signIn("laptop", MINUTES(60) - 1)).result).toEqual(refused(1));
    expect(await dump(directoryStub()), "a refusal writes nothing").toEqual(before);
    expect((await signIn("desktop", MINUTES(20))).result).toMatchObject({ ok: true });
    expect((await signIn("the ADMIN_TOKEN", MINUTES(20))).result).toMatchObject({ ok: true });
    expect((await signIn("laptop", MINUTES(60))).result).toMatchObject({ ok: true });
    expect((await signIn("laptop", MINUTES(60))).result).toEqual(refused(1 * MINUTE));
  });

  it.each(["laptop", "the ADMIN_TOKEN"])("and out are counted as well: %s", async (credential) => {
    await makeToken("laptop");
    for (let n = 0; n < SIGN_INS_AN_HOUR; n++) {
      const { holder, digest: of, result } = await signIn(credential, MINUTES(n));
      expect(result).toMatchObject({ ok: true });
      expect(await directory().signOut(by({ at: MINUTES(n) }), { holder, digest: of }, ADMIN)).toBe(true);
    }
    expect((await signIn(credential, MINUTES(20))).result).toEqual(refused(40 * MINUTE));
  });

  it("of a new ADMIN_TOKEN are counted afresh, and the old one's sessions are gone", async () => {
    for (let n = 0; n < SIGN_INS_AN_HOUR; n++) await signIn("the ADMIN_TOKEN");
    const next = { ...session("another ADMIN_TOKEN") };
    expect(await directory().signIn(by({ at: NOW }), next, true)).toMatchObject({ ok: true });
    expect((await directory().sessions(null, NOW)).map(({ id }) => id)).toEqual([next.id]);
  });

  it.each(RESTARTS)("are counted across %s", async (_, restart) => {
    for (let n = 0; n < SIGN_INS_AN_HOUR; n++) await signIn("the ADMIN_TOKEN");
    await restart();
    expect((await signIn("the ADMIN_TOKEN")).result).toEqual(refused(HOUR));
  });

  it("with a clock that was ahead make nobody wait more than an hour", async () => {
    for (let n = 0; n < SIGN_INS_AN_HOUR; n++) await signIn("the ADMIN_TOKEN", NOW + 10 * MINUTE);
    expect((await signIn("the ADMIN_TOKEN", NOW)).result).toEqual(refused(HOUR));
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

  it("stay right while no row can be written (finding 4: the day's rows were used up)", async () => {
    await makeToken("phone");
    const opened = await signIn("phone");
    await runInDurableObject(directoryStub(), (_, state) => {
      state.storage.sql.exec(
        "CREATE TRIGGER full BEFORE UPDATE ON tokens BEGIN SELECT RAISE(ABORT, 'no rows are left'); END",
      );
    });
    expect(await directory().ofToken(digest("phone"), NOW)).toMatchObject({ user: "alice" });
    expect(await whose(opened)).toMatchObject({ user: "alice" });
    expect((await directory().tokens()).map(({ lastUsedAt }) => lastUsedAt)).toEqual([null]);
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
    expect(await directory().ofToken(digest("phone"), NOW)).toMatchObject({
      user: "alice",
    });
    expect(await directory().tokens()).toEqual([{ ...token, lastUsedAt: NOW }]);
  });
});
