import { reset } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { OPERATIONS } from "../../src/contract/operations.ts";
import { API_PATH, ENROL_PATH, PATHS } from "../../src/contract/paths.ts";
import { PAGES } from "../../src/pages/routes.ts";
import { ADMIN_HOST, bearer, HOST, makeToken, tlsClientAuth } from "./fixtures.ts";
import {
  type Echo,
  type Init,
  Isolate,
  logged,
  NOT_FOUND,
  SWISS_HOST,
  scripted,
  seen,
  UNAVAILABLE,
} from "./gate/fixtures.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const ADMIN = { Authorization: `Bearer ${env.ADMIN_TOKEN}` };
const USERS = `${API_PATH}/users`;
/** Served on every app's host. */
const OPEN = [ENROL_PATH, "/.latchkey/style.css", "/.latchkey/script.js"];
const STARTS = ["/.latchkey", "/.latchkey/sign-in"];
/** For anybody, on the ADMIN_HOST. */
const WELCOME = [PATHS.welcome, PATHS.welcomeScript];

/** Without a certificate, unless `init` has one: what the API takes. */
const fetchFrom = (isolate: Isolate, pathOrUrl: string, init: Init = {}) =>
  isolate.fetch(pathOrUrl, { cf: { country: "CH" }, ...init });

