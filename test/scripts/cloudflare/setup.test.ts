import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { issueSelfSignedCertificate } from "../../../scripts/certificates/authority.ts";
import { type CloudflareClient, createCloudflareClient } from "../../../scripts/cloudflare/client/client.ts";
import { parseWranglerToml } from "../../../scripts/cloudflare/client/wrangler-toml.ts";
import { listZones, longestSuffix } from "../../../scripts/cloudflare/client/zone.ts";
import type { Openings } from "../../../scripts/cloudflare/setup/apps.ts";
import { makePlan } from "../../../scripts/cloudflare/setup/plan.ts";
import { carryOut, isDone } from "../../../scripts/cloudflare/setup/run.ts";
import { withAdminHost } from "../../../scripts/cloudflare/setup/toml-edit.ts";
import type { Fault } from "../../../scripts/stand-in/faults.ts";
import { type StandIn, startCloudflare } from "../../../scripts/stand-in/stand-in.ts";
import {
  ALL_PERMISSIONS,
  emptyZone,
  newId,
  type Permission,
  type Zone,
} from "../../../scripts/stand-in/state.ts";
import type { ProfileSetting } from "../../../src/contract/app-settings.ts";
import { standInDeployer } from "../../cloudflare/deployer.ts";

// Setup against the stand-in, with a deployer that does there what wrangler does at Cloudflare.

const OURS = join(import.meta.dirname, "../../../wrangler.toml");
const APPS = new Map<string, ProfileSetting>([
  ["vault.example.com", "bitwarden"],
  ["photos.example.com", "sync"],
]);

let cloudflare: StandIn;
let client: CloudflareClient;
let folder: string;
let config: string;
let tokenFile: string;
let zone: Zone;
let deployer: ReturnType<typeof standInDeployer>;

beforeAll(async () => {
  // Nobody asks for a certificate here.
  cloudflare = await startCloudflare({ authority: await issueSelfSignedCertificate("unused") });
  const { url, state } = cloudflare;
  const connection = { baseUrl: url, token: state.token, timeoutMs: 5000 };
  client = createCloudflareClient(connection, async () => undefined);
});
afterAll(() => cloudflare.stop());

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "latchkey-setup-"));
  reset();
});
afterEach(() => rmSync(folder, { recursive: true }));

function reset(): void {
  config = join(folder, "wrangler.toml");
  tokenFile = join(folder, "token");
  rmSync(tokenFile, { force: true });
  copyFileSync(OURS, config);
  zone = emptyZone("example.com");
  // Other people's.
  zone.associations = ["other.example.com"];
  zone.routes = [
    { id: newId(), pattern: "blog.example.com/*", script: "blog", request_limit_fail_open: true },
    { id: newId(), pattern: "*.example.com/*", request_limit_fail_open: true },
  ];
  zone.dnsRecords = [{ id: "d", name: "*.example.com", type: "CNAME", content: "t", proxied: true }];
  zone.settings.set("browser_check", "off");
  const { state } = cloudflare;
  state.zones = [zone];
  state.scripts = new Map();
  state.accessApps = [];
  state.permissions = new Set(ALL_PERMISSIONS);
  cloudflare.faults.clear();
  cloudflare.requests.length = 0;
  deployer = standInDeployer(cloudflare);
}

async function plan(
  apps: ReadonlyMap<string, ProfileSetting> = APPS,
  adminHost?: string | null,
  openings: ReadonlyMap<string, Openings> = new Map(),
) {
  const zones = await listZones(client);
  const zoneOf = (host: string) => longestSuffix(zones, host);
  return makePlan({ client, deployer }, { apps, openings, adminHost, zoneOf, config, tokenFile });
}

async function setUp(
  apps?: ReadonlyMap<string, ProfileSetting>,
  adminHost?: string | null,
): Promise<string[]> {
  const made = await plan(apps, adminHost);
  const done: string[] = [];
  await carryOut(made, { before: ({ id }) => done.push(id) });
  return done;
}

