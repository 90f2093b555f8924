// What the stand-in for Cloudflare holds: one account, its zones, its Workers, its Access applications.
// Tests read and write it as they like; the calls do, too.

/** Everything that Latchkey may need, each at its strongest: of two that allow the same, the zone's. */
export const ALL_PERMISSIONS = [
  "Zone Read",
  "Zone Settings Write",
  "SSL and Certificates Write",
  "Workers Routes Write",
  "Workers Scripts Write",
  "Access: Apps and Policies Write",
  "Access: Organizations, Identity Providers, and Groups Read",
  "Zone WAF Write",
  "Firewall Services Read",
  "Bot Management Write",
  "DNS Write",
  "Cloudflare Tunnel Read",
  "Account Analytics Read",
] as const;

type GroupOf<Name> = Name extends `${infer Group} ${"Read" | "Write"}` ? Group : never;
/** Permission groups by the names of the specification (`x-api-token-group`); `Write` includes `Read`. */
export type Permission =
  | `${GroupOf<(typeof ALL_PERMISSIONS)[number]>} ${"Read" | "Write"}`
  | "Account WAF Read"
  | "Account Firewall Access Rules Read";

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
  status: "active" | "pending_revocation" | "revoked" | "pending_reactivation";
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
  /** Of `type: "saas"`, with its secret: answers leave that out, but for the first. */
  saas_app?: Record<string, unknown>;
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

/** A new identifier: 32 hex digits, as Cloudflare's. */
export function newId(): string {
  return crypto.randomUUID().replaceAll("-", "");
}

export type Zone = ReturnType<typeof emptyZone>;

/** An empty zone on the free plan, with the settings that a new one has. */
export function emptyZone(name: string) {
  return {
    id: newId(),
    name,
    status: "active" as "active" | "pending" | "initializing" | "moved",
    plan: "Free Website",
    certificates: [] as ClientCertificate[],
    /** How many may be active; one more is error 1445. */
    certificateQuota: 100,
    /** The hostnames that ask for a certificate of the managed CA; answered as `null` while there is none. */
    associations: [] as string[],
    routes: [] as Route[],
    /** By phase, such as `http_request_firewall_custom`; a phase without an entry has no ruleset yet. */
    rulesets: new Map<string, Rule[]>(),
    accessRules: [] as { id: string; mode: string; configuration: { target: string; value: string } }[],
    settings: new Map<string, unknown>([
      ["security_level", "medium"],
      ["browser_check", "on"],
      ["always_use_https", "off"],
      ["grpc", "off"],
    ]),
    botManagement: { enable_js: false, fight_mode: false, using_latest_model: true } as Record<
      string,
      unknown
    >,
    dnsRecords: [] as DnsRecord[],
    certificatePacks: [certificatePack("universal", [name, `*.${name}`])],
  };
}

export type CertificatePack = ReturnType<typeof certificatePack>;

/** A certificate that the edge shows to clients: of the SDK's type, the fields that it requires. */
export function certificatePack(type: string, hosts: string[], status = "active") {
  return { id: newId(), type, status, hosts, certificates: [{ id: newId(), hosts, status }] };
}

export type CloudflareState = ReturnType<typeof createState>;

export function createState(zoneNames: readonly string[]) {
  return {
    token: `stand-in-${newId()}`,
    permissions: new Set<Permission>(ALL_PERMISSIONS),
    account: { id: newId(), name: "Household" },
    /** One that has moved away is still listed. */
    zones: zoneNames.map(emptyZone),
    scripts: new Map<string, Script>(),
    /** Custom Domains of Workers: each makes a Worker the origin of its host. */
    workersDomains: [] as {
      id: string;
      zone_id: string;
      zone_name: string;
      hostname: string;
      service: string;
    }[],
    /** Whether the account has ever opened Zero Trust. */
    accessEnabled: true,
    /** The team's domain; `undefined`: none was chosen. */
    authDomain: "household.cloudflareaccess.com" as string | undefined,
    accessApps: [] as AccessApp[],
    tunnels: [] as Tunnel[],
    /** The `data` of the GraphQL API's answer. */
    analytics: null as unknown,
  };
}

/** Whether the token has the permission. */
export function allows({ permissions }: CloudflareState, needed: Permission): boolean {
  return permissions.has(needed) || permissions.has(needed.replace(/Read$/, "Write") as Permission);
}
