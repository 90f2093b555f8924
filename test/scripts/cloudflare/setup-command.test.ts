import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { issueSelfSignedCertificate } from "../../../scripts/certificates/authority.ts";
import { type Deployer, dryRun, tagOf, wrangler } from "../../../scripts/cloudflare/setup/deployment.ts";
import {
  withAdminHost,
  withApp,
  withoutAdminHost,
  withRoutes,
} from "../../../scripts/cloudflare/setup/toml-edit.ts";
import { type StandIn, startCloudflare } from "../../../scripts/stand-in/stand-in.ts";
import { failure } from "../cli/run.ts";
import { runHere, runOnceAsProcess } from "../cli/run-here.ts";

// `latchkey setup` as a process, with the real wrangler where no account is needed.

const ROOT = join(import.meta.dirname, "../../..");
const HOST = "vault.example.com";
const ADMIN_HOST = "latchkey.example.com";
let cloudflare: StandIn;
let folder: string;
let config: string;

beforeAll(async () => {
  cloudflare = await startCloudflare({ authority: await issueSelfSignedCertificate("unused") });
  folder = mkdtempSync(join(tmpdir(), "latchkey-setup-command-"));
  // What wrangler builds from, beside a wrangler.toml of the test's own.
  for (const name of ["src", "node_modules", "package.json", "tsconfig.json"]) {
    symlinkSync(join(ROOT, name), join(folder, name));
  }
  config = join(folder, "wrangler.toml");
});
afterAll(async () => {
  await cloudflare.stop();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  copyFileSync(join(ROOT, "wrangler.toml"), config);
  cloudflare.requests.length = 0;
});

const setup = (...words: string[]) =>
  runOnceAsProcess(["setup", "--config", config, "--no-outside", ...words], {
    ...cloudflare.environment,
    HOME: folder,
  });
const changes = () =>
  cloudflare.requests.filter(({ method, path }) => method !== "GET" && path !== "/graphql");

