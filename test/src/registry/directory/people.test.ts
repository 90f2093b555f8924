import { abortAllDurableObjects, evictDurableObject, reset } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SESSION_MS, type SecretDigest, SIGN_INS_AN_HOUR } from "../../../../src/domain/credential.ts";
import { type EmailAddress, type Person, parseEmail } from "../../../../src/domain/person.ts";
import type { UserId } from "../../../../src/domain/user.ts";
import { People } from "../../../../src/registry/client/people.ts";
import { RegistryClient } from "../../../../src/registry/client/registry-client.ts";
import {
  WAITING_NOTED_EVERY_MS,
  WAITING_PEOPLE_AN_HOUR,
  WAITING_PEOPLE_MAX,
  WAITING_PERSON_MS,
} from "../../../../src/registry/directory/waiting-people-table.ts";
import { at as clockAt, configure, HOOK, receivers, toldBy } from "../../notify/fixtures.ts";
import {
  ALICE,
  asOf,
  BOB,
  by,
  directory,
  directoryStub,
  dump,
  interrupted,
  registry,
  userId,
} from "../fixtures.ts";

const NOW = Date.UTC(2126, 10, 25, 12);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const ISSUER = "https://id.example.com";

const NOT_NOTED = { kind: "not-noted" };

beforeEach(async () => {
  for (const user of [ALICE, BOB]) await directory().putUser(by({ at: NOW }), user, undefined);
});
afterEach(reset);

function email(text: string): EmailAddress {
  return parseEmail(text) ?? expect.fail(text);
}

function person(change: Partial<Person> = {}): Person {
  return {
    issuer: ISSUER,
    subject: "sub of alice",
    email: email("alice@example.com"),
    isEmailVerified: true,
    name: "Alice",
    ...change,
  };
}

const stranger = (n: number) => person({ subject: `stranger ${n}`, email: email(`s${n}@example.org`) });

const identify = (of: Person, at = NOW, appointed: UserId | null = null) =>
  directory().identify(by({ at, actor: "sign-in" }), of, appointed);

async function name(user: UserId, ...emails: string[]): Promise<void> {
  const edited = await directory().editUser(by({ at: NOW }), user, { emails: emails.map(email) });
  expect(edited).toMatchObject({ ok: true });
}

async function codeOf(of: Person, at = NOW): Promise<string> {
  const found = await identify(of, at);
  return found.kind === "waiting" ? found.comparisonCode : expect.fail(found.kind);
}

async function audit() {
  return (await directory().audit(500, null)).items.reverse();
}

/** The identity of a user who has one. */
async function identityOf(user: UserId) {
  return (await directory().identities(user))[0] ?? expect.fail("no identity");
}

const ALICE_FOUND = { kind: "user", user: "alice", role: "member", name: null };

