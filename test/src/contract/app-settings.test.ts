import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { appOf, type ConfigProblem, parseConfig } from "../../../src/config.ts";
import { APP_PROFILES } from "../../../src/domain/apps/names.ts";
import type { App } from "../../../src/domain/request/app.ts";
import { PROFILE_NAMES } from "../../../src/domain/request/app.ts";
import { pathRules } from "../../../src/domain/request/path-rules.ts";
import { isWipe } from "../../../src/gate/answers.ts";

const HOST = "vault.example.com";
const CHOICE = `must be one of ${PROFILE_NAMES.join(", ")}, or an app known by name (docs/apps.md)`;
const VARIABLE = `APPS."${HOST}"`;

/** The configuration with one app, whose settings these are. */
const parse = (settings: unknown) =>
  parseConfig({
    APPS: { [HOST]: settings },
    ADMIN_TOKEN: "0123456789abcdef0123456789abcdef",
    USER_REGISTRY: env.USER_REGISTRY,
    DIRECTORY: env.DIRECTORY,
  });

function app(settings: unknown): App {
  const config = parse(settings);
  if (!config.ok) throw new Error(JSON.stringify(config.error));
  return appOf(config.value, HOST) ?? expect.fail("no app");
}

function problems(settings: unknown): ConfigProblem[] {
  const config = parse(settings);
  return config.ok ? expect.fail("this configuration was taken") : config.error;
}

describe("a profile", () => {
  it("is web unless it is named", () => {
    expect(app({})).toEqual({
      countries: null,
      profile: { name: "web" },
      publicPaths: pathRules([]),
      preflight: false,
      basic: false,
      signIn: false,
      origins: new Set(),
    });
    expect(app({ profile: "web" })).toEqual(app({}));
  });

  it.each(["web", "bitwarden", "sync"])("%s is taken by its name", (profile) => {
    expect(app({ profile }).profile).toEqual({ name: profile });
  });

  it("stands beside the other settings", () => {
    const settings = { profile: "sync", countries: ["CH"], public: ["/s/*"], preflight: true };
    expect(app(settings)).toEqual({
      countries: new Set(["CH"]),
      profile: { name: "sync" },
      publicPaths: pathRules(["/s/*"]),
      preflight: true,
      basic: false,
      signIn: false,
      origins: new Set(),
    });
  });

  it.each([
    ...["firefox", "", "web,sync", "__proto__", "constructor", "own"],
    ...[null, true, 404, ["web"], { name: "web" }],
  ])("of %j is none, and the problem names those that are", (profile) => {
    expect(problems({ profile })).toEqual([{ variable: `${VARIABLE}.profile`, message: CHOICE }]);
  });

  it.each([
    ["Bitwarden", "bitwarden"],
    ["imich", "immich"],
    [" web", "web"],
    ["vaultwardn", "vaultwarden"],
    ["homeassistant", "home-assistant"],
  ])("of %j is none, and the problem names the nearest", (profile, near) => {
    expect(problems({ profile })).toEqual([
      { variable: `${VARIABLE}.profile`, message: `${CHOICE}: did you mean ${near}?` },
    ]);
  });

  it.each(Object.entries(APP_PROFILES))(
    "of the app %s is the profile %s, and its name stays",
    (name, profile) => {
      expect(app({ profile: name, preflight: true })).toEqual({
        name,
        ...{ countries: null, profile: { name: profile }, publicPaths: pathRules([]), preflight: true },
        ...{ basic: false, signIn: false, origins: new Set() },
      });
    },
  );

  it.each<[string, unknown, string]>([
    ["with a path", ["https://notes.example.com/"], "must be an origin"],
    ["of every host", ["https://*.example.com"], "must be an origin"],
    ["that is none", ["notes.example.com"], "must be an origin"],
    ["alone", "https://notes.example.com", "must be a list"],
  ])("takes no origin %s", (_, origins, message) => {
    expect(problems({ origins })).toEqual([
      expect.objectContaining({ message: expect.stringContaining(message) }),
    ]);
  });

  it("takes origins of pages and of apps that are pages, and tokens as passwords", () => {
    const origins = [
      "https://notes.example.com:8443",
      "app://obsidian.md",
      "capacitor://localhost",
      "http://localhost",
    ];
    expect(app({ origins, basic: true })).toMatchObject({ origins: new Set(origins), basic: true });
  });

  it("of an app opens nothing, and takes no settings of custom", () => {
    expect(app({ profile: "vaultwarden" })).toMatchObject({ publicPaths: pathRules([]), preflight: false });
    expect(problems({ profile: "immich", status: 404 })).toEqual([
      { variable: VARIABLE, message: 'status goes with profile = "custom" only' },
    ]);
  });

  it("of Vaultwarden is one that tells a lost device to wipe; of Nextcloud it is not", () => {
    expect(isWipe("device-lost", app({ profile: "vaultwarden" }).profile)).toBe(true);
    expect(isWipe("device-lost", app({ profile: "nextcloud" }).profile)).toBe(false);
  });

  it("is a setting of the default app, too", () => {
    const parsed = parseConfig({
      APPS: { "*": { profile: "sync" } },
      USER_REGISTRY: env.USER_REGISTRY,
      DIRECTORY: env.DIRECTORY,
    });
    expect(parsed.ok && appOf(parsed.value, "any.example.com")?.profile).toEqual({ name: "sync" });
  });
});

