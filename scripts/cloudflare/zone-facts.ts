import type Cloudflare from "cloudflare";
import type { Fact } from "./check.ts";
import type {
  AccessAppFact,
  AccessRuleFact,
  BotFacts,
  ClientCertificateFact,
  DnsFact,
  GatedHost,
  RouteFact,
  RuleFact,
  WorkerFacts,
  ZoneFacts,
} from "./facts.ts";
import { isNotFound, readFact } from "./read-fact.ts";

/** A zone that the token can see. */
export interface Zone {
  id: string;
  name: string;
  account: { id: string };
}

/** Where rules live that can answer before a Worker runs. */
const RULE_PHASES = ["http_request_firewall_custom", "http_ratelimit", "http_request_firewall_managed"];

/** Every zone that the token can see: none is no error, but a token without the permission for it. */
export async function listZones(cloudflare: Cloudflare): Promise<Zone[]> {
  const zones: Zone[] = [];
  for await (const { id, name, account } of cloudflare.zones.list({ per_page: 50 })) {
    zones.push({ id, name, account: { id: account.id ?? "" } });
  }
  return zones;
}

/** The zone of a host: of several, the longest name. */
export function zoneOf<Z extends { name: string }>(zones: readonly Z[], host: string): Z | undefined {
  return zones
    .filter(({ name }) => host === name || host.endsWith(`.${name}`))
    .sort((a, b) => b.name.length - a.name.length)[0];
}

/** Reads all that the doctor wants to know of a zone. What may not be read is a fact without a value. */
export async function gatherZone(
  cloudflare: Cloudflare,
  { id: zone_id, name }: Zone,
  hosts: readonly GatedHost[],
): Promise<ZoneFacts> {
  const setting = (wanted: string) =>
    readFact("Zone Settings", async () => {
      const found = (await cloudflare.zones.settings.get(wanted as "waf", { zone_id })) as {
        value?: unknown;
      };
      return String(found.value);
    });
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
    certificates,
  ] = await Promise.all([
    readFact("SSL and Certificates", () => readAssociations(cloudflare, zone_id)),
    readFact("Workers Routes", () => readRoutes(cloudflare, zone_id)),
    readFact("Zone WAF", () => readRules(cloudflare, zone_id)),
    readFact("Firewall Services", () => readAccessRules(cloudflare, zone_id)),
    readFact("Bot Management", () => readBots(cloudflare, zone_id)),
    setting("security_level"),
    setting("browser_check"),
    setting("grpc"),
    readFact("DNS", () => readDns(cloudflare, zone_id)),
    readFact("SSL and Certificates", () => readCertificates(cloudflare, zone_id)),
  ]);
  return {
    id: zone_id,
    name,
    hosts,
    associations,
    routes,
    rules,
    accessRules,
    bots,
    securityLevel,
    browserCheck,
    grpc,
    dns,
    certificates,
  };
}

/** The hostnames that ask for certificates of the managed authority. */
export async function readAssociations(cloudflare: Cloudflare, zone_id: string): Promise<string[]> {
  const { hostnames = [] } = await cloudflare.certificateAuthorities.hostnameAssociations.get({ zone_id });
  return hostnames;
}

export async function readRoutes(cloudflare: Cloudflare, zone_id: string): Promise<RouteFact[]> {
  const routes: RouteFact[] = [];
  for await (const route of cloudflare.workers.routes.list({ zone_id })) {
    // The API tells it, its description does not.
    const { request_limit_fail_open: failsOpen } = route as { request_limit_fail_open?: unknown };
    routes.push({
      id: route.id,
      pattern: route.pattern,
      script: route.script === "" ? undefined : route.script,
      failsOpen: typeof failsOpen === "boolean" ? failsOpen : undefined,
    });
  }
  return routes;
}

