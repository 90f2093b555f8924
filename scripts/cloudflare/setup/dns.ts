import { failed } from "../../terminal/failure.ts";
import { DNS_RECORD, DONE } from "../client/answers.ts";
import type { CloudflareClient } from "../client/client.ts";
import { type Reading, reading } from "../doctor/check.ts";
import { type DnsRecord, isLeading } from "../doctor/checks/dns.ts";
import { type Plan, type Step, settled } from "./step.ts";

/** Leads nowhere: the Worker answers, and there is no origin (RFC 6666: packets to 100:: are discarded). */
const RECORD = { type: "AAAA", content: "100::", proxied: true, ttl: 1, comment: "Latchkey" } as const;

interface Home {
  client: CloudflareClient;
  zone: { id: string };
  host: string;
}

/**
 * Every record with exactly this name. They are read with the permission to make one, so that a token that
 * lacks it has to be corrected only once, and before anything is changed.
 */
export function readRecords({ client, zone, host }: Home): Promise<Reading<readonly DnsRecord[]>> {
  return reading(async () => {
    const need = { permission: "dns-edit", what: `list the DNS records of ${host}` } as const;
    const found = await client.list(
      need,
      (sdk, { page }) =>
        sdk.dns.records.list({ zone_id: zone.id, name: { exact: host }, per_page: 100, page }),
      DNS_RECORD,
    );
    return found.filter(({ name }) => name === host);
  });
}

/** Whether one of the owner's names is in use for something else: its record is not the one that setup makes. */
export function isTaken(records: readonly DnsRecord[]): boolean {
  return records.some((record) => isLeading(record) && record.content !== RECORD.content);
}

/**
 * The record of the admin host: made if there is none with that name. An existing one is never touched.
 * `isRouted`: the host leads to the Worker already, and so to nothing else.
 */
export function recordStep(
  home: Home,
  records: readonly DnsRecord[],
  isRouted: boolean,
): { steps: Step[]; byHand: Plan["byHand"] } {
  const { client, zone, host } = home;
  const id = `dns ${host}`;
  if (records.length === 0) {
    const make = async () => {
      const now = await readRecords(home);
      // What may be there is never added to.
      if (!now.known) throw failed(now.reason, now.remedy);
      if (now.value.length > 0) return;
      await client.once(
        { permission: "dns-edit", what: `make the DNS record of ${host}` },
        (sdk) => sdk.dns.records.create({ zone_id: zone.id, name: host, ...RECORD }),
        DONE,
      );
    };
    return {
      steps: [
        {
          id,
          found: `there is no record of ${host}`,
          change: `make it: AAAA ${RECORD.content}, proxied, with the comment ${RECORD.comment} (to undo this, delete it under DNS > Records)`,
          apply: make,
        },
      ],
      byHand: [],
    };
  }
  const shown = records
    .map(({ type, content, proxied }) => `${type} ${content}${proxied ? ", proxied" : ", not proxied"}`)
    .join("; ");
  const leading = records.filter(isLeading);
  const byHand: Plan["byHand"][number][] = [];
  if (leading.length === 0 || leading.some(({ proxied }) => !proxied)) {
    byHand.push({
      reason: `the record of ${host} does not lead to Cloudflare: ${shown}`,
      remedy:
        "make it a proxied AAAA record with 100:: under DNS > Records, or name another host with --admin-host",
    });
  }
  if (isTaken(records) && !isRouted) {
    byHand.push({
      reason: `${host} has a record for something else: ${shown}. What answers there now is cut off by the pages`,
      remedy: "name another host with --admin-host, unless that is what you want",
    });
  }
  return { steps: [settled(id, `${host} already has a record, which stays: ${shown}`)], byHand };
}
