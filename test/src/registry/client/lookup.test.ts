import { abortAllDurableObjects, evictDurableObject, reset } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { UserId } from "../../../../src/domain/user.ts";
import { RegistryUnavailable } from "../../../../src/registry/client/call.ts";
import { lookUp } from "../../../../src/registry/client/lookup.ts";
import { RegistryClient } from "../../../../src/registry/client/registry-client.ts";
import {
  ALICE,
  BOB,
  by,
  directory,
  directoryStub,
  enrolment,
  fingerprint,
  intercepted,
  interrupted,
  key,
  registryStub,
  sighting,
  UNLIMITED_STANDING,
  registry as userRegistry,
} from "../fixtures.ts";

const F = key(1);
let device: string;

/** What the gate is told of it. */
const ENROLLED_AT = Date.UTC(2026, 5, 1);
const DEVICE = { status: "active", name: "Pixel 9", since: ENROLLED_AT, ...UNLIMITED_STANDING };

beforeEach(async () => {
  const registry = new RegistryClient(env);
  for (const user of [ALICE, BOB]) await registry.putUser(by(), user, undefined);
  const enrolled = await registry.enrol(by({ at: ENROLLED_AT }), ALICE, enrolment());
  device = enrolled.ok ? enrolled.value.device.id : expect.fail(enrolled.error.code);
});
afterEach(reset);

/** A lookup, and the calls that it cost. */
async function counted(remembered: UserId | undefined, of = F) {
  const calls: string[] = [];
  const bindings = intercepted(({ name, proceed }) => {
    calls.push(name);
    return proceed();
  });
  return { ...(await lookUp(bindings, of, remembered, sighting())), calls };
}

describe("lookUp", () => {
  it("costs two calls the first time", async () => {
    expect(await counted(undefined)).toEqual({
      found: true,
      user: "alice",
      device: DEVICE,
      calls: ["directory.resolve", "alice.standing"],
    });
  });

  it("costs one call when the user is remembered", async () => {
    expect(await counted(ALICE)).toEqual({
      found: true,
      user: "alice",
      device: DEVICE,
      calls: ["alice.standing"],
    });
  });

  it("costs a stranger one call, which notes the certificate as waiting", async () => {
    expect(await counted(undefined, key(7))).toEqual({
      found: false,
      user: undefined,
      calls: ["directory.resolve"],
    });
    expect(await directory().unknownCertificates()).toMatchObject([{ fingerprint: fingerprint(7) }]);
  });

  it("heals a mapping to a user who does not have the device", async () => {
    expect(await counted(BOB)).toEqual({
      found: true,
      user: "alice",
      device: DEVICE,
      calls: ["bob.standing", "directory.resolve", "alice.standing"],
    });
  });

  it("follows a device that was forgotten and enrolled by another user", async () => {
    const registry = new RegistryClient(env);
    await userRegistry(ALICE).changeStatus(by(), device, "revoke");
    await registry.forget(by(), ALICE, device);
    expect(await counted(ALICE)).toMatchObject({ found: false, user: undefined });
    await registry.enrol(by(), BOB, enrolment());
    expect(await counted(ALICE)).toMatchObject({ found: true, user: "bob", device: { status: "active" } });
  });

  it("does not ask the same registry twice when the mapping is right and the device is not there", async () => {
    await directory().claim(by(), key(5), ALICE);
    expect(await counted(ALICE, key(5))).toEqual({
      found: false,
      user: "alice",
      calls: ["alice.standing", "directory.resolve"],
    });
  });

  it.each([undefined, ALICE, BOB])(
    "says what the registry says of a revoked device (remembered: %s)",
    async (user) => {
      await userRegistry(ALICE).changeStatus(by(), device, "revoke");
      expect(await counted(user)).toMatchObject({
        found: true,
        user: "alice",
        device: { status: "revoked" },
      });
    },
  );

  it.each([
    ["directory.resolve", undefined],
    ["alice.standing", undefined],
    ["alice.standing", ALICE],
    ["bob.standing", BOB],
    ["directory.resolve", BOB],
  ] as const)("throws RegistryUnavailable when %s fails (remembered: %s)", async (call, remembered) => {
    const lookup = lookUp(interrupted(call, "before"), F, remembered, sighting());
    await expect(lookup).rejects.toBeInstanceOf(RegistryUnavailable);
  });

  it("gets over an object that goes away once", async () => {
    let failures = 1;
    const bindings = intercepted(({ proceed }) => {
      if (failures-- > 0) throw Object.assign(new Error("moved"), { retryable: true });
      return proceed();
    });
    expect(await lookUp(bindings, F, ALICE, sighting())).toMatchObject({
      found: true,
      device: { status: "active" },
    });
  });

  it("answers the same after an eviction and an abort", async () => {
    await evictDurableObject(directoryStub());
    await evictDurableObject(registryStub(ALICE));
    expect(await counted(undefined)).toMatchObject({ found: true, device: { status: "active" } });
    await abortAllDurableObjects();
    expect(await counted(ALICE)).toMatchObject({ found: true, device: { status: "active" } });
  });
});
