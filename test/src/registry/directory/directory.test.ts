import { abortAllDurableObjects, evictDurableObject, reset, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { CredentialKey } from "../../../../src/domain/credential-key.ts";
import type { UserId } from "../../../../src/domain/user.ts";
import {
  NOTED_EVERY_MS,
  UNKNOWN_CERTIFICATES_MAX,
} from "../../../../src/registry/directory/unknown-certificate-table.ts";
import { CLAIM_ABANDONED_MS, CLAIM_VALID_MS } from "../../../../src/registry/storage/generation.ts";
import {
  ALICE,
  asOf,
  BOB,
  by,
  DETAILS,
  directory,
  directoryStub,
  fingerprint,
  key,
  rows,
  sighting,
  totalChanges,
  userId,
} from "../fixtures.ts";

const NOW = Date.UTC(2026, 10, 24, 12);

afterEach(async () => {
  vi.useRealTimers();
  await reset();
});

async function audit() {
  return (await directory().audit(500, null)).items.reverse();
}

const RESTARTS = [
  ["an eviction", () => evictDurableObject(directoryStub())],
  ["an abort", () => abortAllDurableObjects()],
] as const;

describe("users", () => {
  it("are created, renamed and left as they are, and the audit log tells", async () => {
    expect(await directory().putUser(by({ at: NOW }), ALICE, undefined)).toMatchObject({
      user: { id: "alice", name: null, createdAt: NOW },
      created: true,
    });
    const alice = { id: "alice", name: "Alice", createdAt: NOW, role: "member", emails: [] };
    expect(await directory().putUser(by({ at: NOW + 1 }), ALICE, "Alice")).toMatchObject({
      user: alice,
      created: false,
    });
    expect(await directory().putUser(by(), ALICE, "Alice")).toMatchObject({ user: alice, created: false });
    expect(await directory().putUser(by(), ALICE, undefined)).toMatchObject({ user: alice, created: false });
    expect(await directory().user(ALICE)).toEqual(alice);
    expect(await directory().user(BOB)).toBeNull();
    expect(await audit()).toEqual([
      {
        id: 1,
        at: NOW,
        actor: "admin",
        ip: "198.51.100.7",
        country: "CH",
        act: "create-user",
        outcome: "done",
        target: { id: "alice", name: null },
        detail: {},
      },
      expect.objectContaining({
        id: 2,
        at: NOW + 1,
        act: "rename-user",
        target: { id: "alice", name: "Alice" },
        detail: { nameBefore: null },
      }),
    ]);
  });

  it("are listed by id, page by page", async () => {
    for (const id of ["carol", "alice", "9lives", "bob", "alice-2"]) {
      await directory().putUser(by(), userId(id), undefined);
    }
    const pages: string[][] = [];
    for (let after: string | null = ""; after !== null; ) {
      const page: Awaited<ReturnType<ReturnType<typeof directory>["users"]>> = await directory().users(
        2,
        after,
      );
      pages.push(page.items.map(({ id }) => id));
      after = page.next;
    }
    expect(pages).toEqual([["9lives", "alice"], ["alice-2", "bob"], ["carol"]]);
  });

  it("are removed with their claims and nobody else's", async () => {
    for (const user of [ALICE, BOB]) await directory().putUser(by(), user, undefined);
    await directory().claim(by(), key(1), ALICE);
    await directory().claim(by(), key(2), BOB);
    const removal = await asOf(ALICE);
    expect(await directory().removeUser(by(), ALICE, removal)).toEqual({ ok: true, value: null });
    const unknown = { ok: false, error: { code: "unknown-user" } };
    expect(await directory().removeUser(by(), ALICE, removal)).toEqual(unknown);
    expect(await directory().asOf(ALICE)).toBeNull();
    expect((await directory().users(10, "")).items.map(({ id }) => id)).toEqual(["bob"]);
    expect(await directory().resolve(key(1), sighting())).toBeNull();
    expect(await directory().resolve(key(2), sighting())).toBe("bob");
    expect((await audit()).filter(({ act }) => act === "delete-user")).toHaveLength(1);
  });

  it("are not removed by a removal from before they were put, nor on the word of an older Worker", async () => {
    const { generation } = await directory().putUser(by(), ALICE, undefined);
    const superseded = { ok: false, error: { code: "deletion-superseded" } };
    expect(await directory().removeUser(by(), ALICE, generation - 1)).toEqual(superseded);
    expect((await audit()).at(-1)).toMatchObject({ act: "delete-user", outcome: "refused" });
    for (const removal of ["a removal", undefined, null, Number.NaN]) {
      const call = directory().removeUser(by(), ALICE, removal as never);
      await expect(call).rejects.toThrow("no time of the directory");
    }
    expect(await directory().user(ALICE)).not.toBeNull();
  });

  it("begin a generation whenever they are put or restored: later than each time that was given out", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: NOW });
    const times: number[] = [];
    for (let n = 0; n < 3; n++) {
      times.push((await directory().putUser(by(), ALICE, undefined)).generation);
      times.push(await claimedAt(key(n)));
    }
    const all = await directory().claimAll([key(1), key(9)], ALICE);
    times.push(all.ok ? all.value.generation : expect.fail());
    vi.setSystemTime(NOW - 60_000);
    await abortAllDurableObjects();
    times.push(await claimedAt(key(5)));
    expect(times).toEqual(Array.from({ length: 8 }, (_, n) => NOW + n));
    expect(await asOf(ALICE)).toBe(times.at(-1));
    vi.setSystemTime(NOW + 60_000);
    expect(await claimedAt(key(6))).toBe(NOW + 60_000);
  });

  it("put again while they are being removed stay", async () => {
    await directory().putUser(by(), ALICE, "Alice");
    const removal = await asOf(ALICE);
    await abortAllDurableObjects();
    await directory().putUser(by(), ALICE, undefined);
    expect(await directory().removeUser(by(), ALICE, removal)).toEqual({
      ok: false,
      error: { code: "deletion-superseded" },
    });
    expect(await directory().user(ALICE)).toMatchObject({ name: "Alice" });
  });

  it.each(RESTARTS)("survive %s", async (_, restart) => {
    await directory().putUser(by(), ALICE, "Alice");
    await directory().claim(by(), key(1), ALICE);
    await restart();
    expect(await directory().user(ALICE)).toMatchObject({ name: "Alice" });
    expect(await directory().resolve(key(1), sighting())).toBe("alice");
  });
});

