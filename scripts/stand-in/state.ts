// What the stand-in for Cloudflare holds: one account, its zones, its Workers, its Access applications.
// Tests read and write it as they like; the calls do, too.

/** Permission groups by the names of the specification (`x-api-token-group`); `Write` includes `Read`. */
export type Permission =
  | "Zone Read"
  | "Zone Settings Read"
  | "Zone Settings Write"
  | "SSL and Certificates Read"
  | "SSL and Certificates Write"
  | "Workers Routes Read"
  | "Workers Routes Write"
  | "Workers Scripts Read"
  | "Workers Scripts Write"
  | "Access: Apps and Policies Read"
  | "Access: Apps and Policies Write"
  | "Zone WAF Read"
  | "Zone WAF Write"
  | "Account WAF Read"
  | "Account WAF Write"
  | "Firewall Services Read"
  | "Account Firewall Access Rules Read"
  | "Bot Management Read"
  | "Bot Management Write"
  | "DNS Read"
  | "DNS Write"
  | "Cloudflare Tunnel Read"
  | "Account Settings Read"
  | "Account Analytics Read";

/** Everything that Latchkey may need, each at its strongest: of two that allow the same, the zone's. */
export const ALL_PERMISSIONS: readonly Permission[] = [
  "Zone Read",
  "Zone Settings Write",
  "SSL and Certificates Write",
  "Workers Routes Write",
  "Workers Scripts Write",
  "Access: Apps and Policies Write",
  "Zone WAF Write",
  "Firewall Services Read",
  "Bot Management Write",
  "DNS Write",
  "Cloudflare Tunnel Read",
  "Account Settings Read",
  "Account Analytics Read",
];

export type CertificateStatus = "active" | "pending_revocation" | "revoked" | "pending_reactivation";

export interface ClientCertificate {
  id: string;
  certificate: string;
  certificate_authority: { id: string; name: string };
  common_name: string;
  organization: string;
  organizational_unit: string;
  country: string;
  location: string;
  state: string;
  csr: string;
  expires_on: string;
  issued_on: string;
  fingerprint_sha256: string;
  serial_number: string;
  signature: string;
  ski: string;
  status: CertificateStatus;
  validity_days: number;
}

export interface Route {
  id: string;
  pattern: string;
  script?: string;
  /** In no published schema, so that it may be missing. */
  request_limit_fail_open?: boolean;
}

/** A rule of a ruleset, as far as the doctor reads it. */
export interface Rule {
  id: string;
  action: string;
  expression: string;
  description?: string;
  enabled: boolean;
  [more: string]: unknown;
}

export interface AccessPolicy {
  id: string;
  name: string;
  decision: "allow" | "deny" | "non_identity" | "bypass";
  include: unknown[];
  exclude: unknown[];
  require: unknown[];
  precedence: number;
  [more: string]: unknown;
}

export interface AccessApp {
  id: string;
  name: string;
  type: string;
  /** An application made with only `destinations` has none here. */
  domain?: string;
  /** Deprecated, and out of support since 2025-11-21: only applications from before have it. */
  self_hosted_domains?: string[];
  destinations?: { type: string; uri?: string; [more: string]: unknown }[];
  policies: AccessPolicy[];
  [more: string]: unknown;
}

export interface Script {
  id: string;
  secrets: Map<string, string>;
  subdomain: { enabled: boolean; previews_enabled: boolean };
  /** What `GET .../settings` answers: bindings, compatibility date and flags, and so on. */
  settings: Record<string, unknown>;
  modified_on: string;
  /** Newest first; the newest runs. */
  versions?: { id: string; annotations: Record<string, string> }[];
}

export interface DnsRecord {
  id: string;
  name: string;
  type: string;
  content: string;
  proxied: boolean;
  ttl?: number;
  comment?: string;
}

/** A certificate that the edge shows to clients. */
export interface CertificatePack {
  id: string;
  type: string;
  status: string;
  hosts: string[];
  certificates: { id: string; hosts: string[]; status: string }[];
}