describe("a verified address that names a user", () => {
  beforeEach(() => name(ALICE, "alice@example.com"));

  it("binds the identity, which counts from then on, whatever its address is", async () => {
    expect(await identify(person())).toEqual(ALICE_FOUND);
    await name(ALICE);
    await name(BOB, "alice@example.com");
    for (const change of [{}, { email: null }, { isEmailVerified: false }, { name: null }]) {
      expect(await identify(person(change), NOW + 1)).toEqual(ALICE_FOUND);
    }
    expect(await directory().identities(ALICE)).toEqual([
      {
        ...{ id: expect.any(String), user: "alice", issuer: ISSUER, subject: "sub of alice" },
        ...{ email: "alice@example.com", boundAt: NOW },
      },
    ]);
    expect((await audit()).filter(({ act }) => act === "bind-identity")).toMatchObject([
      {
        ...{ at: NOW, actor: "sign-in", outcome: "done", target: { name: "alice@example.com" } },
        detail: { user: "alice", issuer: ISSUER, subject: "sub of alice", email: "alice@example.com" },
      },
    ]);
  });

  it.each([
    ["that is not verified", { isEmailVerified: false }],
    ["that names nobody", { email: email("mallory@example.com") }],
    ["that is missing", { email: null }],
  ])("binds nobody with one %s", async (_, change) => {
    expect(await identify(person(change))).toMatchObject({ kind: "waiting" });
    expect(await directory().identities(ALICE)).toEqual([]);
  });

  it("binds one identity at each issuer: whoever has it next waits", async () => {
    expect(await identify(person())).toEqual(ALICE_FOUND);
    expect(await identify(person({ subject: "next holder" }))).toMatchObject({ kind: "waiting" });
    expect(await identify(person({ issuer: "https://other.example.com" }))).toEqual(ALICE_FOUND);
    expect(await directory().identities(ALICE)).toHaveLength(2);
  });

  it("does not bind again what was unbound, until it is taken away and named anew", async () => {
    await identify(person());
    const { id } = await identityOf(ALICE);
    expect(await directory().unbindIdentity(by(), ALICE, id)).toEqual({ ok: true, value: null });
    expect(await identify(person())).toMatchObject({ kind: "waiting" });
    await name(ALICE);
    await name(ALICE, "alice@example.com");
    expect(await identify(person())).toEqual(ALICE_FOUND);
    expect(await directory().waitingPeople(), "and waits no more").toEqual([]);
  });

  it("does not bind again whom somebody had admitted, and unbound", async () => {
    await name(ALICE);
    await codeOf(person());
    const [{ id = "" } = {}] = await directory().waitingPeople();
    await directory().admitPerson(by(), id, ALICE);
    await name(ALICE, "alice@example.com");
    await directory().unbindIdentity(by(), ALICE, (await identityOf(ALICE)).id);
    expect(await identify(person())).toMatchObject({ kind: "waiting" });
    expect(await identify(person({ subject: "another account of alice's" }))).toEqual(ALICE_FOUND);
  });

  it("names only one user, and the error says whom", async () => {
    expect(
      await directory().editUser(by(), BOB, { emails: [email("b@example.com"), email("alice@example.com")] }),
    ).toEqual({ ok: false, error: { code: "email-taken", email: "alice@example.com", owner: "alice" } });
    expect(await directory().user(BOB)).toMatchObject({ emails: [] });
  });

  it("is notified of, without the subject", async () => {
    clockAt(NOW);
    configure({ NOTIFY_URLS: [HOOK] });
    const posts = receivers();
    await reset();
    await directory().putUser(by({ at: NOW }), ALICE, undefined);
    await name(ALICE, "alice@example.com");
    await identify(person());
    await identify(person());
    const told = await toldBy(directoryStub(), posts);
    const { id } = await identityOf(ALICE);
    expect(told).toMatchObject([
      {
        id: `identity-bound:${id}`,
        message: expect.stringContaining(`latchkey users unbind alice ${id}`),
        data: { user: "alice", identity: { id, issuer: ISSUER }, email: "alice@example.com", country: "CH" },
      },
    ]);
    expect(JSON.stringify(told)).not.toContain("sub of alice");
  });
});