describe("the profile custom", () => {
  const custom = (settings: object) => ({ profile: "custom", ...settings });

  it("answers as web does, where nothing else is said", () => {
    expect(app(custom({})).profile).toEqual({
      name: "custom",
      answer: {
        status: 404,
        retryAfterSeconds: null,
        body: "Not Found",
        contentType: "text/plain; charset=utf-8",
      },
    });
  });

  it.each<[object, object]>([
    [{ status: 503 }, { status: 503 }],
    [{ retryAfter: 1 }, { retryAfterSeconds: 1 }],
    [{ retryAfter: 86_400 }, { retryAfterSeconds: 86_400 }],
    [{ body: "" }, { body: "" }],
    [{ body: '{"error":"later"}' }, { body: '{"error":"later"}' }],
    [{ contentType: "application/json" }, { contentType: "application/json" }],
    [{ contentType: "text/html; charset=utf-8" }, { contentType: "text/html; charset=utf-8" }],
    [{ contentType: "application/problem+json" }, { contentType: "application/problem+json" }],
    [
      { status: 500, retryAfter: 60, body: "x", contentType: "text/x" },
      { status: 500, retryAfterSeconds: 60, body: "x", contentType: "text/x" },
    ],
  ])("takes %j", (settings, answer) => {
    const { profile } = app(custom(settings));
    const { profile: defaults } = app(custom({}));
    if (profile.name !== "custom" || defaults.name !== "custom") return expect.fail("not custom");
    expect(profile.answer).toEqual({ ...defaults.answer, ...answer });
  });

  it("takes every status of 100 to 599 but those that harm: below 400, 401, 403, 407 and 410", () => {
    const refused: number[] = [];
    for (let status = 100; status <= 599; status++) {
      const config = parse(custom({ status }));
      if (!config.ok) {
        refused.push(status);
        expect(config.error).toEqual([{ variable: `${VARIABLE}.status`, message: expect.any(String) }]);
      } else expect(app(custom({ status })).profile).toMatchObject({ answer: { status } });
    }
    const under400 = Array.from({ length: 300 }, (_, index) => 100 + index);
    expect(refused).toEqual([...under400, 401, 403, 407, 410]);
  });

  it.each<[number, string]>([
    [100, "1xx is no final answer: clients wait for another one"],
    [199, "1xx is no final answer: clients wait for another one"],
    [200, "2xx makes clients take the refusal for the app's data, and store it"],
    [204, "2xx makes clients take the refusal for the app's data, and store it"],
    [299, "2xx makes clients take the refusal for the app's data, and store it"],
    [302, "3xx sends clients elsewhere: Android's Bitwarden takes it for a sign-in page"],
    [399, "3xx sends clients elsewhere: Android's Bitwarden takes it for a sign-in page"],
    [401, "401 makes Bitwarden's clients delete their vault, and others sign out"],
    [403, "403 makes Bitwarden's clients delete their vault, and DAVx5 its collections"],
    [407, "407 makes clients ask for a proxy's password, and send it"],
    [410, "410 makes DAVx5 delete its collections, and Home Assistant register again"],
  ])("says what a status of %i would do to somebody's data", (status, message) => {
    expect(problems(custom({ status }))).toEqual([{ variable: `${VARIABLE}.status`, message }]);
  });

  it.each<[unknown, RegExp]>([
    [99, /400 to 599/],
    [600, /400 to 599/],
    [999, /400 to 599/],
    [0, /400 to 599/],
    [-404, /400 to 599/],
    [404.5, /whole number/],
    [401.5, /whole number/],
    ["404", /number/],
    [null, /number/],
    [[404], /number/],
    [Number.NaN, /number/],
    [Number.POSITIVE_INFINITY, /number/],
  ])("takes no status of %j", (status, message) => {
    const found = problems(custom({ status }));
    expect(found.length).toBeGreaterThan(0);
    for (const { variable } of found) expect(variable).toBe(`${VARIABLE}.status`);
    expect(found.map((problem) => problem.message).join("; ")).toMatch(message);
  });

  it.each<[string, unknown, RegExp]>([
    ["retryAfter", 0, /at least 1 second/],
    ["retryAfter", -1, /at least 1 second/],
    ["retryAfter", 86_401, /at most a day/],
    ["retryAfter", 0.5, /whole number/],
    ["retryAfter", "300", /number of seconds/],
    ["retryAfter", null, /number of seconds/],
    ["body", 1, /must be a string/],
    ["body", null, /must be a string/],
    ["body", { error: "x" }, /must be a string/],
    ["body", '{"error":"invalid_grant"}', /^invalid_grant makes Bitwarden's clients delete their vault/],
    ["body", "INVALID_GRANT", /^invalid_grant makes/],
    ["contentType", "", /media type/],
    ["contentType", "text", /media type/],
    ["contentType", "text/", /media type/],
    ["contentType", "text/plain\r\nSet-Cookie: a=1", /media type/],
    ["contentType", "text/plain\n", /media type/],
    ["contentType", "text/plain, text/html", /media type/],
    ["contentType", "text/plain;", /media type/],
    ["contentType", "tëxt/plain", /media type/],
    ["contentType", null, /must be a string/],
  ])("takes no %s of %j", (setting, value, message) => {
    const found = problems(custom({ [setting]: value }));
    expect(found.length).toBeGreaterThan(0);
    for (const { variable } of found) expect(variable).toBe(`${VARIABLE}.${setting}`);
    expect(found.map((problem) => problem.message).join("; ")).toMatch(message);
  });

  it.each([
    { Status: 404 },
    { "retry-after": 300 },
    { retry_after: 300 },
    { headers: {} },
    { location: "/" },
  ])("has no setting %j", (settings) => {
    const [name] = Object.keys(settings);
    const variable = name?.includes("-") ? `${VARIABLE}."${name}"` : `${VARIABLE}.${name}`;
    expect(problems(custom(settings))).toEqual([
      { variable, message: expect.stringMatching(/not a setting of an app/) },
    ]);
  });

  it.each(["web", "bitwarden", "sync", undefined])("alone has these settings: not %s", (profile) => {
    for (const [setting, value] of [
      ["status", 503],
      ["retryAfter", 300],
      ["body", "x"],
      ["contentType", "text/html"],
    ]) {
      const settings = { ...(profile === undefined ? {} : { profile }), [String(setting)]: value };
      expect(problems(settings)).toEqual([
        { variable: VARIABLE, message: `${setting} goes with profile = "custom" only` },
      ]);
    }
  });

  it("is told of all that is wrong at once", () => {
    const found = problems({ profile: "web", status: 503, body: "x" });
    expect(found.map(({ message }) => message)).toEqual([
      'status goes with profile = "custom" only',
      'body goes with profile = "custom" only',
    ]);
  });
});

describe("public paths", () => {
  it("are none unless named, and an empty list is none", () => {
    expect(app({}).publicPaths).toEqual(pathRules([]));
    expect(app({ public: [] })).toEqual(app({}));
  });

  it("are read, exact ones and folders", () => {
    expect(app({ public: ["/share/*", "/webauthn-mobile-connector.html"] }).publicPaths).toEqual({
      exact: new Set(["/webauthn-mobile-connector.html"]),
      below: ["/share/"],
    });
  });

  it.each([
    ["share", "must begin with a slash"],
    ["/*", "would let everything through"],
    ["*", "must begin with a slash"],
    ["/share*", "takes a * as its whole last segment only, as in /share/*"],
    ["/*/x", "takes a * as its whole last segment only, as in /share/*"],
    ["//share/*", "must be a plain path, without %2e, %2f, //, . or .. segments, ; or a query"],
    ["/share/../*", "must be a plain path, without %2e, %2f, //, . or .. segments, ; or a query"],
    ["/share%2fx", "must be a plain path, without %2e, %2f, //, . or .. segments, ; or a query"],
    ["/share?key=1", "must be a plain path, without %2e, %2f, //, . or .. segments, ; or a query"],
    ["https://vault.example.com/share", "must begin with a slash"],
  ])("do not take %j, and say why", (pattern, sentence) => {
    expect(problems({ public: ["/ok", pattern] })).toEqual([
      { variable: `${VARIABLE}.public.1`, message: `${JSON.stringify(pattern)} ${sentence}` },
    ]);
  });

  it.each(["/share/*", null, true, { "/share/*": true }])("are a list, not %j", (value) => {
    expect(problems({ public: value })).toEqual([
      { variable: `${VARIABLE}.public`, message: expect.stringMatching(/list of paths/) },
    ]);
  });

  it.each([[1], [null], [["/share/*"]]])("are texts, not %j", (value) => {
    expect(problems({ public: [value] })).toEqual([
      { variable: `${VARIABLE}.public.0`, message: expect.stringMatching(/must be a path/) },
    ]);
  });
});

describe("preflight", () => {
  it.each([
    [undefined, false],
    [false, false],
    [true, true],
  ])("of %j is %s", (preflight, expected) => {
    expect(app(preflight === undefined ? {} : { preflight }).preflight).toBe(expected);
  });

  it.each(["true", "false", "", 1, 0, null, [], ["GET"]])("is no %j", (preflight) => {
    expect(problems({ preflight })).toEqual([
      { variable: `${VARIABLE}.preflight`, message: "must be true or false" },
    ]);
  });
});
