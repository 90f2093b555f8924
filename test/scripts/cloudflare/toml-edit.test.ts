import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseWranglerToml } from "../../../scripts/cloudflare/client/wrangler-toml.ts";
import {
  withAdminHost,
  withApp,
  withOpenings,
  withoutAdminHost,
  withRoutes,
  withSignIn,
  withSignInApp,
} from "../../../scripts/cloudflare/setup/toml-edit.ts";

const OURS = readFileSync(join(import.meta.dirname, "../../../wrangler.toml"), "utf8");
const ROUTES = [
  { pattern: "vault.example.com/*", zone_name: "example.com" },
  { pattern: "photos.example.com/*", zone_name: "example.com" },
];
const lines = (text: string) => text.split("\n");

describe("wrangler.toml, edited", () => {
  it("keeps every line that was there, comments and blanks, and adds the rest", () => {
    const edited = withRoutes(
      withApp(withApp(OURS, "vault.example.com", "bitwarden"), "photos.example.com", "sync"),
      ROUTES,
    );
    const added = lines(edited).filter((line) => !lines(OURS).includes(line));
    expect(added).toEqual([
      "routes = [",
      '  { pattern = "vault.example.com/*", zone_name = "example.com" },',
      '  { pattern = "photos.example.com/*", zone_name = "example.com" },',
      "]",
      '[vars.APPS."vault.example.com"]',
      // Its profile is a line that the file had already, of another app.
      '[vars.APPS."photos.example.com"]',
      'profile = "sync"',
    ]);
    // The old lines are all there, in their order.
    let at = -1;
    for (const line of lines(OURS)) {
      at = lines(edited).indexOf(line, at + 1);
      expect(at, line).toBeGreaterThan(-1);
    }
    expect(parseWranglerToml(edited)).toMatchObject({
      routes: ROUTES,
      name: "latchkey",
      cache: { enabled: false },
    });
  });

  it("is the same when it says it already", () => {
    const once = withRoutes(withApp(OURS, "vault.example.com", "sync"), ROUTES);
    expect(withRoutes(withApp(once, "vault.example.com", "sync"), ROUTES)).toBe(once);
    expect(withApp(OURS, "localhost", "web")).toBe(OURS);
  });

  it.each([
    [
      "another profile",
      '[vars.APPS."a.b"]\nprofile = "web" # why\ncountries = ["CH"]\n',
      '[vars.APPS."a.b"]\nprofile = "sync" # why\ncountries = ["CH"]\n',
    ],
    [
      "a profile that was not named",
      '[vars.APPS."a.b"] # mine\ncountries = ["CH"]\n',
      '[vars.APPS."a.b"] # mine\nprofile = "sync"\ncountries = ["CH"]\n',
    ],
    ["no APPS at all", 'name = "x"\n', 'name = "x"\n\n[vars.APPS."a.b"]\nprofile = "sync"\n'],
    [
      "Windows' line ends",
      "[vars]\r\nX = 1\r\n",
      '[vars]\r\nX = 1\r\n\n[vars.APPS."a.b"]\nprofile = "sync"\n',
    ],
  ])("app: %s", (_, before, after) => {
    expect(withApp(before, "a.b", "sync").replaceAll("\r", "")).toBe(after.replaceAll("\r", ""));
  });

  it.each([
    [
      "below the profile",
      '[vars.APPS."a.b"]\nprofile = "immich" # why\ncountries = ["CH"]\n',
      '[vars.APPS."a.b"]\nprofile = "immich" # why\npreflight = true\npublic = ["/s/*", "/a,b"]\ncountries = ["CH"]\n',
    ],
    [
      "beside what is open already",
      '[vars.APPS."a.b"]\npreflight = false\npublic = ["/own", "/s/*"] # mine\n',
      '[vars.APPS."a.b"]\npreflight = true\npublic = ["/own", "/s/*", "/a,b"] # mine\n',
    ],
  ])("paths and preflights that pass: %s", (_, before, after) => {
    const openings = { paths: ["/s/*", "/a,b"], preflight: true };
    expect(withOpenings(before, "a.b", openings)).toBe(after);
    expect(withOpenings(after, "a.b", openings)).toBe(after);
    expect(withOpenings(before, "a.b", { paths: [], preflight: false })).toBe(before);
  });

  const NEW = '{ pattern = "vault.example.com/*", zone_name = "example.com" }';
  it.each([
    [
      "one line",
      'routes = [{ pattern = "o.example.com/*", zone_name = "example.com" }] # mine\n',
      `routes = [{ pattern = "o.example.com/*", zone_name = "example.com" }, ${NEW}] # mine\n`,
    ],
    [
      "texts",
      'routes = [\n  "o.example.com/*", # other\n]\n',
      `routes = [\n  "o.example.com/*", # other\n  ${NEW},\n]\n`,
    ],
    [
      "no comma at the end",
      'routes = [\n  "o.example.com/*" # other\n]\n',
      `routes = [\n  "o.example.com/*", # other\n  ${NEW},\n]\n`,
    ],
    ["none", "routes = []\n", `routes = [\n  ${NEW},\n]\n`],
    ["no tables", 'name = "x"\n', `name = "x"\nroutes = [\n  ${NEW},\n]\n\n`],
    ["a table at the very top", "# about it\n[vars]\n", `routes = [\n  ${NEW},\n]\n\n# about it\n[vars]\n`],
  ])("routes: %s", (_, before, after) => {
    expect(withRoutes(before, ROUTES.slice(0, 1))).toBe(after);
  });

  it.each([
    ["no [vars]", 'name = "x"\n', 'name = "x"\n\n[vars]\nADMIN_HOST = "l.b"\n'],
    ["an empty [vars]", "[vars]\n[x]\n", '[vars]\nADMIN_HOST = "l.b"\n[x]\n'],
    [
      "other variables, and a comment that names one",
      '[vars]\nX = 1 # one\n# ADMIN_HOST = "no"\n\n[vars.APPS."a.b"]\n',
      '[vars]\nX = 1 # one\nADMIN_HOST = "l.b"\n# ADMIN_HOST = "no"\n\n[vars.APPS."a.b"]\n',
    ],
    ["another host", '[vars]\nADMIN_HOST = "o.b" # mine\n', '[vars]\nADMIN_HOST = "l.b" # mine\n'],
    ["the same host", '[vars]\nADMIN_HOST = "l.b"\n', '[vars]\nADMIN_HOST = "l.b"\n'],
  ])("ADMIN_HOST: %s", (_, before, after) => {
    expect(withAdminHost(before, "l.b")).toBe(after);
  });

  it("no ADMIN_HOST any more", () => {
    const text = '[vars]\n# why\nADMIN_HOST = "l.b" # mine\nX = 1\n';
    expect(withoutAdminHost(text)).toBe("[vars]\n# why\nX = 1\n");
    expect(withoutAdminHost('[vars]\nADMIN_HOST = "l.b"')).toBe("[vars]\n");
    expect(withoutAdminHost("[vars]\nX = 1\n")).toBe("[vars]\nX = 1\n");
  });

  it.each([
    ["inline vars", "vars = { X = 1 }\n", (text: string) => withAdminHost(text, "l.b")],
    ["inline APPS", '[vars]\nAPPS = { "o.b" = {} }\n', (text: string) => withApp(text, "a.b", "sync")],
    [
      "a route of the old form",
      'route = "o.example.com/*"\n[vars]\n',
      (text: string) => withRoutes(text, ROUTES),
    ],
    ["routes that are no list", 'routes = "o.example.com/*"\n', (text: string) => withRoutes(text, ROUTES)],
  ])("refuses what it cannot edit rather than guess: %s", (_, text, edit) => {
    expect(() => edit(text)).toThrow("a form that setup does not edit");
  });
});

