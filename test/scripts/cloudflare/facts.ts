import * as v from "valibot";
import { knownFact } from "../../../scripts/cloudflare/doctor/check.ts";
import type {
  DeviceFact,
  DnsFact,
  Facts,
  GatedHost,
  IngressFact,
  RuleFact,
  TunnelFact,
  ZoneFacts,
} from "../../../scripts/cloudflare/doctor/facts.ts";
import { AppSchema, toApp } from "../../../src/contract/app-settings.ts";

export function gated(host: string, settings: object = {}): GatedHost {
  return { host, app: toApp(v.parse(AppSchema, settings)) };
}

export const NOW = Date.parse("2026-11-25T12:00:00Z");

/** A zone in which nothing is wrong. */
export function goodZone(): ZoneFacts {
  return {
    id: "zone-1",
    name: "example.com",
    hosts: [gated("vault.example.com", { profile: "bitwarden" }), gated("photos.example.com")],
    adminHost: undefined,
    associations: knownFact(["vault.example.com", "photos.example.com", "other.example.com"]),
    routes: knownFact([
      { id: "r1", pattern: "vault.example.com/*", script: "latchkey", failsOpen: false },
      { id: "r2", pattern: "photos.example.com/*", script: "latchkey", failsOpen: false },
      { id: "r3", pattern: "blog.example.com/*", script: "blog", failsOpen: true },
      { id: "r4", pattern: "*.example.com/*", script: undefined, failsOpen: true },
    ]),
    rules: knownFact([]),
    accessRules: knownFact([]),
    bots: knownFact({ fightMode: false, superFightMode: [] }),
    securityLevel: knownFact("medium"),
    browserCheck: knownFact("off"),
    grpc: knownFact("off"),
    dns: knownFact([
      record("vault.example.com"),
      record("*.example.com"),
      record("mail.example.com", "192.0.2.1", { type: "A", proxied: false }),
    ]),
    edgeCertificates: knownFact([
      { type: "universal", status: "active", names: ["example.com", "*.example.com"] },
    ]),
    certificates: knownFact([
      { id: "c1", fingerprint: "a".repeat(64), status: "active", expiresOn: "2036-01-01T00:00:00Z" },
      { id: "c2", fingerprint: "b".repeat(64), status: "revoked", expiresOn: "2036-01-01T00:00:00Z" },
    ]),
  };
}

export const TUNNEL = "c1744f8b-faa1-48a4-9e5c-02ac921467fa";

/** A record that leads to the tunnel, unless told otherwise. */
export function record(
  name: string,
  content = `${TUNNEL}.cfargotunnel.com`,
  more: Partial<DnsFact> = {},
): DnsFact {
  return { name, type: "CNAME", proxied: true, content, ...more };
}

export function ingress(
  hostname: string | undefined,
  service: string,
  more: Partial<IngressFact> = {},
): IngressFact {
  return { hostname, path: undefined, service, hostHeader: undefined, ...more };
}

/** The tunnel of both apps, with more rules before its last one. */
export function tunnel(...more: readonly IngressFact[]): TunnelFact {
  return {
    id: TUNNEL,
    name: "home",
    ingress: knownFact([
      ingress("vault.example.com", "http://localhost:8080"),
      ingress("photos.example.com", "http://192.168.1.5:2283"),
      ...more,
      ingress(undefined, "http_status:404"),
    ]),
  };
}

/** Facts in which nothing is wrong. */
export function goodFacts(zone: Partial<ZoneFacts> = {}, more: Partial<Facts> = {}): Facts {
  const whole = { ...goodZone(), ...zone };
  return {
    local: {
      worker: "latchkey",
      hosts: whole.hosts,
      adminHost: undefined,
      localAdminHost: undefined,
      dangers: [],
    },
    zones: [whole],
    homeless: [],
    worker: {
      settings: knownFact({ compatibilityFlags: ["nodejs_compat"], cache: false }),
      addresses: knownFact({ workersDev: false, previews: false }),
      secrets: knownFact(["ADMIN_TOKEN"]),
      domains: knownFact([{ hostname: "www.example.com", service: "site" }]),
    },
    accessApps: knownFact([]),
    tunnels: knownFact([tunnel(ingress("blog.example.com", "http://localhost:4000"))]),
    usage: knownFact({ workerRequests: 1000, objectRequests: 100 }),
    registry: knownFact([
      device("alice/pixel-9", "active", "a"),
      device("alice/old", "revoked", "b"),
      device("bob/laptop", "active", "c"),
    ]),
    blocked: knownFact([]),
    ...more,
  };
}

export function device(
  label: string,
  status: string,
  digit: string,
  notAfter = "2036-01-01T00:00:00.000Z",
  retired: readonly string[] = [],
): DeviceFact {
  return {
    label,
    status,
    certificates: [
      { fingerprint: digit.repeat(64), notAfter, issuer: "O=Cloudflare\\, Inc., CN=Managed CA" },
    ],
    retired: retired.map((each) => each.repeat(64)),
  };
}

export function rule(expression: string, more: Partial<RuleFact> = {}): RuleFact {
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