async function claimedAt(of: CredentialKey): Promise<number> {
  const claim = await directory().claim(by(), of, ALICE);
  return claim.ok ? claim.value.claimedAt : expect.fail(claim.error.code);
}

/** What the caller found in the registry of the user who has the claim. */
const held = (owner: UserId) => ({ owner, isHeld: true });
const abandoned = (owner: UserId) => ({ owner, isHeld: false });

describe("claim", () => {
  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: NOW - 1_000 });
    for (const user of [ALICE, BOB]) await directory().putUser(by(), user, undefined);
    vi.setSystemTime(NOW);
  });

  const taken = { ok: false, error: { code: "fingerprint-taken", owner: "alice" } };

  it("is granted to the first user, and again to the same one, with the time of asking", async () => {
    expect(await directory().claim(by(), key(1), ALICE)).toEqual({
      ok: true,
      value: { claimedAt: NOW, generation: NOW - 1_000 },
    });
    vi.setSystemTime(NOW + 5_000);
    expect(await directory().claim(by(), key(1), ALICE)).toEqual({
      ok: true,
      value: { claimedAt: NOW + 5_000, generation: NOW - 1_000 },
    });
    expect(await directory().resolve(key(1), sighting())).toBe("alice");
  });

  it("is refused to another user, and the attempt is audited once it is final", async () => {
    await directory().claim(by(), key(1), ALICE);
    const before = await audit();
    expect(await directory().claim(by({ at: NOW }), key(1), BOB)).toEqual(taken);
    expect(await audit(), "the caller looks into the owner's registry first").toEqual(before);
    expect(await directory().claim(by({ at: NOW }), key(1), BOB, held(ALICE))).toEqual(taken);
    expect(await directory().resolve(key(1), sighting())).toBe("alice");
    expect((await audit()).at(-1)).toMatchObject({
      at: NOW,
      act: "enrol",
      outcome: "refused",
      target: { id: fingerprint(1), name: null },
      detail: { reason: "fingerprint-taken", user: "bob", owner: "alice" },
    });
  });

  it("is refused to a user who does not exist", async () => {
    const nobody = userId("nobody");
    expect(await directory().claim(by(), key(1), nobody)).toEqual({
      ok: false,
      error: { code: "unknown-user" },
    });
    expect(await directory().resolve(key(1), sighting())).toBeNull();
  });

  it("passes to another user only when it is called abandoned and is old enough", async () => {
    await directory().claim(by(), key(1), ALICE);
    vi.setSystemTime(NOW + CLAIM_ABANDONED_MS);
    expect(await directory().claim(by(), key(1), BOB, abandoned(ALICE))).toEqual(taken);
    vi.setSystemTime(NOW + CLAIM_ABANDONED_MS + 1);
    expect(await directory().claim(by(), key(1), BOB)).toEqual(taken);
    expect(await directory().claim(by(), key(1), BOB, held(ALICE))).toEqual(taken);
    expect(await directory().claim(by(), key(1), BOB, abandoned(userId("carol")))).toEqual(taken);
    expect(await directory().resolve(key(1), sighting())).toBe("alice");
    expect(await directory().claim(by(), key(1), BOB, abandoned(ALICE))).toMatchObject({ ok: true });
    expect(await directory().resolve(key(1), sighting())).toBe("bob");
  });

  it("is young again when its user asks again", async () => {
    await directory().claim(by(), key(1), ALICE);
    vi.setSystemTime(NOW + CLAIM_ABANDONED_MS);
    await directory().claim(by(), key(1), ALICE);
    vi.setSystemTime(NOW + CLAIM_ABANDONED_MS + 1);
    expect(await directory().claim(by(), key(1), BOB, abandoned(ALICE))).toEqual(taken);
  });

  it("cannot be enrolled on any more by the time that it counts as abandoned", () => {
    // With room for clocks that differ and a call that is slow.
    expect(CLAIM_ABANDONED_MS).toBeGreaterThanOrEqual(2 * CLAIM_VALID_MS);
  });

  it("is released by its user and by no other", async () => {
    await directory().claim(by(), key(1), ALICE);
    await directory().claim(by(), key(2), ALICE);
    await directory().release([key(1), key(2)], BOB, await asOf(BOB));
    expect(await directory().resolve(key(1), sighting())).toBe("alice");
    await directory().release([key(1)], ALICE, await asOf(ALICE));
    await directory().release([key(1)], ALICE, await asOf(ALICE));
    expect(await directory().resolve(key(1), sighting())).toBeNull();
    expect(await directory().resolve(key(2), sighting())).toBe("alice");
    expect(await directory().claim(by(), key(1), BOB)).toMatchObject({ ok: true });
  });
});