describe("somebody whom nobody knows", () => {
  it("waits with one code, and is written at most every ten minutes", async () => {
    const code = await codeOf(stranger(1));
    expect(code).toMatch(/^\d{6}$/);
    const before = await dump(directoryStub());
    expect(await codeOf({ ...stranger(1), name: "S." }, NOW + WAITING_NOTED_EVERY_MS - 1)).toBe(code);
    expect(await dump(directoryStub())).toEqual(before);
    expect(await codeOf({ ...stranger(1), name: "S." }, NOW + WAITING_NOTED_EVERY_MS)).toBe(code);
    expect(await directory().waitingPeople()).toEqual([
      {
        ...{ ...stranger(1), id: expect.any(String), name: "S.", comparisonCode: code, country: "CH" },
        ...{ firstSeen: NOW, lastSeen: NOW + WAITING_NOTED_EVERY_MS },
      },
    ]);
  });

  it("is admitted as a user, and is that user from then on", async () => {
    await codeOf(stranger(1));
    const [waiting] = await directory().waitingPeople();
    const id = waiting?.id ?? "";
    const unknown = await directory().admitPerson(by(), id, userId("nobody"));
    expect(unknown).toEqual({ ok: false, error: { code: "unknown-user" } });
    const admitted = await directory().admitPerson(by({ at: NOW + 1 }), id, BOB);
    expect(admitted).toMatchObject({ ok: true, value: { user: "bob", email: null, boundAt: NOW + 1 } });
    expect(await identify(stranger(1))).toMatchObject({ kind: "user", user: "bob" });
    expect(await directory().waitingPeople()).toEqual([]);
    expect((await audit()).at(-1)).toMatchObject({
      ...{ act: "bind-identity", actor: "admin", target: { name: "stranger 1" }, detail: { user: "bob" } },
    });
    const again = await directory().admitPerson(by(), id, ALICE);
    expect(again).toEqual({ ok: false, error: { code: "unknown-person" } });
  });

  it("is dismissed, and comes back with another code and a new entry", async () => {
    await codeOf(stranger(1));
    const [waiting] = await directory().waitingPeople();
    const id = waiting?.id ?? "";
    expect(await directory().dismissPerson(by(), id)).toEqual({ ok: true, value: null });
    expect((await audit()).at(-1)).toMatchObject({ act: "dismiss-person", target: { id } });
    const again = await directory().dismissPerson(by(), id);
    expect(again).toEqual({ ok: false, error: { code: "unknown-person" } });
    await codeOf(stranger(1));
    expect((await directory().waitingPeople())[0]?.id).not.toBe(id);
  });

  it("is not noted while twenty others wait, and those who are bound notice nothing", async () => {
    await name(ALICE, "alice@example.com");
    for (let n = 0; n < WAITING_PEOPLE_MAX; n++) await codeOf(stranger(n), NOW + n);
    const before = await dump(directoryStub());
    for (let n = 20; n < 200; n++) expect(await identify(stranger(n), NOW + 2 * HOUR)).toEqual(NOT_NOTED);
    expect(await dump(directoryStub()), "a flood writes nothing").toEqual(before);
    expect(await identify(person())).toEqual(ALICE_FOUND);
    expect(await identify(person())).toEqual(ALICE_FOUND);
    const late = NOW + WAITING_PERSON_MS;
    await codeOf(stranger(20), late);
    const subjects = (await directory().waitingPeople()).map(({ subject }) => subject);
    expect(subjects).toHaveLength(WAITING_PEOPLE_MAX);
    expect([subjects.includes("stranger 0"), subjects.includes("stranger 20")]).toEqual([false, true]);
    expect(await identify(stranger(21), late), "the next one is a moment younger").toEqual(NOT_NOTED);
  });

  it("is not noted after twenty within the hour, though they were dismissed", async () => {
    for (let n = 0; n < WAITING_PEOPLE_AN_HOUR; n++) {
      await codeOf(stranger(n));
      for (const { id } of await directory().waitingPeople()) await directory().dismissPerson(by(), id);
    }
    expect(await identify(stranger(20), NOW + HOUR - 1)).toEqual(NOT_NOTED);
    expect(await identify(stranger(20), NOW + HOUR)).toMatchObject({ kind: "waiting" });
  });

  it("cannot grow a row: a name is cut, and an impossible subject not noted", async () => {
    await codeOf(person({ name: "x".repeat(10_000), isEmailVerified: false }));
    expect((await directory().waitingPeople())[0]?.name).toHaveLength(100);
    for (const subject of ["", "x".repeat(256)]) {
      expect(await identify(person({ subject, isEmailVerified: false }))).toEqual(NOT_NOTED);
    }
  });
});

