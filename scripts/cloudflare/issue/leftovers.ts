import { parseUserId } from "../../../src/domain/user.ts";
import { commonNameIn } from "../../certificates/request.ts";
import type { Api } from "../../client/api.ts";
import type { ClientCertificate } from "../client/client-certificates.ts";

/**
 * Certificates that are valid at Cloudflare, have the very subject that a new one is to have, and belong
 * to no device of any user, and to no open invitation: left by a run that was killed between the signature and the enrolment.
 */
export async function findLeftovers(
  all: readonly ClientCertificate[],
  commonName: string,
  api: Api,
): Promise<ClientCertificate[]> {
  const alike = all.filter(({ pem, status }) => status === "active" && commonNameIn(pem) === commonName);
  if (alike.length === 0) return [];
  const known = await knownFingerprints(api);
  return alike.filter(({ fingerprint }) => fingerprint !== undefined && !known.has(fingerprint));
}

/**
 * Of every device of every user, whatever its status, since a device may have been renamed; and those on their way to a
 * device by an open invitation.
 */
async function knownFingerprints(api: Api): Promise<Set<string>> {
  const known = new Set<string>();
  for (const { id } of await api.users()) {
    const user = parseUserId(id);
    if (user === undefined) continue;
    for (const { credentials } of await api.devices(user)) {
      for (const { fingerprint } of credentials) known.add(fingerprint);
    }
    for (const { status, bundle } of await api.invitations(user)) {
      if (status === "open" && bundle !== null) known.add(bundle.fingerprint);
    }
  }
  return known;
}
