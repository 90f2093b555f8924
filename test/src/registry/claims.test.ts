import { reset, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { SecretDigest } from "../../../src/domain/credential.ts";
import type { UserId } from "../../../src/domain/user.ts";
import { Backups } from "../../../src/registry/client/backups.ts";
import { Invitations } from "../../../src/registry/client/invitations.ts";
import { lookUp } from "../../../src/registry/client/lookup.ts";
import { RegistryClient } from "../../../src/registry/client/registry-client.ts";
import { CLAIM_ABANDONED_MS } from "../../../src/registry/storage/generation.ts";
import {
  ALICE,
  BOB,
  by,
  cost,
  DETAILS,
  directory,
  directoryStub,
  enrolment,
  fingerprint,
  intercepted,
  interrupted,
  justBefore,
  key,
  registry,
  sighting,
  UNLIMITED,
} from "./fixtures.ts";

// A claim that its user's registry does not stand behind gives way once it is abandoned and the certificate is seen.

const NOW = Date.UTC(2126, 0, 1);
const F = key(1);
const worker = new RegistryClient(env);

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: NOW });
  for (const user of [ALICE, BOB]) await worker.putUser(by(), user, undefined);
});
afterEach(async () => {
  vi.useRealTimers();
  await reset();
});

async function enrolled(of = F, name = "Pixel 9") {
  const result = await worker.enrol(by(), ALICE, enrolment({ key: of, name }));
  return result.ok ? result.value.device : expect.fail(result.error.code);
}

async function revoked() {
  const { id } = await enrolled();
  await registry(ALICE).changeStatus(by(), id, "revoke");
  return id;
}

/** A visit at the gate, and what it cost. */
async function seen(remembered?: UserId) {
  const calls: string[] = [];
  const bindings = intercepted(({ name, proceed }) => {
    calls.push(name);
    return proceed();
  });
  const lookup = await lookUp(bindings, F, remembered, sighting({ at: Date.now() }));
  return { ...lookup, calls };
}

const waiting = async () => (await directory().unknownCertificates()).map((each) => each.fingerprint);

/** Each leaves a claim of Alice's on the certificate, and no device. */
const WAYS: [string, () => Promise<unknown>][] = [
  [
    "an enrolment that was interrupted",
    () =>
      new RegistryClient(interrupted("alice.enrol", "before"))
        .enrol(by(), ALICE, enrolment())
        .catch(() => {}),
  ],
  [
    "a restore that met a conflict",
    async () => {
      const device = await enrolled();
      await reset();
      for (const user of [ALICE, BOB]) await worker.putUser(by(), user, undefined);
      const through = justBefore("alice.restore", () => enrolled(key(2), device.name));
      const request = { devices: [device], resurrect: [], madeAt: NOW };
      expect(
        await new Backups(through, new RegistryClient(through)).restoreUser(by(), ALICE, request),
      ).toMatchObject({
        value: { devices: [{ outcome: "conflict", reason: "name-taken" }] },
      });
    },
  ],
  [
    "two that raced for one invitation",
    async () => {
      const digest = "digest" as SecretDigest;
      const invitation = {
        id: "i",
        app: null,
        approval: false,
        expiresAt: NOW + 3600_000,
        limits: UNLIMITED,
      };
      await new Invitations(env, worker).create(by(), ALICE, invitation, digest);
      const redeem = (through: typeof env | ReturnType<typeof justBefore>, n: number) =>
        new Invitations(through, new RegistryClient(through)).redeem(
          by(),
          digest,
          "app.example.com",
          enrolment({ key: key(n), name: `Device ${n}` }),
          ALICE,
        );
      const through = justBefore("alice.enrol", async () => {
        expect(await redeem(env, 2)).toMatchObject({ ok: true });
      });
      expect(await redeem(through, 1)).toMatchObject({ error: { code: "invalid-invitation" } });
    },
  ],
  [
    "a forget whose answer was lost",
    async () => {
      const id = await revoked();
      const lost = new RegistryClient(interrupted("alice.forget", "after")).forget(by(), ALICE, id);
      await expect(lost).rejects.toThrow();
    },
  ],
  [
    "a release that failed after a forget",
    async () => {
      const id = await revoked();
      const through = interrupted("directory.release", "before");
      expect(await new RegistryClient(through).forget(by(), ALICE, id)).toMatchObject({ ok: true });
    },
  ],
];

