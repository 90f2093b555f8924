// No I/O. No clock.
import type { App } from "../../../src/domain/app.ts";
import type { Fact } from "./check.ts";

// What the doctor judges: everything it read, and what it could not read. `zone-facts.ts` gathers it.

/** An app of `wrangler.toml`. */
export interface GatedHost {
  host: string;
  app: App;
}

/** `wrangler.toml`, as far as it can open the gate at the next deploy. */
export interface LocalSettings {
  worker: string;
  hosts: readonly GatedHost[];
  /** The admin host, if Cloudflare can reach it. */
  adminHost: string | undefined;
  /** The same, if it exists only on this machine: good only for the local edge. */
  localAdminHost: string | undefined;
  /** What in the file would open the gate, one phrase each; empty when all is well. */
  dangers: readonly string[];
}

export interface RouteFact {
  id: string;
  pattern: string;
  /** `undefined`: no Worker runs on it. */
  script: string | undefined;
  /** `undefined`: Cloudflare did not say. */
  failsOpen: boolean | undefined;
}

/** A rule of the WAF, of rate limiting, or of a managed ruleset. */
export interface RuleFact {
  phase: string;
  id: string;
  description: string;
  action: string;
  expression: string;
  enabled: boolean;
  /** The status of its own answer, where the rule says. */
  status: number | undefined;
  /** What a `skip` skips: `current`, or phases. */
  skips: readonly string[];
}

export interface AccessRuleFact {
  id: string;
  mode: string;
  /** `country CH`, `ip 192.0.2.1` */
  about: string;
}

export interface AccessAppFact {
  id: string;
  name: string;
  /** Where it applies: `host/path`, a `*` may stand for anything. */
  places: readonly string[];
  /** Workers that it covers: their names, or `*` for all. */
  workers: readonly string[];
  /** One of its policies lets everybody pass without a sign-in. */
  letsEverybodyPass: boolean;
  /** One lets anybody at all pass without a sign-in, or is not known not to. */
  letsSomebodyPass: boolean;
}

export interface BotFacts {
  fightMode: boolean;
  /** Names of super bot fight mode's settings that block or challenge. */
  superFightMode: readonly string[];
}

export interface ClientCertificateFact {
  fingerprint: string;
  status: string;
}

/** A certificate by which Cloudflare shows itself to clients, or will. */
export interface EdgeCertificateFact {
  /** Cloudflare's word: `active`, `pending_validation`, ... */
  status: string;
  /** `universal`, `advanced`, ... */
  type: string;
  /** Lower case; a wildcard is `*.example.com`. */
  names: readonly string[];
}

export interface DnsFact {
  name: string;
  type: string;
  proxied: boolean;
  /** Where it leads: an address, or a name in lower case. */
  content: string;
}

/** An ingress rule of a tunnel: which requests go to which service. */
export interface IngressFact {
  /** `undefined`: every name. */
  hostname: string | undefined;
  /** A regular expression; `undefined`: every path. */
  path: string | undefined;
  /** `http://localhost:8080` */
  service: string;
  /** The `Host` header sent to the service, where the rule sets one. */
  hostHeader: string | undefined;
}

export interface TunnelFact {
  id: string;
  name: string;
  /** From the first to the last: the first that matches counts. */
  ingress: Fact<readonly IngressFact[]>;
}

export interface ZoneFacts {
  id: string;
  name: string;
  /** Of the apps, those in this zone. */
  hosts: readonly GatedHost[];
  /** The admin host, if it is in this zone: gated like the apps, with no app behind it. */
  adminHost: string | undefined;
  associations: Fact<readonly string[]>;
  routes: Fact<readonly RouteFact[]>;
  rules: Fact<readonly RuleFact[]>;
  accessRules: Fact<readonly AccessRuleFact[]>;
  bots: Fact<BotFacts>;
  securityLevel: Fact<string>;
  browserCheck: Fact<string>;
  grpc: Fact<string>;
  dns: Fact<readonly DnsFact[]>;
  edgeCertificates: Fact<readonly EdgeCertificateFact[]>;
  certificates: Fact<readonly ClientCertificateFact[]>;
}

export interface WorkerFacts {
  /** `null`: no such Worker was deployed. */
  settings: Fact<{ compatibilityFlags: readonly string[]; cache: boolean } | null>;
  addresses: Fact<{ workersDev: boolean; previews: boolean } | null>;
  secrets: Fact<readonly string[]>;
  /** Hostnames that are Custom Domains, with their Workers. */
  domains: Fact<readonly { hostname: string; service: string }[]>;
}

/** Since 00:00 UTC. */
export interface UsageFacts {
  workerRequests: number;
  objectRequests: number;
}

export interface DeviceFact {
  /** `alice/pixel-9` */
  label: string;
  status: string;
  /** With which it is let in, while it is active: two during a renewal. */
  certificates: readonly { fingerprint: string; notAfter: string | null; issuer: string | null }[];
  /** Fingerprints of the certificates that it had before. */
  retired: readonly string[];
}

export interface Facts {
  local: LocalSettings;
  zones: readonly ZoneFacts[];
  /** Apps in no zone that the token can see. */
  homeless: readonly string[];
  worker: WorkerFacts;
  accessApps: Fact<readonly AccessAppFact[]>;
  /** The account's. */
  tunnels: Fact<readonly TunnelFact[]>;
  usage: Fact<UsageFacts>;
  registry: Fact<readonly DeviceFact[]>;
  /** Fingerprints that the gate refuses whatever the registry says; `null`: the Worker knows no such list. */
  blocked: Fact<readonly string[] | null>;
}

/** Every host of a zone that leads to the gate: the apps' hosts and the admin host. */
export function gatedNames({ hosts, adminHost }: Pick<ZoneFacts, "hosts" | "adminHost">): string[] {
  return [...hosts.map(({ host }) => host), ...(adminHost === undefined ? [] : [adminHost])];
}