export interface Zone {
  id: string;
  name: string;
  status: "active" | "pending" | "initializing" | "moved";
  plan: string;
  certificates: ClientCertificate[];
  /** Active and pending certificates together; one more is error 1445. */
  certificateQuota: number;
  /** The hostnames that are associated for mTLS with the managed CA; answered as `null` while there is none. */
  associations: string[];
  routes: Route[];
  /** By phase, such as `http_request_firewall_custom`; a phase without an entry has no ruleset yet. */
  rulesets: Map<string, Rule[]>;
  accessRules: { id: string; mode: string; configuration: { target: string; value: string } }[];
  settings: Map<string, unknown>;
  botManagement: Record<string, unknown>;
  dnsRecords: DnsRecord[];
  certificatePacks: CertificatePack[];
}

export interface Tunnel {
  /** A UUID; `ID.cfargotunnel.com` is where a name points to. */
  id: string;
  name: string;
  config_src: "local" | "cloudflare";
  deleted_at: string | null;
  /** Of a tunnel that is managed here; a local one has none. */
  ingress: { hostname?: string; path?: string; service: string; originRequest?: Record<string, unknown> }[];
  /** For every rule that does not say otherwise. */
  originRequest?: Record<string, unknown>;
}

export interface CloudflareState {
  token: string;
  tokenStatus: "active" | "disabled" | "expired";
  permissions: Set<Permission>;
  account: { id: string; name: string };
  /** One that has moved away is listed still. */
  zones: Zone[];
  scripts: Map<string, Script>;
  /** The account's `NAME.workers.dev`. */
  workersSubdomain: string | null;
  /** Custom Domains of Workers: each makes a Worker the origin of its host. */
  workersDomains: { id: string; zone_id: string; zone_name: string; hostname: string; service: string }[];
  accessEnabled: boolean;
  accessApps: AccessApp[];
  tunnels: Tunnel[];
  /** What the GraphQL API answers as `data`. */
  analytics: unknown;
}

/** A new identifier: 32 hex digits, as Cloudflare's. */
export function newId(): string {
  return crypto.randomUUID().replaceAll("-", "");
}

/** An empty zone on the free plan, with the settings that a new one has. */
export function emptyZone(name: string): Zone {
  return {
    id: newId(),
    name,
    status: "active",
    plan: "Free Website",
    certificates: [],
    certificateQuota: 100,
    associations: [],
    routes: [],
    rulesets: new Map(),
    accessRules: [],
    settings: new Map<string, unknown>([
      ["security_level", "medium"],
      ["browser_check", "on"],
      ["always_use_https", "off"],
      ["grpc", "off"],
    ]),
    botManagement: { enable_js: false, fight_mode: false, using_latest_model: true },
    dnsRecords: [],
    certificatePacks: [certificatePack("universal", [name, `*.${name}`])],
  };
}

/** Of the SDK's `CertificatePackListResponse`, the fields that it requires. */
export function certificatePack(type: string, hosts: string[], status = "active"): CertificatePack {
  return { id: newId(), type, status, hosts, certificates: [{ id: newId(), hosts, status }] };
}

export function createState(zoneNames: readonly string[]): CloudflareState {
  return {
    token: `stand-in-${newId()}`,
    tokenStatus: "active",
    permissions: new Set(ALL_PERMISSIONS),
    account: { id: newId(), name: "Household" },
    zones: zoneNames.map(emptyZone),
    scripts: new Map(),
    workersSubdomain: null,
    workersDomains: [],
    accessEnabled: true,
    accessApps: [],
    tunnels: [],
    analytics: null,
  };
}

/** What the permissions allow: `Write` includes `Read`. */
export function allows(state: CloudflareState, needed: Permission): boolean {
  if (state.permissions.has(needed)) return true;
  return (
    needed.endsWith(" Read") &&
    (state.permissions as ReadonlySet<string>).has(needed.replace(/ Read$/, " Write"))
  );
}
