import * as v from "valibot";
import { readAssociations } from "../../../scripts/cloudflare/client/client-certificates.ts";
import { readRoutes } from "../../../scripts/cloudflare/client/routes.ts";
import { readSecretNames } from "../../../scripts/cloudflare/client/worker-secret.ts";
import type { GatedHost } from "../../../scripts/cloudflare/client/wrangler-toml.ts";
import {
  type DoctorState,
  known,
  nothing,
  type Reading,
  type ZoneState,
} from "../../../scripts/cloudflare/doctor/check.ts";
import { readAccessApps } from "../../../scripts/cloudflare/doctor/checks/access.ts";
import { type DnsRecord, readDns } from "../../../scripts/cloudflare/doctor/checks/dns.ts";
import { readEdgeCertificates } from "../../../scripts/cloudflare/doctor/checks/edge-certificate.ts";
import { readAccessRules, readRules } from "../../../scripts/cloudflare/doctor/checks/firewall.ts";
import { readStatuses } from "../../../scripts/cloudflare/doctor/checks/revoked.ts";
import { readTunnels } from "../../../scripts/cloudflare/doctor/checks/tunnels.ts";
import { readUsage } from "../../../scripts/cloudflare/doctor/checks/usage.ts";
import {
  readCustomDomains,
  readWorkerAddresses,
  readWorkerSettings,
} from "../../../scripts/cloudflare/doctor/checks/worker.ts";
import {
  readBots,
  readBrowserCheck,
  readGrpc,
  readSecurityLevel,
} from "../../../scripts/cloudflare/doctor/checks/zone-settings.ts";
import { type EnrolledDevice, readBlocked, readRegistry } from "../../../scripts/cloudflare/doctor/gate.ts";
import type { FirewallRule } from "../../../scripts/cloudflare/doctor/rules/judge.ts";
import type { IngressRule, Tunnel } from "../../../scripts/cloudflare/doctor/rules/tunnel-reach.ts";
import { AppSchema, toApp } from "../../../src/contract/app-settings.ts";

// What the doctor reads, by names that are short enough for a table.
const ZONE_READS = {
  associations: readAssociations,
  routes: readRoutes,
  rules: readRules,
  accessRules: readAccessRules,
  bots: readBots,
  securityLevel: readSecurityLevel,
  browserCheck: readBrowserCheck,
  grpc: readGrpc,
  dns: readDns,
  edgeCertificates: readEdgeCertificates,
};
const ACCOUNT_READS = {
  nothing,
  settings: readWorkerSettings,
  addresses: readWorkerAddresses,
  secrets: readSecretNames,
  domains: readCustomDomains,
  accessApps: readAccessApps,
  tunnels: readTunnels,
  usage: readUsage,
  certificates: readStatuses,
  registry: readRegistry,
  blocked: readBlocked,
};

type Readings<Reads extends Record<string, (source: never) => Promise<unknown>>> = {
  [Name in keyof Reads]: Reading<Awaited<ReturnType<Reads[Name]>>>;
};
export interface Zone extends Readings<typeof ZONE_READS>, Pick<ZoneState, "hosts" | "adminHost"> {}
export interface Account extends Readings<typeof ACCOUNT_READS>, Pick<DoctorState, "local" | "homeless"> {}

/** The state that the checks judge, of readings by name. */
export function stateOf(zone: Zone, account: Account): DoctorState {
  const { local, homeless } = account;
  const { hosts, adminHost } = zone;
  return {
    local,
    homeless,
    now: NOW,
    zones: [
      {
        id: "zone-1",
        name: "example.com",
        worker: local.worker,
        hosts,
        adminHost,
        of: lookUp(ZONE_READS, zone) as ZoneState["of"],
      },
    ],
    of: lookUp(ACCOUNT_READS, account) as DoctorState["of"],
  };
}

function lookUp(reads: object, readings: object) {
  const byRead = new Map(
    Object.entries(reads).map(([name, read]) => [read, (readings as Record<string, unknown>)[name]]),
  );
  return (read: unknown) => byRead.get(read);
}

export function gated(host: string, settings: object = {}): GatedHost {
  return { host, app: toApp(v.parse(AppSchema, settings)) };
}

export const NOW = Date.parse("2026-11-25T12:00:00Z");