describe("unknown certificates", () => {
  const unknown = () => directory().unknownCertificates();

  it("are noted with what Cloudflare told of them", async () => {
    expect(await directory().resolve(key(1), sighting({ at: NOW }))).toBeNull();
    const noted = {
      fingerprint: fingerprint(1),
      ...DETAILS,
      firstSeen: NOW,
      lastSeen: NOW,
      app: "app.example.com",
      country: "CH",
      count: 1,
    };
    expect(await unknown()).toEqual([noted]);
    expect(await directory().unknownCertificate(fingerprint(1))).toEqual(noted);
    expect(await directory().unknownCertificate(fingerprint(2))).toBeNull();
  });

  it("are written at most once in ten minutes", async () => {
    const changes = () => runInDurableObject(directoryStub(), (_, state) => totalChanges(state));
    await directory().resolve(key(1), sighting({ at: NOW }));
    const written = await changes();
    for (const at of [NOW, NOW + 1, NOW + NOTED_EVERY_MS - 1, NOW - 60_000]) {
      await directory().resolve(key(1), sighting({ at, app: "other.example.com", country: "DE" }));
    }
    expect(await changes()).toBe(written);
    expect(await unknown()).toMatchObject([{ lastSeen: NOW, app: "app.example.com", count: 1 }]);

    const at = NOW + NOTED_EVERY_MS;
    await directory().resolve(key(1), sighting({ at, app: "other.example.com", country: "DE" }));
    expect(await unknown()).toMatchObject([
      { firstSeen: NOW, lastSeen: at, app: "other.example.com", country: "DE", count: 2 },
    ]);
    expect(NOTED_EVERY_MS).toBe(600_000);
  });

  it("are 100 at most: the one not seen for longest goes", async () => {
    await runInDurableObject(directoryStub(), (instance) => {
      for (let n = 1; n <= UNKNOWN_CERTIFICATES_MAX; n++) instance.resolve(key(n), sighting({ at: NOW + n }));
      // The first is seen again, so the second is now the oldest.
      instance.resolve(key(1), sighting({ at: NOW + NOTED_EVERY_MS + 500 }));
    });
    expect(await unknown()).toHaveLength(100);
    await directory().resolve(key(1000), sighting({ at: NOW + NOTED_EVERY_MS + 600 }));
    const after = (await unknown()).map((certificate) => certificate.fingerprint);
    expect(after).toHaveLength(100);
    expect(after.slice(0, 2)).toEqual([fingerprint(1000), fingerprint(1)]);
    expect(after).not.toContain(fingerprint(2));
    expect(after).toContain(fingerprint(3));
  });

  it("go when they are enrolled, and are not noted while they are", async () => {
    await directory().putUser(by(), ALICE, undefined);
    await directory().resolve(key(1), sighting());
    await directory().claim(by(), key(1), ALICE);
    expect(await unknown()).toEqual([]);
    await directory().resolve(key(1), sighting());
    expect(await unknown()).toEqual([]);
  });

  it("are noted anew, with nothing of the past, when they were enrolled and forgotten", async () => {
    await directory().putUser(by(), ALICE, undefined);
    await directory().resolve(key(1), sighting({ at: NOW }));
    await directory().claim(by(), key(1), ALICE);
    await directory().release([key(1)], ALICE, await asOf(ALICE));
    expect(await unknown()).toEqual([]);
    await directory().resolve(key(1), sighting({ at: NOW + 1 }));
    expect(await unknown()).toMatchObject([{ firstSeen: NOW + 1, count: 1 }]);
  });

  it("come back to the list when the user who claimed them is deleted", async () => {
    await directory().putUser(by(), ALICE, undefined);
    await directory().resolve(key(1), sighting());
    await directory().claim(by(), key(1), ALICE);
    await directory().removeUser(by(), ALICE, await asOf(ALICE));
    expect(await unknown()).toHaveLength(1);
  });

  it("stay when the claim is refused", async () => {
    await directory().resolve(key(1), sighting());
    await directory().claim(by(), key(1), ALICE);
    expect(await unknown()).toHaveLength(1);
  });

  it("are dismissed, once, with an audit line, and come back when seen again", async () => {
    await directory().resolve(key(1), sighting({ at: NOW }));
    await directory().resolve(key(2), sighting({ at: NOW }));
    expect(await directory().dismiss(by(), fingerprint(1))).toEqual({ ok: true, value: null });
    expect((await unknown()).map((certificate) => certificate.fingerprint)).toEqual([fingerprint(2)]);
    expect(await directory().dismiss(by(), fingerprint(1))).toEqual({
      ok: false,
      error: { code: "certificate-not-listed" },
    });
    expect(await audit()).toMatchObject([
      { act: "dismiss", outcome: "done", target: { id: fingerprint(1), name: "CN=phone" } },
    ]);
    await directory().resolve(key(1), sighting({ at: NOW + 1 }));
    expect(await directory().unknownCertificate(fingerprint(1))).toMatchObject({
      firstSeen: NOW + 1,
      count: 1,
    });
  });

  it.each(RESTARTS)("survive %s", async (_, restart) => {
    await directory().resolve(key(1), sighting());
    await restart();
    expect(await unknown()).toHaveLength(1);
  });
});

