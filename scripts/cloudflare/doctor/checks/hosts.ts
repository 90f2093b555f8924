// No I/O. No clock.

import { PERMISSIONS, TOKENS_PAGE } from "../../client/permissions.ts";
import { type Check, checkFact, failedCheck, listed, passed, unread, warned } from "../check.ts";
import { type Facts, gatedNames, type WorkerFacts, type ZoneFacts } from "../facts.ts";
import { recordsOf } from "../tunnel-reach.ts";

/** Without an association nobody is asked for a certificate: everybody is locked out. */
export function checkMtls(zone: ZoneFacts): Check {
  const id = "mtls";
  return checkFact(id, zone.associations, (associations) => {
    const known = new Set(associations.map((host) => host.toLowerCase()));
    const apps = zone.hosts.map(({ host }) => host);
    const missing = apps.filter((host) => !known.has(host));
    return missing.length === 0
      ? passed(id, `certificates are asked for on ${apps.length === 0 ? "no host here" : listed(apps)}`)
      : failedCheck(
          id,
          `nobody is asked for a certificate on ${listed(missing)}: every device is refused`,
          "add the host under SSL/TLS > Client Certificates > Hosts, or run latchkey setup",
        );
  });
}

/** An address that leads past Cloudflare leads past the gate. */
export function checkDns(zone: ZoneFacts): Check {
  const id = "dns";
  return checkFact(id, zone.dns, (records) => {
    const found = gatedNames(zone).map((host) => ({ host, records: recordsOf(records, host) }));
    const missing = found.filter((each) => each.records.length === 0).map(({ host }) => host);
    const open = found.filter((each) => each.records.some(({ proxied }) => !proxied)).map(({ host }) => host);
    if (open.length > 0) {
      return failedCheck(
        id,
        `the DNS records of ${listed(open)} are not proxied: clients go round Cloudflare and the gate`,
        "switch the proxy on (orange cloud) under DNS > Records",
      );
    }
    return missing.length > 0
      ? failedCheck(
          id,
          `there is no DNS record for ${listed(missing)}`,
          missing.includes(zone.adminHost ?? "")
            ? "run latchkey setup: it makes the record of the admin host"
            : "publish the app through a tunnel first: Zero Trust > Networks > Tunnels",
        )
      : passed(id, `${listed(gatedNames(zone))} lead to Cloudflare alone`);
  });
}

/** A Custom Domain makes a Worker the origin: whatever it is, the app is not behind the gate there. */
export function checkCustomDomains(zone: ZoneFacts, worker: WorkerFacts): Check {
  const id = "custom-domain";
  return checkFact(id, worker.domains, (domains) => {
    const own = new Set(gatedNames(zone));
    const taken = domains.filter(({ hostname }) => own.has(hostname));
    return taken.length === 0
      ? passed(id, "no host is a Worker's Custom Domain")
      : failedCheck(
          id,
          `${listed(taken.map(({ hostname, service }) => `${hostname} is a Custom Domain of the Worker ${service}`))}`,
          "remove it under Workers > the Worker > Settings > Domains & Routes: the gate needs a route",
        );
  });
}

/** Apps that belong to no zone of the token. */
export function checkZones(homeless: readonly string[], zones: readonly ZoneFacts[]): Check {
  const id = "zone";
  return homeless.length === 0
    ? passed(id, `the apps are in ${listed(zones.map(({ name }) => name))}`)
    : unread(
        id,
        `the token sees no zone of ${listed(homeless)}`,
        `give it ${PERMISSIONS.zone.grant} for that zone at ${TOKENS_PAGE}, or correct the host in wrangler.toml`,
      );
}

/**
 * The admin host: not an app's, and open to any browser. Its record and its route are checked along with the
 * apps'.
 */
export function checkAdminHost({ local, zones }: Pick<Facts, "local" | "zones">): Check {
  const id = "admin-host";
  const { adminHost, localAdminHost, hosts } = local;
  if (localAdminHost !== undefined) {
    return failedCheck(
      id,
      `ADMIN_HOST is ${localAdminHost}, which exists only on this machine: deployed like this, no host serves the API`,
      "run latchkey setup: it names one in your zone, or none with --no-admin-host",
    );
  }
  if (adminHost === undefined) {
    return passed(id, "there are no pages for people: no ADMIN_HOST is set (latchkey setup proposes one)");
  }
  if (hosts.some(({ host }) => host === adminHost)) {
    return failedCheck(
      id,
      `${adminHost} is both the ADMIN_HOST and an app: the Worker refuses everything, since the app could read the pages`,
      "give ADMIN_HOST a name of its own, such as latchkey.example.com: latchkey setup makes it",
    );
  }
  const zone = zones.find((each) => each.adminHost === adminHost);
  if (zone === undefined)
    return unread(id, `the token sees no zone of ${adminHost}`, "see the check on zones");
  return checkFact(id, zone.associations, (associations) =>
    associations.some((host) => host.toLowerCase() === adminHost)
      ? warned(
          id,
          `browsers are asked for a certificate on ${adminHost}, where people sign in from any device`,
          "take the host out under SSL/TLS > Client Certificates > Hosts",
        )
      : passed(id, `the pages are only on ${adminHost}, and nobody is asked for a certificate there`),
  );
}
