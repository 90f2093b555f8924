import { createHash } from "node:crypto";
import { ApiError, type Endpoint, endpoint, fieldsOf, pageOf, textOf, zoneOf } from "./call.ts";
import { allows, type CloudflareState, type DnsRecord, newId, type Zone } from "./state.ts";

const LONG_AGO = "2024-01-01T00:00:00Z";
const MODES = ["whitelist", "block", "challenge", "js_challenge", "managed_challenge"];
const RECORDS = "/zones/:zone/dns_records";

/** The zones, their settings and their rules, and the account's use. */
export const ZONE_ENDPOINTS: readonly Endpoint[] = [
  endpoint("GET", "/zones", [], ({ state, query }) => {
    // The list holds what the token may read, and is empty when that is nothing.
    const readable = allows(state, "Zone Read") ? state.zones : [];
    const name = query.get("name");
    const found = readable.filter((zone) => name === null || zone.name === name);
    const views = found.map((zone) => view(zone, state));
    return pageOf(views, query, 50);
  }),
  endpoint(
    "GET",
    "/zones/:zone/settings/:setting",
    "Zone Settings Read",
    (call) => {
      const { setting = "" } = call.params;
      const { settings } = zoneOf(call);
      if (!settings.has(setting)) throw new ApiError(400, 1003, "Undefined zone setting");
      return { result: { id: setting, value: settings.get(setting), editable: true, modified_on: null } };
    },
    9109,
  ),
  endpoint("GET", "/zones/:zone/bot_management", "Bot Management Read", (call) => ({
    result: zoneOf(call).botManagement,
  })),
  endpoint("GET", RECORDS, "DNS Read", (call) => {
    const name = call.query.get("name") ?? call.query.get("name.exact");
    const found = zoneOf(call).dnsRecords.filter((record) => name === null || record.name === name);
    return pageOf(found.map(recordView), call.query, 100);
  }),
  endpoint("POST", RECORDS, "DNS Write", (call) => {
    const zone = zoneOf(call);
    const { name, type, content, proxied = false, ttl = 1, comment = "" } = fieldsOf(call);
    const host = textOf(name, "name");
    if (host !== zone.name && !host.endsWith(`.${zone.name}`)) {
      throw new ApiError(400, 9005, "Content for the record is not in this zone");
    }
    const record: DnsRecord = {
      ...{ id: newId(), name: host, type: textOf(type, "type"), content: textOf(content, "content") },
      ...{ proxied: proxied === true, ttl: Number(ttl), comment: String(comment) },
    };
    const others = zone.dnsRecords.filter((each) => each.name === host);
    if (others.some((each) => each.type === "CNAME" || record.type === "CNAME")) {
      throw new ApiError(400, 81053, "An A, AAAA, or CNAME record with that host already exists.");
    }
    if (others.some((each) => each.content === record.content)) {
      throw new ApiError(400, 81058, "An identical record already exists.");
    }
    zone.dnsRecords.push(record);
    return { result: recordView(record) };
  }),
  endpoint("DELETE", `${RECORDS}/:record`, "DNS Write", (call) => {
    const zone = zoneOf(call);
    const { record: id = "" } = call.params;
    if (!zone.dnsRecords.some((record) => record.id === id)) {
      throw new ApiError(404, 81044, "Record does not exist.");
    }
    zone.dnsRecords = zone.dnsRecords.filter((record) => record.id !== id);
    return { result: { id } };
  }),
  endpoint("GET", "/zones/:zone/ssl/certificate_packs", "SSL and Certificates Read", (call) => {
    // Without `status=all`, only active ones.
    const isAll = call.query.get("status") === "all";
    const found = zoneOf(call).certificatePacks.filter(({ status }) => isAll || status === "active");
    return pageOf(found, call.query, 50);
  }),
  endpoint(
    "GET",
    "/zones/:zone/firewall/access_rules/rules",
    ["Firewall Services Read", "Account Firewall Access Rules Read"],
    (call) => {
      const found = zoneOf(call).accessRules.map((rule) => ({ ...rule, allowed_modes: MODES }));
      return pageOf(found, call.query, 100);
    },
  ),
  endpoint(
    "GET",
    "/zones/:zone/rulesets/phases/:phase/entrypoint",
    ["Zone WAF Read", "Account WAF Read"],
    (call) => {
      const { phase = "" } = call.params;
      const rules = zoneOf(call).rulesets.get(phase);
      if (rules === undefined) {
        throw new ApiError(404, 10003, `could not find entrypoint ruleset in the ${phase} phase`);
      }
      const id = createHash("md5").update(phase).digest("hex");
      const fields = { kind: "zone", name: "default", version: "1", description: "", last_updated: LONG_AGO };
      return { result: { id, phase, ...fields, rules } };
    },
  ),
  endpoint("POST", "/graphql", "Account Analytics Read", ({ state }) => ({
    result: null,
    raw: { data: state.analytics, errors: null },
  })),
];

function recordView(record: DnsRecord) {
  return {
    ...{ ttl: 1, comment: "", tags: [], settings: {}, meta: {}, proxiable: true },
    ...{ created_on: LONG_AGO, modified_on: LONG_AGO },
    ...record,
  };
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
