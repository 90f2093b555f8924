import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { issueSelfSignedCertificate } from "../../../scripts/certificates/authority.ts";
import { type CloudflareClient, createCloudflareClient } from "../../../scripts/cloudflare/client/client.ts";
import { localSettings } from "../../../scripts/cloudflare/client/wrangler-toml.ts";
import { listZones, longestSuffix } from "../../../scripts/cloudflare/client/zone.ts";
import { makePlan } from "../../../scripts/cloudflare/setup/plan.ts";
import { carryOut, isDone } from "../../../scripts/cloudflare/setup/run.ts";
import type { SignInWish } from "../../../scripts/cloudflare/setup/sign-in.ts";
import { withAdminHost } from "../../../scripts/cloudflare/setup/toml-edit.ts";
import { type StandIn, startCloudflare } from "../../../scripts/stand-in/stand-in.ts";
import { type AccessApp, ALL_PERMISSIONS, emptyZone } from "../../../scripts/stand-in/state.ts";
import type { ProfileSetting } from "../../../src/contract/app-settings.ts";
import { type EmailAddress, parseEmail } from "../../../src/domain/person.ts";
import { parseUserId, type UserId } from "../../../src/domain/user.ts";
import { standInDeployer } from "../../cloudflare/deployer.ts";

// Setup of signing in, against the stand-in.

const OURS = join(import.meta.dirname, "../../../wrangler.toml");
const HOST = "photos.example.com";
const ADMIN_HOST = "latchkey.example.com";
const CALLBACK = `https://${ADMIN_HOST}/.latchkey/callback`;
const APPS = new Map<string, ProfileSetting>([[HOST, "sync"]]);

const email = (text: string) => parseEmail(text) as EmailAddress;
const OWNERS = new Map([[parseUserId("alice") as UserId, email("alice@example.com")]]);
const ACCESS: SignInWish = {
  provider: { kind: "access" },
  apps: [HOST],
  owners: OWNERS,
  people: [email("bob@example.com")],
  secret: undefined,
};
const POCKET_ID: SignInWish = {
  ...ACCESS,
  provider: { kind: "issuer", issuer: "https://id.example.com", clientId: "latchkey" },
  people: [],
  secret: "the-client-s-secret",
};

let cloudflare: StandIn;
let client: CloudflareClient;
let folder: string;
let config: string;
let deployer: ReturnType<typeof standInDeployer>;

beforeAll(async () => {
  cloudflare = await startCloudflare({ authority: await issueSelfSignedCertificate("unused") });
  const { url, state } = cloudflare;
  const connection = { baseUrl: url, token: state.token, timeoutMs: 5000 };
  client = createCloudflareClient(connection, async () => undefined);
});
afterAll(() => cloudflare.stop());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "latchkey-sign-in-"));
  config = join(folder, "wrangler.toml");
  reset();
});
afterEach(() => rmSync(folder, { recursive: true }));

function reset(): void {
  copyFileSync(OURS, config);
  rmSync(join(folder, "token"), { force: true });
  const zone = emptyZone("example.com");
  zone.dnsRecords = [{ id: "d", name: HOST, type: "CNAME", content: "t", proxied: true }];
  zone.settings.set("browser_check", "off");
  const { state } = cloudflare;
  Object.assign(state, { zones: [zone], scripts: new Map(), accessApps: [], accessEnabled: true });
  state.authDomain = "household.cloudflareaccess.com";
  state.permissions = new Set(ALL_PERMISSIONS);
  cloudflare.faults.clear();
  cloudflare.requests.length = 0;
  deployer = standInDeployer(cloudflare);
}

async function plan(signIn: SignInWish | undefined, adminHost: string | null = ADMIN_HOST) {
  const zones = await listZones(client);
  const zoneOf = (host: string) => longestSuffix(zones, host);
  const tokenFile = join(folder, "token");
  return makePlan({ client, deployer }, { apps: APPS, adminHost, signIn, zoneOf, config, tokenFile });
}

