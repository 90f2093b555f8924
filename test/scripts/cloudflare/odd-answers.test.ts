// Whatever Cloudflare answers: what is not understood is unknown to the doctor, and ends setup, issue, rotate and
// revoke with a failure that names the call. It is never a crash, and never in order.
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Api } from "../../../scripts/client/api.ts";
import { createCloudflareClient } from "../../../scripts/cloudflare/client/client.ts";
import { CloudflareFailure } from "../../../scripts/cloudflare/client/failure.ts";
import { listZones, longestSuffix } from "../../../scripts/cloudflare/client/zone.ts";
import { findings, readState } from "../../../scripts/cloudflare/doctor/checks/doctor.ts";
import { makePlan } from "../../../scripts/cloudflare/setup/plan.ts";
import { carryOut } from "../../../scripts/cloudflare/setup/run.ts";
import type { StandIn } from "../../../scripts/stand-in/stand-in.ts";
import { emptyZone, newId, type Zone } from "../../../scripts/stand-in/state.ts";
import { standInDeployer } from "../../cloudflare/deployer.ts";
import { type LocalZone, startLocalZone } from "../../cloudflare/zone.ts";
import { runHere } from "../cli/run-here.ts";
import { gated } from "./states.ts";

const HOST = "vault.example.com";
const TUNNEL_ID = "c1744f8b-faa1-48a4-9e5c-02ac921467fa";
let local: LocalZone;
let cloudflare: StandIn;
let zone: Zone;
let folder: string;
beforeAll(async () => {
  local = await startLocalZone();
  ({ cloudflare } = local);
  folder = mkdtempSync(join(tmpdir(), "latchkey-odd-"));
});
afterEach(() => cloudflare.faults.clear());
afterAll(async () => {
  await local?.stop();
  rmSync(folder, { recursive: true });
});

/** Results that hold nothing of what was asked for. An empty list is one only where no list was asked for. */
const ODD: readonly unknown[] = [undefined, null, {}, "text", 7, true, [null], ["text"], [[]], [{}]];
const EMPTY_LIST: readonly unknown[] = [[]];

/** The answers to these calls, from now on, are the right ones with this in their place. */
function answer(match: string | RegExp, result: unknown): void {
  cloudflare.faults.on(
    match,
    { kind: "answer", change: (body) => ("data" in body ? { data: result } : { ...body, result }) },
    99,
  );
}

const shown = (value: unknown) => JSON.stringify(value) ?? "nothing";
const client = () =>
  createCloudflareClient(
    { baseUrl: cloudflare.url, token: cloudflare.state.token, timeoutMs: 5000 },
    async () => undefined,
  );

/** A zone in which all is well, and in which there is something of everything. */
function goodZone(): Zone {
  return {
    ...emptyZone("example.com"),
    associations: [HOST],
    routes: [{ id: "r1", pattern: `${HOST}/*`, script: "latchkey", request_limit_fail_open: false }],
    dnsRecords: [
      { id: "d1", name: HOST, type: "CNAME", content: `${TUNNEL_ID}.cfargotunnel.com`, proxied: true },
    ],
    rulesets: new Map([
      [
        "http_request_firewall_custom",
        [{ id: "rule", action: "block", expression: 'http.host eq "blog.example.com"', enabled: true }],
      ],
    ]),
    accessRules: [{ id: "a1", mode: "whitelist", configuration: { target: "ip", value: "192.0.2.1" } }],
    settings: new Map([
      ["security_level", "medium"],
      ["browser_check", "off"],
      ["grpc", "off"],
    ]),
    certificates: [
      { id: "c1", status: "active", certificate: "", fingerprint_sha256: "a".repeat(64) },
      { id: "c2", status: "revoked", certificate: "", fingerprint_sha256: "b".repeat(64) },
    ] as unknown as Zone["certificates"],
  };
}

