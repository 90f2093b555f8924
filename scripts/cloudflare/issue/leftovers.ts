import { commonNameIn } from "../../certificates/request.ts";
import { ofAllUsers } from "../../client/all-users.ts";
import type { Api } from "../../client/api.ts";
import type { ClientCertificate } from "../client/client-certificates.ts";

/**
 * Certificates that are valid at Cloudflare, have exactly the subject of the one to be made, and belong to no device of
 * any user and to no open invitation: left by a run that was killed between the signature and the enrolment.
 */
export async function findLeftovers(
  all: readonly ClientCertificate[],
  commonName: string,
  api: Api,
): Promise<ClientCertificate[]> {
  const alike = all.filter(({ pem, status }) => status === "active" && commonNameIn(pem) === commonName);
  if (alike.length === 0) return [];
  // Of every device, whatever its user, name and status: it may have been renamed since.
  const devices = await ofAllUsers(api, api.devices);
  const invitations = await ofAllUsers(api, api.invitations);
  const known = new Set<string>([
    ...devices.flatMap(({ credentials }) => credentials.map(({ fingerprint }) => fingerprint)),
    // On their way to a device.
    ...invitations.flatMap(({ status, bundle }) => (status === "open" && bundle ? [bundle.fingerprint] : [])),
  ]);
  return alike.filter(({ fingerprint }) => fingerprint !== undefined && !known.has(fingerprint));
}
