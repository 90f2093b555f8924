import { createHash } from "node:crypto";
import { ApiError, checkAccount, type Endpoint, fieldsOf, pageOf, textOf, zoneOf } from "./call.ts";
import { allows, type CloudflareState, type DnsRecord, newId, type Rule, type Zone } from "./state.ts";

/** The token, the account, its zones, and the settings of a zone. */
export const ZONE_ENDPOINTS: readonly Endpoint[] = [
  {
    method: "GET",
    pattern: "/user/tokens/verify",
    permissions: [],
    handle: verify,
  },
  {
    method: "GET",
    pattern: "/accounts/:account/tokens/verify",
    permissions: [],
    handle(call) {
      checkAccount(call);
      return verify(call);
    },
  },
  {
    method: "GET",
    pattern: "/accounts",
    permissions: ["Account Settings Read"],
    forbidden: 9109,
    handle: ({ state, query }) =>
      pageOf([{ ...state.account, type: "standard", created_on: LONG_AGO }], query, 50),
  },
  {
    method: "GET",
    pattern: "/zones",
    permissions: [],
    handle({ state, query }) {
      // The list holds what the token may read, and is empty when that is nothing.
      const readable = allows(state, "Zone Read") ? state.zones : [];
      const name = query.get("name");
      const found = readable.filter((zone) => name === null || zone.name === name);
      return pageOf(
        found.map((zone) => view(zone, state)),
        query,
        50,
      );
    },
  },
  {
    method: "GET",
    pattern: "/zones/:zone",
    permissions: ["Zone Read"],
    forbidden: 9109,
    handle: (call) => ({ result: view(zoneOf(call), call.state) }),
  },
  {
    method: "GET",
    pattern: "/zones/:zone/settings/:setting",
    permissions: ["Zone Settings Read"],
    forbidden: 9109,
    handle(call) {
      const { setting = "" } = call.params;
      const { settings } = zoneOf(call);
      if (!settings.has(setting)) throw new ApiError(400, 1003, "Undefined zone setting");
      return { result: { id: setting, value: settings.get(setting), editable: true, modified_on: null } };
    },
  },
  {
    method: "PATCH",
    pattern: "/zones/:zone/settings/:setting",
    permissions: ["Zone Settings Write"],
    forbidden: 9109,
    handle(call) {
      const { setting = "" } = call.params;
      const { settings } = zoneOf(call);
      if (!settings.has(setting)) throw new ApiError(400, 1003, "Undefined zone setting");
      settings.set(setting, fieldsOf(call).value);
      return { result: { id: setting, value: settings.get(setting), editable: true, modified_on: null } };
    },
  },
  {
    method: "GET",
    pattern: "/zones/:zone/bot_management",
    permissions: ["Bot Management Read"],
    handle: (call) => ({ result: { ...zoneOf(call).botManagement } }),
  },
  {
    method: "PUT",
    pattern: "/zones/:zone/bot_management",
    permissions: ["Bot Management Write"],
    handle(call) {
      const zone = zoneOf(call);
      zone.botManagement = { ...zone.botManagement, ...fieldsOf(call) };
      return { result: { ...zone.botManagement } };
    },
  },
  {
    method: "GET",
    pattern: "/zones/:zone/dns_records",
    permissions: ["DNS Read"],
    handle(call) {
      const name = call.query.get("name") ?? call.query.get("name.exact");
      const found = zoneOf(call).dnsRecords.filter((record) => name === null || record.name === name);
      return pageOf(found.map(recordView), call.query, 100);
    },
  },
  {
    method: "POST",
    pattern: "/zones/:zone/dns_records",
    permissions: ["DNS Write"],
    handle(call) {
      const zone = zoneOf(call);
      const { name, type, content, proxied = false, ttl = 1, comment = "" } = fieldsOf(call);
      const host = textOf(name, "name");
      if (host !== zone.name && !host.endsWith(`.${zone.name}`)) {
        throw new ApiError(400, 9005, "Content for the record is not in this zone");
      }
      const kind = textOf(type, "type");
      const isAlias = (each: string) => each === "CNAME";
      if (zone.dnsRecords.some((each) => each.name === host && (isAlias(each.type) || isAlias(kind)))) {
        throw new ApiError(400, 81053, "An A, AAAA, or CNAME record with that host already exists.");
      }
      const record: DnsRecord = {
        ...{ id: newId(), name: host, type: kind, content: textOf(content, "content") },
        ...{ proxied: proxied === true, ttl: Number(ttl), comment: String(comment) },
      };
      if (zone.dnsRecords.some((each) => each.name === host && each.content === record.content)) {
        throw new ApiError(400, 81058, "An identical record already exists.");
      }
      zone.dnsRecords.push(record);
      return { result: recordView(record) };
    },
  },
  {
    method: "DELETE",
    pattern: "/zones/:zone/dns_records/:record",
    permissions: ["DNS Write"],
    handle(call) {
      const zone = zoneOf(call);
      const { record: id = "" } = call.params;
      if (!zone.dnsRecords.some((record) => record.id === id)) {
        throw new ApiError(404, 81044, "Record does not exist.");
      }
      zone.dnsRecords = zone.dnsRecords.filter((record) => record.id !== id);
      return { result: { id } };
    },
  },
  {
    method: "GET",
    pattern: "/zones/:zone/ssl/certificate_packs",
    permissions: ["SSL and Certificates Read"],
    handle(call) {
      // Without `status=all`, active ones only.
      const isAll = call.query.get("status") === "all";
      const { certificatePacks } = zoneOf(call);
      return pageOf(
        certificatePacks.filter(({ status }) => isAll || status === "active"),
        call.query,
        50,
      );
    },
  },
  {
    method: "GET",
    pattern: "/zones/:zone/firewall/access_rules/rules",
    permissions: ["Firewall Services Read", "Account Firewall Access Rules Read"],
    handle: (call) =>
      pageOf(
        zoneOf(call).accessRules.map((rule) => ({ ...rule, allowed_modes: MODES })),
        call.query,
        100,
      ),
  },
  {
    method: "GET",
    pattern: "/zones/:zone/rulesets",
    permissions: ["Zone WAF Read", "Account WAF Read"],
    handle: (call) => ({ result: [...zoneOf(call).rulesets.keys()].map((phase) => summary(phase)) }),
  },
  {
    method: "GET",
    pattern: "/zones/:zone/rulesets/phases/:phase/entrypoint",
    permissions: ["Zone WAF Read", "Account WAF Read"],
    handle(call) {
      const { phase = "" } = call.params;
      const rules = zoneOf(call).rulesets.get(phase);
      if (rules === undefined) {
        throw new ApiError(404, 10003, `could not find entrypoint ruleset in the ${phase} phase`);
      }
      return { result: { ...summary(phase), rules } };
    },
  },
  {
    method: "PUT",
    pattern: "/zones/:zone/rulesets/phases/:phase/entrypoint",
    permissions: ["Zone WAF Write", "Account WAF Write"],
    handle(call) {
      const { phase = "" } = call.params;
      const { rules = [] } = fieldsOf(call);
      if (!Array.isArray(rules)) throw new ApiError(400, 10002, "rules must be a list");
      const kept = rules.map(
        (rule): Rule => ({
          enabled: true,
          ...rule,
          id: rule.id ?? newId(),
          expression: withoutOuterParentheses(rule.expression),
        }),
      );
      zoneOf(call).rulesets.set(phase, kept);
      return { result: { ...summary(phase), rules: kept } };
    },
  },
  {
    method: "POST",
    pattern: "/graphql",
    permissions: ["Account Analytics Read"],
    handle: ({ state }) => ({ result: null, raw: { data: state.analytics, errors: null } }),
  },
];

