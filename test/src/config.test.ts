import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { appOf, type Config, type ConfigProblem, parseConfig } from "../../src/config.ts";
import type { App } from "../../src/domain/request/app.ts";
import { NO_PATHS } from "../../src/domain/request/path-rules.ts";

const TOKEN = "0123456789abcdef0123456789abcdef";

/** A good environment: each test changes one variable. `undefined` = it is missing. */
const GOOD = {
  APPS: { "vault.example.com": { countries: ["CH", "DE"] }, "photos.example.com": {} },
  REVOCATION_DELAY_SECONDS: 10,
  ADMIN_TOKEN: TOKEN,
  USER_REGISTRY: env.USER_REGISTRY,
  DIRECTORY: env.DIRECTORY,
};

/** An app without settings. */
const PLAIN: App = {
  countries: null,
  profile: { name: "web" },
  publicPaths: NO_PATHS,
  preflight: false,
  basic: false,
  signIn: false,
  origins: new Set(),
};

function parse(change: Record<string, unknown> = {}) {
  const changed = { ...GOOD, ...change };
  return parseConfig(Object.fromEntries(Object.entries(changed).filter(([, value]) => value !== undefined)));
}

function good(change: Record<string, unknown> = {}): Config {
  const config = parse(change);
  if (!config.ok) throw new Error(JSON.stringify(config.error));
  return config.value;
}

function problems(change: Record<string, unknown>): ConfigProblem[] {
  const config = parse(change);
  if (config.ok) throw new Error("this configuration was taken");
  return config.error;
}

describe("a good configuration", () => {
  it("is read", () => {
    expect(good()).toEqual({
      apps: new Map([
        ["vault.example.com", { ...PLAIN, countries: new Set(["CH", "DE"]) }],
        ["photos.example.com", PLAIN],
      ]),
      defaultApp: undefined,
      revocationDelayMs: 10_000,
      blocked: new Set(),
      adminHost: null,
      adminToken: TOKEN,
      signIn: null,
      notifies: false,
      bindings: expect.objectContaining({ USER_REGISTRY: env.USER_REGISTRY, DIRECTORY: env.DIRECTORY }),
      warnings: [],
    });
  });

  it.each<[string, string | undefined, string[]]>([
    ["none", undefined, []],
    ["an empty text", "", []],
    ["blanks", " \n", []],
    ["one", "ab".repeat(32), ["ab".repeat(32)]],
    ["as OpenSSL prints it", Array(32).fill("AB").join(":"), ["ab".repeat(32)]],
    [
      "several, twice, with commas and line breaks",
      `${"ab".repeat(32)}, ${"CD".repeat(32)}\n${"cd".repeat(32)},`,
      ["ab".repeat(32), "cd".repeat(32)],
    ],
  ])("blocks certificates: %s", (_, BLOCKED, blocked) => {
    expect([...good({ BLOCKED }).blocked]).toEqual(blocked);
  });

  it.each<[unknown, string]>([
    ["xyz", '"xyz"'],
    ["ab".repeat(31), `"${"ab".repeat(31)}"`],
    [`${"ab".repeat(32)}, alice/pixel-9`, '"alice/pixel-9"'],
    [`${"ab".repeat(32)};${"cd".repeat(32)}`, '"abab'],
    [["ab".repeat(32)], "must be a string"],
    [5, "must be a string"],
  ])("is none with a blocked certificate that cannot be read, and says which: %j", (BLOCKED, shown) => {
    const [problem] = problems({ BLOCKED });
    expect(problem?.variable).toBe("BLOCKED");
    expect(problem?.message).toContain(shown);
  });

  it("may hold variables that are not ours", () => {
    expect(good({ OTHER: { x: 1 } }).warnings).toEqual([]);
  });

  it.each<[unknown, number]>([
    [undefined, 10_000],
    [10, 10_000],
    ["10", 10_000],
    [0, 0],
    ["0", 0],
    [0.5, 500],
    ["2.5", 2_500],
    [3600, 3_600_000],
    ["3600", 3_600_000],
  ])("has a REVOCATION_DELAY_SECONDS of %j", (REVOCATION_DELAY_SECONDS, ms) => {
    expect(good({ REVOCATION_DELAY_SECONDS }).revocationDelayMs).toBe(ms);
  });

  it("tells somebody of events when NOTIFY_URLS says whom", () => {
    expect(good({ NOTIFY_URLS: ["https://a.example/hook"] }).notifies).toBe(true);
    expect(good({ NOTIFY_URLS: "" }).notifies).toBe(false);
  });

  it("may name one host for the API", () => {
    expect(good({ ADMIN_HOST: "latchkey.example.com" }).adminHost).toBe("latchkey.example.com");
  });
});