describe("when the audit line cannot be written", () => {
  let before: unknown;
  let removal: number;

  beforeEach(async () => {
    for (const user of [ALICE, BOB]) await directory().putUser(by(), user, undefined);
    await directory().claim(by(), key(1), ALICE);
    await directory().resolve(key(2), sighting());
    removal = await asOf(BOB);
    await runInDurableObject(directoryStub(), (_, state) => {
      before = tables(state);
      state.storage.sql.exec(
        "CREATE TRIGGER no_audit BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no audit'); END",
      );
    });
  });

  it.each([
    ["a new user", () => directory().putUser(by(), userId("carol"), undefined)],
    ["a rename", () => directory().putUser(by(), ALICE, "Alice")],
    ["a deletion", () => directory().removeUser(by(), BOB, removal)],
    ["a dismissal", () => directory().dismiss(by(), fingerprint(2))],
    ["a refused claim", () => directory().claim(by(), key(1), BOB, held(ALICE))],
  ])("%s does not happen either", async (_, change) => {
    await expect(change()).rejects.toThrow("no audit");
    await abortAllDurableObjects();
    await runInDurableObject(directoryStub(), (_, state) => expect(tables(state)).toEqual(before));
  });

  function tables(state: DurableObjectState) {
    return ["users", "claims", "unknown_certificates", "audit"].map((table) =>
      rows(state, `SELECT * FROM ${table}`),
    );
  }
});

describe("audit", () => {
  it("is read newest first, page by page, while lines are added", async () => {
    for (let n = 1; n <= 5; n++) await directory().putUser(by(), userId(`u${n}`), undefined);
    const first = await directory().audit(2, null);
    await directory().putUser(by(), userId("u6"), undefined);
    const second = await directory().audit(2, Number(first.next));
    const third = await directory().audit(2, Number(second.next));
    const ids = [first, second, third].map(({ items }) => items.map(({ target }) => target?.id));
    expect(ids).toEqual([["u5", "u4"], ["u3", "u2"], ["u1"]]);
    expect(third.next).toBeNull();
  });
});
