import { abortAllDurableObjects, evictDurableObject, reset } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SecretDigest } from "../../../../src/domain/credential.ts";
import type { Enrolment, InvitationRecord } from "../../../../src/domain/records.ts";
import type { UserId } from "../../../../src/domain/user.ts";
import { Invitations } from "../../../../src/registry/client/invitations.ts";
import type { RegistryBindings } from "../../../../src/registry/client/objects.ts";
import { RegistryClient } from "../../../../src/registry/client/registry-client.ts";
import { INVITATIONS_KEPT_MS } from "../../../../src/registry/user/rules/invitations.ts";
import {
  ALICE,
  BOB,
  by,
  DETAILS,
  directory,
  directoryStub,
  dump,
  enrolment,
  fingerprint,
  intercepted,
  interrupted,
  key,
  registry,
  registryStub,
  sighting,
  UNLIMITED,
} from "../fixtures.ts";

const HOUR = 60 * 60_000;
const DAY = 24 * HOUR;
const APP = "app.example.com";

let now: number;
let registryOfAll: RegistryClient;
let invitations: Invitations;
beforeEach(async () => {
  // Claims are dated by the objects' own clock.
  now = Date.now();
  registryOfAll = new RegistryClient(env);
  invitations = new Invitations(env, registryOfAll);
  for (const user of [ALICE, BOB]) await registryOfAll.putUser(by(), user, undefined);
});
afterEach(reset);

/** Stands for a code's digest: the registry does not look into it. */
const digest = (of: string) => `digest of ${of}` as SecretDigest;

async function invite(
  code: string,
  change: { user?: UserId; app?: string; approval?: boolean; expiresAt?: number } = {},
): Promise<InvitationRecord> {
  const { user = ALICE, app = null, approval = false, expiresAt = now + DAY } = change;
  const made = await invitations.create(
    by({ at: now }),
    user,
    { id: `id of ${code}`, app, approval, expiresAt, limits: UNLIMITED },
    digest(code),
  );
  if (!made.ok) throw new Error(made.error.code);
  return made.value;
}

const VISITOR = { actor: "invitation", ip: "203.0.113.9", country: "DE" };

/** Redeems a code with the n-th certificate. */
function redeem(
  code: string,
  n = 1,
  {
    at = now,
    app = APP,
    agreed = ALICE,
    bindings = env as RegistryBindings,
    ...change
  }: Partial<Enrolment> & {
    at?: number;
    app?: string;
    agreed?: UserId;
    bindings?: RegistryBindings;
  } = {},
) {
  const redeemer = new Invitations(bindings, new RegistryClient(bindings));
  const wanted = enrolment({ name: `Phone ${n}`, key: key(n), details: DETAILS, ...change });
  return redeemer.redeem(by({ ...VISITOR, at }), digest(code), app, wanted, agreed);
}

const INVALID = { ok: false, error: { code: "invalid-invitation" } };

async function devices(user = ALICE) {
  return (await registry(user).list(100, 0)).items;
}

const open = async (user = ALICE) =>
  (await registry(user).invitations()).filter(({ usedAt }) => usedAt === null).map(({ id }) => id);

const audit = async (user = ALICE) => (await registry(user).audit(500, null)).items.reverse();

const RESTARTS = [
  [
    "an eviction",
    () => Promise.all([evictDurableObject(directoryStub()), evictDurableObject(registryStub(ALICE))]),
  ],
  ["an abort", () => abortAllDurableObjects()],
] as const;