async function setUp(signIn: SignInWish | undefined): Promise<string[]> {
  const done: string[] = [];
  await carryOut(await plan(signIn), { before: ({ id }) => done.push(id) });
  return done;
}

const apps = () => cloudflare.state.accessApps;
const onlyApp = () => {
  expect(apps()).toHaveLength(1);
  return apps()[0] as AccessApp;
};
const saas = () => onlyApp().saas_app as Record<string, unknown>;
const secrets = () => cloudflare.state.scripts.get("latchkey")?.secrets;
const written = () => localSettings(readFileSync(config, "utf8"));
const changes = () =>
  cloudflare.requests.filter(({ method }) => method !== "GET").map(({ method, path }) => `${method} ${path}`);
const admitted = () =>
  onlyApp().policies.flatMap(({ decision, include }) => [
    decision,
    ...include.map((rule) => JSON.stringify(rule)),
  ]);

/** What must hold whenever it is done: one application, which the Worker knows with its secret. */
function expectComplete(): void {
  const { client_id: clientId, client_secret: secret } = saas();
  expect(written().signIn).toMatchObject({
    issuer: `https://household.cloudflareaccess.com/cdn-cgi/access/sso/oidc/${clientId}`,
    clientId,
    label: "Cloudflare Access",
    verifiesEmails: true,
    owners: { alice: "alice@example.com" },
  });
  expect(written().signInApps).toEqual([HOST]);
  expect(secrets()?.get("SIGN_IN_SECRET")).toBe(secret);
}

