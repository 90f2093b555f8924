// Deploying, against the stand-in: with a deployer that leaves every route failing open, as wrangler may.
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { issueSelfSignedCertificate } from "../../../scripts/certificates/authority.ts";
import { type CloudflareClient, createCloudflareClient } from "../../../scripts/cloudflare/client/client.ts";
import type { Finding } from "../../../scripts/cloudflare/doctor/check.ts";
import { deploy, leadsNowhere, readSource, readTarget } from "../../../scripts/cloudflare/rollout/deploy.ts";
import { planRemoval } from "../../../scripts/cloudflare/rollout/remove.ts";
import { upgrade } from "../../../scripts/cloudflare/rollout/upgrade.ts";
import { tagOf } from "../../../scripts/cloudflare/setup/deployment.ts";
import { carryOut } from "../../../scripts/cloudflare/setup/run.ts";
import { withAdminHost, withApp, withRoutes } from "../../../scripts/cloudflare/setup/toml-edit.ts";
import { wranglerTomlFrom } from "../../../scripts/deployment/folder.ts";
import { VERSION } from "../../../scripts/package.ts";
import { type StandIn, startCloudflare } from "../../../scripts/stand-in/stand-in.ts";
import { ALL_PERMISSIONS, emptyZone, newId, type Zone } from "../../../scripts/stand-in/state.ts";
import { failed } from "../../../scripts/terminal/failure.ts";
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

  it("is refused if wrangler would delete a route of the Worker's, in whichever zone", async () => {
    const other = emptyZone("example.org");
    other.routes = [
      { id: newId(), pattern: "photos.example.org/*", script: "latchkey", request_limit_fail_open: false },
    ];
    cloudflare.state.zones.push(other);
    const refused = deploy(await readTarget(client, config), deployer);
    await expect(refused).rejects.toThrow("open what is behind them: photos.example.org/*");
    expect(deployer.deploys).toBe(0);
    // With no route in the file, wrangler leaves them all alone.
    writeFileSync(config, readFileSync(config, "utf8").replace(/^routes = \[[^\]]*\]/m, ""));
    await deploy(await readTarget(client, config), deployer);
    expect(deployer.deploys).toBe(1);
  });

  it("needs no zone while nothing leads to the Worker", async () => {
    const [first, routed, gated] = await Promise.all(
      [
        (text: string) => text,
        (text: string) => withRoutes(text, [{ pattern: `${HOST}/*`, zone_name: "example.com" }]),
        (text: string) => withApp(text, HOST, "bitwarden"),
      ].map(async (edit, n) => {
        const path = join(folder, `${n}.toml`);
        writeFileSync(path, edit(readFileSync(OURS, "utf8")));
        return leadsNowhere(await readSource(path));
      }),
    );
    expect([first, routed, gated]).toEqual([true, false, false]);
  });

  it("is wrangler's alone then, with wrangler's own credentials", async () => {
    copyFileSync(OURS, config);
    mkdirSync(join(folder, "src"));
    const objects = "class Empty {}\nexport { Empty as UserRegistry, Empty as Directory };";
    writeFileSync(join(folder, "src/index.ts"), `${objects}\nexport default { fetch() {} };\n`);
    const environment = { HOME: folder, XDG_CONFIG_HOME: folder, CI: "true" };
    const { code, stderr } = await runHere(["deploy", "--config", config], environment);
    expect([code, stderr]).toEqual([1, expect.stringContaining("latchkey: wrangler deploy failed")]);
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
    ["names no Worker", (text: string) => text.replace(/^name = .*$/m, ""), "names no Worker"],
    ["names no host at Cloudflare", () => readFileSync(OURS, "utf8"), "names no host in a zone"],
  ])("is refused for a wrangler.toml that %s", async (_, edit, message) => {
    writeFileSync(config, edit(readFileSync(config, "utf8")));
    await expect(readTarget(client, config)).rejects.toThrow(message);
  });

  it("is refused by a command of another version than the folder's package", async () => {
    writeFileSync(config, wranglerTomlFrom(readFileSync(config, "utf8")));
    await expect(readTarget(client, config)).rejects.toThrow("the folder's package is not installed");
    const installed = join(folder, "node_modules", "latchkey");
    mkdirSync(installed, { recursive: true });
    writeFileSync(join(installed, "package.json"), '{ "version": "0.0.1" }');
    await expect(readTarget(client, config)).rejects.toThrow("the folder's package is 0.0.1");
    writeFileSync(join(installed, "package.json"), JSON.stringify({ version: VERSION }));
    await expect(readTarget(client, config)).resolves.toMatchObject({ config });
  });

  it("never goes to Cloudflare while the other calls go to a stand-in", async () => {
    copyFileSync(OURS, config);
    const { code, stderr } = await runHere(["deploy", "--config", config], cloudflare.environment);
    expect(code).toBe(2);
    expect(stderr).toContain("nothing can be deployed while LATCHKEY_CLOUDFLARE_API names a stand-in");
    expect(cloudflare.requests).toEqual([]);
  });
});