describe("latchkey setup", () => {
  it("shows with --dry-run what it would do, has the real wrangler check it, and does nothing", async () => {
    const before = readFileSync(config, "utf8");
    const { code, stdout, stderr } = await setup("--app", `${HOST}=bitwarden`, "--dry-run");
    expect(stderr).toContain("--dry-run: exiting now.");
    expect(code).toBe(0);
    expect(stdout).toContain(
      `route ${HOST}: there is no route ${HOST}/*\n  -> make it, to latchkey, failing closed`,
    );
    expect(stdout).toMatch(/dry run: nothing was changed, and wrangler accepts the new wrangler\.toml\n$/);
    expect(changes()).toEqual([]);
    expect(readFileSync(config, "utf8")).toBe(before);
    expect(existsSync(join(folder, ".latchkey-token"))).toBe(false);
  });

  it("has the real wrangler check a sign-in that is not made yet", async () => {
    const { code, stdout } = await setup(
      ...["--app", `${HOST}=bitwarden`, "--dry-run", "--sign-in", "access", "--sign-in-app", HOST],
      ...["--owner", "alice=alice@example.com"],
    );
    expect(code).toBe(0);
    expect(stdout).toContain("sign-in application: Access has no application Latchkey sign-in");
    expect(stdout).toContain("sign-in secret: the Worker has no SIGN_IN_SECRET");
    expect(changes()).toEqual([]);
  });

  it("tells with --json programs the same", async () => {
    const { stdout } = await setup("--app", `${HOST}=bitwarden`, "--dry-run", "--json");
    const { steps } = JSON.parse(stdout) as { steps: { id: string; change: string | null }[] };
    expect(steps.map(({ id }) => id)).toContain(`route ${HOST}`);
    expect(stdout).not.toMatch(/[0-9a-f]{64}/);
  });

  it("writes a wrangler.toml that the real wrangler takes, apps, routes and all", async () => {
    const hosts = withAdminHost(withApp(readFileSync(config, "utf8"), HOST, "bitwarden"), ADMIN_HOST);
    const text = withRoutes(hosts, [
      { pattern: `${HOST}/*`, zone_name: "example.com" },
      { pattern: `${ADMIN_HOST}/*`, zone_name: "example.com" },
    ]);
    writeFileSync(config, text);
    await wrangler.dryRun(config);
    writeFileSync(config, text.replace("[vars]", "[vars"));
    await expect(wrangler.dryRun(config)).rejects.toThrow("wrangler deploy failed");
  });

  it("finds everything set up already, changes nothing, and ends with the doctor", async () => {
    const text = withRoutes(withApp(withoutAdminHost(readFileSync(config, "utf8")), HOST, "bitwarden"), [
      { pattern: `${HOST}/*`, zone_name: "example.com" },
    ]);
    writeFileSync(config, text);
    writeFileSync(join(folder, ".latchkey-token"), `${"t".repeat(40)}\n`, { mode: 0o600 });
    const [zone] = cloudflare.state.zones;
    zone?.associations.push(HOST);
    zone?.routes.push({ id: "r", pattern: `${HOST}/*`, script: "latchkey", request_limit_fail_open: false });
    cloudflare.state.scripts.set("latchkey", {
      id: "latchkey",
      secrets: new Map([["ADMIN_TOKEN", "t".repeat(40)]]),
      subdomain: { enabled: false, previews_enabled: false },
      settings: {},
      modified_on: new Date().toISOString(),
      versions: [{ id: "v", annotations: { "workers/tag": await tagOf(text) } }],
    });
    const { stdout, code } = await setup("--yes", "--no-admin-host");
    expect(stdout).toContain("everything is set up already");
    expect(stdout).toMatch(/ok {7}route-fails-closed: over the day's limit, everyone is refused\n/);
    // There is no DNS record, and nobody answers for the registry.
    expect(stdout).toContain("failed   dns: ");
    expect(code).toBe(1);
    expect(changes()).toEqual([]);
    expect(stdout).not.toContain("t".repeat(40));
  });

  it.each([
    [["--app", "vault"], "no zone of the API token holds the host vault"],
    [["--app", "Vault.example.com=firefox"], "'firefox' is neither an app known by name nor a profile"],
    [["--app", `${HOST}=imich`], "or an app known by name (docs/apps.md): did you mean immich?"],
    [["--app", `${HOST}=forgejo`], "hint: did you mean gitea?"],
    [["--app", "a/b=web"], "--app 'a/b=web' names no host"],
    [["--app", "vault.localhost=bitwarden"], "vault.localhost is a local name"],
    [
      ["--app", `${HOST}=web`, "--app", `${HOST}=bitwarden`],
      `--app names ${HOST} twice, as web and as bitwarden`,
    ],
    [
      ["--app", "vault.example.net=web", "--zone", "example.com"],
      "vault.example.net is not in the zone example.com",
    ],
    [
      ["--zone", "example.org", "--app", `${HOST}=web`],
      "there is no zone example.org among those that the API token sees",
    ],
    [["--app", "vault.example.net=web"], "no zone of the API token holds the host vault.example.net"],
    [
      ["--app", `${HOST}=web`, "--admin-host", HOST],
      `${HOST} is one of the apps, and the pages need a host of their own`,
    ],
    [["--app", `${HOST}=web`, "--admin-host", "a/b"], "--admin-host 'a/b' is not a hostname"],
    [["--device", "alice"], "--device 'alice' is not USER/NAME"],
    [
      ["--sign-in", "http://id.example.com"],
      "--sign-in 'http://id.example.com' is not a provider: the issuer must",
    ],
    [["--sign-in", "pocket-id"], "--sign-in 'pocket-id' is not a provider"],
    [["--sign-in", "https://id.example.com"], "--sign-in-client is missing"],
    [["--sign-in", "access", "--sign-in-client", "x"], "--sign-in-client goes with a provider of yours"],
    [["--owner", "alice"], "--owner 'alice': the address must be an email address"],
    [["--owner", "Not A User=a@b.c"], "--owner 'Not A User=a@b.c': the user's id"],
    [["--person", "bob"], "--person 'bob' must be an email address"],
    [
      ["--app", `${HOST}=web`, "--sign-in-app", HOST],
      "--sign-in is missing: which provider signs people in?",
    ],
    [
      [
        "--app",
        `${HOST}=web`,
        "--sign-in",
        "access",
        "--owner",
        "alice=a@b.c",
        "--sign-in-app",
        "blog.example.com",
      ],
      "--sign-in-app blog.example.com is not one of the apps",
    ],
    [["--app", `${HOST}=web`, "--sign-in", "access"], "Access needs to know who may sign in"],
    [
      ["--app", `${HOST}=web`, "--no-admin-host", "--sign-in", "access", "--person", "a@b.c"],
      "people sign in on the admin host, and there is none",
    ],
    [[], "there is no app to set up"],
  ])("refuses %j", async (words, message) => {
    const { code, stderr } = await setup(...words, "--yes");
    expect(code).not.toBe(0);
    expect(stderr).toContain(message);
    expect(changes()).toEqual([]);
  });

  it("takes no name of the owner's for the pages that nobody has named", async () => {
    const [zone] = cloudflare.state.zones;
    const record = {
      id: "own",
      name: ADMIN_HOST,
      type: "CNAME",
      content: "tunnel.example.net",
      proxied: true,
    };
    zone?.dnsRecords.push(record);
    const { code, stderr } = await setup("--app", `${HOST}=web`, "--yes");
    expect(stderr).toContain(`${ADMIN_HOST} has a DNS record of something else`);
    expect(stderr).toContain("--admin-host keys.example.com");
    expect(code).toBe(1);
    expect(changes()).toEqual([]);
    const named = await setup("--app", `${HOST}=web`, "--admin-host", ADMIN_HOST, "--dry-run");
    expect(named.code).toBe(0);
    expect(named.stdout).toContain("What answers there now is cut off by the pages");
    zone?.dnsRecords.splice(zone.dnsRecords.indexOf(record), 1);
  });

  it("asks before it acts, and so needs --yes where nobody is there", async () => {
    const { code, stdout, stderr } = await setup("--app", `${HOST}=web`);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr:
        "latchkey: this needs a confirmation, and there is no terminal: Go ahead?\nhint: add --yes to go ahead without being asked\n",
    });
    // The plan, for whoever reads it before they add --yes.
    expect(stdout).toContain(HOST);
    expect(changes()).toEqual([]);
  });

  it("deploys nothing while another API than Cloudflare's is asked", async () => {
    const { code, stderr } = await setup("--app", `${HOST}=web`, "--no-admin-host", "--yes");
    expect(stderr).toContain(
      "setup can only be tried with --dry-run while LATCHKEY_CLOUDFLARE_API names a stand-in",
    );
    expect(stderr).toContain("hint: for your own zone, unset LATCHKEY_CLOUDFLARE_API");
    expect(code).toBe(2);
    expect(changes()).toEqual([]);
  });

  it("takes no token of a local edge for the real gate", async () => {
    const edge = mkdtempSync(join(folder, "edge-"));
    for (const name of ["admin-token", "ca.key"]) writeFileSync(join(edge, name), "x".repeat(40));
    const tokenFile = join(edge, "admin-token");
    expect(
      await runHere(["setup", "--config", config, "--app", `${HOST}=web`, "--yes"], {
        CLOUDFLARE_API_TOKEN: "x".repeat(40),
        LATCHKEY_TOKEN_FILE: tokenFile,
      }),
    ).toEqual(
      failure(
        2,
        `${tokenFile} is the token of a local edge`,
        "unset LATCHKEY_TOKEN_FILE, or name another file with --token-file",
      ),
    );
  });

  it("asks nobody to agree to a plan that --json does not show", async () => {
    expect(await setup("--app", `${HOST}=web`, "--json")).toEqual(
      failure(
        2,
        "with --json the plan is not shown, so there is nothing to agree to",
        "see it with --dry-run, then add --yes",
      ),
    );
  });

  it("needs Cloudflare's token", async () => {
    const { stderr, code } = await runOnceAsProcess(["setup", "--yes"], {});
    expect(stderr).toContain("latchkey: CLOUDFLARE_API_TOKEN is not set\nhint: make an API token at");
    expect(code).toBe(2);
  });
});

