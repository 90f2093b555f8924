import { reset } from "cloudflare:test";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { type CredentialKey, fingerprintOf } from "../../../src/domain/credential-key.ts";
import type { DeviceRecord } from "../../../src/domain/records.ts";
import type { UserId } from "../../../src/domain/user.ts";
import { Backups } from "../../../src/registry/client/backups.ts";
import { lookUp } from "../../../src/registry/client/lookup.ts";
import { type RegistryBindings, userRegistryOf } from "../../../src/registry/client/objects.ts";
import { RegistryClient } from "../../../src/registry/client/registry-client.ts";
import { ALICE, BOB, by, enrolment, intercepted, key, sighting } from "./fixtures.ts";
import { inOneStorage, type OneStorage } from "./one-storage.ts";

// What happens when calls to the objects take time, and so arrive in any order. Each call is held before it is made,
// and again before its answer arrives; one of those that are held goes on at a time, by a seeded choice, while the
// clock moves. So each seed is one interleaving, always the same.

const NOW = Date.UTC(2126, 0, 1);
const MINUTE = 60_000;

/** Of a machine that is busy otherwise: thousands of calls. */
const TIMEOUT = { timeout: 60_000 };

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: NOW });
});
afterEach(async () => {
  vi.useRealTimers();
  await reset();
});

type Random = () => number;

