import type * as v from "valibot";
import { DNS_RECORD } from "../../client/answers.ts";
import { failedCheck, gatedNames, listed, passed, type ZoneSource, zoneCheck } from "../check.ts";
import { recordsOf } from "../rules/tunnel-reach.ts";

export type DnsRecord = v.InferOutput<typeof DNS_RECORD>;

/** Whether the record leads somewhere. */
export const isLeading = ({ type }: DnsRecord) => ["A", "AAAA", "CNAME"].includes(type);

export async function readDns({ client, zone }: ZoneSource): Promise<DnsRecord[]> {
  const records = await client.list(
    { permission: "dns", what: "list the DNS records" },
    (sdk, { page }) => sdk.dns.records.list({ zone_id: zone.id, per_page: 100, page }),
    DNS_RECORD,
  );
  return records.filter(isLeading);
}

/** An address that leads past Cloudflare leads past the gate. */
export const dns = zoneCheck({
  id: "dns",
  permission: "dns",
  setupShows: true,
  read: readDns,
  judge(records, zone) {
    const found = gatedNames(zone).map((host) => ({ host, records: recordsOf(records, host) }));
    const missing = found.filter((each) => each.records.length === 0).map(({ host }) => host);
    const open = found.filter((each) => each.records.some(({ proxied }) => !proxied)).map(({ host }) => host);
    if (open.length > 0) {
      return failedCheck(
        `the DNS records of ${listed(open)} are not proxied: clients bypass Cloudflare and the gate`,
        "switch the proxy on (orange cloud) under DNS > Records",
      );
    }
    return missing.length > 0
      ? failedCheck(
          `there is no DNS record for ${listed(missing)}`,
          missing.includes(zone.adminHost ?? "")
            ? "run latchkey setup: it makes the record of the admin host"
            : "publish the app through a tunnel first: Zero Trust > Networks > Tunnels",
        )
      : passed(`${listed(gatedNames(zone))} lead to Cloudflare only`);
  },
});