beforeEach(() => {
  zone = goodZone();
  const { state } = cloudflare;
  state.zones = [zone, ...state.zones.filter(({ name }) => name === "localhost")];
  state.scripts.set("latchkey", {
    id: "latchkey",
    secrets: new Map([["ADMIN_TOKEN", "x"]]),
    subdomain: { enabled: false, previews_enabled: false },
    settings: { bindings: [], compatibility_flags: ["nodejs_compat"], cache_options: { enabled: false } },
    modified_on: new Date().toISOString(),
    versions: [{ id: crypto.randomUUID(), annotations: { "workers/tag": "unknown" } }],
  });
  state.workersDomains = [
    { id: "w1", zone_id: zone.id, zone_name: zone.name, hostname: "www.example.com", service: "site" },
  ];
  state.tunnels = [
    {
      id: TUNNEL_ID,
      name: "home",
      config_src: "cloudflare",
      ingress: [{ hostname: HOST, service: "http://localhost:80" }, { service: "http_status:404" }],
      deleted_at: null,
    },
  ];
  state.accessApps = [
    {
      id: newId(),
      name: "Blog",
      type: "self_hosted",
      destinations: [{ type: "public", uri: "blog.example.com" }],
      policies: [],
    },
  ];
  const sums = [{ sum: { requests: 1 } }];
  state.analytics = {
    viewer: {
      accounts: [{ workersInvocationsAdaptive: sums, durableObjectsInvocationsAdaptiveGroups: sums }],
    },
  };
});

/** The registry, as far as the doctor reads it. */
const registry = {
  origin: `https://${HOST}`,
  users: async () => [{ id: "alice" }],
  devices: async () => [
    {
      user: "alice",
      name: "phone",
      status: "active",
      certificates: [{ fingerprint: "a".repeat(64), notAfter: null }],
    },
  ],
  blocked: async () => [],
} as unknown as Api;

async function doctor(): Promise<Map<string, { status: string; reason: string }>> {
  const state = await readState({
    client: client(),
    local: {
      worker: "latchkey",
      hosts: [gated(HOST)],
      adminHost: undefined,
      localAdminHost: undefined,
      signIn: undefined,
      signInApps: [],
      dangers: [],
    },
    zone: undefined,
    api: async () => registry,
    now: Date.now(),
  });
  return new Map(findings(state).map((check) => [check.id, check]));
}

interface Question {
  match: string;
  /** The checks that rest on the answer. */
  checks: string[];
  isList?: true;
  /** What of the answer a check rests on: the path in the result, and the check. */
  needed: Record<string, string>;
}

const CERTIFICATES = ["revoked-there-active-here", "revoked-here-active-there"];