describe("an invitation", () => {
  it("is made, listed and withdrawn, and the audit log tells", async () => {
    const invitation = await invite("A", { app: APP, approval: true });
    expect(invitation).toEqual({
      id: "id of A",
      user: "alice",
      app: APP,
      approval: true,
      bundle: null,
      createdAt: now,
      createdBy: "admin",
      expiresAt: now + DAY,
      limits: UNLIMITED,
      usedAt: null,
      usedBy: null,
    });
    expect(await registry(ALICE).invitations()).toEqual([invitation]);
    expect(await registry(BOB).invitations()).toEqual([]);
    expect(await registry(BOB).withdraw(by({ at: now + 1 }), invitation.id)).toMatchObject({
      error: { code: "unknown-invitation" },
    });
    expect(await registry(ALICE).withdraw(by({ at: now + 1 }), invitation.id)).toEqual({
      ok: true,
      value: null,
    });
    expect(await registry(ALICE).withdraw(by({ at: now + 1 }), invitation.id)).toMatchObject({
      error: { code: "unknown-invitation" },
    });
    expect(await registry(ALICE).invitations()).toEqual([]);
    expect(await audit()).toMatchObject([
      {
        at: now,
        actor: "admin",
        act: "invite",
        outcome: "done",
        target: { id: "id of A" },
        detail: { app: APP, approval: "yes", expiresAt: new Date(now + DAY).toISOString() },
      },
      { at: now + 1, actor: "admin", act: "withdraw", outcome: "done", target: { id: "id of A" } },
    ]);
  });

  it("is for a user who is there", async () => {
    const nobody = "nobody" as UserId;
    const wanted = { id: "x", app: null, approval: false, expiresAt: now + DAY, limits: UNLIMITED };
    const unknown = { ok: false, error: { code: "unknown-user" } };
    expect(await invitations.create(by(), nobody, wanted, digest("x"))).toEqual(unknown);
    expect(await registryOfAll.ofUser(nobody)).toEqual(unknown);
    expect((await dump(directoryStub())).invitation_index).toEqual([]);
  });

  it("that is used is not withdrawn", async () => {
    const { id } = await invite("A");
    await redeem("A");
    expect(await registry(ALICE).withdraw(by(), id)).toMatchObject({
      error: { code: "unknown-invitation" },
    });
    expect(await devices()).toHaveLength(1);
  });

  it("stays on the list for thirty days after its end, and then goes with the next one", async () => {
    await invite("old", { expiresAt: now + HOUR });
    now += HOUR + INVITATIONS_KEPT_MS - 1;
    await invite("newer", { expiresAt: now + HOUR });
    expect((await registry(ALICE).invitations()).map(({ id }) => id)).toEqual(["id of newer", "id of old"]);
    now += 1;
    await invite("newest", { expiresAt: now + HOUR });
    expect((await registry(ALICE).invitations()).map(({ id }) => id)).toEqual([
      "id of newest",
      "id of newer",
    ]);
  });

  it.each([
    ["directory.indexInvitation", "before"],
    ["directory.indexInvitation", "after"],
    ["alice.invite", "before"],
    ["alice.invite", "after"],
  ] as const)("can be made again when %s was lost (%s it was done): once", async (name, when) => {
    const bindings = interrupted(name, when);
    const wanted = { id: "id of A", app: null, approval: false, expiresAt: now + DAY, limits: UNLIMITED };
    const create = (with_: RegistryBindings) =>
      new Invitations(with_, new RegistryClient(with_)).create(by({ at: now }), ALICE, wanted, digest("A"));
    await expect(create(bindings)).rejects.toThrow("the registry does not answer");
    expect(await create(env)).toMatchObject({ ok: true, value: { id: "id of A", usedAt: null } });
    expect(await open()).toEqual(["id of A"]);
    expect((await audit()).filter(({ act }) => act === "invite")).toHaveLength(1);
    expect(await redeem("A")).toMatchObject({ ok: true });
  });
});

