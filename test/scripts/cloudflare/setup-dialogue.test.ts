// latchkey setup with somebody on a terminal, and its first device: against the stand-in and the real
// local edge. Everything is deployed already, for wrangler could not deploy to the stand-in.
import { copyFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { tagOf } from "../../../scripts/cloudflare/setup/deployment.ts";
import { withAdminHost, withApp, withRoutes } from "../../../scripts/cloudflare/setup/toml-edit.ts";
import { emptyZone } from "../../../scripts/stand-in/state.ts";
import { type LocalZone, startLocalZone } from "../../cloudflare/zone.ts";
import { hasTerminal, run, runOnTerminal } from "../cli/run.ts";

const OURS = join(import.meta.dirname, "../../../wrangler.toml");
const HOST = "vault.example.com";
const ADMIN_HOST = "latchkey.example.com";
const HOSTS_QUESTION = "The apps' hostnames";
const PROFILE_QUESTION = `What runs on ${HOST}?`;
const SIGN_IN_QUESTION = "May browsers without a certificate sign in";
const DEVICE_QUESTION = "No device is enrolled yet. Issue a certificate for a first one?";

let local: LocalZone;
let folder: string;
let config: string;
beforeAll(async () => {
  local = await startLocalZone();
});
afterAll(() => local?.stop());

/** A zone in which all is set up, for a `wrangler.toml` that says so. */
beforeEach(async () => {
  folder = local.folder();
  config = join(folder, "wrangler.toml");
  copyFileSync(OURS, config);
  const text = withRoutes(
    withAdminHost(withApp(readFileSync(config, "utf8"), HOST, "bitwarden"), ADMIN_HOST),
    [
      { pattern: `${HOST}/*`, zone_name: "example.com" },
      { pattern: `${ADMIN_HOST}/*`, zone_name: "example.com" },
    ],
  );
  writeFileSync(config, text);
  const zone = emptyZone("example.com");
  zone.associations = [HOST];
  zone.routes = [HOST, ADMIN_HOST].map((host) => ({
    ...{ id: host, pattern: `${host}/*`, script: "latchkey", request_limit_fail_open: false },
  }));
  zone.dnsRecords = [
    { id: "d", name: HOST, type: "CNAME", content: "tunnel", proxied: true },
    { id: "e", name: ADMIN_HOST, type: "AAAA", content: "100::", proxied: true },
  ];
  zone.settings.set("browser_check", "off");
  const { state } = local.cloudflare;
  state.zones = [zone, ...state.zones.filter(({ name }) => name !== "example.com")];
  state.scripts.set("latchkey", {
    id: "latchkey",
    secrets: new Map([["ADMIN_TOKEN", local.edge.adminToken]]),
    subdomain: { enabled: false, previews_enabled: false },
    settings: { bindings: [], compatibility_flags: ["nodejs_compat"] },
    modified_on: new Date().toISOString(),
    versions: [{ id: "v", annotations: { "workers/tag": await tagOf(text) } }],
  });
  local.cloudflare.requests.length = 0;
});

const changes = () =>
  local.cloudflare.requests
    .filter(({ method, path }) => method !== "GET" && path !== "/graphql")
    .map(({ method, path }) => `${method} ${path}`);

describe.skipIf(!hasTerminal)("latchkey setup on a terminal", () => {
  const setup = (answers: readonly (readonly [string, string])[], ...words: string[]) =>
    runOnTerminal(["setup", "--config", config, "--no-outside", ...words], local.environment, {
      answers,
      cwd: folder,
    });

  it("asks for zone, hosts and profiles, proposes what is there, and issues a first device", async () => {
    const { shown, code } = await setup([
      ["Which zone?", "\r"],
      [HOSTS_QUESTION, "\r"],
      [PROFILE_QUESTION, "\r"],
      [SIGN_IN_QUESTION, "\r"],
      [DEVICE_QUESTION, "olga/phone\r"],
    ]);
    expect(shown).toContain(`using ${local.environment.LATCHKEY_CLOUDFLARE_API} instead of Cloudflare`);
    expect(shown).toContain("everything is set up already");
    expect(shown).toContain("enrolled olga/phone");
    expect(shown).toContain("1 of 1 enrolled devices may pass");
    expect(code, shown).toBe(0);
    expect(existsSync(join(folder, "olga-phone.p12"))).toBe(true);
    expect(changes()).toEqual([expect.stringMatching(/^POST .*client_certificates$/)]);
    expect((await local.devices("olga")).map(({ name, status }) => [name, status])).toEqual([
      ["phone", "active"],
    ]);
  });

  it("shows the plan and does nothing of it without a yes", async () => {
    const before = readFileSync(config, "utf8").replace(`\nADMIN_HOST = "${ADMIN_HOST}"`, "");
    writeFileSync(config, before);
    const { shown, code } = await setup([
      ["Which zone?", "\r"],
      [HOSTS_QUESTION, " photos.example.com\r"],
      [PROFILE_QUESTION, "\r"],
      ["What runs on photos.example.com?", "\r"],
      ["The admin host", `${"\b".repeat(ADMIN_HOST.length)}keys.example.com\r`],
      [SIGN_IN_QUESTION, "\r"],
      ["Go ahead?", "\r"],
    ]);
    expect(shown).toContain(ADMIN_HOST);
    expect(shown).toContain("there is no record of keys.example.com");
    expect(shown).toContain("there is no route photos.example.com/*");
    expect(shown).toContain("nothing was done");
    expect(code).toBe(1);
    expect(changes()).toEqual([]);
    expect(shown).toContain("photos.example.com as immich");
    expect(readFileSync(config, "utf8")).toBe(before);
  });

  it("asks the same in a dry run that names no app, and changes nothing", async () => {
    // Nothing is set up, and the Worker is where the real wrangler finds it.
    const fresh = readFileSync(OURS, "utf8").replace("src/index.ts", join(OURS, "../src/index.ts"));
    writeFileSync(config, fresh);
    const { shown, code } = await setup(
      [
        ["Which zone?", "\r"],
        [HOSTS_QUESTION, "photos.example.com\r"],
        ["What runs on photos.example.com?", "\r"],
        ["The admin host", "\r"],
        [SIGN_IN_QUESTION, "\r"],
      ],
      "--dry-run",
    );
    expect(shown).toContain("photos.example.com as immich");
    expect(shown).toContain("dry run: nothing was changed");
    expect(code, shown).toBe(0);
    expect(changes()).toEqual([]);
    expect(readFileSync(config, "utf8")).toBe(fresh);
  });

  it("guesses the app from the hostname, and offers what it may need without choosing any of it", async () => {
    const { shown } = await setup([
      ["Which zone?", "\r"],
      [HOSTS_QUESTION, `${"\b".repeat(HOST.length)}books.example.com obsidian.example.com\r`],
      ["What runs on books.example.com?", "\r"],
      // Down to the second, which a space chooses.
      ["Which paths of books.example.com should pass without a credential?", "\u001b[B \r"],
      ["What runs on obsidian.example.com?", "\r"],
      ["Should CORS preflights of obsidian.example.com pass without a credential?", "\r"],
      [SIGN_IN_QUESTION, "\r"],
      ["Go ahead?", "\r"],
    ]);
    expect(shown).toContain("books.example.com as audiobookshelf (open: /share/*)");
    expect(shown).toMatch(/obsidian\.example\.com as couchdb(?! \()/);
    expect(shown).toContain("nothing was done");
    expect(changes()).toEqual([]);
  });

  it("asks who signs people in, and proposes nobody and nothing", async () => {
    const { shown } = await setup([
      ["Which zone?", "\r"],
      [HOSTS_QUESTION, "\r"],
      [PROFILE_QUESTION, "\r"],
      [SIGN_IN_QUESTION, "y"],
      ["To which apps?", " \r"],
      ["Who signs people in?", "\r"],
      ["The first owner", "alice=alice@example.com\r"],
      ["Who else may sign in with Access?", "bob@example.com\r"],
      ["Go ahead?", "\r"],
    ]);
    expect(shown).toContain("make it, for alice@example.com, bob@example.com");
    expect(shown).toContain(`${HOST} as bitwarden (sign-in)`);
    expect(shown).toContain("nothing was done");
    expect(changes()).toEqual([]);
  });

  it("asks for another issuer's client, and never shows its secret", async () => {
    const { shown } = await setup([
      ["Which zone?", "\r"],
      [HOSTS_QUESTION, "\r"],
      [PROFILE_QUESTION, "\r"],
      [SIGN_IN_QUESTION, "y"],
      ["To which apps?", "\r"],
      ["Who signs people in?", "\u001b[B\r"],
      ["The issuer's address", "https://id.example.com\r"],
      ["The client's id there", "latchkey\r"],
      ["The client's secret", "hush-hush\r"],
      ["The first owner", "alice=alice@example.com\r"],
      ["Go ahead?", "\r"],
    ]);
    expect(shown).toMatch(/sign-in at id\.example\.com, with\s+alice@example\.com\s+as\s+alice/);
    expect(shown).toContain("store the client's secret as the Worker's");
    expect(shown).not.toContain("hush-hush");
    expect(changes()).toEqual([]);
  });

  it("says what is wrong with a host, and is left with Ctrl-C", async () => {
    const { shown } = await setup([
      ["Which zone?", "\r"],
      [HOSTS_QUESTION, " vault.example.net\r"],
      ["vault.example.net is not a hostname in example.com", "\u0003"],
    ]);
    expect(shown).toContain("nothing was done");
    expect(changes()).toEqual([]);
  });
});

describe("latchkey setup --device", () => {
  const setup = (device: string) =>
    run(["setup", "--config", config, "--no-outside", "--yes", "--device", device], local.environment, "", {
      cwd: folder,
    });

  it("issues the first device, and only once", async () => {
    const first = await setup("petra/laptop");
    expect(first.stdout).toContain("enrolled petra/laptop");
    expect(first.code, first.stdout).toBe(0);
    expect(existsSync(join(folder, "petra-laptop.key"))).toBe(true);
    const again = await setup("petra/laptop");
    expect(again.stderr).toContain("petra/laptop exists already");
    expect(again.code).toBe(0);
    expect(changes()).toHaveLength(1);
  });
});