/** Everything that the doctor asks Cloudflare after it has found the zones. */
const QUESTIONS: Question[] = [
  { match: "/hostname_associations", checks: ["mtls"], needed: { hostnames: "mtls", "hostnames.0": "mtls" } },
  {
    match: "/workers/routes",
    checks: ["route", "route-bypass", "route-fails-closed", "tunnel-hostnames"],
    isList: true,
    needed: {
      "0": "route-bypass",
      "0.id": "route",
      "0.pattern": "route",
      "0.script": "route",
      "0.request_limit_fail_open": "route-fails-closed",
    },
  },
  {
    match: "/http_request_firewall_custom/entrypoint",
    checks: ["waf"],
    needed: {
      id: "waf",
      "rules.0": "waf",
      "rules.0.action": "waf",
      "rules.0.expression": "waf",
    },
  },
  {
    match: "/access_rules/rules",
    checks: ["ip-access-rules"],
    isList: true,
    needed: { "0": "ip-access-rules", "0.mode": "ip-access-rules" },
  },
  { match: "/bot_management", checks: ["bots"], needed: { fight_mode: "bots" } },
  ...(["security-level", "browser-check", "grpc"] as const).map((check) => ({
    match: `/settings/${check.replace("-", "_")}`,
    checks: [check],
    needed: { value: check },
  })),
  {
    match: "/dns_records",
    checks: ["dns", "tunnel-hostnames"],
    isList: true,
    needed: {
      "0": "dns",
      "0.name": "dns",
      "0.type": "dns",
      "0.proxied": "dns",
      "0.content": "tunnel-hostnames",
    },
  },
  {
    match: "/ssl/certificate_packs",
    checks: ["edge-certificate"],
    isList: true,
    needed: {
      "0": "edge-certificate",
      "0.status": "edge-certificate",
      "0.type": "edge-certificate",
      "0.hosts": "edge-certificate",
    },
  },
  {
    match: "/cfd_tunnel?",
    checks: ["tunnel-hostnames"],
    isList: true,
    needed: { "0": "tunnel-hostnames", "0.id": "tunnel-hostnames" },
  },
  {
    match: "/configurations",
    checks: ["tunnel-hostnames"],
    needed: {
      config: "tunnel-hostnames",
      "config.ingress": "tunnel-hostnames",
      "config.ingress.0.service": "tunnel-hostnames",
    },
  },
  {
    match: "/client_certificates",
    checks: CERTIFICATES,
    isList: true,
    needed: Object.fromEntries(
      ["0", "0.id", "0.status", "0.fingerprint_sha256"].map((path) => [path, "revoked-there-active-here"]),
    ),
  },
  {
    match: "/scripts/latchkey/settings",
    checks: ["workers-cache", "global-fetch"],
    needed: {
      compatibility_flags: "global-fetch",
      "compatibility_flags.0": "global-fetch",
      "cache_options.enabled": "workers-cache",
    },
  },
  {
    match: "/scripts/latchkey/subdomain",
    checks: ["workers-dev"],
    needed: { enabled: "workers-dev", previews_enabled: "workers-dev" },
  },
  {
    match: "/scripts/latchkey/secrets",
    checks: ["secret"],
    isList: true,
    needed: { "0": "secret", "0.name": "secret" },
  },
  {
    match: "/workers/domains",
    checks: ["custom-domain"],
    isList: true,
    needed: { "0": "custom-domain", "0.hostname": "custom-domain" },
  },
  {
    match: "/access/apps",
    checks: ["access", "access-own-paths", "sign-in-access"],
    isList: true,
    needed: {
      "0": "access",
      "0.id": "access",
      "0.destinations": "access",
      "0.destinations.0": "access",
      "0.destinations.0.uri": "access",
    },
  },
  {
    match: "/graphql",
    checks: ["usage"],
    needed: {
      viewer: "usage",
      "viewer.accounts": "usage",
      "viewer.accounts.0.workersInvocationsAdaptive": "usage",
      "viewer.accounts.0.workersInvocationsAdaptive.0.sum.requests": "usage",
      "viewer.accounts.0.durableObjectsInvocationsAdaptiveGroups": "usage",
    },
  },
];

/** The call of the last fault, as messages name it. */
const named = (match: string) => {
  const { method, path } = cloudflare.requests.findLast((request) => request.path.includes(match)) ?? {};
  return `${method} ${path?.replace(/\?.*$/, "")}`;
};