describe.each(WAYS)("a claim that was left by %s", (_, leave) => {
  it("gives way after two minutes: the certificate waits, and can be approved for anybody", async () => {
    await leave();
    expect(await directory().owner(F)).toBe(ALICE);
    expect(await seen()).toMatchObject({ found: false, user: ALICE });
    vi.setSystemTime(NOW + CLAIM_ABANDONED_MS + 1_000);
    expect(await waiting()).toEqual([]);
    expect(await seen()).toMatchObject({ found: false, user: undefined });
    expect(await waiting()).toEqual([fingerprint(1)]);
    expect(await directory().unknownCertificate(fingerprint(1))).toMatchObject({
      ...{ firstSeen: Date.now(), count: 1, subject: DETAILS.subject },
    });
    const approved = await worker.approve(by(), fingerprint(1), BOB, { name: "Phone", note: null });
    expect(approved).toMatchObject({ ok: true, value: { created: true } });
    expect(await seen()).toMatchObject({ found: true, user: BOB, device: { status: "active" } });
  });
});

describe("telling that a claim has no device", () => {
  const leave = () => WAYS[0]?.[1]();

  it("costs one call more at most, and none when the user is remembered", async () => {
    await leave();
    const asked = ["directory.resolve", "alice.standing", "directory.resolve"];
    expect((await seen()).calls).toEqual(asked);
    expect((await seen(ALICE)).calls).toEqual(["alice.standing", "directory.resolve"]);
    vi.setSystemTime(NOW + CLAIM_ABANDONED_MS + 1_000);
    expect(await seen(ALICE)).toEqual({
      ...{ found: false, user: undefined, calls: ["alice.standing", "directory.resolve"] },
    });
    expect((await seen()).calls).toEqual(["directory.resolve"]);
  });

  it("drops no claim that is young, another user's, or was granted again since the certificate was seen", async () => {
    await leave();
    const at = NOW + CLAIM_ABANDONED_MS + 1_000;
    const resolve = (notHeldBy: UserId | undefined, seenAt = at) =>
      directory().resolve(F, sighting({ at: seenAt }), notHeldBy);
    vi.setSystemTime(at);
    expect(await resolve(undefined)).toBe(ALICE);
    expect(await resolve(BOB)).toBe(ALICE);
    expect(await resolve(ALICE, NOW + CLAIM_ABANDONED_MS), "seen before").toBe(ALICE);
    expect(await directory().claim(by(), F, ALICE)).toMatchObject({ ok: true });
    expect(await resolve(ALICE)).toBe(ALICE);
    vi.setSystemTime(at + 1000 * CLAIM_ABANDONED_MS);
    expect(await resolve(ALICE), "the answer of the registry is old").toBe(ALICE);
    expect(await resolve(ALICE, Date.now())).toBeNull();
  });

  it("never takes the claim of a device that is there, whatever became of it", async () => {
    const { id } = await enrolled();
    for (const act of ["suspend", "lost", "revoke"] as const) {
      await registry(ALICE).changeStatus(by(), id, act);
      vi.setSystemTime(Date.now() + CLAIM_ABANDONED_MS + 1_000);
      expect(await seen()).toMatchObject({ found: true, user: ALICE });
      expect(await directory().owner(F)).toBe(ALICE);
    }
  });

  it("writes what forgetting and being seen anew do, and no more with many claims", async () => {
    await leave();
    vi.setSystemTime(NOW + CLAIM_ABANDONED_MS + 1_000);
    const cheap = await runInDurableObject(directoryStub(), (instance, state) =>
      cost(state, () => instance.resolve(F, sighting({ at: Date.now() }), ALICE)),
    );
    expect(cheap.written).toBeLessThanOrEqual(3);
    expect(cheap.read).toBeLessThanOrEqual(10);
  });
});

