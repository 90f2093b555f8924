import type { CloudflareClient } from "../client/client.ts";
import { readAssociations } from "../client/client-certificates.ts";
import { readRoutes, wholeHostPattern } from "../client/routes.ts";
import type { Zone } from "../client/zone.ts";
import { OWNED_RECORD } from "./answers.ts";
import {
  associationOf,
  certificateOf,
  listOurCertificates,
  listOurRecords,
  listOurWorkers,
  PREFIX,
  recordOf,
  routesOf,
  workerOf,
} from "./things.ts";
import type { Undoing } from "./undo.ts";

/** What earlier runs left in the zone and its account, in the order in which it is to be removed. */
export async function findLeftovers(client: CloudflareClient, zone: Zone): Promise<Undoing[]> {
  const home = { client, zone };
  const [workers, routes, associations, records, certificates] = await Promise.all([
    listOurWorkers(home),
    readRoutes({ client, zone }),
    readAssociations({ client, zone }),
    listOurRecords(home),
    listOurCertificates(home),
  ]);
  const ownRoutes = routes.flatMap(({ pattern, script }) =>
    script?.startsWith(PREFIX) ? [{ worker: script, host: hostOf(pattern) }] : [],
  );
  // A run with --host gave its host a name of the owner's: its record and route know it.
  const ownHosts = new Set([...records.map(({ name }) => name), ...ownRoutes.map(({ host }) => host)]);
  return [
    ...[...new Set(certificates.map(({ owner }) => owner))].map((owner) => certificateOf(home, owner)),
    ...records.map(({ name }) => recordOf(home, name)),
    ...associations
      .filter((host) => host.startsWith(PREFIX) || ownHosts.has(host))
      .map((host) => associationOf(home, host)),
    ...uniqueBy(ownRoutes, ({ worker }) => worker).map(({ worker, host }) => routesOf(home, worker, host)),
    ...workers.map((worker) => workerOf(home, worker)),
  ];
}

/** Whether nothing of the owner's has this host's name. */
export async function isFree(client: CloudflareClient, zone: Zone, host: string): Promise<boolean> {
  const need = { permission: "dns-edit", what: `list the DNS records of ${host}` } as const;
  const [records, routes] = await Promise.all([
    client.list(
      need,
      (sdk, { page }) => sdk.dns.records.list({ zone_id: zone.id, name: { exact: host }, page }),
      OWNED_RECORD,
    ),
    readRoutes({ client, zone }),
  ]);
  return (
    records.every(({ name }) => name.toLowerCase() !== host) &&
    routes.every(({ pattern }) => pattern !== wholeHostPattern(host) && hostOf(pattern) !== host)
  );
}

function hostOf(pattern: string): string {
  return pattern
    .replace(/^https?:\/\//, "")
    .replace(/\/.*$/, "")
    .toLowerCase();
}

function uniqueBy<T>(all: readonly T[], key: (item: T) => string): T[] {
  return [...new Map(all.map((item) => [key(item), item])).values()];
}
