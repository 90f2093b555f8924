// No I/O. No clock.
//
// The gate guards hostnames, not apps: another hostname that leads through a tunnel to the same app bypasses
// it.

import { coversWholly, precedenceOver, touches } from "../../client/route-pattern.ts";
import { type Check, checkFact, failedCheck, knownFact, listed, passed, unread, warned } from "../check.ts";
import type { AccessAppFact, DnsFact, Facts, IngressFact, RouteFact, TunnelFact } from "../facts.ts";
import { isApp, leadsTo, namesOf, rulesFor, serviceKey, targetOf } from "../tunnel-reach.ts";
import { isBehindAccess } from "./first-answers.ts";

const TUNNELS_PAGE = "Zero Trust > Networks > Tunnels";

/** The way of an app's host to its service. */
interface Way {
  host: string;
  tunnel: string;
  rules: readonly IngressFact[];
}

interface Finding {
  status: "failed" | "warning" | "unknown";
  reason: string;
  remedy: string;
}

interface Household {
  hosts: readonly string[];
  /** Names of the zones that were read. */
  zones: readonly string[];
  worker: string;
  records: readonly DnsFact[];
  routes: readonly RouteFact[];
  tunnels: readonly TunnelFact[];
  accessApps: readonly AccessAppFact[];
}

export function checkTunnels(facts: Pick<Facts, "zones" | "tunnels" | "accessApps" | "local">): Check {
  const id = "tunnel-hostnames";
  const { zones, tunnels, accessApps, local } = facts;
  const unreadable = zones.flatMap(({ dns, routes }) => [dns, routes]).find((fact) => !fact.known);
  return checkFact(id, unreadable ?? knownFact(undefined), () =>
    checkFact(id, tunnels, (all) => {
      const household: Household = {
        hosts: zones.flatMap(({ hosts }) => hosts.map(({ host }) => host)),
        zones: zones.map(({ name }) => name),
        worker: local.worker,
        records: zones.flatMap(({ dns }) => (dns.known ? dns.value : [])),
        routes: zones.flatMap(({ routes }) => (routes.known ? routes.value : [])),
        tunnels: all,
        // Where they could not be read, nothing counts as guarded by Access.
        accessApps: accessApps.known ? accessApps.value : [],
      };
      return verdict(id, findAll(household));
    }),
  );
}

function verdict(id: string, findings: readonly Finding[]): Check {
  for (const [status, make] of [
    ["failed", failedCheck],
    ["warning", warned],
    ["unknown", unread],
  ] as const) {
    const found = findings.filter((each) => each.status === status);
    if (found[0] !== undefined) {
      return make(id, listed([...new Set(found.map(({ reason }) => reason))]), found[0].remedy);
    }
  }
  return passed(id, "no other name that was read leads through a tunnel to an app's address");
}

function findAll(household: Household): Finding[] {
  const ways: Way[] = [];
  const findings: Finding[] = [];
  for (const host of household.hosts) {
    const found = wayOf(host, household);
    if ("status" in found) findings.push(found);
    else ways.push(found);
  }
  for (const tunnel of household.tunnels) {
    findings.push(...otherNames(tunnel, ways, household), ...catchAll(tunnel, ways, household));
  }
  return findings;
}

function wayOf(host: string, { records, tunnels }: Household): Way | Finding {
  const unknown = (reason: string, remedy: string): Finding => ({ status: "unknown", reason, remedy });
  const target = targetOf(records, host);
  if (target === undefined) return unknown(`${host} has no DNS record`, "see the check on DNS");
  if ("other" in target) {
    return unknown(
      `${host} leads to ${target.other}, not to a tunnel: whether the app can be reached there directly is not known`,
      "publish the app through a tunnel, or make sure that its machine answers Cloudflare only",
    );
  }
  const tunnel = tunnels.find(({ id }) => id === target.tunnel);
  if (tunnel === undefined) {
    return unknown(
      `the tunnel of ${host} is not one of this account's`,
      `look under ${TUNNELS_PAGE} which tunnel it is`,
    );
  }
  if (!tunnel.ingress.known) return unknown(tunnel.ingress.reason, tunnel.ingress.remedy);
  const rules = rulesFor(tunnel.ingress.value, host).filter(isApp);
  return rules.length > 0
    ? { host, tunnel: tunnel.id, rules }
    : unknown(
        `the tunnel ${tunnel.name} leads ${host} to no service`,
        `add the host to the tunnel under ${TUNNELS_PAGE}`,
      );
}

function otherNames(tunnel: TunnelFact, ways: readonly Way[], household: Household): Finding[] {
  return namesOf(tunnel, household.records).flatMap((name) => otherName(name, tunnel, ways, household) ?? []);
}

function otherName(
  name: string,
  { id, name: called, ingress }: TunnelFact,
  ways: readonly Way[],
  household: Household,
): Finding | undefined {
  const { hosts, zones, records, accessApps } = household;
  const isSeen = zones.some((zone) => name === zone || name.endsWith(`.${zone}`));
  if (hosts.includes(name) || (isSeen && !leadsTo(records, name, id))) return undefined;
  const guards = [isGated(name, household), isBehindAccess(accessApps, name)];
  if (guards.includes(true)) return undefined;
  const isUnsure = guards.includes(undefined);
  if (!ingress.known) {
    const { reason, remedy } = ingress;
    return {
      status: "unknown",
      reason: `${name} ${isUnsure ? "may not be" : "is not"} gated, and ${reason}`,
      remedy,
    };
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
    ? { status: "failed", reason: `${reason}: the app is open`, remedy: CLOSE }
    : {
        status: "warning",
        reason: `${reason}: the app may be open there`,
        remedy: `make sure that only other apps answer on this name, or ${CLOSE}`,
      };
}

/** A catch-all rule answers names of every zone of the account, those too that were not read. */
function catchAll({ name, ingress }: TunnelFact, ways: readonly Way[], { hosts }: Household): Finding[] {
  const rules = ingress.known ? rulesFor(ingress.value, "*").filter(isApp) : [];
  return rules.flatMap((rule) => {
    const way = ways.find((each) => each.rules.some(leadsAs(rule)));
    const host = way?.host ?? hosts.find((each) => each === rule.hostHeader);
    if (host === undefined) return [];
    return {
      status: "warning",
      reason: `the tunnel ${name} leads every name without a rule of its own to ${rule.service}, where the app of ${host} may answer`,
      remedy: `end the tunnel's rules with http_status:404 under ${TUNNELS_PAGE}, and give each app a rule of its own`,
    };
  });
}

function leadsAs({ service }: IngressFact): (other: IngressFact) => boolean {
  return (other) => serviceKey(other.service) === serviceKey(service);
}

const CLOSE = `remove the name under ${TUNNELS_PAGE}, or gate it as well with latchkey setup; where a reverse proxy tells the names apart, lead the tunnel past it, straight to the app`;

/**
 * Whether the service takes the other name for the app's own. If a rule sets the `Host` header, that decides.
 * Otherwise, a service behind several of the gate's apps is a reverse proxy, and what it does with this name
 * cannot be seen from here.
 */
function isSameApp(
  name: string,
  shared: readonly { rule: IngressFact; way: Way; own: IngressFact }[],
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
