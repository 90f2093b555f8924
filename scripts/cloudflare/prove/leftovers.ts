import type { CloudflareClient } from "../client/client.ts";
import { readAssociations } from "../client/client-certificates.ts";
import { readRoutes, touches } from "../client/routes.ts";
import type { Zone } from "../client/zone.ts";
import {
  associationOf,
  certificateOf,
  listOurCertificates,
  listOurRecords,
  listOurWorkers,
  listRecords,
  PREFIX,
  recordOf,
  routesOf,
  workerOf,
} from "./things.ts";
import type { Undoing } from "./undo.ts";

/** What earlier runs left in the zone and its account, in the order in which to remove it. */
export async function findLeftovers(client: CloudflareClient, zone: Zone): Promise<Undoing[]> {
  const home = { client, zone };
  const [workers, routes, associations, records, certificates] = await Promise.all([
    listOurWorkers(home),
    readRoutes(home),
    readAssociations(home),
    listOurRecords(home),
    listOurCertificates(home),
  ]);
  const ownRoutes = routes.flatMap(({ pattern, script }) =>
    script?.startsWith(PREFIX) ? [{ worker: script, host: hostOf(pattern) }] : [],
  );
  // With --host, the host has a name of the owner's choice: the run's record and route show it.
  const ownHosts = new Set([...records.map(({ name }) => name), ...ownRoutes.map(({ host }) => host)]);
  return [
    ...[...new Set(certificates.map(({ owner }) => owner))].map((owner) => certificateOf(home, owner)),
    ...records.map(({ name }) => recordOf(home, name)),
    ...associations
      .filter((host) => host.startsWith(PREFIX) || ownHosts.has(host))
      .map((host) => associationOf(home, host)),
    ...[...new Map(ownRoutes.map((each) => [each.worker, each.host]))].map(([worker, host]) =>
      routesOf(home, worker, host),
    ),
    ...workers.map((worker) => workerOf(home, worker)),
  ];
}

/**
 * What already uses this host or takes its requests, in words; empty if nothing does. A wildcard counts: a more specific
 * record and route would take a live app's requests from it.
 */
export async function usesOf(client: CloudflareClient, zone: Zone, host: string): Promise<string[]> {
  const home = { client, zone };
  const [records, routes, associations] = await Promise.all([
    listRecords(home),
    readRoutes(home),
    readAssociations(home),
  ]);
  const covers = (name: string) => name === host || (name.startsWith("*.") && host.endsWith(name.slice(1)));
  return [
    ...records.filter(({ name }) => covers(name)).map(({ name }) => `the DNS record ${name}`),
    ...routes.filter(({ pattern }) => touches(pattern, host)).map(({ pattern }) => `the route ${pattern}`),
    ...(associations.includes(host) ? ["its place among the hosts that ask for a certificate"] : []),
  ];
}

function hostOf(pattern: string): string {
  return pattern
    .replace(/^https?:\/\//, "")
    .replace(/\/.*$/, "")
    .toLowerCase();
}
