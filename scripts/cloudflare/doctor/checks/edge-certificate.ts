import { CERTIFICATE_PACK } from "../../client/answers.ts";
import { failedCheck, gatedNames, listed, passed, warned, type ZoneSource, zoneCheck } from "../check.ts";

/** A certificate that Cloudflare shows to clients, or will. */
interface EdgeCertificate {
  /** Cloudflare's word: `active`, `pending_validation`, ... */
  status: string;
  /** `universal`, `advanced`, ... */
  type: string;
  /** Lower case; a wildcard is `*.example.com`. */
  names: readonly string[];
}

/** The certificate packs of a zone, in any state: Universal SSL's, and those that were ordered or uploaded. */
export async function readEdgeCertificates({ client, zone }: ZoneSource): Promise<EdgeCertificate[]> {
  const packs = await client.list(
    { permission: "certificates-read", what: "list the zone's edge certificates" },
    (sdk, { page }) => sdk.ssl.certificatePacks.list({ zone_id: zone.id, status: "all", per_page: 50, page }),
    CERTIFICATE_PACK,
  );
  return packs.map(({ status, type, hosts }) => ({
    status,
    type,
    names: hosts.map((name) => name.toLowerCase()),
  }));
}

/** States in which Cloudflare does not show the certificate, and will not without help. */
const DEAD = new Set([
  "deleted",
  "expired",
  "inactive",
  "initializing_timed_out",
  "validation_timed_out",
  "issuance_timed_out",
  "deployment_timed_out",
]);

/** Without a certificate for its name, no client can connect to a host at all. */
export const edgeCertificate = zoneCheck({
  id: "edge-certificate",
  permission: "certificates-read",
  read: readEdgeCertificates,
  judge(certificates, zone) {
    const found = gatedNames(zone).map((host) => ({
      host,
      ...best(certificates.filter(({ names }) => names.some((name) => covers(name, host)))),
    }));
    const without = found.filter(({ state }) => state === "none").map(({ host }) => host);
    if (without.length > 0) {
      const deep = without.find((host) => isDeep(zone.name, host));
      return failedCheck(
        `no certificate covers ${listed(without)}: no client can connect${
          deep === undefined ? "" : ` (Universal SSL covers one level: *.${zone.name})`
        }`,
        deep === undefined
          ? "switch Universal SSL on under SSL/TLS > Edge Certificates, and wait until it is active"
          : `order a certificate for the host under SSL/TLS > Edge Certificates, or give the app a name one level below ${zone.name}, such as ${oneLevel(zone.name, deep)}`,
      );
    }
    const waiting = found.filter(({ state }) => state === "not-active");
    return waiting.length > 0
      ? warned(
          `the certificate is not active yet: ${listed(waiting.map(({ host, status }) => `${host} (${status})`))}`,
          "see SSL/TLS > Edge Certificates, and run the doctor again",
        )
      : passed(`an active certificate covers ${listed(found.map(({ host }) => host))}`);
  },
});

function best(covering: readonly EdgeCertificate[]): {
  state: "active" | "not-active" | "none";
  status: string;
} {
  if (covering.some(({ status }) => status === "active")) return { state: "active", status: "active" };
  const waiting = covering.find(({ status }) => !DEAD.has(status));
  return waiting === undefined
    ? { state: "none", status: "" }
    : { state: "not-active", status: waiting.status };
}

/** A wildcard stands for one label (RFC 9525, section 6.3). */
function covers(name: string, host: string): boolean {
  return name.startsWith("*.") ? host.replace(/^[^.]*/, "*") === name : name === host;
}

/** Two or more levels below the zone. */
function isDeep(zone: string, host: string): boolean {
  return host.slice(0, -zone.length).split(".").length > 2;
}

/** `a.b.example.com` as `a-b.example.com` */
function oneLevel(zone: string, host: string): string {
  return `${host.slice(0, -zone.length - 1).replaceAll(".", "-")}.${zone}`;
}