describe("signing in with Cloudflare Access, set up", () => {
  it("makes the application before the file is written, and stores its secret after the deploy", async () => {
    const done = await setUp(ACCESS);
    expect(done.slice(0, 7)).toEqual([
      `dns ${ADMIN_HOST}`,
      "sign-in application",
      "wrangler.toml hosts",
      "admin token file",
      "deploy",
      "admin token secret",
      "sign-in secret",
    ]);
    expectComplete();
    expect(onlyApp()).toMatchObject({
      name: "Latchkey sign-in",
      type: "saas",
      app_launcher_visible: false,
      saas_app: {
        auth_type: "oidc",
        redirect_uris: [CALLBACK],
        grant_types: ["authorization_code_with_pkce"],
        scopes: ["openid", "email", "profile"],
      },
    });
    expect(admitted()).toEqual([
      "allow",
      '{"email":{"email":"alice@example.com"}}',
      '{"email":{"email":"bob@example.com"}}',
    ]);
    expect(deployer.deploys).toBe(1);
  });

  it("finds everything when it is run again, and makes and rotates nothing", async () => {
    await setUp(ACCESS);
    const before = structuredClone([apps(), secrets()]);
    cloudflare.requests.length = 0;
    expect(isDone(await plan(ACCESS))).toBe(true);
    expect(await setUp(ACCESS)).toEqual([]);
    expect(changes()).toEqual([]);
    expect([apps(), secrets()]).toEqual(before);
  });

  it("shows in a plan what it would do, and changes nothing", async () => {
    const made = await plan(ACCESS);
    expect(made.steps.find(({ id }) => id === "sign-in application")).toMatchObject({
      found: "Access has no application Latchkey sign-in",
      change: "make it, for alice@example.com, bob@example.com",
    });
    expect(made.steps.find(({ id }) => id === "wrangler.toml hosts")?.change).toContain(
      `${HOST} as sync (sign-in), admin host ${ADMIN_HOST}, sign-in at household.cloudflareaccess.com, with alice@example.com as alice`,
    );
    expect(localSettings(made.text).signIn?.clientId).toBe("not-made-yet");
    expect(changes()).toEqual([]);
  });

  it("adds people and a redirect address that are missing, and takes nothing away", async () => {
    await setUp(ACCESS);
    const app = onlyApp();
    const { client_id, client_secret } = saas();
    Object.assign(app, { tags: ["home"], allowed_idps: ["idp-1"] });
    saas().redirect_uris = ["https://old.example.com/.latchkey/callback"];
    const done = await setUp({ ...ACCESS, people: [email("carol@example.com")] });
    expect(done).toEqual(["sign-in application"]);
    expect(saas()).toMatchObject({
      client_id,
      client_secret,
      redirect_uris: ["https://old.example.com/.latchkey/callback", CALLBACK],
      scopes: ["openid", "email", "profile"],
    });
    expect(onlyApp()).toMatchObject({ tags: ["home"], allowed_idps: ["idp-1"], app_launcher_visible: false });
    expect(admitted()).toEqual([
      "allow",
      '{"email":{"email":"alice@example.com"}}',
      '{"email":{"email":"bob@example.com"}}',
      "allow",
      '{"email":{"email":"carol@example.com"}}',
    ]);
    expectComplete();
  });

  it("makes the application again if nobody has its secret, and says so", async () => {
    await setUp(ACCESS);
    const before = saas().client_id;
    onlyApp().policies[0]?.include.push({ email: { email: "Dora@example.com" } });
    secrets()?.delete("SIGN_IN_SECRET");
    const step = (await plan(ACCESS)).steps.find(({ id }) => id === "sign-in application");
    expect(step?.change).toContain("Cloudflare shows its secret only once. Browsers have to sign in again");
    await setUp(ACCESS);
    expect(saas().client_id).not.toBe(before);
    expect(admitted()).toContain('{"email":{"email":"dora@example.com"}}');
    expectComplete();
  });

  it("made again, keeps whom it let in, wherever the run ends, and leaves no other", async () => {
    for (const match of [/^DELETE .*access\/apps/, /^POST .*access\/apps$/, /^PUT .*secrets/]) {
      reset();
      await setUp(ACCESS);
      onlyApp().policies[0]?.include.push({ email: { email: "dora@example.com" } });
      secrets()?.delete("SIGN_IN_SECRET");
      cloudflare.faults.on(
        match,
        { kind: "server-error", retryAfterSeconds: 0, when: "after-the-change" },
        99,
      );
      await expect(setUp(ACCESS)).rejects.toThrow();
      cloudflare.faults.clear();
      await setUp(ACCESS);
      expect(admitted()).toContain('{"email":{"email":"dora@example.com"}}');
      expectComplete();
    }
  });

  it("makes none that would let nobody in", async () => {
    const nobody = { ...ACCESS, owners: new Map(), people: [] };
    await expect(plan(nobody)).rejects.toThrow("nobody is named whom a new one could let in");
    expect(changes()).toEqual([]);
  });

  it("keeps it if the owner still has the secret", async () => {
    await setUp(ACCESS);
    const before = saas().client_id;
    const secret = String(saas().client_secret);
    secrets()?.delete("SIGN_IN_SECRET");
    expect(await setUp({ ...ACCESS, secret })).toEqual(["sign-in secret"]);
    expect(saas().client_id).toBe(before);
    expectComplete();
  });

  it("does not delete an application of another name", async () => {
    await setUp(ACCESS);
    onlyApp().name = "Mine";
    secrets()?.delete("SIGN_IN_SECRET");
    const before = structuredClone(apps());
    const { byHand } = await plan(ACCESS);
    expect(byHand.map(({ reason }) => reason)).toContainEqual(
      expect.stringContaining("does not show that of the Access application 'Mine' again"),
    );
    await setUp(ACCESS);
    expect(apps()).toEqual(before);
  });

  it("makes it again where somebody deleted it, and takes the old secret away first", async () => {
    await setUp(ACCESS);
    cloudflare.state.accessApps = [];
    await setUp(ACCESS);
    expectComplete();
  });

  it("says what to do on an account without a team, before anything is done", async () => {
    for (const without of [{ accessEnabled: false }, { authDomain: undefined }, "null", "404"] as const) {
      reset();
      if (without === "null") {
        cloudflare.faults.on("/organizations", {
          kind: "answer",
          change: (body) => ({ ...body, result: null }),
        });
      }
      if (without === "404") cloudflare.faults.on("/organizations", { kind: "garbage", status: 404 });
      Object.assign(cloudflare.state, without);
      await expect(plan(ACCESS)).rejects.toMatchObject({
        message: "the account has no Zero Trust team, which Access needs to sign people in",
        hint: expect.stringContaining("choose a team name"),
      });
      expect(changes()).toEqual([]);
    }
  });

  it("names the permission that it lacks, and needs none for the organisation once it is set up", async () => {
    const organizations = "Access: Organizations, Identity Providers, and Groups Read";
    cloudflare.state.permissions.delete(organizations);
    await expect(plan(ACCESS)).rejects.toThrow(
      "the token lacks the permission Account > Access: Organizations, Identity Providers, and Groups > Read",
    );
    cloudflare.state.permissions.add(organizations);
    await setUp(ACCESS);
    cloudflare.state.permissions.delete(organizations);
    expect(isDone(await plan(ACCESS))).toBe(true);
  });

  it("with a token that may not make it, says so; a better one goes on", async () => {
    cloudflare.state.permissions.delete("Access: Apps and Policies Write");
    cloudflare.state.permissions.add("Access: Apps and Policies Read");
    await expect(setUp(ACCESS)).rejects.toMatchObject({
      hint: expect.stringContaining("Account > Access: Apps and Policies > Edit"),
    });
    expect(readFileSync(config, "utf8")).toBe(readFileSync(OURS, "utf8"));
    cloudflare.state.permissions.add("Access: Apps and Policies Write");
    await setUp(ACCESS);
    expectComplete();
  });

  it("that is answered without a secret: names the call, and makes it again the next time", async () => {
    const change = (body: Record<string, unknown>) => {
      const changed = structuredClone(body) as { result: { saas_app: Record<string, unknown> } };
      delete changed.result.saas_app.client_secret;
      return changed;
    };
    cloudflare.faults.on(/^POST .*access\/apps$/, { kind: "answer", change });
    await expect(setUp(ACCESS)).rejects.toMatchObject({
      message: expect.stringContaining("is not understood: result.saas_app.client_secret is missing"),
    });
    await setUp(ACCESS);
    expectComplete();
  });

  it("needs an admin host", async () => {
    await expect(plan(ACCESS, null)).rejects.toThrow("people sign in on the admin host, and there is none");
  });

  it.each([
    ["refused before the change", { kind: "no-permission" }],
    [
      "failing after the change, however often",
      { kind: "server-error", retryAfterSeconds: 0, when: "after-the-change" },
    ],
  ] as const)(
    "after any single call (%s), has one application and its secret when it is run again",
    async (_, fault) => {
      await setUp(ACCESS);
      const calls = cloudflare.requests.length;
      expect(calls).toBeGreaterThan(30);
      for (let n = 1; n <= calls; n++) {
        reset();
        cloudflare.faults.at(n, fault, 1000);
        await setUp(ACCESS).catch(() => undefined);
        cloudflare.faults.clear();
        await setUp(ACCESS);
        expectComplete();
        expect(isDone(await plan(ACCESS)), `call ${n}`).toBe(true);
      }
    },
    120_000,
  );
});