describe("signing in, in wrangler.toml", () => {
  const SETTINGS = {
    issuer: "https://id.example.com",
    clientId: "latchkey",
    verifiesEmails: true,
    owners: { alice: "alice@example.com", "bob-2": "bob@example.com" },
  };
  const BLOCK = `[vars.SIGN_IN]
issuer = "https://id.example.com"
clientId = "latchkey"
owners = { alice = "alice@example.com", bob-2 = "bob@example.com" }
verifiesEmails = true`;

  it("is a table of its own, and the file says the rest as before", () => {
    const edited = withSignIn(OURS, SETTINGS);
    expect(edited).toContain(`\n\n${BLOCK}\n`);
    expect(edited.replace(`\n\n${BLOCK}`, "")).toBe(OURS);
    expect(withSignIn(edited, SETTINGS)).toBe(edited);
  });

  it("changes what differs, and keeps comments and other settings", () => {
    const before = `[vars.SIGN_IN]\nissuer = "https://old" # why\nscopes = "openid"\nowners = { carol = "c@d.e" }\n`;
    expect(withSignIn(before, { issuer: "https://new", clientId: "x" })).toBe(
      `[vars.SIGN_IN]\nissuer = "https://new" # why\nclientId = "x"\nscopes = "openid"\nowners = { carol = "c@d.e" }\n`,
    );
  });

  it("is left to the owner where it is written otherwise", () => {
    const inline = `[vars]\nSIGN_IN = { issuer = "https://old", clientId = "x" }\n`;
    expect(() => withSignIn(inline, SETTINGS)).toThrow("in a form that setup does not edit (SIGN_IN)");
    const table = `[vars.SIGN_IN]\nissuer = "https://old"\n[vars.SIGN_IN.owners]\nalice = "a@b.c"\n`;
    expect(() => withSignIn(table, SETTINGS)).toThrow("in a form that setup does not edit (SIGN_IN)");
  });

  it("is switched on for an app, once", () => {
    const before = `[vars.APPS."a.b"]\nprofile = "web" # why\n`;
    const after = `[vars.APPS."a.b"]\nprofile = "web" # why\nsignIn = true\n`;
    expect(withSignInApp(before, "a.b")).toBe(after);
    expect(withSignInApp(after, "a.b")).toBe(after);
    expect(withSignInApp(after.replace("true", "false"), "a.b")).toBe(after);
  });
});