/** A zone in which nothing is wrong. */
export function goodZone(): Zone {
  return {
    hosts: [gated("vault.example.com", { profile: "bitwarden" }), gated("photos.example.com")],
    adminHost: undefined,
    associations: known(["vault.example.com", "photos.example.com", "other.example.com"]),
    routes: known([
      { id: "r1", pattern: "vault.example.com/*", script: "latchkey", failsOpen: false },
      { id: "r2", pattern: "photos.example.com/*", script: "latchkey", failsOpen: false },
      { id: "r3", pattern: "blog.example.com/*", script: "blog", failsOpen: true },
      { id: "r4", pattern: "*.example.com/*", script: undefined, failsOpen: true },
    ]),
    rules: known([]),
    accessRules: known([]),
    bots: known({ fightMode: false, superFightMode: [] }),
    securityLevel: known("medium"),
    browserCheck: known("off"),
    grpc: known("off"),
    dns: known([
      record("vault.example.com"),
      record("*.example.com"),
      record("mail.example.com", "192.0.2.1", { type: "A", proxied: false }),
    ]),
    edgeCertificates: known([
      { type: "universal", status: "active", hosts: ["example.com", "*.example.com"] },
    ]),
  };
}

export const TUNNEL = "c1744f8b-faa1-48a4-9e5c-02ac921467fa";

/** A record that leads to the tunnel, unless given otherwise. */
export function record(
  name: string,
  content = `${TUNNEL}.cfargotunnel.com`,
  more: Partial<DnsRecord> = {},
): DnsRecord {
  return { name, type: "CNAME", proxied: true, content, ...more };
}

export function ingress(
  hostname: string | undefined,
  service: string,
  more: Partial<IngressRule> = {},
): IngressRule {
  return { hostname, path: undefined, service, hostHeader: undefined, ...more };
}

/** The tunnel of both apps, with more rules before its last one. */
export function tunnel(...more: readonly IngressRule[]): Tunnel {
  return {
    id: TUNNEL,
    name: "home",
    ingress: known([
      ingress("vault.example.com", "http://localhost:8080"),
      ingress("photos.example.com", "http://192.168.1.5:2283"),
      ...more,
      ingress(undefined, "http_status:404"),
    ]),
  };
}

/** Everything else, with nothing wrong in it. */
export function goodAccount({ hosts }: Pick<Zone, "hosts"> = goodZone()): Account {
  return {
    local: {
      worker: "latchkey",
      hosts,
      adminHost: undefined,
      localAdminHost: undefined,
      signIn: undefined,
      signInApps: [],
      dangers: [],
    },
    homeless: [],
    nothing: known(undefined),
    settings: known({ compatibility_flags: ["nodejs_compat"], cache_options: undefined }),
    addresses: known({ enabled: false, previews_enabled: false }),
    secrets: known(["ADMIN_TOKEN"]),
    domains: known([{ hostname: "www.example.com", service: "site" }]),
    accessApps: known([]),
    tunnels: known([tunnel(ingress("blog.example.com", "http://localhost:4000"))]),
    usage: known({ workerRequests: 1000, objectRequests: 100 }),
    certificates: known(
      new Map([
        ["a".repeat(64), "active"],
        ["b".repeat(64), "revoked"],
      ]),
    ),
    registry: known([
      device("alice/pixel-9", "active", "a"),
      device("alice/old", "revoked", "b"),
      device("bob/laptop", "active", "c"),
    ]),
    blocked: known([]),
  };
}

/** A state in which nothing is wrong but what is given. */
export function goodState(zone: Partial<Zone> = {}, account: Partial<Account> = {}): DoctorState {
  const whole = { ...goodZone(), ...zone };
  return stateOf(whole, { ...goodAccount(whole), ...account });
}

export function device(
  label: string,
  status: string,
  digit: string,
  notAfter = "2036-01-01T00:00:00.000Z",
  retired: readonly string[] = [],
): EnrolledDevice {
  return {
    label,
    status,
    certificates: [
      { fingerprint: digit.repeat(64), notAfter, issuer: "O=Cloudflare\\, Inc., CN=Managed CA" },
    ],
    retired: retired.map((each) => each.repeat(64)),
  };
}

export function rule(expression: string, more: Partial<FirewallRule> = {}): FirewallRule {
  return {
    phase: "http_request_firewall_custom",
    id: "rule-1",
    description: "a rule",
    action: "block",
    expression,
    enabled: true,
    status: undefined,
    skips: [],
    ...more,
  };
}