describe("an upgrade", () => {
  const fine = { id: "api", status: "ok", reason: "it answers", remedy: null } as const;
  const bad = { id: "api", status: "failed", reason: "it does not", remedy: "look" } as const;
  const other = { ...bad, id: "dns" };

  /** With what the doctor finds before and after. */
  async function upgraded(before: Finding, after: readonly Finding[], previous: string | undefined) {
    const rolledBack: string[] = [];
    const rollback = async (_config: string, _account: string, version: string) =>
      void rolledBack.push(version);
    const outcome = await upgrade(
      {
        target: await readTarget(client, config),
        deployer: { ...deployer, rollback },
        previous,
        examine: async () => [...after],
        isBad: ({ status }) => status === "failed",
      },
      [before],
    );
    return { ...outcome, rolledBack };
  }

  it("stays if nothing got worse, also if something was bad before", async () => {
    expect(await upgraded(fine, [fine], "old")).toMatchObject({
      isRolledBack: false,
      worse: [],
      rolledBack: [],
    });
    expect(await upgraded(bad, [bad], "old")).toMatchObject({
      isRolledBack: false,
      worse: [],
      rolledBack: [],
    });
  });

  it("goes back to the version that ran if a check fails that did not", async () => {
    const outcome = await upgraded(bad, [bad, other], "old");
    expect(outcome).toMatchObject({ isRolledBack: true, worse: [other], rolledBack: ["old"] });
  });

  it("says that the new version runs if the doctor cannot look, or the way back is barred", async () => {
    const target = await readTarget(client, config);
    const broken = () => Promise.reject(failed("Cloudflare's API answered 503", "try again"));
    const given = { target, previous: "old", isBad: ({ status }: Finding) => status === "failed" };
    const unseen = upgrade({ ...given, deployer: { ...deployer, rollback: broken }, examine: broken }, [
      fine,
    ]);
    await expect(unseen).rejects.toMatchObject({
      message:
        "the new version is deployed, but the doctor could not look at it: Cloudflare's API answered 503",
      hint: "try again; then run latchkey doctor, or go back: npx wrangler rollback old",
    });
    const stuck = upgrade(
      { ...given, deployer: { ...deployer, rollback: broken }, examine: async () => [bad] },
      [fine],
    );
    await expect(stuck).rejects.toMatchObject({
      message: expect.stringContaining("the checks got worse, and the new version still runs: "),
      hint: expect.stringContaining("npx wrangler rollback old; latchkey setup and deploy would deploy"),
      list: ["api: it does not"],
    });
  });

  it("says that it got worse where there is nothing known to go back to", async () => {
    expect(await upgraded(fine, [bad], undefined)).toMatchObject({
      isRolledBack: false,
      worse: [bad],
      rolledBack: [],
    });
  });
});