describe("signing in with another issuer, set up", () => {
  it("writes the settings and stores the secret, and asks Access for nothing", async () => {
    await setUp(POCKET_ID);
    expect(written()).toMatchObject({
      signIn: {
        issuer: "https://id.example.com",
        clientId: "latchkey",
        label: "id.example.com",
        verifiesEmails: false,
      },
      signInApps: [HOST],
    });
    expect(secrets()?.get("SIGN_IN_SECRET")).toBe("the-client-s-secret");
    expect(readFileSync(config, "utf8")).not.toContain("the-client-s-secret");
    expect(apps()).toEqual([]);
    expect(isDone(await plan({ ...POCKET_ID, secret: undefined }))).toBe(true);
    expect(await setUp({ ...POCKET_ID, secret: undefined })).toEqual([]);
  });

  it("goes without a secret where the issuer takes PKCE alone", async () => {
    await setUp({ ...POCKET_ID, secret: undefined });
    expect([...(secrets()?.keys() ?? [])]).toEqual(["ADMIN_TOKEN"]);
    expect(isDone(await plan({ ...POCKET_ID, secret: undefined }))).toBe(true);
  });

  it("instead of Access: gives it neither the old secret nor the trust in its addresses", async () => {
    await setUp(ACCESS);
    expect(await setUp({ ...POCKET_ID, secret: undefined })).toContain("sign-in old secret");
    expect(secrets()?.has("SIGN_IN_SECRET")).toBe(false);
    expect(written().signIn).toMatchObject({ label: "id.example.com", verifiesEmails: false });
    await setUp(POCKET_ID);
    expect(secrets()?.get("SIGN_IN_SECRET")).toBe("the-client-s-secret");
  });

  it("replaced by Access, leaves no secret of its own with it", async () => {
    await setUp(POCKET_ID);
    await setUp(ACCESS);
    expectComplete();
  });

  it("keeps what the owner wrote besides", async () => {
    await setUp(POCKET_ID);
    writeFileSync(
      config,
      readFileSync(config, "utf8").replace(
        'label = "id.example.com"',
        'label = "Pocket ID"\nverifiesEmails = true',
      ),
    );
    await setUp({ ...POCKET_ID, secret: undefined });
    expect(written().signIn).toMatchObject({ label: "Pocket ID", verifiesEmails: true });
  });
});