describe("an owner whom the configuration names", () => {
  const CAROL = userId("carol");
  const owners = new Map([[email("carol@example.com"), CAROL]]);
  const carol = person({ subject: "sub of carol", email: email("carol@example.com") });
  const client = (bindings = env as ConstructorParameters<typeof RegistryClient>[0]) =>
    new People(bindings, new RegistryClient(bindings), owners);
  const signsIn = (of = carol, bindings?: Parameters<typeof client>[0]) =>
    client(bindings).identify(by({ actor: "sign-in" }), of);
  const CAROL_FOUND = { kind: "user", user: "carol", role: "owner", name: null };

  it("is added, made an owner and bound, each of it audited and once", async () => {
    expect(await signsIn()).toEqual(CAROL_FOUND);
    expect(await signsIn()).toEqual(CAROL_FOUND);
    expect(await directory().user(CAROL)).toMatchObject({ role: "owner", emails: ["carol@example.com"] });
    const lines = (await audit()).filter(({ actor }) => actor === "sign-in");
    expect(lines.map(({ act }) => act)).toEqual(["create-user", "edit-user", "bind-identity"]);
    expect(lines[1]).toMatchObject({
      target: { id: "carol" },
      detail: { role: "owner", roleBefore: "member", emails: "carol@example.com", emailsBefore: "" },
    });
    expect(await registry(CAROL).list(10, 0), "the registry is open").toMatchObject({ items: [] });
  });

  it.each(["before", "after"] as const)(
    "gets there after a call that is lost %s it is done",
    async (when) => {
      for (const call of ["directory.identify", "directory.putUser", "carol.open"]) {
        await signsIn(carol, interrupted(call, when)).catch(() => undefined);
      }
      expect(await signsIn()).toEqual(CAROL_FOUND);
      expect(await directory().identities(CAROL)).toHaveLength(1);
    },
  );

  it("becomes one also where the user and the address are there already", async () => {
    await directory().putUser(by(), CAROL, "Carol");
    await name(CAROL, "carol@example.com");
    expect(await signsIn()).toEqual({ ...CAROL_FOUND, name: "Carol" });
  });

  it("is not made one with an address that is not verified, or is another user's", async () => {
    expect(await signsIn({ ...carol, isEmailVerified: false })).toMatchObject({ kind: "waiting" });
    expect(await directory().user(CAROL)).toBeNull();
    await name(BOB, "carol@example.com");
    expect(await signsIn()).toMatchObject({ kind: "user", user: "bob", role: "member" });
    expect(await directory().user(CAROL)).toBeNull();
  });

  it("stays what a command has made of them since", async () => {
    await signsIn();
    await directory().editUser(by(), CAROL, { role: "member" });
    expect(await signsIn()).toMatchObject({ user: "carol", role: "member" });
    const { id } = await identityOf(CAROL);
    await directory().unbindIdentity(by(), CAROL, id);
    expect(await signsIn()).toMatchObject({ kind: "waiting" });
    expect(await directory().user(CAROL)).toMatchObject({ role: "member" });
  });
});