describe("a code", () => {
  it("enrols one device of its user, with the certificate's details, and is used up", async () => {
    await invite("A");
    const enrolled = await redeem("A", 1, { name: "Pixel 9" });
    expect(enrolled).toMatchObject({
      ok: true,
      value: {
        created: true,
        device: {
          user: "alice",
          name: "Pixel 9",
          status: "active",
          comparisonCode: null,
          credentials: [{ key: key(1), ...DETAILS }],
        },
      },
    });
    if (!enrolled.ok) return;
    const { id } = enrolled.value.device;
    expect(await registry(ALICE).standing(key(1), sighting())).toMatchObject({ status: "active" });
    expect(await directory().resolve(key(1), sighting())).toBe("alice");
    expect(await registry(ALICE).invitations()).toMatchObject([{ usedAt: now, usedBy: id }]);
    expect((await audit()).at(-1)).toMatchObject({
      ...VISITOR,
      at: now,
      act: "enrol",
      outcome: "done",
      target: { id, name: "Pixel 9" },
      detail: { fingerprint: fingerprint(1), status: "active", invitation: "id of A" },
    });
  });

  it("is used once", async () => {
    await invite("A");
    await redeem("A", 1);
    expect(await redeem("A", 2)).toEqual(INVALID);
    expect(await redeem("A", 2, { at: now + 1 })).toEqual(INVALID);
    expect(await devices()).toHaveLength(1);
    expect(await registry(ALICE).standing(key(2), sighting())).toBeNull();
  });

  it("that is presented by many certificates at a time enrols exactly one of them", async () => {
    await invite("A");
    const results = await Promise.all(Array.from({ length: 8 }, (_, n) => redeem("A", n + 1)));
    expect(results.filter(({ ok }) => ok)).toHaveLength(1);
    expect(results.filter(({ ok }) => !ok)).toEqual(Array(7).fill(INVALID));
    const [winner, ...others] = await devices();
    expect(others).toEqual([]);
    expect(await registry(ALICE).invitations()).toMatchObject([{ usedBy: winner?.id }]);
    const active = await Promise.all(
      Array.from({ length: 8 }, (_, n) => registry(ALICE).standing(key(n + 1), sighting())),
    );
    expect(active.filter((standing) => standing !== null)).toHaveLength(1);
  });

  it("that is presented twice at a time by one certificate enrols it once", async () => {
    await invite("A");
    const results = await Promise.all([redeem("A"), redeem("A"), redeem("A")]);
    expect(results.map((result) => result.ok && result.value.created).sort()).toEqual([false, false, true]);
    expect(await devices()).toHaveLength(1);
  });

  it("whose losers are enrolled with another code, or by hand, is no obstacle for them", async () => {
    await invite("A");
    await Promise.all([redeem("A", 1), redeem("A", 2)]);
    const loser = (await devices())[0]?.credentials[0]?.key === key(1) ? 2 : 1;
    await invite("B", { user: BOB });
    await invite("C");
    expect(await redeem("C", loser)).toMatchObject({ ok: true, value: { created: true } });
    expect(await redeem("B", loser, { agreed: BOB })).toMatchObject({
      ok: false,
      error: { code: "fingerprint-taken" },
    });
  });

  it.each([
    "directory.invitationOwner",
    "directory.user",
    "alice.checkEnrolment",
    "directory.claim",
    "alice.enrol",
  ])("can be presented again when %s was lost: one device, used once", async (name) => {
    await invite("A");
    for (const when of ["before", "after"] as const) {
      await expect(redeem("A", 1, { bindings: interrupted(name, when) })).rejects.toThrow(
        "the registry does not answer",
      );
    }
    const wasDone = name === "alice.enrol";
    expect(await devices()).toHaveLength(wasDone ? 1 : 0);
    const again = await redeem("A");
    expect(again).toMatchObject({ ok: true, value: { created: !wasDone } });
    expect(await devices()).toHaveLength(1);
    const id = (await devices())[0]?.id;
    expect(await registry(ALICE).invitations()).toMatchObject([{ usedBy: id }]);
    expect((await audit()).filter(({ act }) => act === "enrol")).toHaveLength(1);
    expect(await redeem("A", 2)).toEqual(INVALID);
  });

  it.each([
    ["is unknown", async () => "unknown"],
    [
      "has expired",
      async () => {
        await invite("A", { expiresAt: now });
        return "A";
      },
    ],
    [
      "was withdrawn",
      async () => {
        const { id } = await invite("A");
        await registry(ALICE).withdraw(by(), id);
        return "A";
      },
    ],
    [
      "is for another app",
      async () => {
        await invite("A", { app: "vault.example.com" });
        return "A";
      },
    ],
    [
      "was used by another certificate",
      async () => {
        await invite("A");
        await redeem("A", 2);
        return "A";
      },
    ],
  ])("that %s gets one and the same answer, and writes nothing in the directory", async (_, make) => {
    const code = await make();
    const before = await devices();
    const inDirectory = await dump(directoryStub());
    expect(await redeem(code)).toEqual(INVALID);
    expect(await devices()).toEqual(before);
    expect(await registry(ALICE).standing(key(1), sighting())).toBeNull();
    expect(await dump(directoryStub())).toEqual(inDirectory);
    // Whose it was is known by its user only: the refusal stands there.
    const refused = (await audit()).filter(({ outcome }) => outcome === "refused");
    expect(refused).toMatchObject(
      code === "unknown"
        ? []
        : [
            {
              ...VISITOR,
              ...{ act: "enrol", target: { id: fingerprint(1), name: "Phone 1" } },
              detail: { reason: "invalid-invitation" },
            },
          ],
    );
  });

  it("is good to its last millisecond, and on its app alone", async () => {
    await invite("A", { app: "vault.example.com", expiresAt: now + HOUR });
    expect(await redeem("A", 1, { app: "files.example.com" })).toEqual(INVALID);
    expect(await redeem("A", 1, { at: now + HOUR, app: "vault.example.com" })).toEqual(INVALID);
    expect(await redeem("A", 1, { at: now + HOUR - 1, app: "vault.example.com" })).toMatchObject({
      ok: true,
    });
  });

  it("leaves no trace of an invitation in the index that has expired", async () => {
    await invite("A", { expiresAt: now + HOUR });
    now += HOUR;
    await invite("B");
    expect((await dump(directoryStub())).invitation_index).toMatchObject([{ digest: digest("B") }]);
  });

  it.each(RESTARTS)("is good across %s, and used across one", async (_, restart) => {
    await invite("A");
    await restart();
    expect(await redeem("A", 1)).toMatchObject({ ok: true });
    await restart();
    expect(await redeem("A", 2)).toEqual(INVALID);
    expect(await redeem("A", 1)).toMatchObject({ ok: true, value: { created: false } });
  });
});