describe("a control path", () => {
  it.each([
    USERS,
    "/.latchkey/nothing",
    "/.latchkey/nothing?x",
    "/.latchkey/api/v1/openapi.json",
    "/x/../.latchkey/api/v1/users",
    "/x/%2e%2E/.latchkey/api/v1/users",
    "/./.latchkey/x",
    "\\.latchkey\\x",
  ])("never reaches an app, not even with a certificate that passes: %s", async (path) => {
    const app = vi.spyOn(globalThis, "fetch");
    const cf = { tlsClientAuth: tlsClientAuth() };
    for (const [change, reason] of [
      [{}, "not-the-admin-host"],
      [{ ADMIN_HOST: undefined }, "no-credentials"],
    ] as const) {
      const lines = logged();
      const isolate = new Isolate({ ...scripted().bindings, ...change });
      expect(await seen(await isolate.fetch(`https://${HOST}${path}`, { cf }))).toEqual(NOT_FOUND);
      expect(lines).toEqual([expect.objectContaining({ event: "control-refused", reason })]);
    }
    expect(app).not.toHaveBeenCalled();
  });

  it.each(["/.latchkey/", "/.latchkey", "/.latchkey?x", "/.latchkey/devices"])(
    "that is a page never reaches an app either, nor an object: %s",
    async (path) => {
      const app = vi.spyOn(globalThis, "fetch");
      const { bindings, counts } = scripted();
      const isolate = new Isolate(bindings);
      const response = await isolate.fetch(path, { cf: { tlsClientAuth: tlsClientAuth() } });
      expect([200, 303]).toContain(response.status);
      expect(app).not.toHaveBeenCalled();
      expect(counts).toMatchObject({ directoryStubs: 0, registryStubs: 0 });
    },
  );

  it.each([
    "/.Latchkey/api/v1/users",
    "/.LATCHKEY/",
    "/%2elatchkey/api/v1/users",
    "/.latchke%79/api/v1/users",
    "/.latchkey%2fapi/v1/users",
    "//.latchkey/api/v1/users",
    "/.latchkeys",
    "/.latchkey.txt",
    "/x/.latchkey/api/v1/users",
    "/?/.latchkey/",
  ])(
    "is not what only looks like one: %s goes through the gate, and the token opens nothing",
    async (path) => {
      const lines = logged();
      const { bindings, counts } = scripted();
      const isolate = new Isolate(bindings);
      expect(await seen(await fetchFrom(isolate, `https://${HOST}${path}`, { headers: ADMIN }))).toEqual(
        NOT_FOUND,
      );
      expect(lines).toEqual([expect.objectContaining({ event: "refused", reason: "no-certificate" })]);
      expect(counts).toMatchObject({ directoryStubs: 0, registryStubs: 0 });

      const response = await isolate.fetch(`https://${HOST}${path}`);
      expect(response.status).toBe(200);
      expect((await response.json<Echo>()).url).toBe(`https://${HOST}${path}`);
    },
  );

  it("answers who has the token, without a certificate and from any country", async () => {
    const isolate = new Isolate({ ADMIN_HOST: undefined });
    for (const host of [HOST, HOST.toUpperCase(), `${HOST}.`, SWISS_HOST]) {
      const response = await fetchFrom(isolate, `https://${host}${USERS}`, {
        headers: ADMIN,
        cf: { country: "DE" },
      });
      expect(response.status).toBe(200);
      expect(await response.json()).toEqual({ users: [], next: null });
    }
  });

  it("answers HEAD without a body", async () => {
    const response = await fetchFrom(new Isolate(), USERS, { method: "HEAD", headers: ADMIN });
    expect(response.status).toBe(200);
    expect(await response.text()).toBe("");
  });

  it.each<[string, Record<string, unknown>, string]>([
    ["without credentials", { ADMIN_HOST: undefined }, "no-credentials"],
    ["with a short token", { ADMIN_HOST: undefined, ADMIN_TOKEN: "short" }, "api-off"],
    ["without a token", { ADMIN_TOKEN: undefined }, "api-off"],
    ["away from the admin host", {}, "not-the-admin-host"],
  ])("is answered %s like any other refusal, to the byte", async (_, change, reason) => {
    const lines = logged();
    const isolate = new Isolate(change);
    await fetchFrom(isolate, "/");
    lines.splice(0);
    for (const method of ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "HEAD"]) {
      const headers = { "User-Agent": `client-${method}/8`, ...(reason === "no-credentials" ? {} : ADMIN) };
      const response = await fetchFrom(isolate, `https://${HOST}${USERS}?token=SECRET`, { method, headers });
      expect(await seen(response)).toEqual(method === "HEAD" ? { ...NOT_FOUND, body: "" } : NOT_FOUND);
    }
    expect(lines).toHaveLength(8);
    expect(lines[0]).toEqual({
      event: "control-refused",
      reason,
      app: HOST,
      method: "GET",
      path: USERS,
      country: "CH",
      ray: null,
      client: "client-GET/8",
      fingerprint: null,
    });
    expect(JSON.stringify(lines)).not.toMatch(/SECRET|Bearer/);
    expect(JSON.stringify(lines)).not.toContain(env.ADMIN_TOKEN);
  });

  it("is refused at a host that is no app, with the right token too", async () => {
    const lines = logged();
    const response = await fetchFrom(new Isolate(), `https://other.example.com${USERS}`, { headers: ADMIN });
    expect(await seen(response)).toEqual(UNAVAILABLE);
    expect(lines).toEqual([expect.objectContaining({ event: "control-refused", reason: "unknown-app" })]);
  });

  it("is served at ADMIN_HOST alone, which need not be an app", async () => {
    logged();
    const isolate = new Isolate();
    const status = async (host: string, path = USERS) =>
      (await fetchFrom(isolate, `https://${host}${path}`, { headers: ADMIN })).status;
    expect(await status(ADMIN_HOST)).toBe(200);
    expect(await status("LATCHKEY.example.com.")).toBe(200);
    expect(await status(HOST)).toBe(404);
    expect(await status("other.example.com")).toBe(503);
    expect(await status(ADMIN_HOST, "/x"), "everything else there is no app").toBe(503);
  });

  it("is of ADMIN_HOST alone, for pages of people and each path of the API; a device's page is its app's", async () => {
    const isolate = new Isolate();
    const { token } = await makeToken("alice", "devices");
    const lines = logged();
    const paths = [
      ...Object.values(OPERATIONS).map(({ path }) => API_PATH + path),
      ...PAGES.map(({ path }) => path),
    ];
    for (const path of [...paths, ...STARTS, ...WELCOME, "/.latchkey/sign-out"]) {
      for (const method of ["GET", "POST"]) {
        const headers = { ...bearer(token).headers, Origin: `https://${HOST}` };
        const url = `https://${HOST}${path}`;
        expect(await seen(await fetchFrom(isolate, url, { method, headers })), path).toEqual(NOT_FOUND);
      }
    }
    expect(new Set(lines.map(({ reason }) => reason))).toEqual(new Set(["not-the-admin-host"]));
    for (const path of OPEN) {
      expect((await fetchFrom(isolate, `https://${HOST}${path}`)).status, path).toBe(200);
    }
    const me = await fetchFrom(isolate, `https://${ADMIN_HOST}${API_PATH}/me`, bearer(token));
    expect(await me.json()).toMatchObject({ user: "alice" });
    await reset();
  });

  it("tells a wrong token from none, and the log does not repeat it", async () => {
    const lines = logged();
    const headers = { Authorization: "Bearer WRONG-WRONG-WRONG-WRONG-WRONG-WRONG" };
    const response = await fetchFrom(new Isolate(), USERS, { headers });
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toMatch(/^Bearer /);
    expect(lines).toEqual([{ event: "wrong-credentials", app: ADMIN_HOST, country: "CH" }]);
  });
});