describe("a user", () => {
  it("is changed in one audited act; what stays the same writes nothing", async () => {
    const changes = { name: "Alice", role: "owner", emails: [email("b@x.org"), email("a@x.org")] } as const;
    const edited = await directory().editUser(by({ at: NOW }), ALICE, changes);
    const alice = { id: "alice", createdAt: NOW, ...changes, emails: ["a@x.org", "b@x.org"] };
    expect(edited).toEqual({ ok: true, value: alice });
    expect(await directory().user(ALICE)).toEqual(alice);
    expect((await directory().users(1, "")).items).toEqual([alice]);
    expect((await audit()).at(-1)).toMatchObject({
      ...{ act: "edit-user", target: { id: "alice", name: "Alice" } },
      detail: {
        ...{ nameBefore: null, role: "owner", roleBefore: "member" },
        ...{ emails: "a@x.org b@x.org", emailsBefore: "" },
      },
    });
    const before = await dump(directoryStub());
    expect(await directory().editUser(by(), ALICE, changes)).toEqual(edited);
    expect(await directory().editUser(by(), ALICE, {})).toEqual(edited);
    expect(await dump(directoryStub())).toEqual(before);
    expect(await directory().editUser(by(), userId("nobody"), changes)).toEqual({
      ok: false,
      error: { code: "unknown-user" },
    });
  });

  it("keeps role and addresses when put again, and loses everything when deleted", async () => {
    await directory().editUser(by(), ALICE, { role: "owner", emails: [email("alice@example.com")] });
    await identify(person());
    const put = await directory().putUser(by(), ALICE, "A.");
    expect(put).toMatchObject({ user: { role: "owner", emails: ["alice@example.com"] } });
    const opened = await signInAs(ALICE);
    expect(await directory().removeUser(by(), ALICE, await asOf(ALICE))).toMatchObject({ ok: true });
    expect(await identify(person())).toMatchObject({ kind: "waiting" });
    await directory().putUser(by(), ALICE, undefined);
    expect(await directory().user(ALICE)).toMatchObject({ role: "member", emails: [] });
    expect(await directory().identities(ALICE)).toEqual([]);
    expect(await whose(opened)).toBeNull();
    await name(BOB, "alice@example.com");
    expect(await identify(person())).toMatchObject({ kind: "user", user: "bob" });
  });

  it("has an identity unbound only under their own name", async () => {
    await name(ALICE, "alice@example.com");
    await identify(person());
    const { id } = await identityOf(ALICE);
    const unknown = { ok: false, error: { code: "unknown-identity" } };
    expect(await directory().unbindIdentity(by(), BOB, id)).toEqual(unknown);
    expect(await directory().unbindIdentity(by(), ALICE, "other")).toEqual(unknown);
    expect(await directory().unbindIdentity(by(), ALICE, id)).toMatchObject({ ok: true });
    expect((await audit()).at(-1)).toMatchObject({
      ...{ act: "unbind-identity", target: { id, name: "alice@example.com" }, detail: { user: "alice" } },
    });
    expect(await directory().unbindIdentity(by(), ALICE, id)).toEqual(unknown);
  });
});

const digest = (of: string) => `digest of ${of}` as SecretDigest;
const PROVIDER = digest("provider");
let serial = 0;

async function signInAs(user: UserId, at = NOW, credential = PROVIDER) {
  serial += 1;
  const id = `${String(serial).padStart(8, "0")}-session`;
  const session = { id, digest: digest(`cookie ${id}`), credential, ip: null, country: "CH", client: null };
  const result = await directory().signInAs(by({ at, actor: "anonymous" }), session, user, {
    ...{ issuer: ISSUER, subject: "sub of alice" },
  });
  return { id, digest: session.digest, holder: `user-${user}`, result };
}

const whose = (
  { holder, digest: of }: { holder: string; digest: SecretDigest },
  at = NOW,
  provider: SecretDigest | null = PROVIDER,
) => directory().ofSession({ holder, digest: of }, digest("the ADMIN_TOKEN"), at, provider);