describe("a code is not used up", () => {
  it("by a device that its user has enrolled already", async () => {
    await registryOfAll.enrol(by(), ALICE, enrolment({ name: "Phone 1" }));
    const [device] = await devices();
    await invite("A");
    expect(await redeem("A", 1, { name: "Another name" })).toEqual({
      ok: true,
      value: { device, created: false },
    });
    expect(await open()).toEqual(["id of A"]);
    expect(await redeem("A", 2)).toMatchObject({ ok: true, value: { created: true } });
  });

  it("by a device of another user", async () => {
    await registryOfAll.enrol(by(), BOB, enrolment());
    await invite("A");
    expect(await redeem("A", 1)).toEqual({ ok: false, error: { code: "fingerprint-taken" } });
    expect(await open()).toEqual(["id of A"]);
    expect(await devices()).toEqual([]);
    expect(await devices(BOB)).toHaveLength(1);
    expect(await redeem("A", 2)).toMatchObject({ ok: true });
  });

  it("by a name that another device has", async () => {
    await registryOfAll.enrol(by(), ALICE, enrolment({ name: "Pixel" }));
    await invite("A");
    expect(await redeem("A", 2, { name: "PIXEL" })).toEqual({
      ok: false,
      error: { code: "name-taken", name: "PIXEL" },
    });
    expect(await open()).toEqual(["id of A"]);
    // The certificate waits to be enrolled as before.
    expect((await dump(directoryStub())).claims).toHaveLength(1);
    expect(await redeem("A", 2, { name: "Pixel 2" })).toMatchObject({ ok: true });
  });

  it("by a device that was revoked", async () => {
    await registryOfAll.enrol(by(), ALICE, enrolment());
    const [device] = await devices();
    await registry(ALICE).changeStatus(by(), device?.id ?? "", "revoke");
    await invite("A");
    expect(await redeem("A", 1)).toEqual({ ok: false, error: { code: "fingerprint-revoked" } });
    expect(await open()).toEqual(["id of A"]);
    expect(await registry(ALICE).standing(key(1), sighting())).toMatchObject({ status: "revoked" });
  });
});

