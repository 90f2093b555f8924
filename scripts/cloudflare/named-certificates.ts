import { parseUserId } from "../../src/registry/user.ts";
import { commonNameIn, commonNameOf, isCommonNameCut } from "../certificates/request.ts";
import { type Failure, failed, misuse } from "../commands/shared/failure.ts";
import { printable } from "../commands/shared/text.ts";
import type { CloudflareClient } from "./client.ts";
import { type ClientCertificate, listClientCertificates } from "./client-certificates.ts";
import { type Place, zonesInOrder } from "./revocation.ts";

/** A certificate that `issue` had Cloudflare sign, and that is valid there. */
export interface NamedCertificate extends Pick<ClientCertificate, "fingerprint" | "issuedOn"> {
  commonName: string;
  zone: string;
}

const CANDIDATES_SHOWN = 20;

/** What else names a certificate. */
const OTHERWISE =
  "name the certificate by its full fingerprint or its file (--certificate FILE), or look the device up in a backup (--backup FILE)";

/**
 * The active certificates whose subject is the one that `issue` gives this device: for when the registry
 * cannot be read. Nothing is guessed: another spelling, or a name that is cut off in the subject and so may
 * stand for several devices, is refused with the candidates.
 *
 * @param reference `alice/pixel-9`; an id is in no certificate.
 */
export async function certificatesNamed(
  client: CloudflareClient,
  place: Place,
  reference: string,
): Promise<NamedCertificate[]> {
  const slash = reference.indexOf("/");
  const user = parseUserId(reference.slice(0, Math.max(slash, 0)));
  const device = reference.slice(slash + 1);
  if (user === undefined || device === "") {
    throw misuse(`'${printable(reference)}' names no certificate at Cloudflare`, OTHERWISE);
  }
  const all = await issuedCertificates(client, place);
  const commonName = commonNameOf(user, device);
  const found = all.filter((each) => each.commonName === commonName);
  if (isCommonNameCut(user, device)) {
    throw ambiguous(
      `the name ${printable(reference)} is cut off in certificates: these may be other devices'`,
      found,
    );
  }
  if (found.length === 0) {
    const users = all.filter((each) => each.commonName.startsWith(`${user} `));
    throw ambiguous(
      `Cloudflare has no active certificate with the name '${printable(commonName)}' in the zones that the API token sees`,
      users.length > 0 ? users : all,
    );
  }
  return found;
}

async function issuedCertificates(client: CloudflareClient, place: Place): Promise<NamedCertificate[]> {
  const found: NamedCertificate[] = [];
  for (const zone of await zonesInOrder(client, place)) {
    for (const { pem, status, fingerprint, issuedOn } of await listClientCertificates(
      client,
      zone,
      "certificates",
    )) {
      const commonName = status === "active" ? commonNameIn(pem) : undefined;
      if (commonName !== undefined) found.push({ commonName, fingerprint, issuedOn, zone: zone.name });
    }
  }
  return found;
}

/** `286bd7cf…  alice pixel-9, issued 2026-11-24, zone example.com` */
export function describeNamed({ fingerprint, commonName, issuedOn, zone }: NamedCertificate): string {
  const issued = issuedOn === null ? "" : `, issued ${issuedOn.slice(0, 10)}`;
  return `${fingerprint ?? "no fingerprint"}  ${printable(`${commonName}${issued}, zone ${zone}`)}`;
}

function ambiguous(cause: string, candidates: readonly NamedCertificate[]): Failure {
  return failed(cause, OTHERWISE, candidates.slice(0, CANDIDATES_SHOWN).map(describeNamed));
}