describe("a claim that was overtaken", () => {
  const forgetting = () =>
    justBefore("alice.enrol", async () => {
      const [device] = (await registry(ALICE).list(10, 0)).items;
      await registry(ALICE).changeStatus(by(), device?.id ?? "", "revoke");
      expect(await worker.forget(by(), ALICE, device?.id ?? "")).toMatchObject({ ok: true });
    });

  it("by forgetting the device is made again: no device is left without one", async () => {
    await enrolled();
    const again = await new RegistryClient(forgetting()).enrol(by(), ALICE, enrolment());
    expect(again).toMatchObject({ ok: true, value: { created: true } });
    expect(await directory().owner(F)).toBe(ALICE);
    expect(await worker.enrol(by(), BOB, enrolment())).toMatchObject({
      error: { code: "fingerprint-taken" },
    });
  });

  it("by a PUT during a deletion is made again", async () => {
    const through = justBefore("alice.enrol", async () => {
      const deleting = justBefore("alice.close", () => worker.putUser(by(), ALICE, undefined));
      await new RegistryClient(deleting).deleteUser(by(), ALICE);
    });
    expect(await new RegistryClient(through).enrol(by(), ALICE, enrolment())).toMatchObject({ ok: true });
    expect(await seen()).toMatchObject({ found: true, user: ALICE });
  });

  it("is made again once, and then the registry does not answer", async () => {
    const calls: string[] = [];
    const bindings = intercepted(async ({ name, proceed }) => {
      if (name === "alice.enrol") await worker.putUser(by(), ALICE, undefined);
      calls.push(name);
      return proceed();
    });
    await expect(new RegistryClient(bindings).enrol(by(), ALICE, enrolment())).rejects.toThrow(
      "again and again",
    );
    expect(calls.filter((name) => name === "directory.claim")).toHaveLength(2);
    expect(await seen()).toMatchObject({ found: false });
  });

  it("when it is too old by the time it is used is made again", async () => {
    const through = justBefore("alice.enrol", async () => vi.setSystemTime(NOW + 60_000));
    expect(await new RegistryClient(through).enrol(by(), ALICE, enrolment())).toMatchObject({ ok: true });
    expect(await seen()).toMatchObject({ found: true, user: ALICE });
  });

  it("passes to nobody while its user enrols on a newer one, however late it was found abandoned", async () => {
    await WAYS[0]?.[1]();
    vi.setSystemTime(NOW + CLAIM_ABANDONED_MS + 1_000);
    // Bob's Worker has heard that Alice does not have it; before he claims, she has.
    let heard = false;
    const through = intercepted(async ({ name, proceed }) => {
      if (name === "directory.claim" && heard) {
        await enrolled();
        vi.setSystemTime(Date.now() + 10 * CLAIM_ABANDONED_MS);
      }
      const answer = await proceed();
      heard ||= name === "alice.holds";
      return answer;
    });
    expect(await new RegistryClient(through).enrol(by(), BOB, enrolment())).toMatchObject({
      error: { code: "fingerprint-taken" },
    });
    expect(await seen()).toMatchObject({ found: true, user: ALICE });
  });
});

it("a restore that is made again looks into the claims of others once: 50 calls are all that a request has", async () => {
  const others = Array.from({ length: 12 }, (_, n) => key(n + 20));
  for (const [n, of] of others.entries()) {
    const enrolling = worker.enrol(by(), BOB, enrolment({ key: of, name: `Bob ${n}` }));
    expect(await enrolling).toMatchObject({ ok: true });
  }
  const own = await enrolled();
  const devices = others.map((of, n) => ({
    ...own,
    id: crypto.randomUUID(),
    name: `Alice ${n}`,
    credentials: own.credentials.map((credential) => ({ ...credential, key: of })),
  }));
  let calls = 0;
  let puts = 0;
  const bindings = intercepted(async ({ name, proceed }) => {
    // The first restore is overtaken, and so stale.
    if (name === "alice.restore" && puts++ === 0) await worker.putUser(by(), ALICE, undefined);
    calls += 1;
    return proceed();
  });
  const restored = new Backups(bindings, new RegistryClient(bindings)).restoreUser(by(), ALICE, {
    ...{ devices, resurrect: [], madeAt: NOW },
  });
  expect(await restored).toMatchObject({
    value: { devices: others.map(() => ({ outcome: "conflict", reason: "fingerprint-taken" })) },
  });
  expect(puts).toBe(2);
  expect(calls).toBeLessThanOrEqual(50);
});