describe("the doctor", () => {
  it("finds all in order, and asks what is listed here", async () => {
    cloudflare.requests.length = 0;
    const bad = [...(await doctor())].filter(([, { status }]) => status !== "ok");
    expect(bad).toEqual([]);
    const listed = [...QUESTIONS.map(({ match }) => match), "/zones?", "/http_ratelimit/", "_managed/"];
    const unlisted = cloudflare.requests.filter(({ path }) => !listed.some((match) => path.includes(match)));
    expect(unlisted.map(({ path }) => path)).toEqual([]);
  });

  it.each(QUESTIONS)(
    "calls $checks unknown, and nothing else, after an odd answer to $match",
    async (question) => {
      const { match, checks, isList } = question;
      const good = await doctor();
      for (const odd of [...ODD, ...(isList ? [] : EMPTY_LIST)]) {
        cloudflare.faults.clear();
        answer(match, odd);
        const found = await doctor();
        for (const [id, check] of found) {
          if (!checks.includes(id)) expect(check, `${id} after ${shown(odd)}`).toEqual(good.get(id));
          else {
            expect(check.status, `${id} after ${shown(odd)}`).toBe("unknown");
            expect(check.reason).toContain(named(match));
          }
        }
      }
    },
  );

  it.each(QUESTIONS)(
    "passes nothing when what it needs is missing or odd in $match",
    async ({ match, needed }) => {
      for (const [path, check] of Object.entries(needed)) {
        for (const odd of [undefined, null, {}, path.endsWith("requests") ? "7" : 7]) {
          cloudflare.faults.clear();
          const change = (body: Record<string, unknown>) => {
            const changed = structuredClone(body);
            place(changed, `${"data" in body ? "data" : "result"}.${path}`, odd);
            return changed;
          };
          cloudflare.faults.on(match, { kind: "answer", change }, 99);
          const status = (await doctor()).get(check)?.status;
          expect(status, `${check} after ${path} = ${shown(odd)}`).not.toBe("ok");
          expect(status).toBeDefined();
        }
      }
    },
  );

  it.each([
    { body: {} },
    { body: [] },
    { body: { success: true } },
    { body: { success: "yes", result: [] } },
  ])("takes $body for no answer at all", async ({ body }) => {
    cloudflare.faults.on(/^GET .*(routes|associations)/, { kind: "answer", change: () => body }, 99);
    const found = await doctor();
    for (const id of ["mtls", "route", "route-bypass", "route-fails-closed"]) {
      expect(found.get(id)?.status, id).toBe("unknown");
    }
  });

  it.each([
    ["/settings/browser_check", "value", "browser-check"],
    ["/settings/security_level", "value", "security-level"],
    ["/settings/grpc", "value", "grpc"],
    ["/bot_management", "sbfm_likely_automated", "bots"],
    ["/http_request_firewall_custom/entrypoint", "rules.0.action", "waf"],
    ["/client_certificates", "0.status", "revoked-here-active-there"],
  ])("does not know what a word means that it has never heard, in %s", async (match, path, check) => {
    zone.botManagement = { sbfm_likely_automated: "allow" };
    expect((await doctor()).get(check)?.status).toBe("ok");
    const change = (body: Record<string, unknown>) => {
      const changed = structuredClone(body);
      place(changed, `result.${path}`, "unheard-of");
      return changed;
    };
    cloudflare.faults.on(match, { kind: "answer", change });
    expect((await doctor()).get(check)).toMatchObject({
      status: "unknown",
      reason: expect.stringContaining(named(match)),
    });
  });

  it("ends with the call where the zones are odd", async () => {
    for (const odd of ODD) {
      cloudflare.faults.clear();
      answer("/zones?", odd);
      await expect(doctor(), shown(odd)).rejects.toMatchObject({
        message: expect.stringContaining("Cloudflare's answer to GET /zones is not understood"),
      });
    }
  });

  /** Not asked where the host is known not to lead to the gate, and so answered where that is not known. */
  const OF_THE_REGISTRY = new Set(["api", "registry", "certificates-ending", "blocked", ...CERTIFICATES]);

  const STARTS = {
    fresh() {
      Object.assign(zone, emptyZone("example.com"), { id: zone.id });
      cloudflare.state.scripts.delete("latchkey");
      cloudflare.state.accessApps = [];
    },
    "half set up"() {
      zone.routes = [];
      cloudflare.state.scripts.get("latchkey")?.secrets.clear();
    },
    finished() {},
  };

  it.each(Object.keys(STARTS) as (keyof typeof STARTS)[])(
    "knows less of a %s zone from the call on that fails, and all of it the next time",
    async (start) => {
      STARTS[start]();
      cloudflare.requests.length = 0;
      const good = await doctor();
      const calls = cloudflare.requests.length;
      expect(calls).toBeGreaterThan(15);
      for (let n = 1; n <= calls; n++) {
        cloudflare.faults.at(n, { kind: "server-error", retryAfterSeconds: 0 }, 999);
        const found = await doctor().catch((error: unknown) => error);
        cloudflare.faults.clear();
        if (n === 1) expect(found).toBeInstanceOf(CloudflareFailure);
        else {
          const odd = [...(found as typeof good)].filter(
            ([id, { status }]) =>
              status !== "unknown" && status !== good.get(id)?.status && !OF_THE_REGISTRY.has(id),
          );
          expect(odd, `call ${n}`).toEqual([]);
          expect([...(found as typeof good).values()].map(({ status }) => status)).toContain("unknown");
        }
      }
      expect(await doctor()).toEqual(good);
    },
  );

  it("reads null as no host, on a zone that never asked for certificates", async () => {
    zone.associations = [];
    expect((await doctor()).get("mtls")).toMatchObject({
      status: "failed",
      reason: `no client is asked for a certificate on ${HOST}: every device is refused`,
    });
  });

  it("does not know how a route fails where Cloudflare does not say it", async () => {
    for (const route of zone.routes) delete route.request_limit_fail_open;
    const found = await doctor();
    expect(found.get("route-fails-closed")).toMatchObject({
      status: "unknown",
      reason: `Cloudflare does not say how ${HOST}/* fails`,
    });
    expect(found.get("route")?.status).toBe("ok");
  });

  it("reads an Access application that has destinations and nothing else", async () => {
    cloudflare.state.accessApps.push({
      id: newId(),
      name: "House",
      type: "self_hosted",
      destinations: [{ type: "public", uri: "*.example.com" }],
      policies: [],
    });
    expect((await doctor()).get("access")).toMatchObject({
      status: "failed",
      reason: "the Access application 'House' (*.example.com) answers first",
    });
  });
});

