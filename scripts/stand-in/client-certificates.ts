import type { Credential } from "../certificates/authority.ts";
import { signRequest } from "./authority.ts";
import { ApiError, type Call, type Endpoint, endpoint, fieldsOf, pageOf, textOf, zoneOf } from "./call.ts";
import type { ClientCertificate, CloudflareState, Zone } from "./state.ts";

const CERTIFICATES = "/zones/:zone/client_certificates";
const ASSOCIATIONS = "/zones/:zone/certificate_authorities/hostname_associations";
const READ = "SSL and Certificates Read";
const WRITE = "SSL and Certificates Write";
const MAX_PAGE = 50;
/** The longest validity that the dashboard offers: ten years. */
const MAX_DAYS = 3650;

/** Client certificates and the hostnames that ask for one. */
export function clientCertificateEndpoints(authority: Credential): readonly Endpoint[] {
  return [
    endpoint("POST", CERTIFICATES, WRITE, async (call) => {
      const zone = zoneOf(call);
      const { csr, validity_days: days } = fieldsOf(call);
      if (typeof days !== "number" || !Number.isInteger(days) || days < 1 || days > MAX_DAYS) {
        throw new ApiError(400, 1407, "validity_days is out of range");
      }
      if (zone.certificates.filter(({ status }) => status === "active").length >= zone.certificateQuota) {
        throw new ApiError(400, 1445, "You have reached the maximum number of client certificates.");
      }
      const signed = await signRequest(authority, textOf(csr, "csr"), days, new Date());
      zone.certificates.unshift(signed);
      return { status: 201, result: signed };
    }),
    endpoint("GET", CERTIFICATES, READ, (call) => {
      const status = call.query.get("status") ?? "active";
      const { certificates } = zoneOf(call);
      const found = certificates.filter((each) => status === "all" || each.status === status);
      return pageOf(found, call.query, MAX_PAGE);
    }),
    endpoint("GET", `${CERTIFICATES}/:id`, READ, (call) => ({ result: certificateOf(call) })),
    endpoint("DELETE", `${CERTIFICATES}/:id`, WRITE, (call) => {
      const found = certificateOf(call);
      if (found.status === "revoked") throw new ApiError(400, 1448, "The certificate is already revoked");
      found.status = "pending_revocation";
      return { result: found };
    }),
    endpoint("GET", ASSOCIATIONS, READ, (call) => ({ result: hostnamesOf(zoneOf(call)) })),
    endpoint("PUT", ASSOCIATIONS, WRITE, (call) => {
      const zone = zoneOf(call);
      const { hostnames } = fieldsOf(call);
      if (!Array.isArray(hostnames) || !hostnames.every((name) => typeof name === "string")) {
        throw new ApiError(400, 1000, "hostnames must be a list of names");
      }
      const foreign = hostnames.find((name) => name !== zone.name && !name.endsWith(`.${zone.name}`));
      if (foreign !== undefined) throw new ApiError(400, 1451, `${foreign} is not a name of this zone`);
      // The whole list: hosts that are not in it no longer ask for a certificate.
      zone.associations = [...new Set<string>(hostnames)];
      return { result: hostnamesOf(zone) };
    }),
  ];
}

/** A zone that never asked for certificates has no list, and not an empty one. */
function hostnamesOf({ associations }: Zone): { hostnames: string[] | null } {
  return { hostnames: associations.length === 0 ? null : associations };
}

/** Completes pending revocations, as Cloudflare does after a while. */
export function settleCertificates(state: CloudflareState): void {
  for (const certificate of state.zones.flatMap(({ certificates }) => certificates)) {
    if (certificate.status === "pending_revocation") certificate.status = "revoked";
  }
}

function certificateOf(call: Call): ClientCertificate {
  const found = zoneOf(call).certificates.find(({ id }) => id === call.params.id);
  if (found === undefined) throw new ApiError(404, 1404, "The client certificate was not found");
  return found;
}
