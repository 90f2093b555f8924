import { parseUserId } from "../../../src/domain/user.ts";
import { commonNameIn, commonNameOf, isCommonNameCut } from "../../certificates/request.ts";
import { Failure, failed, misuse } from "../../terminal/failure.ts";
import { printable } from "../../terminal/text.ts";
import type { CloudflareClient } from "../client/client.ts";
import {
  type ClientCertificate,
  type ClientCertificateStatus,
  listClientCertificates,
} from "../client/client-certificates.ts";
import { type Place, zonesInOrder } from "./revocation.ts";

/** A certificate that `issue` had Cloudflare sign. */
export interface NamedCertificate extends Pick<ClientCertificate, "fingerprint" | "issuedOn" | "status"> {
  commonName: string;
  zone: string;
}

export interface Named {
  found: NamedCertificate[];
  /** What Cloudflare did not answer, one line per zone: the device may have more certificates there. */
  unread: string[];
}

const CANDIDATES_SHOWN = 20;

/** What else names a certificate. */
const OTHERWISE =
  "name the certificate by its full fingerprint or its file (--certificate FILE), or look the device up in a backup (--backup FILE)";

/**
 * The certificates whose subject is the one that `issue` gives this device: for when the registry cannot be read.
 * Without those that are revoked, unless there are no others: what was revoked a moment ago passes here and there
 * for a minute, and the same command may be given once more. Nothing is guessed: another spelling, or a name that is
 * cut off in the subject and so may stand for several devices, is refused with the candidates.
 *
 * @param reference `alice/pixel-9`; an id is in no certificate.
 */
export async function certificatesNamed(
  client: CloudflareClient,
  place: Place,
  reference: string,
): Promise<Named> {
  const slash = reference.indexOf("/");
  const user = parseUserId(reference.slice(0, Math.max(slash, 0)));
  const device = reference.slice(slash + 1);
  if (user === undefined || device === "") {
    throw misuse(`'${printable(reference)}' names no certificate at Cloudflare`, OTHERWISE);
  }
  const { found: issued, unread, firstFailure } = await issuedCertificates(client, place);
  const all = issued.filter(({ status }) => status !== "revoked");
  const commonName = commonNameOf(user, device);
  const isNamed = (each: NamedCertificate) => each.commonName === commonName;
  const found = all.some(isNamed) ? all.filter(isNamed) : issued.filter(isNamed);
  if (isCommonNameCut(user, device)) {
    throw ambiguous(
      `the name ${printable(reference)} is cut off in certificates: these may be other devices'`,
      found,
    );
  }
  if (found.length === 0) {
    if (firstFailure !== undefined) throw firstFailure;
    const users = all.filter((each) => each.commonName.startsWith(`${user} `));
    throw ambiguous(
      `Cloudflare has no certificate with the name '${printable(commonName)}' in the zones that the API token sees`,
      users.length > 0 ? users : all,
    );
  }
  return { found, unread };
}

/** A token may see zones whose certificates it may not: one that cannot be read does not hide the others. */
async function issuedCertificates(
  client: CloudflareClient,
  place: Place,
): Promise<Named & { firstFailure: Failure | undefined }> {
  const found: NamedCertificate[] = [];
  const unread: string[] = [];
  let firstFailure: Failure | undefined;
  for (const zone of await zonesInOrder(client, place)) {
    try {
      for (const { pem, ...certificate } of await listClientCertificates(client, zone, "certificates")) {
        const commonName = commonNameIn(pem);
        if (commonName !== undefined) found.push({ ...certificate, commonName, zone: zone.name });
      }
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      firstFailure ??= error;
      unread.push(`the certificates of the zone ${zone.name} are not known: ${error.message}`);
    }
  }
  return { found, unread, firstFailure };
}

const STANDING: Partial<Record<ClientCertificateStatus, string>> = {
  pending_revocation: ", about to be revoked",
  revoked: ", revoked",
};

/** `286bd7cf…  alice pixel-9, issued 2026-11-24, zone example.com` */
export function describeNamed({ fingerprint, commonName, issuedOn, zone, status }: NamedCertificate): string {
  const issued = issuedOn === null ? "" : `, issued ${issuedOn.slice(0, 10)}`;
  const facts = `${commonName}${issued}, zone ${zone}${STANDING[status] ?? ""}`;
  return `${fingerprint ?? "no fingerprint"}  ${printable(facts)}`;
}

function ambiguous(cause: string, candidates: readonly NamedCertificate[]): Failure {
  return failed(cause, OTHERWISE, candidates.slice(0, CANDIDATES_SHOWN).map(describeNamed));
}