it("a code that is nobody's asks the directory, and nobody else", async () => {
  const calls: string[] = [];
  const bindings = intercepted((call) => {
    calls.push(call.name);
    return call.proceed();
  });
  expect(await redeem("unknown", 1, { bindings })).toEqual(INVALID);
  expect(calls).toEqual(["directory.invitationOwner"]);
});

describe("with approval", () => {
  it("the device waits, shows six digits, and is let in when it is approved", async () => {
    await invite("A", { approval: true });
    const enrolled = await redeem("A", 1);
    if (!enrolled.ok) return expect.fail(enrolled.error.code);
    const { device } = enrolled.value;
    expect(device).toMatchObject({ status: "pending", comparisonCode: expect.stringMatching(/^\d{6}$/) });
    expect(await open()).toEqual([]);
    // Looking again, or sending the code again, shows the same digits.
    expect(await invitations.deviceOf(ALICE, key(1), Date.now())).toEqual(device);
    expect(await redeem("A", 1)).toEqual({ ok: true, value: { device, created: false } });
    expect(await registry(ALICE).standing(key(1), sighting())).toMatchObject({ status: "pending" });

    const approved = await registry(ALICE).changeStatus(by(), device.id, "approve");
    expect(approved).toMatchObject({ ok: true, value: { status: "active", comparisonCode: null } });
    expect(await invitations.deviceOf(ALICE, key(1), Date.now())).toMatchObject({
      status: "active",
      comparisonCode: null,
    });
    expect(await registry(ALICE).standing(key(1), sighting())).toMatchObject({ status: "active" });
  });

  it("the digits are other ones each time, and say nothing of the certificate", async () => {
    const digits = new Set<string | null>();
    for (let n = 1; n <= 8; n++) {
      await invite(`A${n}`, { approval: true });
      const enrolled = await redeem(`A${n}`, n);
      if (enrolled.ok) digits.add(enrolled.value.device.comparisonCode);
    }
    expect(digits.size).toBeGreaterThan(6);
  });

  it("the digits are no part of the audit log, nor of a device that is shut out", async () => {
    await invite("A", { approval: true });
    const enrolled = await redeem("A", 1);
    if (!enrolled.ok) return expect.fail(enrolled.error.code);
    const { id, comparisonCode } = enrolled.value.device;
    expect(JSON.stringify(await audit())).not.toContain(`"${comparisonCode}"`);
    await registry(ALICE).changeStatus(by(), id, "revoke");
    expect(await registry(ALICE).get(id)).toMatchObject({ status: "revoked", comparisonCode: null });
  });
});