describe("an app", () => {
  const apps = { "vault.example.com": { countries: ["CH"] }, "*": { countries: ["LI"] } };

  it("is found by its hostname", () => {
    const config = good();
    expect(appOf(config, "vault.example.com")?.countries).toEqual(new Set(["CH", "DE"]));
    expect(appOf(config, "photos.example.com")?.countries).toBeNull();
  });

  it.each([
    ...["other.example.com", "example.com", "x.vault.example.com", "vault.example.com."],
    ...["", "*", "__proto__", "constructor", "toString"],
  ])("is not found by another: %j", (hostname) => {
    expect(appOf(good(), hostname)).toBeUndefined();
  });

  it('is not at the ADMIN_HOST, though APPS."*" has all others', () => {
    const config = good({ APPS: apps, ADMIN_HOST: "latchkey.example.com" });
    expect(appOf(config, "latchkey.example.com")).toBeUndefined();
    expect(appOf(config, "other.example.com")).toBeDefined();
  });

  it('is by default what APPS."*" says, and only where none is named', () => {
    const config = good({ APPS: apps });
    expect([...config.apps.keys()]).toEqual(["vault.example.com"]);
    expect(appOf(config, "vault.example.com")?.countries).toEqual(new Set(["CH"]));
    expect(appOf(config, "other.example.com")?.countries).toEqual(new Set(["LI"]));
    expect(appOf(config, "*"), "no host").toBeUndefined();
  });

  it('may be the default alone, for every host: APPS."*"', () => {
    expect(appOf(good({ APPS: { "*": {} } }), "any.example.com")).toEqual(PLAIN);
  });
});

