// Which hosts there are, and which of them ask for a certificate.
import { readAssociations } from "../../client/client-certificates.ts";
import { PERMISSIONS, TOKENS_PAGE } from "../../client/permissions.ts";
import { accountCheck, failedCheck, listed, nothing, passed, unread, warned, zoneCheck } from "../check.ts";

/** Apps that belong to no zone of the token. */
export const zones = accountCheck({
  id: "zone",
  permission: null,
  read: nothing,
  judge: (_, { homeless, zones }) =>
    homeless.length === 0
      ? passed(`the apps are in ${listed(zones.map(({ name }) => name))}`)
      : unread(
          `the token sees no zone of ${listed(homeless)}`,
          `give it ${PERMISSIONS.zone.grant} for that zone at ${TOKENS_PAGE}, or correct the host in wrangler.toml`,
        ),
});

/** Without an association no client is asked for a certificate: everyone is locked out. */
export const mtls = zoneCheck({
  id: "mtls",
  permission: "certificates-read",
  read: readAssociations,
  judge(associations, { hosts }) {
    const asking = new Set(associations.map((host) => host.toLowerCase()));
    const apps = hosts.map(({ host }) => host);
    const missing = apps.filter((host) => !asking.has(host));
    return missing.length === 0
      ? passed(`certificates are asked for on ${apps.length === 0 ? "no host here" : listed(apps)}`)
      : failedCheck(
          `no client is asked for a certificate on ${listed(missing)}: every device is refused`,
          "add the host under SSL/TLS > Client Certificates > Hosts, or run latchkey setup",
        );
  },
});

/** The admin host is not an app's, and open to any browser. Its record and its route are checked with the apps'. */
export const adminHost = accountCheck({
  id: "admin-host",
  permission: null,
  read: nothing,
  judge(_, { local, zones }) {
    const { adminHost, localAdminHost, hosts } = local;
    if (localAdminHost !== undefined) {
      return failedCheck(
        `ADMIN_HOST is ${localAdminHost}, which exists only on this machine: deployed like this, no host serves the API`,
        "run latchkey setup: it names one in your zone, or none with --no-admin-host",
      );
    }
    if (adminHost === undefined) {
      return passed("there are no pages for people: no ADMIN_HOST is set (latchkey setup proposes one)");
    }
    if (hosts.some(({ host }) => host === adminHost)) {
      return failedCheck(
        `${adminHost} is both the ADMIN_HOST and an app: the Worker refuses everything, since the app could read the pages`,
        "give ADMIN_HOST a name of its own, such as latchkey.example.com: latchkey setup makes it",
      );
    }
    const zone = zones.find((each) => each.adminHost === adminHost);
    if (zone === undefined) {
      return unread(`the token sees no zone of ${adminHost}`, "see the check on zones");
    }
    const associations = zone.of(readAssociations);
    if (!associations.known) return unread(associations.reason, associations.remedy);
    return associations.value.some((host) => host.toLowerCase() === adminHost)
      ? warned(
          `browsers are asked for a certificate on ${adminHost}, where people sign in from any device`,
          "remove the host under SSL/TLS > Client Certificates > Hosts",
        )
      : passed(`the pages are only on ${adminHost}, and no client is asked for a certificate there`);
  },
});