/** All that setup is there for, without ids and what is drawn by lot. */
function endState() {
  const script = cloudflare.state.scripts.get("latchkey");
  const token = existsSync(tokenFile) ? readFileSync(tokenFile, "utf8").trim() : undefined;
  return {
    associations: zone.associations,
    routes: zone.routes
      .map(({ pattern, script: to, request_limit_fail_open: open }) => `${pattern} ${to} ${open}`)
      .sort(),
    secretIsTheFiles: token !== undefined && script?.secrets.get("ADMIN_TOKEN") === token,
    toml: readFileSync(config, "utf8"),
    access: cloudflare.state.accessApps.map(({ domain, policies }) => ({
      domain,
      decisions: policies.map(({ decision }) => decision),
    })),
    mode: statSync(tokenFile).mode & 0o777,
    strays: readdirSync(folder).sort(),
  };
}

const changes = () => cloudflare.requests.filter(({ method }) => method !== "GET");
const wildcardAccess = () => ({
  id: newId(),
  name: "House",
  type: "self_hosted",
  domain: "*.example.com",
  policies: [
    { id: "p", name: "us", decision: "allow" as const, include: [], exclude: [], require: [], precedence: 1 },
  ],
});

describe("setup", () => {
  it("sets up an empty zone, in the order that keeps the gate closed", async () => {
    cloudflare.state.accessApps.push(wildcardAccess());
    expect(await setUp()).toEqual([
      "wrangler.toml hosts",
      "admin token file",
      "deploy",
      "admin token secret",
      "mtls example.com",
      "route vault.example.com",
      "route photos.example.com",
      "wrangler.toml routes",
      "access vault.example.com",
      "access photos.example.com",
    ]);
    const end = endState();
    expect(end).toMatchObject({
      associations: ["other.example.com", "vault.example.com", "photos.example.com"],
      routes: [
        "*.example.com/* undefined true",
        "blog.example.com/* blog true",
        "photos.example.com/* latchkey false",
        "vault.example.com/* latchkey false",
      ],
      secretIsTheFiles: true,
      mode: 0o600,
      strays: ["token", "wrangler.toml"],
      access: [
        { domain: "*.example.com", decisions: ["allow"] },
        { domain: "vault.example.com", decisions: ["bypass"] },
        { domain: "photos.example.com", decisions: ["bypass"] },
      ],
    });
    expect(readFileSync(tokenFile, "utf8")).toMatch(/^[0-9a-f]{64}\n$/);
    for (const line of readFileSync(OURS, "utf8").split("\n")) expect(end.toml.split("\n")).toContain(line);
  });

  it("shows every host with its profile, also where a comment of wrangler.toml contains the same line", async () => {
    // The shipped comments name vault.example.com, its profile and its route.
    const shown = async (apps: ReadonlyMap<string, ProfileSetting>, adminHost?: string | null) =>
      (await plan(apps, adminHost)).steps
        .filter(({ id }) => id.startsWith("wrangler.toml"))
        .map(({ found, change }) => ({ found, change }));
    expect(await shown(APPS, "keys.example.com")).toEqual([
      {
        found: "no host that Cloudflare can reach",
        change: `write to ${config}: vault.example.com as bitwarden, photos.example.com as sync, admin host keys.example.com`,
      },
      {
        found: "none",
        change: `write to ${config}: vault.example.com/*, photos.example.com/*, keys.example.com/*`,
      },
    ]);
    await setUp(APPS, "keys.example.com");
    expect(await shown(new Map())).toEqual([
      {
        found: "vault.example.com as bitwarden, photos.example.com as sync, admin host keys.example.com",
        change: null,
      },
      { found: "vault.example.com/*, photos.example.com/*, keys.example.com/*", change: null },
    ]);
    expect(await shown(new Map([["photos.example.com", "web"]]), null)).toEqual([
      {
        found: "vault.example.com as bitwarden",
        change: `write to ${config}: photos.example.com as web instead of sync; remove from ${config}: admin host keys.example.com`,
      },
      { found: "vault.example.com/*, photos.example.com/*, keys.example.com/*", change: null },
    ]);
  });

  it("writes an app's name, shows what it may need, and opens nothing by itself", async () => {
    const apps = new Map([
      ["vault.example.com", "vaultwarden"],
      ["photos.example.com", "immich"],
      ["notes.example.com", "couchdb"],
    ] as const);
    const made = await plan(apps);
    expect(made.steps[0]?.change).toBe(
      `write to ${config}: vault.example.com as vaultwarden, photos.example.com as immich, notes.example.com as couchdb`,
    );
    const shown = made.byHand.filter(({ remedy }) => remedy.includes("docs/apps.md"));
    expect(shown).toEqual([
      {
        reason:
          "vault.example.com: some features of Vaultwarden and Bitwarden may need more to pass without a credential",
        remedy: expect.stringContaining('add public = ["/webauthn-mobile-connector.html", '),
      },
      {
        reason: expect.stringMatching(/^notes/),
        remedy: expect.stringMatching(/add preflight = true to the app's settings$/),
      },
    ]);
    await setUp(apps);
    const toml = readFileSync(config, "utf8");
    expect(toml).toContain('[vars.APPS."photos.example.com"]\nprofile = "immich"\n');
    expect(toml).not.toMatch(/^(?:public|preflight) = /m);
    // Once it is set up, nobody hears of it again.
    expect((await plan(new Map())).byHand.filter(({ remedy }) => remedy.includes("docs/apps.md"))).toEqual(
      [],
    );
  });

  it("opens what was chosen, shows it, and is done then", async () => {
    const apps = new Map([["vault.example.com", "vaultwarden"]] as const);
    const openings = new Map([["vault.example.com", { paths: ["/connectors/*"], preflight: true }]]);
    const made = await plan(apps, undefined, openings);
    expect(made.steps[0]?.change).toContain(
      "vault.example.com as vaultwarden (open: /connectors/*, preflights)",
    );
    expect(made.byHand.filter(({ remedy }) => remedy.includes("docs/apps.md"))).toEqual([]);
    await carryOut(made, { before: () => undefined });
    expect(readFileSync(config, "utf8")).toContain(
      '[vars.APPS."vault.example.com"]\nprofile = "vaultwarden"\npreflight = true\npublic = ["/connectors/*"]\n',
    );
    expect((await plan(apps, undefined, openings)).steps[0]?.change).toBeNull();
  });

  it("makes no route that fails open, not for a moment", async () => {
    await setUp();
    const made = changes().filter(({ path }) => path.includes("/workers/routes"));
    expect(made.map(({ method }) => method)).toEqual(["POST", "POST"]);
    for (const { body } of made) {
      expect(JSON.parse(body)).toMatchObject({ script: "latchkey", request_limit_fail_open: false });
    }
  });

  it("changes nothing when it is run again", async () => {
    await setUp();
    const before = endState();
    cloudflare.requests.length = 0;
    const again = await plan(new Map());
    expect(again.steps.filter(({ change }) => change !== null)).toEqual([]);
    expect(isDone(again)).toBe(true);
    await carryOut(again, { before: () => expect.unreachable() });
    expect(changes()).toEqual([]);
    expect(deployer.deploys).toBe(1);
    expect(endState()).toEqual(before);
  });

  it("writes through a link to wrangler.toml, and leaves the file as readable as it was", async () => {
    const file = join(folder, "elsewhere.toml");
    renameSync(config, file);
    symlinkSync(file, config);
    chmodSync(file, 0o600);
    await setUp();
    expect(lstatSync(config).isSymbolicLink()).toBe(true);
    expect(readFileSync(file, "utf8")).toContain('[vars.APPS."vault.example.com"]');
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it("closes again what a deploy of its own has opened", async () => {
    await setUp(new Map([["vault.example.com", "bitwarden"]]));
    // One more app: the deploy publishes the first one's route, and resets it.
    await setUp(new Map([["photos.example.com", "sync"]]));
    expect(deployer.deploys).toBe(2);
    expect(zone.routes.filter(({ script }) => script === "latchkey")).toMatchObject([
      { request_limit_fail_open: false },
      { request_limit_fail_open: false },
    ]);
  });

  it("deploys with every route that the Worker has, or wrangler would delete it and open the app", async () => {
    await setUp(new Map([["vault.example.com", "bitwarden"]]));
    // A run for one more app, which ended before the route was in the file.
    const made = { id: newId(), pattern: "photos.example.com/*", script: "latchkey" };
    zone.routes.push({ ...made, request_limit_fail_open: false });
    const done = await setUp(new Map([["photos.example.com", "sync"]]));
    expect(done.slice(0, 3)).toEqual(["wrangler.toml hosts", "wrangler.toml routes", "deploy"]);
    expect(zone.routes.filter(({ pattern }) => pattern === made.pattern)).toEqual([
      { ...made, request_limit_fail_open: false },
    ]);
  });

  it("goes on from a zone that is half set up by hand", async () => {
    zone.associations.push("Vault.example.com");
    await deployer.deploy(config, "", "by-hand");
    zone.routes.push(
      { id: "own", pattern: "vault.example.com/*", script: "latchkey", request_limit_fail_open: true },
      { id: "bare", pattern: "photos.example.com/*", request_limit_fail_open: true },
    );
    writeFileSync(tokenFile, `${"t".repeat(40)}\n`);
    chmodSync(tokenFile, 0o644);
    await setUp();
    expect(zone.associations).toEqual(["other.example.com", "Vault.example.com", "photos.example.com"]);
    expect(zone.routes.find(({ id }) => id === "own")).toMatchObject({ request_limit_fail_open: false });
    expect(zone.routes.find(({ id }) => id === "bare")).toMatchObject({
      script: "latchkey",
      request_limit_fail_open: false,
    });
    expect(endState()).toMatchObject({ secretIsTheFiles: true, mode: 0o600 });
    expect(readFileSync(tokenFile, "utf8").trim()).toBe("t".repeat(40));
  });

  it("keeps a secret that is there, and makes no token beside it", async () => {
    await deployer.deploy(config, "", "by-hand");
    cloudflare.state.scripts.get("latchkey")?.secrets.set("ADMIN_TOKEN", "the owner's");
    await setUp();
    expect(existsSync(tokenFile)).toBe(false);
    expect(cloudflare.state.scripts.get("latchkey")?.secrets.get("ADMIN_TOKEN")).toBe("the owner's");
  });

  it("keeps settings and profile of an app that is not named", async () => {
    writeFileSync(
      config,
      `${readFileSync(config, "utf8")}\n[vars.APPS."files.example.com"]\nprofile = "sync" # ours\ncountries = ["CH"]\n`,
    );
    await setUp();
    expect(readFileSync(config, "utf8")).toContain('profile = "sync" # ours\ncountries = ["CH"]\n');
    expect(zone.associations).toContain("files.example.com");
  });

  it("leaves what is not its own, and names it", async () => {
    const shared = {
      ...wildcardAccess(),
      domain: "vault.example.com",
      self_hosted_domains: ["vault.example.com", "wiki.example.com"],
    };
    cloudflare.state.accessApps.push(shared);
    zone.rulesets.set("http_request_firewall_custom", [
      {
        id: "r",
        action: "block",
        expression: "not cf.tls_client_auth.cert_verified",
        description: "no cert",
        enabled: true,
      },
    ]);
    const { byHand, steps } = await plan();
    expect(byHand.map(({ reason }) => reason)).toEqual([
      expect.stringContaining("'House' (vault.example.com) answers on vault.example.com before the gate"),
      expect.stringContaining("the custom rule 'no cert' (block) answers on vault.example.com"),
    ]);
    expect(steps.filter(({ id }) => id.startsWith("access"))).toEqual([]);
  });

  it("lets everyone bypass an Access application of the hosts' own", async () => {
    cloudflare.state.accessApps.push({ ...wildcardAccess(), domain: "vault.example.com" });
    await setUp();
    expect(
      cloudflare.state.accessApps.map(({ policies }) => policies.map(({ decision }) => decision)),
    ).toEqual([["allow", "bypass"]]);
  });

  it.each(["vault.example.com/api/*", "vault.example.com*", "*.example.com/api/*"])(
    "leaves Access in front of a host of which the route %s lets requests bypass the gate",
    async (pattern) => {
      zone.routes.push({ id: "x", pattern, request_limit_fail_open: true });
      cloudflare.state.accessApps.push(wildcardAccess(), {
        ...wildcardAccess(),
        domain: "vault.example.com",
        self_hosted_domains: ["vault.example.com", "photos.example.com"],
      });
      await setUp();
      const decided = cloudflare.state.accessApps.map(({ domain, policies }) => [
        domain,
        ...policies.map(({ decision }) => decision),
      ]);
      // The application is that of a host that is guarded by nothing else, too.
      expect(decided).toContainEqual(["vault.example.com", "allow"]);
      expect(decided).toContainEqual(["*.example.com", "allow"]);
      const { byHand } = await plan();
      expect(byHand.map(({ reason }) => reason)).toContainEqual(
        expect.stringContaining("and stays: another route lets requests bypass the gate"),
      );
    },
  );

  it.each([{ type: "all_workers" }, { type: "worker", worker_name: "blog" }, { type: "private" }])(
    "does not open an Access application that covers the host and %o",
    async (destination) => {
      cloudflare.state.accessApps.push({
        ...wildcardAccess(),
        domain: "vault.example.com",
        destinations: [{ type: "public", uri: "vault.example.com" }, destination],
      });
      await setUp();
      expect(cloudflare.state.accessApps.map(({ policies }) => policies.length)).toEqual([1]);
      const { byHand } = await plan();
      expect(byHand.map(({ reason }) => reason)).toContainEqual(
        expect.stringContaining(
          "'House' (vault.example.com) answers on vault.example.com before the gate, and covers more",
        ),
      );
    },
  );

  it("does not take a route from another Worker", async () => {
    zone.routes.push({
      id: "x",
      pattern: "vault.example.com/*",
      script: "blog",
      request_limit_fail_open: true,
    });
    await expect(plan()).rejects.toThrow("leads to another Worker, blog");
    expect(changes()).toEqual([]);
  });

  it("does not deploy a wrangler.toml that opens the gate", async () => {
    writeFileSync(config, readFileSync(config, "utf8").replace("workers_dev = false", "workers_dev = true"));
    await expect(plan()).rejects.toThrow("workers_dev is not false");
  });

  it("says so when Cloudflare ignores that a route is to fail closed", async () => {
    const route = {
      id: "x",
      pattern: "vault.example.com/*",
      script: "latchkey",
      request_limit_fail_open: true,
    };
    Object.defineProperty(route, "request_limit_fail_open", {
      get: () => true,
      set: () => undefined,
      enumerable: true,
    });
    zone.routes.push(route);
    await expect(setUp()).rejects.toThrow("does not fail closed, although Cloudflare was asked to set it");
  });

  it("names all missing permissions together, before anything is changed", async () => {
    const missing: Permission[] = [
      "SSL and Certificates Write",
      "Workers Routes Write",
      "Access: Apps and Policies Write",
    ];
    for (const permission of missing) cloudflare.state.permissions.delete(permission);
    const failure = await plan().catch((error: unknown) => error);
    expect(failure).toMatchObject({
      list: [
        expect.stringContaining("Zone > SSL and Certificates > Read"),
        expect.stringContaining("Zone > Workers Routes > Read"),
        expect.stringContaining("Account > Access: Apps and Policies > Read"),
      ],
    });
    expect(changes()).toEqual([]);
  });

  it.each<[Permission, Permission, string]>([
    ["SSL and Certificates Write", "SSL and Certificates Read", "Zone > SSL and Certificates > Edit"],
    ["Workers Routes Write", "Workers Routes Read", "Zone > Workers Routes > Edit"],
    ["Workers Scripts Write", "Workers Scripts Read", "Account > Workers Scripts > Edit"],
  ])(
    "with a token that may only read (%s), names what it lacks; a better one goes on",
    async (write, read, grant) => {
      cloudflare.state.permissions.delete(write);
      cloudflare.state.permissions.add(read);
      await expect(setUp()).rejects.toMatchObject({ hint: expect.stringContaining(grant) });
      cloudflare.state.permissions.add(write);
      await setUp();
      expect(endState().secretIsTheFiles).toBe(true);
    },
  );
});

describe("setup, interrupted", () => {
  const ADMIN_HOST = "latchkey.example.com";
  const REFUSED: Fault = { kind: "no-permission" };
  const GARBLED: Fault = { kind: "garbage", status: 400, when: "after-the-change" };
  const LOST: Fault = { kind: "server-error", retryAfterSeconds: 0, when: "after-the-change" };

  /** How far the zone is when setup is first run, and whether its routes are closed by then. */
  const STARTS = {
    /** Nobody ever asked for a certificate, ran a Worker or made a route here. */
    async fresh() {
      Object.assign(zone, emptyZone(zone.name), { id: zone.id });
    },
    /** By hand, with what people forget. */
    async "half set up"() {
      zone.associations.push("vault.example.com");
      await deployer.deploy(config, "", "by-hand");
      const route = { pattern: "vault.example.com/*", script: "latchkey" };
      zone.routes.push({ ...route, id: newId(), request_limit_fail_open: true });
      writeFileSync(tokenFile, `${"t".repeat(40)}\n`, { mode: 0o600 });
    },
    async finished() {
      await setUp(APPS, ADMIN_HOST);
    },
  };

  it.each<[keyof typeof STARTS, string, Fault]>([
    ["fresh", "refused before the change", REFUSED],
    ["fresh", "failing after the change, however often", LOST],
    ["half set up", "unanswered after the change", GARBLED],
    ["finished", "unanswered after the change", GARBLED],
  ])(
    "in a %s zone, after any single call (%s), has the same end when it is run again",
    async (start, _, fault) => {
      const begin = async () => {
        reset();
        cloudflare.state.accessApps.push(wildcardAccess());
        await STARTS[start]();
        cloudflare.requests.length = 0;
      };
      await begin();
      await setUp(APPS, ADMIN_HOST);
      const calls = cloudflare.requests.length;
      const wanted = endState();
      expect(calls).toBeGreaterThan(start === "finished" ? 15 : 30);
      for (let n = 1; n <= calls; n++) {
        // What changes nothing leaves it as it was.
        if (start !== "finished") await begin();
        cloudflare.requests.length = 0;
        cloudflare.faults.at(n, fault, 1000);
        const first = await setUp(APPS, ADMIN_HOST).then(
          () => undefined,
          (error: unknown) => error,
        );
        cloudflare.faults.clear();
        if (start !== "half set up") expectClosed(n);
        if (start === "finished") expect(changes(), `call ${n}`).toEqual([]);
        await setUp(APPS, ADMIN_HOST);
        expect(endState(), `interrupted at call ${n} of ${calls}: ${String(first)}`).toEqual(wanted);
      }
    },
    120_000,
  );

  /** Wherever it ended: no route fails open, and no bypass stands where no route is. */
  function expectClosed(n: number): void {
    const own = zone.routes.filter(({ script }) => script === "latchkey");
    const open = own.filter((route) => route.request_limit_fail_open);
    expect(open, `call ${n}`).toEqual([]);
    const patterns = own.map(({ pattern }) => pattern);
    const bypassed = cloudflare.state.accessApps.filter(({ domain }) => domain !== "*.example.com");
    for (const { domain } of bypassed) expect(patterns, `call ${n}`).toContain(`${domain}/*`);
  }
});

describe("the admin host", () => {
  const ADMIN_HOST = "latchkey.example.com";
  const own = () => zone.dnsRecords.filter(({ name }) => name === ADMIN_HOST);
  const vars = () =>
    (parseWranglerToml(readFileSync(config, "utf8")) as { vars: Record<string, unknown> }).vars;

  it("gets its record first, its route, its line, and asks nobody for a certificate", async () => {
    const done = await setUp(APPS, ADMIN_HOST);
    expect(done[0]).toBe(`dns ${ADMIN_HOST}`);
    expect(own()).toMatchObject([{ type: "AAAA", content: "100::", proxied: true, comment: "Latchkey" }]);
    expect(zone.routes).toContainEqual({
      id: expect.any(String),
      pattern: `${ADMIN_HOST}/*`,
      script: "latchkey",
      request_limit_fail_open: false,
    });
    expect(zone.associations).not.toContain(ADMIN_HOST);
    expect(vars().ADMIN_HOST).toBe(ADMIN_HOST);
    expect(readFileSync(config, "utf8")).toContain(
      `{ pattern = "${ADMIN_HOST}/*", zone_name = "example.com" }`,
    );

    cloudflare.requests.length = 0;
    expect(isDone(await plan(APPS, ADMIN_HOST))).toBe(true);
    expect(await setUp(APPS, ADMIN_HOST)).toEqual([]);
    expect(own()).toHaveLength(1);
  });

  it("stays as wrangler.toml names it", async () => {
    await setUp(APPS, ADMIN_HOST);
    expect(isDone(await plan())).toBe(true);
  });

  it.each([
    ["one of setup's own", { type: "AAAA", content: "100::", proxied: true }, []],
    [
      "a proxied one",
      { type: "CNAME", content: "elsewhere.example.net", proxied: true },
      [
        `${ADMIN_HOST} has a record for something else: CNAME elsewhere.example.net, proxied. What answers there now is cut off by the pages`,
      ],
    ],
    [
      "one that is not proxied",
      { type: "A", content: "192.0.2.1", proxied: false },
      [
        `the record of ${ADMIN_HOST} does not lead to Cloudflare: A 192.0.2.1, not proxied`,
        `${ADMIN_HOST} has a record for something else: A 192.0.2.1, not proxied. What answers there now is cut off by the pages`,
      ],
    ],
    [
      "one that leads nowhere",
      { type: "TXT", content: "hello", proxied: false },
      [`the record of ${ADMIN_HOST} does not lead to Cloudflare: TXT hello, not proxied`],
    ],
  ])("keeps a record that is there: %s", async (_, record, byHand) => {
    const before = { id: "own", name: ADMIN_HOST, ...record };
    zone.dnsRecords.push(structuredClone(before));
    const made = await plan(APPS, ADMIN_HOST);
    expect(made.byHand.map(({ reason }) => reason).filter((reason) => reason.includes("record"))).toEqual(
      byHand,
    );
    await carryOut(made, { before: () => undefined });
    expect(own()).toEqual([before]);
    const again = (await plan(APPS, ADMIN_HOST)).byHand.map(({ reason }) => reason);
    expect(again.join(), "what was there is gone by now").not.toContain("something else");
  });

  it("names the permission it lacks before anything is done, and needs none without pages", async () => {
    cloudflare.state.permissions.delete("DNS Write");
    await expect(plan(APPS, ADMIN_HOST)).rejects.toThrow("the token lacks the permission Zone > DNS > Edit");
    cloudflare.state.permissions.add("DNS Read");
    await expect(setUp(APPS, ADMIN_HOST)).rejects.toThrow(
      `the API token may not make the DNS record of ${ADMIN_HOST}`,
    );
    expect(deployer.deploys).toBe(0);
    expect(readFileSync(config, "utf8")).toBe(readFileSync(OURS, "utf8"));
    expect(await setUp(APPS)).not.toContain(`dns ${ADMIN_HOST}`);
    expect(own()).toEqual([]);
  });

  it("that is set up needs no permission for DNS any more", async () => {
    await setUp(APPS, ADMIN_HOST);
    cloudflare.state.permissions.delete("DNS Write");
    expect(isDone(await plan())).toBe(true);
  });

  it("takes the place of one of this machine's, or leaves none there", async () => {
    for (const [wanted, written] of [
      [ADMIN_HOST, ADMIN_HOST],
      [null, undefined],
    ] as const) {
      reset();
      writeFileSync(config, withAdminHost(readFileSync(config, "utf8"), "latchkey.localhost"));
      await setUp(APPS, wanted);
      expect(vars().ADMIN_HOST).toBe(written);
      expect(own()).toHaveLength(wanted === null ? 0 : 1);
      expect(isDone(await plan(APPS, wanted))).toBe(true);
    }
  });

  it("is refused where it is an app", async () => {
    await expect(plan(APPS, "vault.example.com")).rejects.toThrow(
      "vault.example.com is one of the apps, and the pages need a host of their own",
    );
  });

  it("whose record was made without an answer is not made twice", async () => {
    cloudflare.faults.on(/^POST .*dns_records/, { kind: "reset", when: "after-the-change" });
    await expect(setUp(APPS, ADMIN_HOST)).rejects.toThrow();
    expect(await setUp(APPS, ADMIN_HOST)).not.toContain(`dns ${ADMIN_HOST}`);
    expect(own()).toHaveLength(1);
  });
});
