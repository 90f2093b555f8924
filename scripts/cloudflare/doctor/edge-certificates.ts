import { CERTIFICATE_PACK } from "../client/answers.ts";
import type { CloudflareClient } from "../client/client.ts";
import type { EdgeCertificateFact } from "./facts.ts";

/** The certificate packs of a zone: Universal SSL's and those that were ordered or uploaded, in any state. */
export async function readEdgeCertificates(
  client: CloudflareClient,
  zone_id: string,
): Promise<EdgeCertificateFact[]> {
  const packs = await client.list(
    { permission: "certificates-read", what: "list the zone's edge certificates" },
    (sdk, { page }) => sdk.ssl.certificatePacks.list({ zone_id, status: "all", per_page: 50, page }),
    CERTIFICATE_PACK,
  );
  return packs.map(({ status, type, hosts }) => ({
    status,
    type,
    names: hosts.map((name) => name.toLowerCase()),
  }));
}
