// No I/O. No clock.
import { type Check, checkFact, failedCheck, listed, passed, warned } from "../check.ts";
import { type EdgeCertificateFact, gatedNames, type ZoneFacts } from "../facts.ts";

/** States in which Cloudflare does not show the certificate, and will not by itself. */
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
export function checkEdgeCertificate(zone: ZoneFacts): Check {
  const id = "edge-certificate";
  return checkFact(id, zone.edgeCertificates, (certificates) => {
    const found = gatedNames(zone).map((host) => ({
      host,
      ...standing(certificates.filter(({ names }) => names.some((name) => covers(name, host)))),
    }));
    const without = found.filter(({ state }) => state === "none").map(({ host }) => host);
    if (without.length > 0) {
      const deep = without.find((host) => isDeep(zone.name, host));
      return failedCheck(
        id,
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
          id,
          `the certificate is not active yet: ${listed(waiting.map(({ host, status }) => `${host} (${status})`))}`,
          "see SSL/TLS > Edge Certificates, and run the doctor again",
        )
      : passed(id, `an active certificate covers ${listed(found.map(({ host }) => host))}`);
  });
}

function standing(covering: readonly EdgeCertificateFact[]): {
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