async function readRules(cloudflare: Cloudflare, zone_id: string): Promise<RuleFact[]> {
  const phases = await Promise.all(
    RULE_PHASES.map(async (phase) => {
      try {
        const ruleset = await cloudflare.rulesets.phases.get(phase as "http_ratelimit", { zone_id });
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

async function readAccessRules(cloudflare: Cloudflare, zone_id: string): Promise<AccessRuleFact[]> {
  const rules: AccessRuleFact[] = [];
  for await (const { id, mode, configuration } of cloudflare.firewall.accessRules.list({ zone_id })) {
    const { target = "", value = "" } = configuration;
    rules.push({ id: String(id), mode: String(mode), about: `${target} ${value}` });
  }
  return rules;
}

async function readBots(cloudflare: Cloudflare, zone_id: string): Promise<BotFacts> {
  const settings = (await cloudflare.botManagement.get({ zone_id })) as Record<string, unknown>;
  const superFightMode = ["sbfm_definitely_automated", "sbfm_likely_automated", "sbfm_verified_bots"].filter(
    (name) => settings[name] === "block" || settings[name] === "managed_challenge",
  );
  return { fightMode: settings.fight_mode === true, superFightMode };
}

async function readDns(cloudflare: Cloudflare, zone_id: string): Promise<DnsFact[]> {
  const records: DnsFact[] = [];
  for await (const { name, type, proxied } of cloudflare.dns.records.list({ zone_id, per_page: 100 })) {
    // The types that lead somewhere.
    if (type === "A" || type === "AAAA" || type === "CNAME") {
      records.push({ name: name.toLowerCase(), type, proxied: proxied === true });
    }
  }
  return records;
}

async function readCertificates(cloudflare: Cloudflare, zone_id: string): Promise<ClientCertificateFact[]> {
  const certificates: ClientCertificateFact[] = [];
  for await (const each of cloudflare.clientCertificates.list({ zone_id, per_page: 50 })) {
    certificates.push({
      id: each.id ?? "",
      fingerprint: (each.fingerprint_sha256 ?? "").replaceAll(":", "").toLowerCase(),
      status: each.status ?? "",
      expiresOn: each.expires_on ?? "",
    });
  }
  return certificates;
}

/** What is deployed, and under which addresses. */
export async function gatherWorker(
  cloudflare: Cloudflare,
  account_id: string,
  worker: string,
): Promise<WorkerFacts> {
  const { scripts } = cloudflare.workers;
  const read = <T>(ask: () => Promise<T>): Promise<Fact<T>> => readFact("Workers Scripts", ask);
  const [settings, addresses, secrets, domains] = await Promise.all([
    read(() =>
      unlessMissing(async () => {
        const found = await scripts.scriptAndVersionSettings.get(worker, { account_id });
        const { compatibility_flags: flags = [], cache_options: cache } = found;
        return { compatibilityFlags: flags, cache: cache?.enabled === true };
      }),
    ),
    read(() =>
      unlessMissing(async () => {
        const { enabled, previews_enabled } = await scripts.subdomain.get(worker, { account_id });
        return { workersDev: enabled, previews: previews_enabled };
      }),
    ),
    read(async () => {
      const names: string[] = [];
      const found = await unlessMissing(async () => {
        for await (const { name } of scripts.secrets.list(worker, { account_id })) names.push(name);
        return names;
      });
      return found ?? [];
    }),
    read(async () => {
      const found: { hostname: string; service: string }[] = [];
      for await (const { hostname = "", service = "" } of cloudflare.workers.domains.list({ account_id })) {
        found.push({ hostname: hostname.toLowerCase(), service });
      }
      return found;
    }),
  ]);
  return { settings, addresses, secrets, domains };
}

async function unlessMissing<T>(ask: () => Promise<T>): Promise<T | null> {
  try {
    return await ask();
  } catch (error) {
    if (isNotFound(error)) return null;
    throw error;
  }
}

export function gatherAccessApps(
  cloudflare: Cloudflare,
  account_id: string,
): Promise<Fact<readonly AccessAppFact[]>> {
  return readFact("Access: Apps and Policies", () => readAccessApps(cloudflare, account_id));
}

/** An account that never opened Zero Trust has none. */
export async function readAccessApps(cloudflare: Cloudflare, account_id: string): Promise<AccessAppFact[]> {
  const apps: AccessAppFact[] = [];
  try {
    for await (const app of cloudflare.zeroTrust.access.applications.list({ account_id, per_page: 100 })) {
      apps.push(accessAppFact(app as RawAccessApp));
    }
  } catch (error) {
    if (error instanceof Error && error.message.includes("access.api.error.not_enabled")) return [];
    throw error;
  }
  return apps;
}

interface RawAccessApp {
  id?: string;
  name?: string;
  domain?: string;
  self_hosted_domains?: readonly string[];
  destinations?: readonly { type?: string; uri?: string; worker_name?: string; name?: string }[];
  policies?: readonly {
    decision?: string;
    include?: readonly object[];
    require?: readonly object[];
    exclude?: readonly object[];
  }[];
}

function accessAppFact(app: RawAccessApp): AccessAppFact {
  const { id = "", name = "", domain, self_hosted_domains = [], destinations = [], policies = [] } = app;
  const uris = destinations.flatMap(({ type, uri }) => ((type ?? "public") === "public" ? (uri ?? []) : []));
  const places = [...new Set([...(domain === undefined ? [] : [domain]), ...self_hosted_domains, ...uris])];
  const workers = destinations.flatMap(({ type, worker_name, name: named }) => {
    if (type === "all_workers") return ["*"];
    return type === "worker" ? [worker_name ?? named ?? "*"] : [];
  });
  const letsEverybodyPass = policies.some(
    ({ decision, include = [], require = [], exclude = [] }) =>
      decision === "bypass" &&
      require.length === 0 &&
      exclude.length === 0 &&
      include.some((rule) => "everyone" in rule),
  );
  return { id, name, places: places.map((place) => place.toLowerCase()), workers, letsEverybodyPass };
}
