// The gate guards hostnames, not apps: another hostname that leads through a tunnel to the same app bypasses it.
import { TUNNEL, TUNNEL_CONFIGURATION } from "../../client/answers.ts";
import type { CloudflareClient } from "../../client/client.ts";
import { coversWholly, precedenceOver, type Route, readRoutes, touches } from "../../client/routes.ts";
import {
  type AccountSource,
  accountCheck,
  failedCheck,
  known,
  passed,
  type Reading,
  reading,
  unread,
  unreadable,
  type Verdict,
  warned,
  worst,
} from "../check.ts";
import {
  type IngressRule,
  isApp,
  leadsTo,
  namesOf,
  recordsOf,
  rulesFor,
  serviceKey,
  type Tunnel,
  targetOf,
} from "../rules/tunnel-reach.ts";
import { type AccessApp, isBehindAccess, readAccessApps } from "./access.ts";
import { type DnsRecord, readDns } from "./dns.ts";

const TUNNELS_PAGE = "Zero Trust > Networks > Tunnels";

/** The account's tunnels that were not deleted, each with the rules by which it reaches its services. */
export async function readTunnels({ client, account }: AccountSource): Promise<Tunnel[]> {
  const tunnels = await client.list(
    { permission: "tunnels", what: "list the account's tunnels" },
    (sdk, { page }) =>
      sdk.zeroTrust.tunnels.cloudflared.list({ account_id: account, is_deleted: false, per_page: 100, page }),
    TUNNEL,
  );
  return Promise.all(
    tunnels.map(async ({ id, name = id, config_src }) => ({
      id: id.toLowerCase(),
      name,
      ingress: config_src === "local" ? unmanaged(name) : await readIngress(client, account, id, name),
    })),
  );
}

function unmanaged(name: string): Reading<never> {
  return unreadable(
    `the tunnel ${name} takes its rules from a file on its own machine`,
    "look in its config.yml for other hostnames that lead to the same service",
  );
}

async function readIngress(
  client: CloudflareClient,
  account: string,
  id: string,
  name: string,
): Promise<Tunnel["ingress"]> {
  const answer = await reading(() =>
    client.ask(
      { permission: "tunnels", what: `read where the tunnel ${name} leads` },
      (sdk) => sdk.zeroTrust.tunnels.cloudflared.configurations.get(id, { account_id: account }),
      TUNNEL_CONFIGURATION,
    ),
  );
  if (!answer.known) return answer;
  const { source, config } = answer.value;
  if (source === "local") return unmanaged(name);
  return known(
    (config?.ingress ?? []).map(({ hostname, path, service, originRequest }) => ({
      hostname: hostname?.toLowerCase() || undefined,
      path: path || undefined,
      service,
      // An empty one leaves the name as it is.
      hostHeader:
        (originRequest?.httpHostHeader ?? config?.originRequest?.httpHostHeader)?.toLowerCase() || undefined,
    })),
  );
}

/** The way of an app's host to its service. */
interface Way {
  host: string;
  tunnel: string;
  rules: readonly IngressRule[];
}

interface Household {
  hosts: readonly string[];
  /** Names of the zones that were read. */
  zones: readonly string[];
  worker: string;
  records: readonly DnsRecord[];
  routes: readonly Route[];
  tunnels: readonly Tunnel[];
  accessApps: readonly AccessApp[];
}

export const tunnelHostnames = accountCheck({
  id: "tunnel-hostnames",
  permission: "tunnels",
  read: readTunnels,
  judge(tunnels, state) {
    const { zones, local } = state;
    const accessApps = state.of(readAccessApps);
    const records: DnsRecord[] = [];
    const routes: Route[] = [];
    for (const zone of zones) {
      const [dns, own] = [zone.of(readDns), zone.of(readRoutes)];
      if (!dns.known) return unread(dns.reason, dns.remedy);
      if (!own.known) return unread(own.reason, own.remedy);
      records.push(...dns.value);
      routes.push(...own.value);
    }
    const verdicts = judgeAll({
      hosts: zones.flatMap(({ hosts }) => hosts.map(({ host }) => host)),
      zones: zones.map(({ name }) => name),
      worker: local.worker,
      records,
      routes,
      tunnels,
      // If they could not be read, nothing counts as guarded by Access.
      accessApps: accessApps.known ? accessApps.value : [],
    });
    return verdicts.length > 0
      ? worst(verdicts)
      : passed("no other name that was read leads through a tunnel to an app's address");
  },
});

function judgeAll(household: Household): Verdict[] {
  const ways: Way[] = [];
  const verdicts: Verdict[] = [];
  for (const host of household.hosts) {
    const found = wayOf(host, household);
    if ("status" in found) verdicts.push(found);
    else ways.push(found);
  }
  const others = household.tunnels.flatMap((tunnel) => [
    ...namesOf(tunnel, household.records).flatMap((name) => otherName(name, tunnel, ways, household) ?? []),
    ...catchAll(tunnel, ways, household),
  ]);
  return [...verdicts, ...others];
}