describe("latchkey upgrade", () => {
  const run = (...words: string[]) =>
    runHere(["upgrade", "--config", config, ...words], cloudflare.environment);
  const deployOld = () => deployer.deploy(config, "account", "latchkey-000000000000");

  it("shows what this version brings, and changes nothing with --dry-run", async () => {
    await deployOld();
    const [newest] = cloudflare.state.scripts.get("latchkey")?.versions ?? [];
    if (newest?.annotations !== undefined) newest.annotations["workers/message"] = "Latchkey 0.0.1";
    cloudflare.requests.length = 0;
    const { code, stdout } = await run("--dry-run");
    expect(stdout).toMatch(/^from 0\.0\.1 to \d+\.\d+\.\d+\n\n## /);
    expect(stdout).toContain("dry run: nothing was changed");
    expect(code).toBe(0);
    expect(cloudflare.requests.filter(({ method }) => method !== "GET")).toEqual([]);
    expect(JSON.parse((await run("--dry-run", "--json")).stdout)).toMatchObject({
      from: "0.0.1",
      upToDate: false,
    });
  });

  it("says so if there is nothing to do", async () => {
    await deployer.deploy(config, "account", await tagOf(readFileSync(config, "utf8"), config));
    expect((await run("--dry-run")).stdout).toMatch(/^latchkey runs exactly what is here: Latchkey /);
  });

  it("ends before anything is done if wrangler.toml lacks what the code needs", async () => {
    await deployOld();
    writeFileSync(config, readFileSync(config, "utf8").replace('tag = "v1"', 'tag = "v0"'));
    const { code, stderr } = await run("--dry-run");
    expect(stderr).toContain(
      "latchkey: wrangler.toml lacks what this version needs: migrations.v1\nhint: copy it from ",
    );
    expect(code).toBe(1);
  });

  it("needs a Worker, and Cloudflare itself", async () => {
    expect((await run("--dry-run")).stderr).toContain(
      "there is no Worker latchkey to upgrade\nhint: run latchkey setup",
    );
    expect((await run("--yes")).stderr).toContain(
      "nothing can be deployed while LATCHKEY_CLOUDFLARE_API names a stand-in",
    );
  });
});

describe("latchkey remove", () => {
  const run = (...words: string[]) =>
    runHere(["remove", "--config", config, ...words], cloudflare.environment);
  const changes = () =>
    cloudflare.requests.filter(({ method }) => method !== "GET").map(({ method }) => method);

  beforeEach(async () => {
    await deployer.deploy(config, "account", "latchkey-000000000000");
    zone.associations = ["other.example.com", HOST];
    cloudflare.state.accessApps = [];
    cloudflare.requests.length = 0;
  });

  /** What guards the host once the gate is gone. */
  function guard(): void {
    cloudflare.state.accessApps = [
      {
        id: "a",
        name: "Vault",
        type: "self_hosted",
        destinations: [{ type: "public", uri: HOST }],
        policies: [
          {
            id: "p",
            name: "me",
            decision: "allow",
            precedence: 1,
            include: [{ email: { email: "a@example.com" } }],
          },
        ],
      },
    ] as unknown as typeof cloudflare.state.accessApps;
  }

  it("shows with --dry-run what it would do, which apps are open then, and does nothing", async () => {
    const { stdout, code } = await run("--dry-run");
    expect(stdout).toContain(
      `routes example.com: ${HOST}/*, ${ADMIN_HOST}/* lead to latchkey\n  -> delete them`,
    );
    expect(stdout).toContain(`everyone reaches ${HOST} then`);
    expect(stdout).toContain("dry run: nothing was changed");
    expect([code, changes()]).toEqual([0, []]);
  });

  it("refuses to leave an app open to everyone, even with --yes", async () => {
    const { stderr, code } = await run("--yes");
    expect(stderr).toContain(
      `latchkey: nothing else guards ${HOST}\nhint: guard these apps first, or add --leave-open`,
    );
    expect([code, changes()]).toEqual([2, []]);
  });

  it("asks before it acts", async () => {
    guard();
    const { stderr, code } = await run();
    expect(stderr).toContain("Take the gate away?");
    expect([code, changes()]).toEqual([2, []]);
  });

  it("takes the routes away before the certificates, leaves what is not its own, and says what remains", async () => {
    guard();
    const { stdout, code } = await run("--yes");
    expect(code).toBe(0);
    expect(zone.routes.map(({ pattern }) => pattern)).toEqual(["blog.example.com/*"]);
    expect(zone.associations).toEqual(["other.example.com"]);
    expect(changes()).toEqual(["DELETE", "DELETE", "PUT"]);
    expect(cloudflare.state.scripts.has("latchkey")).toBe(true);
    expect(stdout).toContain("the gate is gone; what remains:\n  the Worker latchkey and its registry");
    // It may be repeated: there is nothing left to do.
    cloudflare.requests.length = 0;
    expect((await run("--yes")).code).toBe(0);
    expect(changes()).toEqual([]);
  });

  it("leaves an app open if that is what people want", async () => {
    expect((await run("--yes", "--leave-open")).code).toBe(0);
    expect(zone.routes.map(({ pattern }) => pattern)).toEqual(["blog.example.com/*"]);
  });

  it("changes nothing if the registry cannot be backed up before its Worker is deleted", async () => {
    guard();
    const words = ["remove", "--config", config, "--yes", "--delete-worker"];
    const { code, stderr } = await runHere(words, { ...cloudflare.environment, HOME: folder });
    expect(stderr).toContain("latchkey: the token is missing");
    expect([code, changes()]).toEqual([2, []]);
    expect(cloudflare.state.scripts.has("latchkey")).toBe(true);
    expect(zone.routes).toHaveLength(3);
  });

  it("takes no backup of another gate, such as the local edge, for this one's", async () => {
    guard();
    const environment = { ...cloudflare.environment, HOME: folder, LATCHKEY_TOKEN: "t".repeat(40) };
    const words = ["remove", "--config", config, "--yes", "--delete-worker"];
    const { code, stderr } = await runHere(words, {
      ...environment,
      LATCHKEY_URL: "https://latchkey.localhost:8443",
    });
    expect(stderr).toContain(`is another gate than the one to back up, which is on ${ADMIN_HOST}`);
    expect([code, changes()]).toEqual([2, []]);
    expect(cloudflare.state.scripts.has("latchkey")).toBe(true);
  });

  it("sends no token to the app once no route leads to the registry, and deletes it without a backup if told so", async () => {
    guard();
    zone.routes = [];
    const { code, stderr } = await run("--yes", "--delete-worker");
    expect(stderr).toContain("no route leads to the registry any more, so it cannot be backed up");
    expect([code, changes()]).toEqual([1, []]);
    expect((await run("--yes", "--delete-worker", "--no-backup")).code).toBe(0);
    expect(cloudflare.state.scripts.has("latchkey")).toBe(false);
    // It may be repeated.
    expect((await run("--yes", "--delete-worker")).code).toBe(0);
  });

  it("looks at every host that a route leads to the Worker, also one that is not in the file, or in another zone", async () => {
    guard();
    const other = emptyZone("example.org");
    const route = { script: "latchkey", request_limit_fail_open: false };
    other.routes = [{ ...route, id: newId(), pattern: "photos.example.org/*" }];
    cloudflare.state.zones.push(other);
    zone.routes.push({ ...route, id: newId(), pattern: "*.example.com/*" });
    const { stderr, code } = await run("--yes");
    expect(stderr).toContain("nothing else guards *.example.com, photos.example.org\n");
    expect([code, changes()]).toEqual([2, []]);
  });

  it("leaves routes alone that were made since it looked, and then the Worker, too", async () => {
    guard();
    const { steps } = await planRemoval(await readTarget(client, config), true);
    const made = { script: "latchkey", request_limit_fail_open: false, pattern: "new.example.com/*" };
    zone.routes.push({ ...made, id: newId() });
    await expect(carryOut({ steps }, { before: () => undefined })).rejects.toThrow(
      "a route leads to the Worker again: new.example.com/*",
    );
    expect(zone.routes.map(({ pattern }) => pattern)).toEqual(["blog.example.com/*", "new.example.com/*"]);
    expect(cloudflare.state.scripts.has("latchkey")).toBe(true);
  });

  it("deletes no Worker that may have routes where the token does not see them", async () => {
    const target = await readTarget(client, config);
    await expect(planRemoval({ ...target, unread: target.zones }, true)).rejects.toThrow(
      "may have routes in zones where the token may not read them: example.com",
    );
  });

  it("deletes the Worker last", async () => {
    const { steps } = await planRemoval(await readTarget(client, config), true);
    expect(steps.map(({ id }) => id)).toEqual(["routes example.com", "mtls example.com", "worker latchkey"]);
    await carryOut({ steps }, { before: () => undefined });
    expect(cloudflare.state.scripts.has("latchkey")).toBe(false);
  });
});