describe("the file of a dry run", () => {
  const FILE = `.latchkey-dry-run-${process.pid}.toml`;
  const deployer = (dryRun: (path: string) => Promise<void>): Deployer => ({
    dryRun,
    deploy: () => Promise.reject(new Error("not asked for here")),
  });

  it("is readable by its owner alone while wrangler runs, and gone afterwards, whatever wrangler says", async () => {
    const modes: number[] = [];
    const look = async (path: string) => {
      expect(path).toBe(join(folder, FILE));
      modes.push(statSync(path).mode & 0o777);
      expect(readFileSync(path, "utf8")).toBe("secret = 1");
    };
    await dryRun(deployer(look), config, "secret = 1");
    const fail = async (path: string) => {
      await look(path);
      throw new Error("wrangler failed");
    };
    await expect(dryRun(deployer(fail), config, "secret = 1")).rejects.toThrow("wrangler failed");
    expect(modes).toEqual([0o600, 0o600]);
    expect(existsSync(join(folder, FILE))).toBe(false);
  });

  it("is gone after Ctrl-C, which ends the command", async () => {
    const interrupted = dryRun(
      deployer(async () => {
        process.emit("SIGINT");
      }),
      config,
      "secret = 1",
    );
    await expect(interrupted).rejects.toThrow("interrupted");
    expect(existsSync(join(folder, FILE))).toBe(false);
  });

  it("never replaces one that is there, and leaves it", async () => {
    writeFileSync(join(folder, FILE), "somebody else's");
    await expect(
      dryRun(
        deployer(async () => undefined),
        config,
        "secret = 1",
      ),
    ).rejects.toThrow("EEXIST");
    expect(readFileSync(join(folder, FILE), "utf8")).toBe("somebody else's");
  });
});