describe("a bad configuration is a problem, told by the variable's name", () => {
  const vault = (settings: unknown) => ({ APPS: { "vault.example.com": settings } });
  const VAULT = 'APPS."vault.example.com"';

  it.each<[string, Record<string, unknown>, string, RegExp]>([
    ["no APPS", { APPS: undefined }, "APPS", /missing/],
    ["APPS null", { APPS: null }, "APPS", /table/],
    ["APPS a text", { APPS: "vault.example.com" }, "APPS", /table/],
    ["APPS a JSON text", { APPS: '{"vault.example.com":{}}' }, "APPS", /table/],
    ["APPS without an app", { APPS: {} }, "APPS", /no app/],
    ["APPS a list of hosts", { APPS: ["vault.example.com"] }, "APPS", /table/],
    ["a host with a scheme", { APPS: { "https://a.b": {} } }, 'APPS."https://a.b"', /hostname/],
    ["a host in capitals", { APPS: { "Vault.example.com": {} } }, 'APPS."Vault.example.com"', /lower case/],
    ["a host with a port", { APPS: { "a.b:8443": {} } }, 'APPS."a.b:8443"', /port/],
    ["a host with a wildcard", { APPS: { "*.a.b": {} } }, 'APPS."*.a.b"', /hostname/],
    ["a host with a dot at the end", { APPS: { "a.b.": {} } }, 'APPS."a.b."', /hostname/],
    ["an app that is true", vault(true), VAULT, /table of settings/],
    ["an app that is null", vault(null), VAULT, /table of settings/],
    ["an app that is a text", vault("CH"), VAULT, /table of settings/],
    ["a misspelt setting", vault({ countires: ["CH"] }), `${VAULT}.countires`, /not a setting/],
    ["a setting in capitals", vault({ Countries: ["CH"] }), `${VAULT}.Countries`, /not a setting/],
    ["countries a text", vault({ countries: "CH" }), `${VAULT}.countries`, /list/],
    ["countries null", vault({ countries: null }), `${VAULT}.countries`, /list/],
    ["no country", vault({ countries: [] }), `${VAULT}.countries`, /no country/],
    ["UK for GB", vault({ countries: ["CH", "UK"] }), `${VAULT}.countries.1`, /"UK" is not an ISO/],
    ["lower case", vault({ countries: ["ch"] }), `${VAULT}.countries.0`, /"ch"/],
    ["a name", vault({ countries: ["Switzerland"] }), `${VAULT}.countries.0`, /ISO 3166/],
    ["Tor", vault({ countries: ["T1"] }), `${VAULT}.countries.0`, /"T1"/],
    ["not known", vault({ countries: ["XX"] }), `${VAULT}.countries.0`, /"XX"/],
    ["a number", vault({ countries: [41] }), `${VAULT}.countries.0`, /code/],
    ["the default's too", { APPS: { "*": { countries: ["UK"] } } }, 'APPS."*".countries.0', /"UK"/],
    ["an empty ADMIN_HOST", { ADMIN_HOST: "" }, "ADMIN_HOST", /hostname/],
    ["an ADMIN_HOST in capitals", { ADMIN_HOST: "Admin.example.com" }, "ADMIN_HOST", /lower case/],
    ["an ADMIN_HOST with a scheme", { ADMIN_HOST: "https://a.b" }, "ADMIN_HOST", /hostname/],
    ["an ADMIN_HOST of *", { ADMIN_HOST: "*" }, "ADMIN_HOST", /hostname/],
    [
      "an ADMIN_HOST that is one of APPS",
      { ADMIN_HOST: "vault.example.com" },
      "ADMIN_HOST",
      /^"vault\.example\.com" is one of APPS: the pages need a host without an app/,
    ],
    ["an ADMIN_HOST that is null", { ADMIN_HOST: null }, "ADMIN_HOST", /hostname/],
    ["an ADMIN_TOKEN that is a number", { ADMIN_TOKEN: 1 }, "ADMIN_TOKEN", /a string/],
    ["a NOTIFY_URLS by http", { NOTIFY_URLS: ["http://a.b"] }, "NOTIFY_URLS.0", /https:/],
    ["a NOTIFY_SECRET of another form", { NOTIFY_SECRET: TOKEN }, "NOTIFY_SECRET", /whsec_/],
    ["no USER_REGISTRY", { USER_REGISTRY: undefined }, "USER_REGISTRY", /missing/],
    ["no DIRECTORY", { DIRECTORY: undefined }, "DIRECTORY", /missing/],
    ["a USER_REGISTRY that is a text", { USER_REGISTRY: "x" }, "USER_REGISTRY", /durable_objects/],
    ["a DIRECTORY that is null", { DIRECTORY: null }, "DIRECTORY", /durable_objects/],
    ["a DIRECTORY of another kind", { DIRECTORY: { get: () => null } }, "DIRECTORY", /durable_objects/],
  ])("%s", (_, change, variable, message) => {
    expect(problems(change)).toEqual([{ variable, message: expect.stringMatching(message) }]);
  });

  it.each<[unknown]>([
    [-1],
    [-0.001],
    [3600.001],
    [Number.POSITIVE_INFINITY],
    [Number.NaN],
    ["-1"],
    ["+1"],
    ["ten"],
    ["10 s"],
    ["1e1"],
    ["0x10"],
    ["3601"],
    [""],
    [" "],
    ["10\n"],
    [null],
    [true],
    [[10]],
    [{}],
  ])("a REVOCATION_DELAY_SECONDS of %j", (REVOCATION_DELAY_SECONDS) => {
    expect(problems({ REVOCATION_DELAY_SECONDS })).toEqual([
      { variable: "REVOCATION_DELAY_SECONDS", message: expect.stringMatching(/0 to 3600/) },
    ]);
  });

  it("all of them at once, so that one deploy mends them", () => {
    const found = problems({
      APPS: { "a.b": { countries: ["UK"] }, "c.d": { x: 1 } },
      ADMIN_HOST: "",
      DIRECTORY: undefined,
    });
    expect(found.map(({ variable }) => variable).sort()).toEqual([
      "ADMIN_HOST",
      'APPS."a.b".countries.0',
      'APPS."c.d".x',
      "DIRECTORY",
    ]);
  });

  it.each<[unknown]>([[undefined], [null], ["x"], [1]])("an env of %j", (value) => {
    const config = parseConfig(value);
    expect(config.ok).toBe(false);
    if (!config.ok) expect(config.error[0]?.variable).toBe("env");
  });

  it("an empty env, with every variable that is needed", () => {
    const config = parseConfig({});
    const variables = config.ok ? [] : config.error.map(({ variable }) => variable);
    expect(variables.sort()).toEqual(["APPS", "DIRECTORY", "USER_REGISTRY"]);
  });

  it("an app that is an empty list", () => {
    expect(problems(vault([]))).toEqual([{ variable: VAULT, message: expect.any(String) }]);
  });
});