describe("without an ADMIN_HOST", () => {
  // Security review, finding 7: on an app's host, its service worker reads our pages and what is typed there.
  it("no app's host serves a page but the one that enrols a device", async () => {
    const { bindings, counts } = scripted();
    const isolate = new Isolate({ ...bindings, ADMIN_HOST: undefined });
    const lines = logged();
    for (const path of [...PAGES.map(({ path }) => path), ...STARTS, ...WELCOME, "/.latchkey/sign-out"]) {
      for (const method of ["GET", "POST"]) {
        const headers = { Origin: `https://${HOST}`, Cookie: "__Host-latchkey=x" };
        const init = { method, headers, cf: { tlsClientAuth: tlsClientAuth(), country: "CH" } };
        expect(await seen(await isolate.fetch(path, init)), path).toEqual(NOT_FOUND);
      }
    }
    expect(new Set(lines.map(({ reason }) => reason))).toEqual(new Set(["no-admin-host"]));
    for (const path of OPEN) expect((await fetchFrom(isolate, path)).status, path).toBe(200);
    expect(counts).toMatchObject({ directoryStubs: 0, registryStubs: 0 });
  });
});

describe("the ADMIN_HOST", () => {
  const at = (path: string) => `https://${ADMIN_HOST}${path}`;

  it("leads from its root to the pages, and serves nothing else beside them", async () => {
    const app = vi.spyOn(globalThis, "fetch");
    const isolate = new Isolate({
      ...scripted().bindings,
      APPS: { "*": { public: ["/index.html", "/x/*"] } },
    });
    const lines = logged();
    const start = await isolate.fetch(at("/"));
    expect([start.status, start.headers.get("location")]).toEqual([303, "/.latchkey/"]);
    for (const path of ["/index.html", "/favicon.ico", "/x/.latchkey/", "//", "/.latchkeys"]) {
      expect(await seen(await isolate.fetch(at(path))), path).toEqual(UNAVAILABLE);
    }
    expect(new Set(lines.map(({ event, reason }) => `${event} ${reason}`))).toEqual(
      new Set(["refused unknown-app"]),
    );
    expect(app).not.toHaveBeenCalled();
  });

  it("is asked for over TLS alone once a browser has seen it; an app's host is the app's affair", async () => {
    const isolate = new Isolate(scripted().bindings);
    const policyOf = async (url: string, init: Init = {}) =>
      (await fetchFrom(isolate, url, init)).headers.get("strict-transport-security");
    for (const path of ["/", "/.latchkey/", ENROL_PATH, "/.latchkey/style.css"]) {
      expect(await policyOf(at(path)), path).toBe("max-age=31536000");
    }
    expect(await policyOf(at("/.latchkey/"), { method: "DELETE" }), "an error").toBe("max-age=31536000");
    expect(await policyOf(`https://${HOST}${ENROL_PATH}`)).toBeNull();
  });

  it("is a host without an app by APPS.* too, while other hosts have one", async () => {
    logged();
    const isolate = new Isolate({ ...scripted().bindings, APPS: { "*": {} } });
    expect((await isolate.fetch("https://anything.example.org/")).status).toBe(200);
    expect(await seen(await isolate.fetch(at("/x")))).toEqual(UNAVAILABLE);
  });

  it("enrols no device, and says where it is done", async () => {
    const { bindings, counts } = scripted();
    const isolate = new Isolate(bindings);
    const fields = new URLSearchParams({ code: "0".repeat(26), name: "Phone", user: "alice" });
    const headers = { Origin: at("") };
    for (const init of [{}, { method: "POST", headers, body: fields }]) {
      const response = await isolate.fetch(at(ENROL_PATH), init);
      expect(response.status).toBe(404);
      const text = await response.text();
      expect(text).toContain("Open the link in your invitation exactly as it was sent to you");
      expect(text).not.toContain("<form");
    }
    expect(counts).toMatchObject({ directoryStubs: 0, registryStubs: 0 });
  });
});

describe("an app's own path", () => {
  it("takes no token for a certificate", async () => {
    const lines = logged();
    const app = vi.spyOn(globalThis, "fetch");
    expect(await seen(await fetchFrom(new Isolate(), "/", { headers: ADMIN }))).toEqual(NOT_FOUND);
    expect(app).not.toHaveBeenCalled();
    expect(lines).toEqual([expect.objectContaining({ reason: "no-certificate" })]);
  });

  it("may be taken with OPTIONS only with a certificate, too", async () => {
    logged();
    const response = await fetchFrom(new Isolate(), "/", {
      method: "OPTIONS",
      headers: { Origin: "https://a.b", "Access-Control-Request-Method": "POST" },
    });
    expect(await seen(response)).toEqual(NOT_FOUND);
  });
});