/** Puts a value at a path such as `result.0.id`; `undefined` takes away what is there. */
function place(target: unknown, path: string, value: unknown): void {
  const parts = path.split(".");
  const last = parts.pop() ?? "";
  const parent = parts.reduce((each, part) => (each as Record<string, unknown>)[part], target);
  const container = parent as Record<string, unknown>;
  expect(last in container, `${path} is in the right answer`).toBe(true);
  if (value === undefined && !Array.isArray(parent)) delete container[last];
  else container[last] = value;
}

describe("setup", () => {
  const deployer = () => standInDeployer(cloudflare);

  async function setUp() {
    const config = join(folder, "wrangler.toml");
    const zones = await listZones(client());
    const plan = await makePlan(
      { client: client(), deployer: deployer() },
      {
        apps: new Map([[HOST, "bitwarden"]]),
        adminHost: "latchkey.example.com",
        zoneOf: (host) => longestSuffix(zones, host),
        config,
        tokenFile: join(folder, "token"),
      },
    );
    await carryOut(plan, { before: () => undefined });
    return plan;
  }

  const changes = () =>
    cloudflare.requests.filter(({ method, path }) => method !== "GET" && path !== "/graphql");
  beforeEach(() => {
    copyFileSync(join(import.meta.dirname, "../../../wrangler.toml"), join(folder, "wrangler.toml"));
    rmSync(join(folder, "token"), { force: true });
    zone.associations = [];
    zone.routes = [];
    cloudflare.state.scripts.get("latchkey")?.secrets.clear();
    cloudflare.requests.length = 0;
  });

  it.each([
    ["/zones?"],
    ["/hostname_associations"],
    ["/workers/routes"],
    ["/access/apps"],
    ["name.exact="],
    ["/scripts/latchkey/secrets"],
    ["/scripts/latchkey/versions"],
    ["/scripts/latchkey/deployments"],
  ])("changes nothing after an odd answer to %s, and names the call", async (match) => {
    for (const odd of [undefined, null, {}, "text", 7, [null], [{}]]) {
      cloudflare.faults.clear();
      answer(match, odd);
      const failure = await setUp().then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(failure, shown(odd)).toMatchObject({
        message: expect.stringContaining(`Cloudflare's answer to ${named(match)} is not understood`),
      });
      expect(changes()).toEqual([]);
    }
  });

  it.each([["/entrypoint"], ["/access_rules/rules"], ["/bot_management"], ["/settings/security_level"]])(
    "leaves it to people to look after an odd answer to %s",
    async (match) => {
      answer(match, null);
      const { byHand } = await setUp();
      expect(byHand.map(({ reason }) => reason).join("\n")).toContain(named(match).replace(/\/phases.*/, ""));
      expect(zone.routes).toHaveLength(2);
    },
  );

  it.each([
    ["POST", "/dns_records"],
    ["PUT", "/secrets"],
    ["PUT", "/hostname_associations"],
    ["POST", "/workers/routes"],
    ["POST", "/access/apps"],
  ])(
    "ends with the call when %s %s is answered oddly, and the next run goes on from there",
    async (method, path) => {
      cloudflare.state.accessApps.push({
        id: newId(),
        name: "House",
        type: "self_hosted",
        destinations: [{ type: "public", uri: "*.example.com" }],
        policies: [],
      });
      const match = new RegExp(`^${method} .*${path}`);
      cloudflare.faults.on(match, { kind: "answer", change: () => ({}) });
      await expect(setUp()).rejects.toBeInstanceOf(CloudflareFailure);
      cloudflare.faults.clear();
      await setUp();
      expect(zone.associations).toEqual([HOST]);
      expect(zone.routes).toMatchObject([
        { pattern: `${HOST}/*`, request_limit_fail_open: false },
        { pattern: "latchkey.example.com/*", request_limit_fail_open: false },
      ]);
      expect(zone.dnsRecords.filter(({ name }) => name === "latchkey.example.com")).toHaveLength(1);
      expect(cloudflare.state.scripts.get("latchkey")?.secrets.has("ADMIN_TOKEN")).toBe(true);
      const bypasses = cloudflare.state.accessApps.filter(({ policies }) =>
        policies.some(({ decision }) => decision === "bypass"),
      );
      expect(bypasses).toHaveLength(2);
    },
  );

  it("sets a route to fail closed where Cloudflare does not say how it fails", async () => {
    const change = (body: Record<string, unknown>) => ({
      ...body,
      result: (body.result as object[]).map((route) => ({ ...route, request_limit_fail_open: undefined })),
    });
    zone.routes = [{ id: "r", pattern: `${HOST}/*`, script: "latchkey", request_limit_fail_open: true }];
    cloudflare.faults.on(/^GET .*workers\/routes/, { kind: "answer", change }, 99);
    const { steps } = await setUp();
    expect(steps.find(({ id }) => id === `route ${HOST}`)).toMatchObject({
      found: `${HOST}/* leads to latchkey, and Cloudflare does not say how it fails`,
      change: "lead it to latchkey, failing closed",
    });
    expect(zone.routes.map(({ request_limit_fail_open: open }) => open)).toEqual([false, false]);
  });
});