/** Numbers from 0 to 1, by a seed (mulberry32). */
function seeded(seed: number): Random {
  let state = Math.imul(seed + 1, 0x9e3779b9);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One of several operations that run at once, with the bindings through which it calls the objects. */
type Act = (bindings: RegistryBindings) => Promise<unknown>;

type Outcome = { value: unknown } | { error: unknown };

/**
 * Runs these acts at once, in the interleaving that `random` chooses; each call is lost with this probability: before
 * it was made, after it, or so that it arrives when nobody waits for it any more. Returns what came of each act, and writes what happened into the trace.
 */
async function interleave(
  acts: readonly Act[],
  bindings: RegistryBindings,
  random: Random,
  lossRate: number,
  trace: (() => string)[],
): Promise<Outcome[]> {
  const held: { what: () => string; release: () => void }[] = [];
  let moving = acts.length;
  let allStand = () => {};
  const stand = () => {
    moving -= 1;
    if (moving === 0) allStand();
  };
  const hold = (what: () => string) =>
    new Promise<void>((release) => {
      held.push({ what, release });
      stand();
    });
  const outcomes = acts.map(async (act, n): Promise<Outcome> => {
    const through = intercepted(async ({ name, proceed }) => {
      const isLost = random() < lossRate;
      await hold(() => `${n} asks ${name}`);
      const fate = random();
      if (isLost && fate < 0.25) throw new Error(`${name} is lost`);
      if (isLost && fate < 0.5) {
        // The Worker has given up waiting, and the call arrives all the same.
        moving += 1;
        void hold(() => `${n}: ${name} arrives late`)
          .then(proceed)
          .catch(() => undefined)
          .finally(stand);
        throw new Error(`${name} takes too long`);
      }
      const answer = await proceed();
      await hold(() => `${n} hears from ${name}: ${JSON.stringify(answer)}`);
      if (isLost) throw new Error(`the answer of ${name} is lost`);
      return answer;
    }, bindings);
    try {
      const value = await act(through);
      trace.push(() => `${n} is done: ${JSON.stringify(value)}`);
      return { value };
    } catch (error) {
      trace.push(() => `${n} fails: ${String(error)}, ${String((error as Error).cause)}`);
      return { error };
    } finally {
      stand();
    }
  });
  for (;;) {
    if (moving > 0) {
      await new Promise<void>((resolve) => {
        allStand = resolve;
      });
    }
    const [next] = held.splice(Math.floor(random() * held.length), 1);
    if (next === undefined) return Promise.all(outcomes);
    trace.push(next.what);
    // Mostly a call takes milliseconds; now and then one takes until a claim is too old, or abandoned.
    const patience = random();
    const pause = patience < 0.01 ? 3 * MINUTE : patience < 0.02 ? MINUTE : 1 + Math.floor(random() * 40);
    vi.setSystemTime(Date.now() + pause);
    moving = 1;
    next.release();
  }
}

/** Certificates that nobody has at first, and that of Alice's old phone. */
const [ONE, TWO, OLD] = [key(1), key(2), key(3)];

/** The Worker's clock is not the objects'. */
const somebody = () => by({ at: Date.now() - 25 });

const enrolling =
  (user: UserId, of: CredentialKey): Act =>
  (bindings) =>
    new RegistryClient(bindings).enrol(
      somebody(),
      user,
      enrolment({ key: of, name: `phone ${of.slice(-1)}` }),
    );

/** What can happen at once; `old` is Alice's phone, which was there before. */
const ACTS = {
  delete: () => (bindings) => new RegistryClient(bindings).deleteUser(somebody(), ALICE),
  put: () => (bindings) => new RegistryClient(bindings).putUser(somebody(), ALICE, undefined),
  enrol: () => enrolling(ALICE, ONE),
  "enrol for bob": () => enrolling(BOB, ONE),
  "enrol the old phone": () => enrolling(ALICE, OLD),
  "enrol the old phone for bob": () => enrolling(BOB, OLD),
  "enrol the next certificate for bob": () => enrolling(BOB, TWO),
  renew: (old) => (bindings) =>
    new RegistryClient(bindings).addCredential(somebody(), ALICE, old.id, {
      key: TWO,
      details: old.credentials[0] ?? expect.fail(),
      retireBy: null,
    }),
  forget: (old) => async (bindings) => {
    const registry = new RegistryClient(bindings);
    await userRegistryOf(bindings, ALICE).ask((user) => user.changeStatus(somebody(), old.id, "revoke"));
    return registry.forget(somebody(), ALICE, old.id);
  },
  restore: (old) => (bindings) =>
    new Backups(bindings, new RegistryClient(bindings)).restoreUser(somebody(), ALICE, {
      ...{ devices: [old], resurrect: [old.id], madeAt: NOW },
    }),
  look: () => (bindings) => lookUp(bindings, ONE, undefined, sighting({ at: Date.now() })),
  "look at the old phone": () => (bindings) => lookUp(bindings, OLD, ALICE, sighting({ at: Date.now() })),
} satisfies Record<string, (old: DeviceRecord) => Act>;

type Kind = keyof typeof ACTS;

/** What must not be when all has come to rest, whatever happened. */
function faults(
  { directory, registries }: OneStorage,
  old: DeviceRecord,
  kinds: readonly Kind[],
  outcomes: readonly Outcome[],
): string[] {
  const found: string[] = [];
  const holders = new Map<CredentialKey, UserId>();
  const devices = new Map<string, DeviceRecord>();
  for (const [user, registry] of registries) {
    for (const device of registry.list(100, 0).items) {
      devices.set(device.id, device);
      if (directory.user(user) === null) found.push(`${device.name} has no user`);
      for (const { key: of } of device.credentials) {
        if (directory.owner(of) !== user) found.push(`${user} has ${device.name} without its claim`);
        const other = holders.get(of);
        if (other !== undefined) found.push(`${other} and ${user} both have ${device.name}`);
        holders.set(of, user);
      }
    }
  }
  const mayComeBack = kinds.some((kind) => kind === "put" || kind === "restore");
  for (const [n, kind] of kinds.entries()) {
    const outcome = outcomes[n] ?? { error: undefined };
    const done = "value" in outcome ? (outcome.value as Partial<Acknowledged>) : {};
    if (done.ok !== true) continue;
    const id = done.value?.device?.id;
    const mayBeForgotten = kinds.includes("forget") && id === old.id;
    if (id !== undefined && !devices.has(id) && !mayBeForgotten)
      found.push(`${kind} was acknowledged in vain`);
    if (kind === "delete" && !mayComeBack && directory.user(ALICE) !== null) {
      found.push("the deletion was acknowledged in vain");
    }
  }
  return found;
}

interface Acknowledged {
  ok: true;
  value: { device?: DeviceRecord } | null;
}

/** Nothing is stuck afterwards: what was left is shown as unknown once it is abandoned, and can be enrolled. */
async function stuck({ bindings, directory, registries }: OneStorage): Promise<string[]> {
  vi.setSystemTime(Date.now() + 3 * MINUTE);
  const found: string[] = [];
  const registry = new RegistryClient(bindings);
  await registry.putUser(by(), ALICE, undefined);
  for (const of of [ONE, TWO, OLD]) {
    if ([...registries.values()].some((each) => each.holds(of))) continue;
    await lookUp(bindings, of, undefined, sighting({ at: Date.now() }));
    if (!directory.unknownCertificates().some((each) => each.fingerprint === fingerprintOf(of)))
      found.push(`${of} is not shown`);
    const enrolled = await registry.enrol(by(), ALICE, enrolment({ key: of, name: of }));
    if (!enrolled.ok) found.push(`${of} cannot be enrolled: ${enrolled.error.code}`);
  }
  return found;
}

/** Plays a round for each seed; throws at the first one that leaves what must not be, and says how it came. */
async function play(
  rounds: number,
  kindsOf: (random: Random) => readonly Kind[],
  { lossRate = 0, withOldPhone = false } = {},
): Promise<void> {
  await inOneStorage([ALICE, BOB], async (objects) => {
    const { bindings } = objects;
    const registry = new RegistryClient(bindings);
    for (let seed = 0; seed < rounds; seed++) {
      objects.reset();
      const random = seeded(seed);
      for (const user of [ALICE, BOB]) await registry.putUser(by(), user, undefined);
      const enrolled = await registry.enrol(by(), ALICE, enrolment({ key: OLD, name: "phone 3" }));
      const old = enrolled.ok ? enrolled.value.device : expect.fail(enrolled.error.code);
      if (!withOldPhone) {
        await userRegistryOf(bindings, ALICE).ask((user) => user.changeStatus(by(), old.id, "revoke"));
        await registry.forget(by(), ALICE, old.id);
      }
      const kinds = kindsOf(random);
      const trace: (() => string)[] = [];
      const acts = kinds.map((kind): Act => ACTS[kind](old));
      const outcomes = await interleave(acts, bindings, random, lossRate, trace);
      const found = faults(objects, old, kinds, outcomes);
      if (found.length === 0) found.push(...(await stuck(objects)));
      if (found.length > 0)
        expect.fail(`seed ${seed}, ${kinds.join(", ")}: ${found}\n${trace.map((line) => line()).join("\n")}`);
    }
  });
}

const ENROLMENTS: readonly Kind[] = ["enrol", "enrol for bob", "enrol"];

it.each([
  ["2 deletions and 3 enrolments", ["delete", "delete", ...ENROLMENTS]],
  ["a deletion, a PUT and 3 enrolments", ["delete", "put", ...ENROLMENTS]],
  ["2 deletions, a PUT and 3 enrolments", ["delete", "delete", "put", ...ENROLMENTS]],
] as const)("%s at once leave one owner of each device, who exists", TIMEOUT, async (_, kinds) => {
  await play(300, () => kinds);
});

const ALL = Object.keys(ACTS) as Kind[];

/** Six of all that can happen, the same ones more than once perhaps. */
const anything = (random: Random): Kind[] =>
  Array.from({ length: 6 }, () => ALL[Math.floor(random() * ALL.length)] ?? "look");

it("anything at once leaves one owner of each device, who exists", TIMEOUT, async () => {
  await play(600, anything, { withOldPhone: true });
});

it("anything at once does so too when calls and answers are lost", TIMEOUT, async () => {
  await play(600, anything, { withOldPhone: true, lossRate: 0.08 });
});