function verify({ state }: { state: CloudflareState }) {
  return { result: { id: state.account.id, status: state.tokenStatus } };
}

const LONG_AGO = "2024-01-01T00:00:00Z";
const MODES = ["whitelist", "block", "challenge", "js_challenge", "managed_challenge"];

function summary(phase: string) {
  return {
    ...{ id: createHash("md5").update(phase).digest("hex"), kind: "zone", name: "default", phase },
    ...{ version: "1", description: "", last_updated: LONG_AGO },
  };
}

function recordView(record: DnsRecord) {
  return {
    ...{ ttl: 1, comment: "", tags: [], settings: {}, meta: {}, proxiable: true },
    ...{ created_on: LONG_AGO, modified_on: LONG_AGO },
    ...record,
  };
}

/** As an expression is stored, whatever it was sent like: `(a) or (b)` stays, `(a)` becomes `a`. */
function withoutOuterParentheses(expression: string): string {
  const inner = /^\s*\((.*)\)\s*$/s.exec(expression)?.[1];
  if (inner === undefined) return expression;
  let depth = 0;
  for (const character of inner.replace(/"(?:[^"\\]|\\.)*"/g, "")) {
    if (character === "(") depth += 1;
    if (character === ")") depth -= 1;
    if (depth < 0) return expression;
  }
  return withoutOuterParentheses(inner);
}

function view({ id, name, status, plan }: Zone, { account }: CloudflareState) {
  return {
    id,
    name,
    status,
    paused: false,
    type: "full",
    development_mode: 0,
    name_servers: ["ada.ns.cloudflare.com", "bob.ns.cloudflare.com"],
    original_name_servers: null,
    original_registrar: null,
    original_dnshost: null,
    created_on: LONG_AGO,
    modified_on: LONG_AGO,
    activated_on: status === "pending" || status === "initializing" ? null : LONG_AGO,
    meta: { step: 4, custom_certificate_quota: 0, page_rule_quota: 3, phishing_detected: false },
    owner: { id: account.id, type: "user", name: account.name },
    account: { ...account },
    plan: { id: "0feeeeeeeeeeeeeeeeeeeeeeeeeeeeee", name: plan, legacy_id: "free" },
  };
}