describe("a command that signs or revokes", () => {
  const here = (...words: string[]) => runHere([...words, "--zone", "localhost"], local.environment);
  const active = (name: string) =>
    cloudflare.state.zones
      .flatMap(({ certificates }) => certificates)
      .filter(({ common_name, status }) => common_name === `alice ${name}` && status === "active");
  const ODD_RESULTS: readonly unknown[] = [null, {}, "text", [{}]];

  it.each([["/zones?"], ["/client_certificates?"]])(
    "ends with the call after an odd answer to GET %s",
    async (match) => {
      await local.issue(`kept${match.length}`);
      for (const odd of ODD_RESULTS) {
        cloudflare.faults.clear();
        answer(match, odd);
        for (const words of [
          ["issue", "alice", "new", "--out", local.folder()],
          ["rotate", `alice/kept${match.length}`, "--out", local.folder()],
        ]) {
          const { code, stdout, stderr } = await here(...words);
          expect({ code, stdout }, stderr).toEqual({ code: 1, stdout: "" });
          expect(stderr).toContain(`Cloudflare's answer to ${named(match)} is not understood`);
        }
        expect(active("new")).toEqual([]);
      }
      const revoked = await here("revoke", `alice/kept${match.length}`, "--at-cloudflare", "--yes");
      expect(revoked.code).toBe(1);
      expect(revoked.stderr).toMatch(/Cloudflare's answer to GET \/zones\S* is not understood/);
      expect(revoked.stderr).toContain("in the registry the device is revoked: it is refused");
    },
  );

  it("finds what was signed by its key after an odd answer", async () => {
    for (const [index, odd] of ODD_RESULTS.entries()) {
      cloudflare.faults.clear();
      answer("POST ", odd);
      const issued = await here("issue", "alice", `signed-${index}`, "--out", local.folder());
      expect(issued.code, issued.stderr).toBe(0);
      expect(active(`signed-${index}`)).toHaveLength(1);
    }
  });

  it("looks how a certificate stands after an odd answer to its revocation", async () => {
    for (const [index, odd] of ODD_RESULTS.entries()) {
      const { atCloudflare } = await local.issue(`revoked-${index}`);
      cloudflare.faults.clear();
      answer("DELETE ", odd);
      const done = await here("revoke", `alice/revoked-${index}`, "--at-cloudflare", "--yes");
      expect(done.code, done.stderr).toBe(0);
      expect(atCloudflare.status).toBe("pending_revocation");
    }
  });

  it("does not call a certificate revoked of which nothing is understood", async () => {
    await local.issue("unclear");
    answer("DELETE ", {});
    answer(/^GET .*client_certificates\/[0-9a-f-]{36}/, { status: 7 });
    const { code, stderr } = await here("revoke", "alice/unclear", "--at-cloudflare", "--yes");
    expect(code).toBe(1);
    expect(stderr).toContain("is not understood: result.id is missing");
    expect(stderr).toContain("may pass still");
  });
});
