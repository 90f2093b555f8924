import type * as v from "valibot";
import { nearest } from "../../../src/domain/general/nearest.ts";
import { failed } from "../../terminal/failure.ts";
import { printable } from "../../terminal/text.ts";
import { ZONE } from "./answers.ts";
import type { CloudflareClient } from "./client.ts";
import { PERMISSIONS, TOKENS_PAGE } from "./permissions.ts";

export type Zone = v.InferOutput<typeof ZONE>;

/** Where what belongs to one zone is read. */
export interface ZonePlace {
  client: CloudflareClient;
  zone: Pick<Zone, "id">;
}

/** Every zone that the token may read. An empty list is what a token without the permission gets. */
export function listZones(client: CloudflareClient): Promise<Zone[]> {
  return client.list(
    { permission: "zone", what: "list the zones" },
    (sdk, { page }) => sdk.zones.list({ per_page: 50, page }),
    ZONE,
  );
}

/** The zone of this name or id. Of several with the same name, the active one. */
export async function findZone(client: CloudflareClient, nameOrId: string): Promise<Zone> {
  const zones = await readableZones(client);
  const written = nameOrId.toLowerCase().replace(/\.$/, "");
  const found = zones.filter(({ id, name }) => name === written || id === written);
  const zone = found.find(({ isActive }) => isActive) ?? found[0];
  if (zone === undefined) throw noSuchZone(`there is no zone ${printable(nameOrId)}`, written, zones);
  return zone;
}

/** The zone that a hostname is in: the one with the longest name that the hostname ends with. */
export async function zoneOfHost(client: CloudflareClient, hostname: string): Promise<Zone> {
  const zones = await readableZones(client);
  const zone = longestSuffix(zones, hostname);
  if (zone === undefined) throw noSuchZone(`no zone holds the host ${printable(hostname)}`, hostname, zones);
  return zone;
}

/** Zones that Cloudflare serves come first: a host of one that has moved away is not there. */
export function longestSuffix<T extends Pick<Zone, "name" | "isActive">>(
  zones: readonly T[],
  hostname: string,
): T | undefined {
  const host = hostname.toLowerCase().replace(/\.$/, "");
  return zones
    .filter(({ name }) => host === name || host.endsWith(`.${name}`))
    .sort((a, b) => Number(b.isActive) - Number(a.isActive) || b.name.length - a.name.length)[0];
}

async function readableZones(client: CloudflareClient): Promise<Zone[]> {
  const zones = await listZones(client);
  if (zones.length > 0) return zones;
  const { grant, purpose } = PERMISSIONS.zone;
  throw failed(
    "the API token sees no zone",
    `grant it ${grant} (${purpose}) for your zone, at ${TOKENS_PAGE}`,
  );
}

function noSuchZone(cause: string, written: string, zones: readonly Zone[]) {
  const names = zones.map(({ name }) => name);
  const [near] = nearest(written, names);
  return failed(
    `${cause} among those that the API token sees`,
    near === undefined ? "name the zone with --zone, or let the token see it" : `did you mean --zone ${near}`,
    names.slice(0, 20).map(printable),
  );
}