describe("ADMIN_TOKEN", () => {
  it.each([
    ["missing", undefined, /not set/],
    ["empty", "", /shorter than 32/],
    ["of 31 characters", TOKEN.slice(1), /shorter than 32/],
  ])("that is %s only turns the API off, and the log says so", (_, ADMIN_TOKEN, message) => {
    const config = good({ ADMIN_TOKEN });
    expect(config.adminToken).toBeNull();
    expect(config.warnings).toEqual([{ variable: "ADMIN_TOKEN", message: expect.stringMatching(message) }]);
    expect(config.apps.size).toBe(2);
  });

  it("of 32 characters is enough", () => {
    expect(good({ ADMIN_TOKEN: TOKEN })).toMatchObject({ adminToken: TOKEN, warnings: [] });
  });

  it("is never in a problem or a warning", () => {
    const secret = "hunter2-hunter2";
    expect(JSON.stringify(good({ ADMIN_TOKEN: secret }).warnings)).not.toContain("hunter2");
    expect(JSON.stringify(problems({ ADMIN_TOKEN: [secret] }))).not.toContain("hunter2");
  });
});

describe("SIGN_IN", () => {
  const ISSUER = "https://id.example.com";
  const SIGN_IN = { issuer: ISSUER, clientId: "latchkey" };
  const ADMIN_HOST = "latchkey.example.com";
  const APPS = { "photos.example.com": { signIn: true } };

  it("is read, with what it is when settings are left out", () => {
    const { signIn, apps } = good({ SIGN_IN, ADMIN_HOST, APPS });
    expect(signIn).toEqual({
      issuer: ISSUER,
      clientId: "latchkey",
      clientSecret: null,
      scopes: "openid email profile",
      label: "your identity provider",
      verifiesEmails: false,
      owners: new Map(),
    });
    expect(apps.get("photos.example.com")?.signIn).toBe(true);
  });

  it("has the secret, and owners by address in lower case", () => {
    const owners = { alice: "Alice@Example.com" };
    const { signIn } = good({ SIGN_IN: { ...SIGN_IN, owners }, SIGN_IN_SECRET: "hush", ADMIN_HOST });
    expect(signIn).toMatchObject({ clientSecret: "hush", owners: new Map([["alice@example.com", "alice"]]) });
  });

  it.each([
    ["an app with signIn, and no SIGN_IN", { ADMIN_HOST, APPS }, "SIGN_IN"],
    ["no ADMIN_HOST", { SIGN_IN }, "ADMIN_HOST"],
    [
      "signIn for hosts that are not named",
      { SIGN_IN, ADMIN_HOST, APPS: { "*": { signIn: true } } },
      'APPS."*".signIn',
    ],
    [
      "an issuer without TLS",
      { ADMIN_HOST, SIGN_IN: { ...SIGN_IN, issuer: "http://id.example.com" } },
      "SIGN_IN.issuer",
    ],
    [
      "an issuer with a query",
      { ADMIN_HOST, SIGN_IN: { ...SIGN_IN, issuer: `${ISSUER}?a` } },
      "SIGN_IN.issuer",
    ],
    ["no client id", { ADMIN_HOST, SIGN_IN: { issuer: ISSUER } }, "SIGN_IN.clientId"],
    ["scopes without openid", { ADMIN_HOST, SIGN_IN: { ...SIGN_IN, scopes: "email" } }, "SIGN_IN.scopes"],
    [
      "an owner without an address",
      { ADMIN_HOST, SIGN_IN: { ...SIGN_IN, owners: { alice: "x" } } },
      "SIGN_IN.owners.alice",
    ],
    [
      "an address that names two owners",
      { ADMIN_HOST, SIGN_IN: { ...SIGN_IN, owners: { al: "a@b.c", bo: "A@b.c" } } },
      "SIGN_IN.owners",
    ],
    [
      "an owner with an impossible id",
      { ADMIN_HOST, SIGN_IN: { ...SIGN_IN, owners: { Al: "a@b.c" } } },
      "SIGN_IN.owners.Al",
    ],
    ["an unknown setting", { ADMIN_HOST, SIGN_IN: { ...SIGN_IN, isuer: ISSUER } }, "SIGN_IN.isuer"],
    ["an empty secret", { ADMIN_HOST, SIGN_IN, SIGN_IN_SECRET: "" }, "SIGN_IN_SECRET"],
  ])("with %s is a problem", (_, change, variable) => {
    expect(problems(change)).toEqual([{ variable, message: expect.any(String) }]);
  });

  it("may have an issuer on this machine without TLS", () => {
    const issuer = "http://localhost:4000";
    expect(good({ ADMIN_HOST, SIGN_IN: { ...SIGN_IN, issuer } }).signIn).toMatchObject({ issuer });
  });
});
