import * as v from "valibot";
import { failed } from "../../terminal/failure.ts";
import {
  ACCESS_RULE,
  ASSOCIATIONS,
  BOTS,
  DNS_RECORD,
  ROUTE,
  RULESET,
  resultOf,
  SETTINGS,
} from "../client/answers.ts";
import type { CloudflareClient } from "../client/client.ts";
import { type ClientCertificateStatus, listClientCertificates } from "../client/client-certificates.ts";
import { CloudflareFailure, isNotFound, notUnderstood } from "../client/failure.ts";
import type { Zone } from "../client/zone.ts";
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
import { readFact } from "./read-fact.ts";

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
  const setting = (wanted: keyof typeof SETTINGS) => readFact(() => readSetting(client, zone_id, wanted));
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

async function readSetting(
  client: CloudflareClient,
  zone_id: string,
  name: keyof typeof SETTINGS,
): Promise<string> {
  const { value } = await client.ask(
    { permission: "settings", what: `read the zone's setting ${name}` },
    // The SDK's list of names is not complete: `grpc` is not in it.
    (sdk) => sdk.zones.settings.get(name as "waf", { zone_id }),
    SETTINGS[name],
  );
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
  const { hostnames } = await client.ask(
    { permission: "certificates-read", what: "list the hosts that ask for a certificate" },
    (sdk) => sdk.certificateAuthorities.hostnameAssociations.get({ zone_id }),
    ASSOCIATIONS,
  );
  return hostnames;
}

export async function readRoutes(client: CloudflareClient, zone_id: string): Promise<RouteFact[]> {
  const routes = await client.ask(
    { permission: "routes-read", what: "list the routes" },
    (sdk) => sdk.workers.routes.list({ zone_id }),
    resultOf(v.array(ROUTE)),
  );
  return routes.map(({ id, pattern, script, request_limit_fail_open: failsOpen }) => ({
    id,
    pattern,
    script: script === "" ? undefined : script,
    failsOpen: typeof failsOpen === "boolean" ? failsOpen : undefined,
  }));
}

async function readRules(client: CloudflareClient, zone_id: string): Promise<RuleFact[]> {
  const phases = await Promise.all(
    RULE_PHASES.map(async (phase) => {
      try {
        const { rules } = await client.ask(
          { permission: "waf", what: "read the firewall's rules" },
          (sdk) => sdk.rulesets.phases.get(phase, { zone_id }),
          RULESET,
        );
        return (rules ?? []).map((rule) => ruleFact(phase, rule));
      } catch (error) {
        // Nobody ever wrote a rule of this phase.
        if (isNotFound(error)) return [];
        throw error;
      }
    }),
  );
  return phases.flat();
}

type Rule = NonNullable<v.InferOutput<typeof RULESET>["rules"]>[number];

function ruleFact(phase: string, rule: Rule): RuleFact {
  const { id = "", action, expression, description = "", enabled, action_parameters } = rule;
  const { response, status_code, ruleset, phases = [] } = action_parameters ?? {};
  return {
    phase,
    id,
    description,
    action,
    expression,
    enabled,
    status: response?.status_code ?? status_code,
    skips: [...(ruleset === "current" ? ["current"] : []), ...phases],
  };
}

async function readAccessRules(client: CloudflareClient, zone_id: string): Promise<AccessRuleFact[]> {
  const rules = await client.list(
    { permission: "firewall", what: "list the IP access rules" },
    (sdk, { page }) => sdk.firewall.accessRules.list({ zone_id, per_page: 100, page }),
    ACCESS_RULE,
  );
  return rules.map(({ id, mode, configuration }) => ({
    id,
    mode,
    about: `${configuration?.target ?? ""} ${configuration?.value ?? ""}`.trim(),
  }));
}

/** Settings of super bot fight mode, which paid plans have. */
const SUPER_FIGHT_MODE = [
  "sbfm_definitely_automated",
  "sbfm_likely_automated",
  "sbfm_verified_bots",
] as const;

async function readBots(client: CloudflareClient, zone_id: string): Promise<BotFacts> {
  const settings = await client.ask(
    { permission: "bots", what: "read the bot settings" },
    (sdk) => sdk.botManagement.get({ zone_id }),
    BOTS,
  );
  const superFightMode = SUPER_FIGHT_MODE.filter(
    (name) => settings[name] === "block" || settings[name] === "managed_challenge",
  );
  return { fightMode: settings.fight_mode === true, superFightMode };
}

/** The types of records that lead somewhere. */
const LEADING = new Set(["A", "AAAA", "CNAME"]);

async function readDns(client: CloudflareClient, zone_id: string): Promise<DnsFact[]> {
  const records = await client.list(
    { permission: "dns", what: "list the DNS records" },
    (sdk, { page }) => sdk.dns.records.list({ zone_id, per_page: 100, page }),
    DNS_RECORD,
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

const STATUSES: ReadonlySet<string> = new Set([
  "active",
  "pending_revocation",
  "revoked",
  "pending_reactivation",
] satisfies ClientCertificateStatus[]);

async function readCertificates(client: CloudflareClient, zone: Home): Promise<ClientCertificateFact[]> {
  const certificates = await listClientCertificates(client, zone, "certificates-read");
  return certificates.map(({ id, fingerprint, status }) => {
    if (fingerprint !== undefined && STATUSES.has(status)) return { fingerprint, status };
    throw notUnderstood(
      "compare the client certificates",
      `GET /zones/${zone.id}/client_certificates`,
      `${id} has ${fingerprint === undefined ? "no fingerprint" : `the status ${status}`}`,
    );
  });
}
