import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  issueDeviceCertificate,
  issueSelfSignedCertificate,
} from "../../../scripts/certificates/authority.ts";
import { type Api, createApi } from "../../../scripts/client/api.ts";
import { connectionFrom } from "../../../scripts/client/connection.ts";
import { createCloudflareClient } from "../../../scripts/cloudflare/client/client.ts";
import { PERMISSIONS, type PermissionName } from "../../../scripts/cloudflare/client/permissions.ts";
import { localSettings } from "../../../scripts/cloudflare/client/wrangler-toml.ts";
import type { Finding, ZoneCheck, ZoneSource } from "../../../scripts/cloudflare/doctor/check.ts";
import {
  ACCOUNT_CHECKS,
  FIRST_CHECKS,
  findings,
  readState,
  ZONE_CHECKS,
} from "../../../scripts/cloudflare/doctor/checks/doctor.ts";
import { withoutAdminHost } from "../../../scripts/cloudflare/setup/toml-edit.ts";
import { type Edge, startEdge } from "../../../scripts/edge/edge.ts";
import { type StandIn, startCloudflare } from "../../../scripts/stand-in/stand-in.ts";
import {
  type AccessApp,
  ALL_PERMISSIONS,
  type CertificatePack,
  certificatePack,
  emptyZone,
  type Permission,
  type Zone,
} from "../../../scripts/stand-in/state.ts";
import { runOnceAsProcess } from "../cli/run-here.ts";

// The whole doctor, at first as a process: the stand-in is its Cloudflare, the real local edge with the real Worker is
// what it meets outside. Where the edge and the stand-in share their authority, a probe passes.

const HOST = "vault.example.com";
const TUNNEL = "c1744f8b-faa1-48a4-9e5c-02ac921467fa";
let folder: string;
let edge: Edge;
let cloudflare: StandIn;
let config: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "latchkey-doctor-"));
  edge = await startEdge({
    port: 0,
    stateDir: join(folder, "edge"),
    // Asks the registry each time: a certificate that was unknown a moment ago is enrolled here.
    vars: { APPS: { [HOST]: { profile: "bitwarden" }, localhost: {} }, REVOCATION_DELAY_SECONDS: 0 },
  });
  cloudflare = await startCloudflare({
    authority: { certificate: edge.ca, key: readFileSync(edge.paths.caKey, "utf8") },
  });
  config = join(folder, "wrangler.toml");
  const ours = readFileSync(join(import.meta.dirname, "../../../wrangler.toml"), "utf8");
  const text = withoutAdminHost(ours);
  writeFileSync(config, `${text}\n[vars.APPS."${HOST}"]\nprofile = "bitwarden"\n`);
});
afterAll(async () => {
  await cloudflare.stop();
  await edge.stop();
  rmSync(folder, { recursive: true });
});

beforeEach(() => {
  const { state } = cloudflare;
  const zone = emptyZone("example.com");
  zone.associations = [HOST];
  zone.routes = [{ id: "r1", pattern: `${HOST}/*`, script: "latchkey", request_limit_fail_open: false }];
  zone.dnsRecords = [
    { id: "d1", name: HOST, type: "CNAME", content: `${TUNNEL}.cfargotunnel.com`, proxied: true },
  ];
  state.tunnels = [
    {
      id: TUNNEL,
      name: "home",
      config_src: "cloudflare",
      deleted_at: null,
      ingress: [{ hostname: HOST, service: "http://localhost:8080" }, { service: "http_status:404" }],
    },
  ];
  zone.settings.set("browser_check", "off");
  state.zones = [zone];
  state.scripts.set("latchkey", {
    id: "latchkey",
    secrets: new Map([["ADMIN_TOKEN", "x"]]),
    subdomain: { enabled: false, previews_enabled: false },
    settings: { bindings: [], compatibility_flags: ["nodejs_compat"] },
    modified_on: new Date().toISOString(),
  });
  state.permissions = new Set(ALL_PERMISSIONS);
  state.analytics = {
    viewer: {
      accounts: [
        {
          workersInvocationsAdaptive: [{ sum: { requests: 1200 } }, { sum: { requests: 34 } }],
          durableObjectsInvocationsAdaptiveGroups: [{ sum: { requests: 56 } }],
        },
      ],
    },
  };
  cloudflare.faults.clear();
});