describe("when the user is deleted", () => {
  it("the invitations are gone, and are not there again when one of the same name comes", async () => {
    await invite("A");
    expect(await registryOfAll.deleteUser(by(), ALICE)).toMatchObject({ ok: true });
    expect(await redeem("A")).toEqual(INVALID);
    await registryOfAll.putUser(by(), ALICE, undefined);
    expect(await redeem("A", 2)).toEqual(INVALID);
    expect(await registry(ALICE).invitations()).toEqual([]);
    expect((await dump(directoryStub())).invitation_index).toEqual([]);
  });

  it("while a code is redeemed, nothing is enrolled", async () => {
    await invite("A");
    const bindings = intercepted(async (call) => {
      if (call.name === "alice.enrol") await registryOfAll.deleteUser(by(), ALICE);
      return call.proceed();
    });
    const result = await redeem("A", 1, { bindings });
    expect(result).toMatchObject({
      ok: false,
      error: { code: expect.stringMatching(/unknown-user|invalid-invitation/) },
    });
    expect(await devices()).toEqual([]);
    expect(await directory().resolve(key(1), sighting())).toBeNull();
  });

  it("while an invitation is made, none is left", async () => {
    const bindings = intercepted(async (call) => {
      if (call.name === "alice.invite") await registryOfAll.deleteUser(by(), ALICE);
      return call.proceed();
    });
    const wanted = { id: "x", app: null, approval: false, expiresAt: now + DAY, limits: UNLIMITED };
    const made = await new Invitations(bindings, new RegistryClient(bindings)).create(
      by(),
      ALICE,
      wanted,
      digest("x"),
    );
    expect(made).toEqual({ ok: false, error: { code: "unknown-user" } });
    expect((await dump(directoryStub())).invitation_index).toEqual([]);
    expect((await dump(registryStub(ALICE))).invitations).toEqual([]);
  });
});

describe("who looks at the page", () => {
  it("is told of the own device, and leaves no trace", async () => {
    expect(await invitations.deviceOf(ALICE, key(1), Date.now())).toBeNull();
    await registryOfAll.enrol(by(), ALICE, enrolment());
    const before = [await dump(directoryStub()), await dump(registryStub(ALICE))];
    expect(await invitations.deviceOf(ALICE, key(1), Date.now())).toMatchObject({
      user: "alice",
      name: "Pixel 9",
    });
    expect(await invitations.deviceOf(ALICE, key(2), Date.now())).toBeNull();
    expect([await dump(directoryStub()), await dump(registryStub(ALICE))]).toEqual(before);
  });
});

describe("looking at what a code would do", () => {
  const dumps = async () => [await dump(directoryStub()), await dump(registryStub(ALICE))];
  const offer = (code: string, { app = APP, at = now }: { app?: string; at?: number } = {}) =>
    invitations.offer(by({ ...VISITOR, at }), digest(code), app, enrolment({ details: DETAILS }));

  it("says whose device it makes, as often as one likes, and writes nothing", async () => {
    await registryOfAll.putUser(by(), ALICE, "Alice Example");
    await invite("A", { approval: true });
    const before = await dumps();
    for (let times = 0; times < 3; times++) {
      expect(await offer("A")).toEqual({
        ok: true,
        value: { user: ALICE, name: "Alice Example", approval: true },
      });
    }
    expect(await dumps()).toEqual(before);
    expect(await redeem("A")).toMatchObject({ ok: true });
  });

  it("says of a name that is taken, or a device that was revoked, the same as redeeming, and writes nothing", async () => {
    await registryOfAll.enrol(by(), ALICE, enrolment({ key: key(2) }));
    await invite("A");
    const before = await dumps();
    expect(await offer("A")).toEqual({ ok: false, error: { code: "name-taken", name: "Pixel 9" } });
    expect(await dumps()).toEqual(before);
  });

  it("takes a wrong one, a used one, and one of another app for the same", async () => {
    await invite("A");
    await redeem("A", 2);
    await invite("B", { app: "vault.example.com" });
    for (const refused of [offer("wrong"), offer("A"), offer("B")]) expect(await refused).toEqual(INVALID);
    expect(await offer("B", { app: "vault.example.com" })).toMatchObject({ ok: true });
  });

  it("redeems for nobody but the user who was agreed to", async () => {
    await invite("B", { user: BOB });
    expect(await offer("B")).toMatchObject({ value: { user: BOB, name: null } });
    expect(await redeem("B", 1, { agreed: ALICE })).toEqual({ ok: false, error: { code: "not-agreed" } });
    expect(await devices(BOB)).toEqual([]);
    expect(await redeem("B", 1, { agreed: BOB })).toMatchObject({ ok: true });
  });
});
