import { failed } from "../commands/shared/failure.ts";
import type { CloudflareClient } from "./client.ts";
import { listClientCertificates } from "./client-certificates.ts";
import { readEdgeCertificates } from "./edge-certificates.ts";
import type {
  AccessRuleFact,
  BotFacts,
  ClientCertificateFact,
  DnsFact,
  GatedHost,
  RouteFact,
  RuleFact,
  ZoneFacts,
} from "./facts.ts";
import { CloudflareFailure, isNotFound } from "./failure.ts";
import { readFact, untold } from "./read-fact.ts";
import type { Zone } from "./zone.ts";

/** A zone, as far as its facts need it. */
type Home = Pick<Zone, "id" | "name">;

/** Where rules live that can answer before a Worker runs. */
const RULE_PHASES = [
  "http_request_firewall_custom",
  "http_ratelimit",
  "http_request_firewall_managed",
] as const;

/** Reads all that the doctor wants to know of a zone. What may not be read is a fact without a value. */
export async function gatherZone(
  client: CloudflareClient,
  zone: Home,
  hosts: readonly GatedHost[],
  adminHost: string | undefined,
): Promise<ZoneFacts> {
  const { id: zone_id, name } = zone;
  const setting = (wanted: string) => readFact(() => readSetting(client, zone_id, wanted));
  const [
    associations,
    routes,
    rules,
    accessRules,
    bots,
    securityLevel,
    browserCheck,
    grpc,
    dns,
    edgeCertificates,
    certificates,
  ] = await Promise.all([
    readFact(() => readAssociations(client, zone_id)),
    readFact(() => readRoutes(client, zone_id)),
    readFact(() => readRules(client, zone_id)),
    readFact(() => readAccessRules(client, zone_id)),
    readFact(() => readBots(client, zone_id)),
    setting("security_level"),
    setting("browser_check"),
    readFact(() => readGrpc(client, zone_id)),
    readFact(() => readDns(client, zone_id)),
    readFact(() => readEdgeCertificates(client, zone_id)),
    readFact(() => readCertificates(client, zone)),
  ]);
  return {
    id: zone_id,
    name,
    hosts,
    adminHost,
    associations,
    routes,
    rules,
    accessRules,
    bots,
    securityLevel,
    browserCheck,
    grpc,
    dns,
    edgeCertificates,
    certificates,
  };
}

async function readSetting(client: CloudflareClient, zone_id: string, name: string): Promise<string> {
  const found = await client.ask({ permission: "settings", what: `read the zone's setting ${name}` }, (sdk) =>
    // The SDK's list of names is not complete: `grpc` is not in it.
    sdk.zones.settings.get(name as "waf", { zone_id }),
  );
  const { value } = found as { value?: unknown };
  if (typeof value !== "string") throw untold(`the zone's setting ${name}`);
  return value;
}

/** A setting that is in no published schema: a zone may not have it under this name. */
async function readGrpc(client: CloudflareClient, zone_id: string): Promise<string> {
  try {
    return await readSetting(client, zone_id, "grpc");
  } catch (error) {
    if (!(error instanceof CloudflareFailure && error.problem.kind === "refused")) throw error;
    throw failed(
      "the zone does not say whether gRPC is on",
      "look under Network in the zone's dashboard, and switch it off unless an app needs it",
    );
  }
}

/** The hostnames that ask for certificates of the managed authority. */
export async function readAssociations(client: CloudflareClient, zone_id: string): Promise<string[]> {
  const { hostnames = [] } = await client.ask(
    { permission: "certificates-read", what: "list the hosts that ask for a certificate" },
    (sdk) => sdk.certificateAuthorities.hostnameAssociations.get({ zone_id }),
  );
  return hostnames;
}

