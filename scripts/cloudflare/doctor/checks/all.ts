// No I/O. No clock: `now` is a parameter, in milliseconds since 1970.
import type { Check } from "../check.ts";
import type { Facts, ZoneFacts } from "../facts.ts";
import { checkEdgeCertificate } from "./edge-certificate.ts";
import {
  checkAccess,
  checkAccessRules,
  checkBots,
  checkBrowserCheck,
  checkGrpc,
  checkRules,
  checkSecurityLevel,
} from "./first-answers.ts";
import { checkAdminHost, checkCustomDomains, checkDns, checkMtls, checkZones } from "./hosts.ts";
import { checkApi, checkBlocked, checkEnding, checkRegistry, checkRevoked, checkUsage } from "./registry.ts";
import { checkBypass, checkFailsClosed, checkRoutes } from "./routes.ts";
import { checkTunnels } from "./tunnels.ts";
import { checkAddresses, checkCache, checkFile, checkFlags, checkSecret } from "./worker.ts";

/** Everything that the facts tell, in the order in which it is worth reading. */
export function checkAll(facts: Facts, now: number): Check[] {
  const { local, worker, zones } = facts;
  return [
    checkFile(local),
    checkZones(facts.homeless, zones),
    ...zones.flatMap((zone) => named(zones, zone, checkZone(facts, zone))),
    checkAdminHost(facts),
    checkAccess(facts),
    checkTunnels(facts),
    checkAddresses(worker, local.worker),
    checkCache(worker, local.worker),
    checkFlags(worker, local.worker),
    checkSecret(worker, local.worker),
    checkApi(facts),
    checkRegistry(facts),
    checkEnding(facts, now),
    ...checkRevoked(facts),
    checkBlocked(facts),
    checkUsage(facts),
  ];
}

function checkZone({ worker, local }: Facts, zone: ZoneFacts): Check[] {
  return [
    checkDns(zone),
    checkEdgeCertificate(zone),
    checkMtls(zone),
    checkRoutes(zone, local.worker),
    checkBypass(zone, local.worker),
    checkFailsClosed(zone, local.worker),
    checkCustomDomains(zone, worker),
    checkRules(zone),
    checkAccessRules(zone),
    checkBots(zone),
    checkSecurityLevel(zone),
    checkBrowserCheck(zone),
    checkGrpc(zone),
  ];
}

/** With several zones, each finding says which one it is about. */
function named(zones: readonly ZoneFacts[], { name }: ZoneFacts, checks: Check[]): Check[] {
  return zones.length < 2
    ? checks
    : checks.map((check) => ({ ...check, reason: `${name}: ${check.reason}` }));
}
