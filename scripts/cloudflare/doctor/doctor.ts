import { ofAllUsers } from "../../client/all-users.ts";
import { ProblemFailure } from "../../client/answer.ts";
import type { Api } from "../../client/api.ts";
import { deviceLabel, living } from "../../client/device.ts";
import { Failure, failed } from "../../terminal/failure.ts";
import type { CloudflareClient } from "../client/client.ts";
import { findZone, listZones, longestSuffix, type Zone } from "../client/zone.ts";
import { readAccessApps } from "./access-facts.ts";
import { type Fact, knownFact, unknownFact } from "./check.ts";
import { checkDns } from "./checks/hosts.ts";
import { checkRoutes } from "./checks/routes.ts";
import { type Facts, gatedNames, type LocalSettings, type ZoneFacts } from "./facts.ts";
import { readFact } from "./read-fact.ts";
import { readTunnels } from "./tunnels.ts";
import { gatherWorker, readUsage } from "./worker-facts.ts";
import { gatherZone } from "./zone-facts.ts";

export interface FactSources {
  client: CloudflareClient;
  local: LocalSettings;
  /** `--zone`: the hosts of this one alone. */
  zone: string | undefined;
  /** The gate's own API; fails with a `Failure` where the owner has not said where and with which token. */
  api(): Promise<Api>;
  /** Milliseconds since 1970. */
  now: number;
}

/** Reads everything; what cannot be read is a fact without a value. Changes nothing anywhere. */
export async function gatherFacts({ client, local, zone, api, now }: FactSources): Promise<Facts> {
  const all = zone === undefined ? await listZones(client) : [await findZone(client, zone)];
  const homes = local.hosts.map((gated) => ({ gated, home: longestSuffix(all, gated.host) }));
  const { adminHost } = local;
  const adminHome = adminHost === undefined ? undefined : longestSuffix(all, adminHost);
  const zones = all.filter((each) => each === adminHome || homes.some(({ home }) => home === each));
  const account = onlyAccount(zones.length > 0 ? zones : all);
  const [zoneFacts, worker, accessApps, tunnels, usage] = await Promise.all([
    Promise.all(
      zones.map((each) =>
        gatherZone(
          client,
          each,
          homes.filter(({ home }) => home === each).map(({ gated }) => gated),
          each === adminHome ? adminHost : undefined,
        ),
      ),
    ),
    gatherWorker(client, account, local.worker),
    readFact(() => readAccessApps(client, account)),
    readFact(() => readTunnels(client, account)),
    readFact(() => readUsage(client, account, now)),
  ]);
  const gate = await findGate(api, zoneFacts, local.worker);
  const [registry, blocked] = await Promise.all([readRegistry(gate), readBlocked(gate)]);
  return {
    local,
    zones: zoneFacts,
    // With --zone, hosts of other zones are not asked about.
    homeless: zone === undefined ? homes.flatMap(({ gated, home }) => (home ? [] : [gated.host])) : [],
    worker,
    accessApps,
    tunnels,
    usage,
    registry,
    blocked,
  };
}

/** Routes lead to Workers of the zone's own account. */
function onlyAccount(zones: readonly Zone[]): string {
  const [first, ...others] = new Map(zones.map(({ account }) => [account.id, account])).values();
  if (first === undefined) {
    throw failed(
      "the API token sees no zone",
      "grant it Zone > Zone > Read for your zone at https://dash.cloudflare.com/profile/api-tokens",
    );
  }
  if (others.length > 0) {
    throw failed("the apps are in zones of several accounts", "look at one zone at a time with --zone");
  }
  return first.id;
}

/**
 * The gate's own API. If the host does not lead to the gate, the API is not asked: whatever answers there
 * would get the token.
 */
async function findGate(
  api: FactSources["api"],
  zones: readonly ZoneFacts[],
  worker: string,
): Promise<Fact<Api>> {
  return orUnknown(async () => {
    const gate = await api();
    const { hostname } = new URL(gate.origin);
    return isUngated(zones, hostname, worker)
      ? unknownFact(
          `the API was not asked: ${hostname} does not lead to the gate, and the app there would get the token`,
          "fix the host's route and DNS record first, then run the doctor again",
        )
      : knownFact(gate);
  });
}

/** Every device of every user. */
async function readRegistry(gate: Fact<Api>): Promise<Facts["registry"]> {
  if (!gate.known) return gate;
  const api = gate.value;
  return orUnknown(async () => {
    const devices = await ofAllUsers(api, api.devices);
    return knownFact(
      devices.map((device) => {
        const certificates = living(device);
        const retired = device.certificates.filter((each) => !certificates.includes(each));
        return {
          label: deviceLabel(device),
          status: device.status,
          certificates,
          retired: retired.map(({ fingerprint }) => fingerprint),
        };
      }),
    );
  });
}

async function readBlocked(gate: Fact<Api>): Promise<Facts["blocked"]> {
  if (!gate.known) return gate;
  const api = gate.value;
  return orUnknown(async () => {
    try {
      return knownFact(await api.blocked());
    } catch (error) {
      if (error instanceof ProblemFailure && error.code === "not-found") return knownFact(null);
      throw error;
    }
  });
}

async function orUnknown<T>(read: () => Promise<Fact<T>>): Promise<Fact<T>> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof Failure) return unknownFact(error.message, error.hint);
    throw error;
  }
}

function isUngated(zones: readonly ZoneFacts[], hostname: string, worker: string): boolean {
  return zones.some((zone) => {
    const hosts = zone.hosts.filter(({ host }) => host === hostname);
    const own = { ...zone, hosts, adminHost: zone.adminHost === hostname ? hostname : undefined };
    return (
      gatedNames(own).length > 0 &&
      [checkRoutes(own, worker), checkDns(own)].some(({ status }) => status === "failed")
    );
  });
}
