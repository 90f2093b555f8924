// Runs in workerd: a household's day on a virtual clock, with the real standing caches, registry client and Durable
// Objects.

import { type CredentialKey, keyOf } from "../../../src/domain/credential-key.ts";
import type { Fingerprint } from "../../../src/domain/fingerprint.ts";
import { NO_LIMITS } from "../../../src/domain/limits.ts";
import { NO_DETAILS } from "../../../src/domain/records.ts";
import type { UserId } from "../../../src/domain/user.ts";
import { type Asker, type StandingAnswer, StandingCache } from "../../../src/gate/standing-cache.ts";
import { lookUp } from "../../../src/registry/client/lookup.ts";
import type { RegistryBindings } from "../../../src/registry/client/objects.ts";
import { RegistryClient } from "../../../src/registry/client/registry-client.ts";
import type { DayEvent, DayResult, DayScenario } from "../budget/day.ts";
import { counting } from "./counted-objects.ts";
import { takeTally } from "./tally.ts";

export { Directory, UserRegistry } from "./counted-objects.ts";

const key = (n: number) => keyOf("certificate", n.toString(16).padStart(64, "0") as Fingerprint);
/** What every handshake reports. */
const DETAILS = {
  ...{ subject: "CN=device", issuer: "CN=Household", serial: "0A1B" },
  ...{ notBefore: Date.UTC(2026, 0, 1), notAfter: Date.UTC(2036, 0, 1) },
};
/** The first number of certificates that nobody enrolled. */
const STRANGER = 1_000_000;

export default {
  async fetch(request: Request, env: RegistryBindings): Promise<Response> {
    if (request.method !== "POST") return new Response("ready");
    return Response.json(await liveOneDay(env, await request.json<DayScenario>()));
  },
};

async function liveOneDay(env: RegistryBindings, scenario: DayScenario): Promise<DayResult> {
  // Each day has its own users, since several days run in one Worker.
  const user = (device: number) => `${scenario.name}-u${device % scenario.users}` as UserId;
  const own = (device: number) => key(scenario.seed * 10_000_000 + device);
  await enrolAll(new RegistryClient(env), scenario, user, own);
  takeTally();

  const calls = { count: 0 };
  const counted = counting(env, calls);
  const caches = Array.from(
    { length: scenario.isolates },
    () => new StandingCache(scenario.delayMs, askRegistry),
  );
  let allowed = 0;
  for (const event of scenario.events) {
    // Without a certificate, `screen` refuses: no registry is asked.
    if (event.who === "scanner") continue;
    const of = event.who === "stranger" ? key(STRANGER + scenario.seed) : own(event.device);
    if (await isAllowed(caches[event.isolate], new DayAsker(counted, of, event))) allowed += 1;
  }
  return { requests: scenario.events.length, objectRequests: calls.count, allowed, ...takeTally() };
}

/** An event of the day, as the cache sees a request. */
class DayAsker implements Asker {
  readonly method = "GET";
  readonly pathname = "/";
  readonly env: RegistryBindings;
  readonly shown: { key: CredentialKey };
  readonly event: DayEvent;
  readonly behind: Promise<unknown>[] = [];
  readonly ctx = { waitUntil: (promise: Promise<unknown>) => void this.behind.push(promise) };

  constructor(env: RegistryBindings, key: CredentialKey, event: DayEvent) {
    this.env = env;
    this.shown = { key };
    this.event = event;
  }
}

async function askRegistry(
  { env, shown, event: { at, app, country } }: DayAsker,
  _: number,
  remembered: UserId | undefined,
): Promise<StandingAnswer> {
  const found = await lookUp(env, shown.key, remembered, {
    ...{ at, app, country, ip: null, details: DETAILS },
  });
  return {
    user: found.user,
    standing: found.found ? { kind: "device", user: found.user, ...found.device } : { kind: "unknown" },
  };
}

async function isAllowed(cache: StandingCache<DayAsker> | undefined, asker: DayAsker): Promise<boolean> {
  if (cache === undefined) throw new Error("no such isolate");
  const standing = await cache.standing(asker, asker.event.at);
  await Promise.all(asker.behind);
  return standing.kind === "device" && standing.status === "active";
}

async function enrolAll(
  registry: RegistryClient,
  { users, devices }: DayScenario,
  user: (device: number) => UserId,
  own: (device: number) => CredentialKey,
): Promise<void> {
  const by = { actor: "bench", ip: null, country: null, at: Date.now() };
  for (let index = 0; index < users; index++) await registry.putUser(by, user(index), undefined);
  for (let device = 0; device < devices; device++) {
    const named = { name: `Device ${device}`, note: null, limits: NO_LIMITS, key: own(device) };
    const enrolled = await registry.enrol(by, user(device), {
      ...named,
      details: NO_DETAILS,
      status: "active",
    });
    if (!enrolled.ok) throw new Error(enrolled.error.code);
  }
}
