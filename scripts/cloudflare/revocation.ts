import { type Failure, failed } from "../commands/shared/failure.ts";
import { short } from "../commands/shared/text.ts";
import { withAftermath } from "./aftermath.ts";
import type { CloudflareClient } from "./client.ts";
import {
  type ClientCertificate,
  type ClientCertificateStatus,
  isOver,
  listClientCertificates,
  revokeAtCloudflare,
} from "./client-certificates.ts";
import { listZones, longestSuffix, type Zone } from "./zone.ts";

/** What became of one of a device's certificates at Cloudflare. */
export interface Revoked {
  id: string;
  zone: string;
  fingerprint: string;
  status: ClientCertificateStatus;
  /** The same for people. */
  line: string;
}

/** Where the certificates are looked for first: all zones of an account share the authority. */
export interface Place {
  /** A zone's name or id, as the owner gave it. */
  zone: string | undefined;
  hostname: string;
}

/** Revokes certificates at Cloudflare. The lines of `standing` say how the registry stands to them, should this fail. */
export async function revokeEverywhere(
  client: CloudflareClient,
  fingerprints: readonly string[],
  place: Place,
  standing: readonly string[],
): Promise<Revoked[]> {
  try {
    const wanted = new Set(fingerprints);
    const found: Revoked[] = [];
    for (const zone of await zonesInOrder(client, place)) {
      if (wanted.size === 0) break;
      for (const certificate of await listClientCertificates(client, zone, "certificates")) {
        const { fingerprint } = certificate;
        if (fingerprint === undefined || !wanted.delete(fingerprint)) continue;
        found.push(await revokeOne(client, zone, certificate, fingerprint));
      }
    }
    if (wanted.size > 0) throw notFound([...wanted], found);
    return found;
  } catch (error) {
    throw withAftermath(error, standing);
  }
}

async function revokeOne(
  client: CloudflareClient,
  zone: Zone,
  { id, status: before }: ClientCertificate,
  fingerprint: string,
): Promise<Revoked> {
  const status = isOver(before) ? before : await revokeAtCloudflare(client, zone, id);
  const told = { active: "still active", pending_reactivation: "about to be active again" } as const;
  const words =
    status === "revoked"
      ? `revoked at Cloudflare${before === "revoked" ? " already" : ""}`
      : status === "pending_revocation"
        ? `to be revoked at Cloudflare: pending${before === status ? ", as it was" : ", its slot is free"}`
        : `${told[status]} at Cloudflare`;
  return { id, zone: zone.name, fingerprint, status, line: `certificate ${short(fingerprint)} is ${words}` };
}

/** The zone that was named, or that the gate's host is in, and then the others that the token sees. */
export async function zonesInOrder(client: CloudflareClient, { zone, hostname }: Place): Promise<Zone[]> {
  const all = await listZones(client);
  const first =
    zone === undefined
      ? longestSuffix(all, hostname)
      : all.find(({ id, name }) => name === zone || id === zone);
  if (zone !== undefined && first === undefined) {
    throw failed(`there is no zone ${zone} among those that the API token sees`, "check the name in --zone");
  }
  return first === undefined ? all : [first, ...all.filter(({ id }) => id !== first.id)];
}

function notFound(missing: readonly string[], found: readonly Revoked[]): Failure {
  return failed(
    `Cloudflare knows no certificate ${missing.map(short).join(", ")} in the zones that the API token sees`,
    "it was made elsewhere, or in a zone that the token does not see",
    found.map(({ line }) => line),
  );
}
