// Runs in workerd: a household's day on a virtual clock, with the real standing caches, registry client and Durable
// Objects.

import { BROWSER_MS } from "../../../src/domain/browser.ts";
import { type CredentialKey, type DeviceKind, keyOf } from "../../../src/domain/credential-key.ts";
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

const key = (n: number, kind: DeviceKind = "certificate") =>
  keyOf(kind, n.toString(16).padStart(64, "0") as Fingerprint);
/** What every handshake reports. */
const DETAILS = {
  ...{ subject: "CN=device", issuer: "CN=Household", serial: "0A1B" },
  ...{ notBefore: Date.UTC(2026, 0, 1), notAfter: Date.UTC(2036, 0, 1) },
};
const DAY_MS = 86_400_000;
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
  const kind = (device: number) => (device < scenario.browsers ? "browser" : "certificate");
  const own = (device: number) => key(scenario.seed * 10_000_000 + device, kind(device));
  await enrolAll(new RegistryClient(env), scenario, user, own, kind);
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
  { users, devices, events }: DayScenario,
  user: (device: number) => UserId,
  own: (device: number) => CredentialKey,
  kind: (device: number) => DeviceKind,
): Promise<void> {
  // Browsers signed in some days before, so that they are due to be extended.
  const by = { actor: "bench", ip: null, country: null, at: (events[0]?.at ?? 0) - 3 * DAY_MS };
  const browser = {
    limits: { ...NO_LIMITS, kind: "browser" as const, apps: [...new Set(events.map(({ app }) => app))] },
    details: { ...NO_DETAILS, notBefore: by.at, notAfter: by.at + BROWSER_MS },
    opener: { issuer: "https://issuer.example.net", subject: "1", session: null },
  };
  for (let index = 0; index < users; index++) await registry.putUser(by, user(index), undefined);
  for (let device = 0; device < devices; device++) {
    const enrolled = await registry.enrol(by, user(device), {
      ...{ name: `Device ${device}`, note: null, key: own(device), status: "active" },
      ...(kind(device) === "browser" ? browser : { limits: NO_LIMITS, details: NO_DETAILS }),
    });
    if (!enrolled.ok) throw new Error(enrolled.error.code);
  }
}
