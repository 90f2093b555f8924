// Deploying, against the stand-in: with a deployer that leaves every route failing open, as wrangler may.
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { issueSelfSignedCertificate } from "../../../scripts/certificates/authority.ts";
import { type CloudflareClient, createCloudflareClient } from "../../../scripts/cloudflare/client/client.ts";
import { deploy, readTarget } from "../../../scripts/cloudflare/rollout/deploy.ts";
import { withAdminHost, withApp, withRoutes } from "../../../scripts/cloudflare/setup/toml-edit.ts";
import { type StandIn, startCloudflare } from "../../../scripts/stand-in/stand-in.ts";
import { ALL_PERMISSIONS, emptyZone, newId, type Zone } from "../../../scripts/stand-in/state.ts";
import { standInDeployer } from "../../cloudflare/deployer.ts";
import { runHere } from "../cli/run-here.ts";

const OURS = join(import.meta.dirname, "../../../wrangler.toml");
const HOST = "vault.example.com";
const ADMIN_HOST = "latchkey.example.com";

let cloudflare: StandIn;
let client: CloudflareClient;
let folder: string;
let config: string;
let zone: Zone;
let deployer: ReturnType<typeof standInDeployer>;

beforeAll(async () => {
  cloudflare = await startCloudflare({ authority: await issueSelfSignedCertificate("unused") });
  const { url, state } = cloudflare;
  client = createCloudflareClient(
    { baseUrl: url, token: state.token, timeoutMs: 5000 },
    async () => undefined,
  );
});
afterAll(() => cloudflare.stop());

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "latchkey-rollout-"));
  config = join(folder, "wrangler.toml");
  const text = withAdminHost(withApp(readFileSync(OURS, "utf8"), HOST, "bitwarden"), ADMIN_HOST);
  const routes = [HOST, ADMIN_HOST].map((host) => ({ pattern: `${host}/*`, zone_name: "example.com" }));
  writeFileSync(config, withRoutes(text, routes));
  zone = emptyZone("example.com");
  // Somebody else's, which may fail as they like.
  zone.routes = [
    { id: newId(), pattern: "blog.example.com/*", script: "blog", request_limit_fail_open: true },
  ];
  cloudflare.state.zones = [zone];
  cloudflare.state.scripts = new Map();
  cloudflare.state.permissions = new Set(ALL_PERMISSIONS);
  cloudflare.requests.length = 0;
  deployer = standInDeployer(cloudflare);
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("a deploy", () => {
  it("makes every route of the Worker fail closed, and touches no other", async () => {
    const target = await readTarget(client, config);
    expect(await deploy(target, deployer)).toEqual({
      worker: "latchkey",
      routes: [`${HOST}/*`, `${ADMIN_HOST}/*`],
      corrected: [`${HOST}/*`, `${ADMIN_HOST}/*`],
    });
    expect(zone.routes.map(({ pattern, request_limit_fail_open: open }) => [pattern, open])).toEqual([
      ["blog.example.com/*", true],
      [`${HOST}/*`, false],
      [`${ADMIN_HOST}/*`, false],
    ]);
  });

  it("corrects nothing that is right", async () => {
    const quiet = {
      ...deployer,
      deploy: async (...words: Parameters<typeof deployer.deploy>) => {
        await deployer.deploy(...words);
        for (const route of zone.routes) route.request_limit_fail_open = false;
      },
    };
    expect(await deploy(await readTarget(client, config), quiet)).toMatchObject({ corrected: [] });
  });

  it("is not begun without the permission to look at the routes", async () => {
    cloudflare.state.permissions.delete("Workers Routes Read");
    cloudflare.state.permissions.delete("Workers Routes Write");
    await expect(readTarget(client, config)).rejects.toThrow("routes");
  });

  it.each([
    [
      "opens the gate",
      (text: string) => text.replace("workers_dev = false", "workers_dev = true"),
      "workers_dev is not false",
    ],
    [
      "is another Worker's",
      () => "name = 'blog'\nmain = 'blog.js'\n",
      "is not a gate's: it has no binding USER_REGISTRY",
    ],
    ["names no host at Cloudflare", () => readFileSync(OURS, "utf8"), "names no host in a zone"],
  ])("is refused for a wrangler.toml that %s", async (_, edit, message) => {
    writeFileSync(config, edit(readFileSync(config, "utf8")));
    await expect(readTarget(client, config)).rejects.toThrow(message);
  });

  it("never goes to Cloudflare while the other calls go to a stand-in", async () => {
    copyFileSync(OURS, config);
    const { code, stderr } = await runHere(["deploy", "--config", config], cloudflare.environment);
    expect(code).toBe(2);
    expect(stderr).toContain("nothing can be deployed while LATCHKEY_CLOUDFLARE_API names a stand-in");
    expect(cloudflare.requests).toEqual([]);
  });
});