describe("a session of a user who signed in with the provider", () => {
  beforeEach(async () => {
    await name(ALICE, "alice@example.com");
    await identify(person());
  });

  it("reaches what the user's role reaches now", async () => {
    const opened = await signInAs(ALICE);
    expect(opened.result).toEqual({ ok: true, value: { holder: "user-alice" } });
    const actor = `user alice, session ${opened.id.slice(0, 8)}`;
    const member = { scope: "devices", user: "alice", actor, session: opened.id };
    const owner = { ...member, scope: "root", user: null };
    expect(await whose(opened)).toEqual(member);
    await directory().editUser(by(), ALICE, { role: "owner" });
    expect(await whose(opened)).toEqual(owner);
    await directory().editUser(by(), ALICE, { role: "member" });
    expect(await whose(opened)).toEqual(member);
    expect((await audit()).find(({ act }) => act === "sign-in")).toMatchObject({
      ...{ actor: "user alice", target: { id: opened.id } },
    });
  });

  it("ends after twelve hours, with another provider, without one, and for an older Worker", async () => {
    const opened = await signInAs(ALICE);
    expect(await whose(opened, NOW + SESSION_MS - 1)).not.toBeNull();
    expect(await whose(opened, NOW + SESSION_MS)).toBeNull();
    expect(await whose(opened, NOW, digest("another provider"))).toBeNull();
    expect(await whose(opened, NOW, null)).toBeNull();
    expect(await directory().ofSession(opened, digest("the ADMIN_TOKEN"), NOW)).toBeNull();
    expect(await directory().ofSession(opened, PROVIDER, NOW)).toBeNull();
  });

  it("ends when an identity is unbound, and none is opened after that", async () => {
    const opened = await signInAs(ALICE);
    const { id } = await identityOf(ALICE);
    await directory().unbindIdentity(by(), ALICE, id);
    expect(await whose(opened)).toBeNull();
    const refused = { ok: false, error: { code: "wrong-token" } };
    expect((await signInAs(ALICE)).result).toEqual(refused);
    expect((await signInAs(userId("nobody"))).result).toEqual(refused);
  });

  it("is not opened for an identity that was unbound, though its user has another", async () => {
    const { id } = await identityOf(ALICE);
    await identify(person({ issuer: "https://other.example.com" }));
    await directory().unbindIdentity(by(), ALICE, id);
    expect(await directory().identities(ALICE)).toHaveLength(1);
    expect((await signInAs(ALICE)).result).toMatchObject({ ok: false });
  });

  it("is listed as the user's and ended as such, and by its own browser", async () => {
    const opened = await signInAs(ALICE);
    const listed = { id: opened.id, token: null, person: "alice", createdAt: NOW };
    expect(await directory().sessions(ALICE, NOW)).toMatchObject([listed]);
    expect(await directory().sessions(null, NOW)).toMatchObject([listed]);
    expect(await directory().sessions(BOB, NOW)).toEqual([]);
    expect(await directory().endSessions(by({ at: NOW }), BOB)).toBe(0);
    expect(await directory().endSessions(by({ at: NOW }), ALICE, [opened.id])).toBe(1);
    expect(await whose(opened)).toBeNull();
    const next = await signInAs(ALICE);
    expect(await directory().signOut(by({ at: NOW }), next, digest("x"), null)).toBe(false);
    expect(await directory().signOut(by({ at: NOW }), next, digest("x"), PROVIDER)).toBe(true);
    expect((await audit()).at(-1)).toMatchObject({
      ...{ act: "sign-out", actor: `user alice, session ${next.id.slice(0, 8)}` },
    });
  });

  it("is one of twenty an hour", async () => {
    for (let n = 0; n < SIGN_INS_AN_HOUR; n++) expect((await signInAs(ALICE)).result.ok).toBe(true);
    const refused = { code: "too-many-sign-ins", retryAfterMs: HOUR };
    expect((await signInAs(ALICE)).result).toEqual({ ok: false, error: refused });
  });

  it.each([
    ["an eviction", () => evictDurableObject(directoryStub())],
    ["an abort", () => abortAllDurableObjects()],
  ] as const)("outlives %s", async (_, restart) => {
    const opened = await signInAs(ALICE);
    await restart();
    expect(await whose(opened)).toMatchObject({ user: "alice" });
  });
});

it("people are notified when an owner signs in, and not when a member does", async () => {
  clockAt(NOW);
  configure({ NOTIFY_URLS: [HOOK] });
  const posts = receivers();
  await reset();
  await directory().putUser(by({ at: NOW }), ALICE, undefined);
  await name(ALICE, "alice@example.com");
  await identify(person());
  await toldBy(directoryStub(), posts);
  await signInAs(ALICE);
  expect(await toldBy(directoryStub(), posts)).toEqual([]);
  await directory().editUser(by(), ALICE, { role: "owner" });
  const { id } = await signInAs(ALICE);
  expect(await toldBy(directoryStub(), posts)).toMatchObject([
    { id: `owner-sign-in:${id}`, data: { user: "alice", session: id, country: "CH" } },
  ]);
});