async function doctor(...words: string[]) {
  const environment = {
    ...cloudflare.environment,
    LATCHKEY_URL: edge.url(edge.apiHost),
    LATCHKEY_TOKEN: edge.adminToken,
    LATCHKEY_CA: edge.paths.ca,
  };
  const all = ["doctor", "--config", config, "--connect-to", `127.0.0.1:${edge.port}`, "--ca", edge.paths.ca];
  const { code, stdout, stderr } = await runOnceAsProcess([...all, "--json", ...words], environment);
  const { checks } = (stdout === "" ? { checks: [] } : JSON.parse(stdout)) as { checks: Finding[] };
  const of = (id: string) => checks.find((check) => check.id === id);
  const bad = checks.filter(({ status }) => status !== "ok").map(({ id, status }) => `${id} ${status}`);
  return { code, stderr, checks, of, bad };
}

describe("latchkey doctor", () => {
  it("says what a probe finds, and takes the probe back", async () => {
    const before = await doctor();
    expect(before.bad).toEqual([
      "registry failed",
      "outside-http unknown",
      "outside-with-certificate unknown",
    ]);
    expect(before.code).toBe(1);
    expect(before.of("usage")?.reason).toContain("1234 Worker requests and 56 Durable Object requests");

    const probed = await doctor("--issue-probe");
    expect(probed.of("outside-with-certificate")).toMatchObject({ status: "ok" });
    expect(probed.of("outside-without-certificate")?.status).toBe("ok");
    expect(probed.of("outside-forged-headers")?.status).toBe("ok");
    const [certificate] = cloudflare.state.zones[0]?.certificates ?? [];
    expect(certificate?.status).toBe("pending_revocation");
    expect((await runOnceAsProcess(["users", "--json"], { ...apiEnvironment() })).stdout).not.toContain(
      "latchkey-doctor",
    );
  });

  it("takes the certificate of an active device, and passes with all in order", async () => {
    const authority = { certificate: edge.ca, key: readFileSync(edge.paths.caKey, "utf8") };
    const device = await issueDeviceCertificate(authority, "alice pixel-9");
    const [cert, key] = [join(folder, "d.pem"), join(folder, "d.key")];
    writeFileSync(cert, device.certificate);
    writeFileSync(key, device.key);
    const unknown = await doctor("--cert", cert, "--key", key);
    expect(unknown.of("outside-with-certificate")).toMatchObject({
      status: "unknown",
      reason: "the certificate is not enrolled",
    });
    await runOnceAsProcess(["users", "add", "alice"], apiEnvironment());
    await runOnceAsProcess(["enrol", "alice", "pixel-9", "--certificate", cert], apiEnvironment());
    // That the certificate was unknown is remembered for two seconds.
    await expect
      .poll(() => doctor("--cert", cert, "--key", key), { timeout: 20_000 })
      .toMatchObject({ bad: ["outside-http unknown"], code: 0 });
    // To scripts that want to know of everything that could not be checked.
    expect(await doctor("--cert", cert, "--key", key, "--strict")).toMatchObject({ code: 1 });

    // The edge names its authority; a client that obeys sends no certificate of another one.
    const foreign = await issueSelfSignedCertificate("alice nas");
    writeFileSync(cert, foreign.certificate);
    await runOnceAsProcess(["enrol", "alice", "nas", "--certificate", cert], apiEnvironment());
    const { of } = await doctor();
    expect(of("outside-certificate")?.status).toBe("ok");
    expect(of("outside-authorities")).toMatchObject({ status: "warning" });
    expect(of("outside-authorities")?.reason).toContain("the certificates of alice/nas, rclone");
  });

  it("looks at the identity provider from outside, if there is one", async () => {
    const before = readFileSync(config, "utf8");
    const outside = ({ id }: Finding) => id.startsWith("outside-sign-in");
    try {
      expect((await doctor()).checks.filter(outside)).toEqual([]);
      // Nothing listens there.
      writeFileSync(config, `${before}\n[vars.SIGN_IN]\nissuer = "https://localhost:1"\nclientId = "x"\n`);
      const { checks, code } = await doctor();
      expect(checks.filter(outside).map(({ id, status }) => `${id} ${status}`)).toEqual([
        "outside-sign-in-issuer failed",
        "outside-sign-in-keys unknown",
        "outside-sign-in-clock unknown",
        "outside-sign-in-secret unknown",
      ]);
      expect(checks.find(outside)?.reason).toBe("the issuer at localhost:1 did not answer: ECONNREFUSED");
      expect(code).toBe(1);
    } finally {
      writeFileSync(config, before);
    }
  });

  it("prints for people the problems last, each with its remedy", async () => {
    const zone = cloudflare.state.zones[0];
    for (const route of zone?.routes ?? []) route.request_limit_fail_open = true;
    const { stdout, code } = await runOnceAsProcess(["doctor", "--config", config, "--no-outside"], {
      ...cloudflare.environment,
      ...apiEnvironment(),
    });
    expect(code).toBe(1);
    const lines = stdout.trimEnd().split("\n");
    expect(lines.at(-4)).toBe(
      `failed   route-fails-closed: ${HOST}/* fails open: over the day's limit, the gate is gone`,
    );
    expect(lines.at(-3)).toMatch(/^ {9}-> set "Request limit failure mode: Fail closed"/);
    expect(lines.at(-1)).toMatch(/^1 check failed, 0 warnings, 0 unknown, \d+ passed$/);
  });

  it.each<[Permission, string[]]>([
    [
      "SSL and Certificates Write",
      ["edge-certificate", "mtls", "revoked-there-active-here", "revoked-here-active-there"],
    ],
    ["Workers Routes Write", ["route", "route-bypass", "route-fails-closed", "tunnel-hostnames"]],
    ["Workers Scripts Write", ["custom-domain", "workers-dev", "workers-cache", "global-fetch", "secret"]],
    ["Zone WAF Write", ["waf"]],
    ["Firewall Services Read", ["ip-access-rules"]],
    ["Bot Management Write", ["bots"]],
    ["Zone Settings Write", ["security-level", "browser-check", "grpc"]],
    ["DNS Write", ["dns", "tunnel-hostnames"]],
    ["Access: Apps and Policies Write", ["access", "access-own-paths", "sign-in-access"]],
    ["Account Analytics Read", ["usage"]],
    ["Cloudflare Tunnel Read", ["tunnel-hostnames"]],
  ])("without %s names the permission and its page, and passes nothing for it", async (permission, ids) => {
    cloudflare.state.permissions.delete(permission);
    const checks = await checksInProcess();
    const unread = checks.filter(({ status }) => status === "unknown");
    expect(unread.map(({ id }) => id)).toEqual(ids);
    for (const { reason, remedy } of unread) {
      expect(reason).toContain(permission.replace(/ (Read|Write)$/, ""));
      expect(remedy).toContain("https://dash.cloudflare.com/profile/api-tokens");
    }
  });

  describe("the permission that a check names", () => {
    const checks = [...ZONE_CHECKS, ...FIRST_CHECKS, ...ACCOUNT_CHECKS] as ZoneCheck[];
    /** `Zone > DNS > Edit` is `DNS Write` in the specification. */
    const groupOf = (name: PermissionName) =>
      PERMISSIONS[name].grant
        .replace(/^\w+ > /, "")
        .replace(" > ", " ")
        .replace("Edit", "Write") as Permission;
    const read = (check: ZoneCheck) => {
      const { state, url } = cloudflare;
      const client = createCloudflareClient({ baseUrl: url, token: state.token, timeoutMs: 5000 });
      const [zone] = state.zones;
      if (zone === undefined) throw new Error("no zone");
      const account = { account: state.account.id, worker: "latchkey", zones: [zone], now: Date.now() };
      return check.read({ client, zone, ...account } as ZoneSource);
    };

    it.each(checks.flatMap((check) => (check.permission === null ? [] : [[check.id, check] as const])))(
      "is all that %s needs, and it needs it",
      async (_, check) => {
        const needed = groupOf(check.permission as PermissionName);
        cloudflare.state.permissions = new Set([needed]);
        await read(check);
        cloudflare.state.permissions = new Set(ALL_PERMISSIONS);
        cloudflare.state.permissions.delete(needed);
        cloudflare.state.permissions.delete(needed.replace("Read", "Write") as Permission);
        await expect(read(check)).rejects.toMatchObject({
          problem: { kind: "permission", permission: check.permission },
        });
      },
    );

    it("is missing only where nothing is read from Cloudflare", async () => {
      cloudflare.requests.length = 0;
      for (const check of checks.filter(({ permission }) => permission === null)) {
        await read(check).catch(() => undefined);
      }
      expect(cloudflare.requests).toEqual([]);
    });
  });

  it("calls gRPC unknown where the zone has no such setting", async () => {
    cloudflare.state.zones[0]?.settings.delete("grpc");
    expect((await checksInProcess()).find(({ id }) => id === "grpc")).toMatchObject({
      status: "unknown",
      reason: "the zone does not say whether gRPC is on",
      remedy: expect.stringContaining("under Network"),
    });
  });

  it("reads the zone's certificates, those that are not active yet, too", async () => {
    const zone = cloudflare.state.zones[0];
    const edgeCertificate = async () => (await checksInProcess()).find(({ id }) => id === "edge-certificate");
    if (zone !== undefined) zone.certificatePacks = [certificatePack("universal", ["*.example.net"])];
    expect(await edgeCertificate()).toMatchObject({ status: "failed" });
    zone?.certificatePacks.push(certificatePack("advanced", ["Vault.example.com"], "pending_issuance"));
    expect(await edgeCertificate()).toMatchObject({
      status: "warning",
      reason: `the certificate is not active yet: ${HOST} (pending_issuance)`,
    });
    zone?.certificatePacks.push({ id: "x" } as CertificatePack);
    expect(await edgeCertificate()).toMatchObject({ status: "unknown" });
  });

  it("reads the tunnels, and what other names lead to the app", async () => {
    const { state } = cloudflare;
    const [tunnel] = state.tunnels;
    const tunnelHostnames = async () => (await checksInProcess()).find(({ id }) => id === "tunnel-hostnames");
    tunnel?.ingress.unshift({ hostname: "Direct.example.com", service: "http://localhost:8080" });
    const cname = { type: "CNAME", content: `${TUNNEL}.cfargotunnel.com`, proxied: true };
    state.zones[0]?.dnsRecords.push({ id: "d2", name: "direct.example.com", ...cname });
    expect(await tunnelHostnames()).toMatchObject({
      status: "failed",
      reason: `direct.example.com leads through the tunnel home to http://localhost:8080, as ${HOST} does, and passes no gate: the app is open`,
    });
    if (tunnel !== undefined) tunnel.config_src = "local";
    expect(await tunnelHostnames()).toMatchObject({ status: "unknown" });
    state.tunnels = [];
    expect(await tunnelHostnames()).toMatchObject({ status: "unknown" });
  });

  it("reads the Host header that a tunnel sends where its rules do not say", async () => {
    const [tunnel] = cloudflare.state.tunnels;
    const cname = { type: "CNAME", content: `${TUNNEL}.cfargotunnel.com`, proxied: true };
    cloudflare.state.zones[0]?.dnsRecords.push({ id: "d2", name: "direct.example.com", ...cname });
    tunnel?.ingress.unshift({ hostname: "direct.example.com", service: "https://caddy:443" });
    const bad = async () => (await checksInProcess()).filter(({ status }) => status !== "ok");
    expect(await bad()).toEqual([]);
    if (tunnel !== undefined) tunnel.originRequest = { httpHostHeader: HOST };
    expect(await bad()).toMatchObject([{ id: "tunnel-hostnames", status: "warning" }]);
    Object.assign(tunnel?.ingress[0] ?? {}, { originRequest: { httpHostHeader: "" } });
    expect(await bad()).toEqual([]);
  });

  const EVERYONE = { everyone: {} };
  it.each<[status: string, decision: string, include: object[], exclude: object[], type?: string]>([
    ["ok", "allow", [{ email: { email: "alice@example.com" } }], []],
    ["warning", "allow", [EVERYONE], []],
    ["failed", "allow", [EVERYONE], [], "bookmark"],
    ["failed", "bypass", [EVERYONE], []],
    ["warning", "bypass", [EVERYONE], [{ geo: { country_code: "KP" } }]],
    ["warning", "bypass", [{ ip: { ip: "0.0.0.0/0" } }, { ip: { ip: "::/0" } }], []],
    ["warning", "of tomorrow", [EVERYONE], []],
  ])(
    "says %s of another name with an Access policy: %s %j except %j",
    async (status, decision, include, exclude, type = "self_hosted") => {
      const { state } = cloudflare;
      const cname = { type: "CNAME", content: `${TUNNEL}.cfargotunnel.com`, proxied: true };
      state.zones[0]?.dnsRecords.push({ id: "d2", name: "direct.example.com", ...cname });
      state.tunnels[0]?.ingress.unshift({ hostname: "direct.example.com", service: "http://localhost:8080" });
      const policy = { id: "p", name: "p", decision, include, exclude, require: [], precedence: 1 };
      state.accessApps = [
        {
          id: "a",
          name: "Old",
          type,
          domain: "direct.example.com",
          policies: [policy],
        } as AccessApp,
      ];
      const check = (await checksInProcess()).find(({ id }) => id === "tunnel-hostnames");
      state.accessApps = [];
      expect(check?.status).toBe(status);
    },
  );

  it("reads the status with which a rule serves an error", async () => {
    const serve = (status_code?: number) => ({
      ...{ id: "x", action: "serve_error", expression: "true", enabled: true },
      action_parameters: { content: "no", content_type: "text/plain", status_code },
    });
    const zone = cloudflare.state.zones[0];
    const statuses = [];
    for (const status of [503, 403, undefined]) {
      zone?.rulesets.set("http_request_firewall_custom", [serve(status)]);
      statuses.push((await checksInProcess()).find(({ id }) => id === "waf")?.status);
    }
    expect(statuses).toEqual(["ok", "failed", "warning"]);
  });

  it("calls a setting unknown that says a word that is not known here", async () => {
    for (const name of ["security_level", "browser_check", "grpc"]) {
      cloudflare.state.zones[0]?.settings.set(name, "of tomorrow");
    }
    const bad = (await checksInProcess()).filter(({ status }) => status !== "ok");
    expect(bad.map(({ id, status }) => `${id} ${status}`)).toEqual([
      "security-level unknown",
      "browser-check unknown",
      "grpc unknown",
    ]);
  });

  it("calls a tunnel unknown whose rules come in another form", async () => {
    const [tunnel] = cloudflare.state.tunnels;
    if (tunnel !== undefined) tunnel.ingress = null as unknown as typeof tunnel.ingress;
    const checks = await checksInProcess();
    const bad = checks.filter(({ status }) => status !== "ok");
    expect(bad).toMatchObject([{ id: "tunnel-hostnames", status: "unknown" }]);
    expect(bad[0]?.reason).toContain("where the tunnel home leads");
  });

  it("reads the statuses of Cloudflare's faults as unknown", async () => {
    cloudflare.faults.on("/bot_management", { kind: "server-error", retryAfterSeconds: 0 }, 99);
    cloudflare.state.analytics = { viewer: null };
    const checks = await checksInProcess();
    const bad = checks.filter(({ status }) => status !== "ok").map(({ id, status }) => `${id} ${status}`);
    expect(bad).toEqual(["bots unknown", "usage unknown"]);
  });

  it("calls unknown what Cloudflare leaves out of its answers", async () => {
    const zone = cloudflare.state.zones[0];
    zone?.settings.set("grpc", undefined);
    const script = cloudflare.state.scripts.get("latchkey");
    if (script !== undefined) script.subdomain = { enabled: false } as typeof script.subdomain;
    const checks = await checksInProcess();
    const bad = checks.filter(({ status }) => status !== "ok").map(({ id, status }) => `${id} ${status}`);
    expect(bad).toEqual(["grpc unknown", "workers-dev unknown"]);
  });

  it.each([
    ["no route", (zone: Zone) => zone.routes.pop()],
    [
      "a record that is not proxied",
      (zone: Zone) => Object.assign(zone.dnsRecords[0] ?? {}, { proxied: false }),
    ],
  ])("does not show the app the token where there is %s", async (_, change) => {
    for (const zone of cloudflare.state.zones) change(zone);
    const users = () => expect.unreachable();
    const checks = await checksInProcess({ origin: `https://${HOST}`, users } as unknown as Api);
    const registry = checks.filter(({ id }) => id === "api" || id === "registry");
    expect(registry.map(({ status }) => status)).toEqual(["unknown", "unknown"]);
    expect(registry[0]?.reason).toContain(`${HOST} does not lead to the gate`);
  });

  it("is a failure to scripts where the gate does not answer", async () => {
    const words = ["doctor", "--config", config, "--no-outside", "--url", "https://127.0.0.1:1", "--json"];
    const { code, stdout } = await runOnceAsProcess(words, {
      ...cloudflare.environment,
      ...apiEnvironment(),
    });
    const { ok, failed, unknown, checks } = JSON.parse(stdout) as Record<string, unknown> & {
      checks: Finding[];
    };
    expect(checks.find(({ id }) => id === "api")).toMatchObject({
      status: "unknown",
      reason: "nothing listens at https://127.0.0.1:1",
    });
    expect({ code, ok, failed }).toEqual({ code: 1, ok: false, failed: 0 });
    expect(unknown).toBe(checks.filter(({ status }) => status === "unknown").length);
  });

  it("changes nothing without --issue-probe", async () => {
    cloudflare.requests.length = 0;
    await doctor();
    const changing = cloudflare.requests.filter(
      ({ method, path }) => method !== "GET" && path !== "/graphql",
    );
    expect(changing).toEqual([]);
  });
});

/** The same checks, without the start of a process for each. */
async function checksInProcess(api?: Api): Promise<Finding[]> {
  const now = Date.now();
  const state = await readState({
    client: createCloudflareClient({
      baseUrl: cloudflare.url,
      token: cloudflare.state.token,
      timeoutMs: 5000,
    }),
    local: localSettings(readFileSync(config, "utf8")),
    zone: undefined,
    api: async () => api ?? createApi(await connectionFrom({}, apiEnvironment())),
    now,
  });
  return findings(state);
}

function apiEnvironment() {
  return {
    LATCHKEY_URL: edge.url(edge.apiHost),
    LATCHKEY_TOKEN: edge.adminToken,
    LATCHKEY_CA: edge.paths.ca,
  };
}
