import { Failure, failed } from "../../terminal/failure.ts";
import { printable, short } from "../../terminal/text.ts";
import type { CloudflareClient } from "../client/client.ts";
import {
  type ClientCertificate,
  type ClientCertificateStatus,
  isOver,
  listClientCertificates,
  revokeAtCloudflare,
} from "../client/client-certificates.ts";
import { listZones, longestSuffix, type Zone } from "../client/zone.ts";
import { withAftermath } from "./aftermath.ts";

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

/**
 * Revokes certificates at Cloudflare: each that it can, before it fails for any other. The lines of `standing` say how
 * the registry stands to them, should this fail.
 */
export async function revokeEverywhere(
  client: CloudflareClient,
  fingerprints: readonly string[],
  place: Place,
  standing: readonly string[],
): Promise<Revoked[]> {
  const wanted = new Set(fingerprints);
  const found: Revoked[] = [];
  try {
    const failures: { failure: Failure; line: string }[] = [];
    for (const zone of await zonesInOrder(client, place)) {
      if (wanted.size === 0) break;
      const list = await listClientCertificates(client, zone, "certificates").catch((error: unknown) => {
        const failure = failureOf(error);
        failures.push({ failure, line: `the certificates of the zone ${zone.name} are not known` });
        return [];
      });
      for (const certificate of list) {
        const { fingerprint } = certificate;
        if (fingerprint === undefined || !wanted.has(fingerprint)) continue;
        try {
          found.push(await revokeOne(client, zone, certificate, fingerprint));
        } catch (error) {
          const failure = failureOf(error);
          const line = `certificate ${short(fingerprint)} may pass still: ${failure.message}`;
          failures.push({ failure, line });
        }
        wanted.delete(fingerprint);
      }
    }
    const isRevoked = (fingerprint: string) => found.some((each) => each.fingerprint === fingerprint);
    if (fingerprints.every(isRevoked)) return found;
    const [first] = failures;
    if (first === undefined) throw notFound([...wanted]);
    throw withAftermath(first.failure, [
      ...failures.map(({ line }) => line),
      ...[...wanted].map(
        (fingerprint) => `certificate ${short(fingerprint)} may pass still: it was not found`,
      ),
    ]);
  } catch (error) {
    throw withAftermath(error, [...found.map(({ line }) => line), ...standing]);
  }
}

/** A fault of ours ends everything. */
function failureOf(error: unknown): Failure {
  if (error instanceof Failure) return error;
  throw error;
}

async function revokeOne(
  client: CloudflareClient,
  zone: Zone,
  { id, status: before }: ClientCertificate,
  fingerprint: string,
): Promise<Revoked> {
  const status = isOver(before) ? before : await revokeAtCloudflare(client, zone, id);
  if (!isOver(status)) {
    throw failed(
      `Cloudflare took the revocation of certificate ${short(fingerprint)}, and calls it ${printable(status)} still`,
      "try again in a minute, or revoke it under SSL/TLS > Client Certificates in the dashboard",
    );
  }
  const line =
    status === "revoked"
      ? `certificate ${short(fingerprint)} is revoked at Cloudflare${before === "revoked" ? " already" : ""}`
      : `certificate ${short(fingerprint)}: revocation at Cloudflare is ${before === status ? "still pending" : "pending"}; its slot is already free`;
  return { id, zone: zone.name, fingerprint, status, line };
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

function notFound(missing: readonly string[]): Failure {
  return failed(
    `Cloudflare knows no certificate ${missing.map(short).join(", ")} in the zones that the API token sees`,
    "it was made elsewhere, or in a zone that the token does not see",
  );
}
