import type * as v from "valibot";
import { CERTIFICATE_PACK } from "../../client/answers.ts";
import { failedCheck, gatedNames, listed, passed, warned, type ZoneSource, zoneCheck } from "../check.ts";

/** A pack that Cloudflare shows to clients, or will. */
type EdgeCertificate = v.InferOutput<typeof CERTIFICATE_PACK>;

/** The certificate packs of a zone, in any state: Universal SSL's, and those that were ordered or uploaded. */
export function readEdgeCertificates({ client, zone }: ZoneSource): Promise<EdgeCertificate[]> {
  return client.list(
    { permission: "certificates-read", what: "list the zone's edge certificates" },
    (sdk, { page }) => sdk.ssl.certificatePacks.list({ zone_id: zone.id, status: "all", per_page: 50, page }),
    CERTIFICATE_PACK,
  );
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
    const found = gatedNames(zone).map((host) => ({ host, status: statusFor(host, certificates) }));
    const without = found.filter(({ status }) => status === undefined).map(({ host }) => host);
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
    const waiting = found.filter(({ status }) => status !== "active");
    return waiting.length > 0
      ? warned(
          `the certificate is not active yet: ${listed(waiting.map(({ host, status }) => `${host} (${status})`))}`,
          "see SSL/TLS > Edge Certificates, and run the doctor again",
        )
      : passed(`an active certificate covers ${listed(found.map(({ host }) => host))}`);
  },
});

/** The status of the certificate that the host has, or will have; `undefined`: none covers it. */
function statusFor(host: string, certificates: readonly EdgeCertificate[]): string | undefined {
  const covering = certificates.filter(({ hosts }) => hosts.some((name) => covers(name, host)));
  const statuses = covering.map(({ status }) => status);
  return statuses.find((status) => status === "active") ?? statuses.find((status) => !DEAD.has(status));
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
