import * as v from "valibot";
import type { CloudflareClient } from "./client.ts";
import type { EdgeCertificateFact } from "./facts.ts";
import { known, untilRepeated } from "./known-answer.ts";

const WHAT = "list the zone's edge certificates";

/** Of the SDK's `CertificatePackListResponse`, what the doctor judges. */
const PackSchema = v.object({ status: v.string(), type: v.string(), hosts: v.array(v.string()) });

/** The certificate packs of a zone: Universal SSL's and those that were ordered or uploaded, in any state. */
export async function readEdgeCertificates(
  client: CloudflareClient,
  zone_id: string,
): Promise<EdgeCertificateFact[]> {
  const packs = await client.list({ permission: "certificates-read", what: WHAT }, (sdk) =>
    untilRepeated(sdk.ssl.certificatePacks.list({ zone_id, status: "all", per_page: 50 })),
  );
  return packs.map((pack) => {
    const { status, type, hosts } = known(PackSchema, pack, "which names an edge certificate covers");
    return { status, type, names: hosts.map((name) => name.toLowerCase()) };
  });
}