export async function readRoutes(client: CloudflareClient, zone_id: string): Promise<RouteFact[]> {
  const routes = await client.list({ permission: "routes-read", what: "list the routes" }, (sdk) =>
    sdk.workers.routes.list({ zone_id }),
  );
  return routes.map((route) => {
    // The API tells it, its description does not.
    const { request_limit_fail_open: failsOpen } = route as { request_limit_fail_open?: unknown };
    return {
      id: route.id,
      pattern: route.pattern,
      script: route.script === "" ? undefined : route.script,
      failsOpen: typeof failsOpen === "boolean" ? failsOpen : undefined,
    };
  });
}

async function readRules(client: CloudflareClient, zone_id: string): Promise<RuleFact[]> {
  const phases = await Promise.all(
    RULE_PHASES.map(async (phase) => {
      try {
        const ruleset = await client.ask({ permission: "waf", what: "read the firewall's rules" }, (sdk) =>
          sdk.rulesets.phases.get(phase, { zone_id }),
        );
        return ((ruleset.rules ?? []) as readonly RawRule[]).map((rule) => ruleFact(phase, rule));
      } catch (error) {
        // Nobody ever wrote a rule of this phase.
        if (isNotFound(error)) return [];
        throw error;
      }
    }),
  );
  return phases.flat();
}

interface RawRule {
  id?: string;
  action?: string;
  expression?: string;
  description?: string;
  enabled?: boolean;
  action_parameters?: {
    response?: { status_code?: number };
    ruleset?: string;
    phases?: readonly string[];
  };
}

function ruleFact(phase: string, rule: RawRule): RuleFact {
  const { id = "", action = "", expression = "", description = "", enabled = true, action_parameters } = rule;
  const { response, ruleset, phases = [] } = action_parameters ?? {};
  return {
    phase,
    id,
    description,
    action,
    expression,
    enabled,
    status: response?.status_code,
    skips: [...(ruleset === "current" ? ["current"] : []), ...phases],
  };
}

async function readAccessRules(client: CloudflareClient, zone_id: string): Promise<AccessRuleFact[]> {
  const rules = await client.list({ permission: "firewall", what: "list the IP access rules" }, (sdk) =>
    sdk.firewall.accessRules.list({ zone_id }),
  );
  return rules.map(({ id, mode, configuration }) => ({
    id: String(id),
    mode: String(mode),
    about: `${configuration.target ?? ""} ${configuration.value ?? ""}`.trim(),
  }));
}

/** Settings of super bot fight mode, which paid plans have. */
const SUPER_FIGHT_MODE = ["sbfm_definitely_automated", "sbfm_likely_automated", "sbfm_verified_bots"];

async function readBots(client: CloudflareClient, zone_id: string): Promise<BotFacts> {
  const found = await client.ask({ permission: "bots", what: "read the bot settings" }, (sdk) =>
    sdk.botManagement.get({ zone_id }),
  );
  const settings = found as Record<string, unknown>;
  const superFightMode = SUPER_FIGHT_MODE.filter(
    (name) => settings[name] === "block" || settings[name] === "managed_challenge",
  );
  // Free plans have the one, paid plans the others.
  if (!["fight_mode", ...SUPER_FIGHT_MODE].some((name) => name in settings)) throw untold("the bot settings");
  return { fightMode: settings.fight_mode === true, superFightMode };
}

/** The types of records that lead somewhere. */
const LEADING = new Set(["A", "AAAA", "CNAME"]);

async function readDns(client: CloudflareClient, zone_id: string): Promise<DnsFact[]> {
  const records = await client.list({ permission: "dns", what: "list the DNS records" }, (sdk) =>
    sdk.dns.records.list({ zone_id, per_page: 100 }),
  );
  return records
    .filter(({ type }) => LEADING.has(type))
    .map(({ name, type, proxied, content }) => ({
      name: name.toLowerCase(),
      type,
      proxied: proxied === true,
      content: (content ?? "").toLowerCase(),
    }));
}

async function readCertificates(client: CloudflareClient, zone: Home): Promise<ClientCertificateFact[]> {
  const certificates = await listClientCertificates(client, zone, "certificates-read");
  return certificates.flatMap(({ fingerprint, status }) =>
    fingerprint === undefined ? [] : [{ fingerprint, status }],
  );
}