describe("Latchkey's own paths behind Access", () => {
  it("get a bypass each, once the gate's route is there, and nothing else does", async () => {
    cloudflare.state.accessApps.push({
      ...{ id: "a", name: "House", type: "self_hosted", domain: `${ADMIN_HOST}/.latchkey` },
      policies: [
        { id: "p", name: "us", decision: "allow", include: [], exclude: [], require: [], precedence: 1 },
      ],
    });
    const done = await setUp(POCKET_ID);
    const paths = ["welcome", "welcome.js", "style.css", "sign-in", "callback", "backchannel-logout"];
    expect(done.slice(-6)).toEqual(paths.map((path) => `access ${ADMIN_HOST}/.latchkey/${path}`));
    expect(apps().slice(1)).toMatchObject(
      paths.map((path) => ({
        domain: `${ADMIN_HOST}/.latchkey/${path}`,
        policies: [{ decision: "bypass", include: [{ everyone: {} }] }],
      })),
    );
    expect(isDone(await plan(POCKET_ID))).toBe(true);
  });

  it("where nobody signs in, those of invitations only", async () => {
    writeFileSync(config, withAdminHost(readFileSync(config, "utf8"), ADMIN_HOST));
    cloudflare.state.accessApps.push({
      ...{ id: "a", name: "House", type: "self_hosted", domain: `${ADMIN_HOST}/.latchkey/*` },
      policies: [],
    });
    const done = await setUp(undefined);
    expect(done.filter((id) => id.startsWith("access "))).toEqual(
      ["welcome", "welcome.js", "style.css"].map((path) => `access ${ADMIN_HOST}/.latchkey/${path}`),
    );
  });
});

describe("SIGN_IN in wrangler.toml", () => {
  const read = (settings: string) => localSettings(`${readFileSync(OURS, "utf8")}\n${settings}`);

  it.each([
    ['[vars.SIGN_IN]\nissuer = "id.example.com"\nclientId = "x"', "SIGN_IN.issuer"],
    ['[vars.SIGN_IN]\nissuer = "https://id.example.com"', "SIGN_IN.clientId"],
    ['[vars.SIGN_IN]\nissuer = "https://id.example.com"\nclientId = "x"\nowner = "alice"', "SIGN_IN.owner"],
  ])("is refused with the place of a mistake: %s", (settings, place) => {
    expect(() => read(settings)).toThrow(`the settings of ${place} in wrangler.toml are not right`);
  });

  it("never has the client's secret beside it", () => {
    const text = readFileSync(OURS, "utf8").replace("[vars]", '[vars]\nSIGN_IN_SECRET = "hush"');
    expect(localSettings(text).dangers).toEqual(["it contains SIGN_IN_SECRET, for everyone to read"]);
  });
});