function wayOf(host: string, { records, tunnels }: Household): Way | Verdict {
  const target = targetOf(records, host);
  if (target === undefined) return unread(`${host} has no DNS record`, "see the check on DNS");
  if ("other" in target) {
    return unread(
      `${host} leads to ${target.other}, not to a tunnel: whether the app can be reached there directly is not known`,
      "publish the app through a tunnel, or make sure that its machine answers Cloudflare only",
    );
  }
  const tunnel = tunnels.find(({ id }) => id === target.tunnel);
  if (tunnel === undefined) {
    return unread(
      `the tunnel of ${host} is not one of this account's`,
      `look under ${TUNNELS_PAGE} which tunnel it is`,
    );
  }
  if (!tunnel.ingress.known) return unread(tunnel.ingress.reason, tunnel.ingress.remedy);
  const rules = rulesFor(tunnel.ingress.value, host).filter(isApp);
  return rules.length > 0
    ? { host, tunnel: tunnel.id, rules }
    : unread(
        `the tunnel ${tunnel.name} leads ${host} to no service`,
        `add the host to the tunnel under ${TUNNELS_PAGE}`,
      );
}

function otherName(
  name: string,
  { id, name: called, ingress }: Tunnel,
  ways: readonly Way[],
  household: Household,
): Verdict | undefined {
  const { hosts, zones, records, accessApps } = household;
  const isSeen = zones.some((zone) => name === zone || name.endsWith(`.${zone}`));
  if (hosts.includes(name) || (isSeen && !leadsTo(records, name, id))) return undefined;
  // Only requests that come through Cloudflare's proxy meet its routes and Access.
  const isProxied = recordsOf(records, name).every(({ proxied }) => proxied);
  const guards = isProxied ? [isGated(name, household), isBehindAccess(accessApps, name)] : [false];
  if (guards.includes(true)) return undefined;
  const isUnsure = guards.includes(undefined);
  if (!ingress.known) {
    const { reason, remedy } = ingress;
    return unread(`${name} ${isUnsure ? "may not be" : "is not"} gated, and ${reason}`, remedy);
  }
  const rules = rulesFor(ingress.value, name).filter(isApp);
  const shared = rules.flatMap((rule) =>
    ways.flatMap((way) => {
      const own = way.rules.find(leadsAs(rule));
      return own === undefined ? [] : [{ rule, way, own }];
    }),
  );
  const [first] = shared;
  const rule = first?.rule ?? rules.find(({ hostHeader = "" }) => hosts.includes(hostHeader));
  if (rule === undefined) return undefined;
  const alike = first === undefined ? `with the Host header ${rule.hostHeader}` : `as ${first.way.host} does`;
  const reason = `${name} leads through the tunnel ${called} to ${rule.service}, ${alike}, and ${isUnsure ? "may pass" : "passes"} no gate`;
  return isSeen && !isUnsure && id === first?.way.tunnel && isSameApp(name, shared)
    ? failedCheck(`${reason}: the app is open`, CLOSE)
    : warned(
        `${reason}: the app may be open there`,
        `make sure that only other apps answer on this name, or ${CLOSE}`,
      );
}

/** A catch-all rule answers names of every zone of the account, even of those that were not read. */
function catchAll({ name, ingress }: Tunnel, ways: readonly Way[], { hosts }: Household): Verdict[] {
  const rules = ingress.known ? rulesFor(ingress.value, "*").filter(isApp) : [];
  return rules.flatMap((rule) => {
    const way = ways.find((each) => each.rules.some(leadsAs(rule)));
    const host = way?.host ?? hosts.find((each) => each === rule.hostHeader);
    if (host === undefined) return [];
    return warned(
      `the tunnel ${name} leads every name without a rule of its own to ${rule.service}, where the app of ${host} may answer`,
      `end the tunnel's rules with http_status:404 under ${TUNNELS_PAGE}, and give each app a rule of its own`,
    );
  });
}

function leadsAs({ service }: IngressRule): (other: IngressRule) => boolean {
  return (other) => serviceKey(other.service) === serviceKey(service);
}

const CLOSE = `remove the name under ${TUNNELS_PAGE}, or gate it as well with latchkey setup; if a reverse proxy distinguishes the names, lead the tunnel past it, straight to the app`;

/**
 * Whether the service answers the other name with the app. If a rule sets the `Host` header, that decides.
 * Otherwise, a service behind several of the gate's apps is a reverse proxy, and what it does with this name
 * cannot be seen from here.
 */
function isSameApp(
  name: string,
  shared: readonly { rule: IngressRule; way: Way; own: IngressRule }[],
): boolean {
  const isProxy = new Set(shared.map(({ way }) => way.host)).size > 1;
  return shared.some(({ rule, way, own }) =>
    rule.hostHeader === undefined && own.hostHeader === undefined
      ? !isProxy
      : (rule.hostHeader ?? name) === (own.hostHeader ?? way.host),
  );
}

/**
 * A route leads every request of the name to the gate, and no other route takes some of them first.
 * `undefined`: another one may.
 */
function isGated(name: string, { routes, worker }: Household): boolean | undefined {
  const own = routes.filter(({ script }) => script === worker).map(({ pattern }) => pattern);
  if (!own.some((pattern) => coversWholly(pattern, name))) return false;
  const others = routes
    .filter(({ pattern, script }) => script !== worker && touches(pattern, name))
    .map(({ pattern }) => precedenceOver(own, pattern, name));
  if (others.includes("takes-some-first")) return false;
  return others.includes("unclear") ? undefined : true;
}
