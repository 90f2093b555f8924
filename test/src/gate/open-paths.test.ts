import { exports } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { HOST } from "../fixtures.ts";
import {
  type Cf,
  cf,
  type Echo,
  Isolate,
  LATER,
  logged,
  NOT_FOUND,
  runtimeError,
  scripted,
  seen,
  UNAVAILABLE,
  VAULT_HOST,
} from "./fixtures.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const PUBLIC = ["/share/*", "/webauthn-mobile-connector.html"];
const NOBODY: Cf = { tlsClientAuth: { certPresented: "0", certVerified: "NONE" }, country: "CH" };
const PREFLIGHT = { Origin: "https://a.b", "Access-Control-Request-Method": "PROPFIND" };

/** The Worker with one app of these settings, on objects that are scripted and counted. */
function withApp(settings: object, answers: Parameters<typeof scripted>[0] = {}) {
  const { bindings, counts } = scripted(answers);
  return { isolate: new Isolate({ ...bindings, APPS: { [HOST]: settings } }), counts };
}

const NO_QUESTION = { directoryStubs: 0, resolve: 0, registryStubs: 0, standing: 0 };

describe("a public path", () => {
  it.each([
    ["GET", "/share/abc?key=1"],
    ["GET", "/share/"],
    ["HEAD", "/share/abc"],
    ["POST", "/share/abc/upload"],
    ["PROPFIND", "/share/Z%C3%BCrich%20See"],
    ["GET", "/webauthn-mobile-connector.html?data=x#y"],
  ])("passes without a certificate, and costs no question: %s %s", async (method, path) => {
    const lines = logged();
    const { isolate, counts } = withApp({ public: PUBLIC });
    const fetched = vi.spyOn(globalThis, "fetch");
    const body = method === "POST" ? { body: "a photo" } : {};
    const response = await isolate.fetch(path, { cf: NOBODY, method, ...body });
    expect(response.status).toBe(200);
    expect(fetched).toHaveBeenCalledTimes(1);
    if (method !== "HEAD") {
      const url = new URL(path, `https://${HOST}`);
      url.hash = "";
      expect(await response.json<Echo>()).toMatchObject({ method, url: url.href, ...body });
    }
    expect(counts).toEqual(NO_QUESTION);
    expect(lines).toEqual([]);
  });

  it.each<[string, Cf]>([
    ["no field of cf", {}],
    ["one that failed", cf({ certVerified: "FAILED" })],
    ["one that is revoked at Cloudflare", cf({ certRevoked: "1" })],
    ["one that expired", cf({ certNotAfter: "Jan  1 00:00:00 2021 GMT" })],
    ["one that is verified", cf()],
  ])("passes with any certificate, since it is public to everybody: %s", async (_, request) => {
    const { isolate, counts } = withApp({ public: PUBLIC });
    expect((await isolate.fetch("/share/abc", { cf: request })).status).toBe(200);
    expect(counts).toEqual(NO_QUESTION);
  });

  it("passes while the registry fails", async () => {
    const { isolate } = withApp({ public: PUBLIC }, { resolve: () => Promise.reject(runtimeError({})) });
    expect((await isolate.fetch("/share/abc")).status).toBe(200);
  });

  it("loses the headers that are Latchkey's own, as any request does", async () => {
    const { isolate } = withApp({ public: PUBLIC });
    const headers = { "X-Latchkey-User": "alice", "X-Other": "kept" };
    const response = await isolate.fetch("/share/abc", { cf: NOBODY, headers });
    const echo = await response.json<Echo>();
    expect(echo.headers).toMatchObject({ "x-other": "kept" });
    expect(echo.headers).not.toHaveProperty("x-latchkey-user");
  });

  it.each([
    ...["X-Original-URL", "X-Rewrite-URL", "X-Original-URI", "X-Envoy-Original-Path", "X-Forwarded-Prefix"],
    ...[
      "X-HTTP-Method-Override",
      "X-HTTP-Method",
      "X-Method-Override",
      "x_original_url",
      "X-HTTP_Method_Override",
      // COPY and MOVE write there; Rack has the proxy in front of it send another file.
      "Destination",
      "X-Sendfile-Type",
      "X-Accel-Mapping",
    ],
  ])("loses the header that names another path or method, and no other: %s", async (name) => {
    const { isolate } = withApp({ public: PUBLIC, preflight: true });
    const preflight = { Origin: "https://a.example", "Access-Control-Request-Method": "PUT" };
    const headers = { [name]: "/admin", "X-Other": "kept", "X-Forwarded-For": "192.0.2.1" };
    for (const [path, init] of [
      ["/share/abc", { headers }],
      ["/anything", { method: "OPTIONS", headers: { ...headers, ...preflight } }],
    ] as const) {
      const response = await isolate.fetch(path, { ...init, cf: NOBODY });
      const echo = await response.json<Echo>();
      expect(echo.headers).toMatchObject({ "x-other": "kept", "x-forwarded-for": "192.0.2.1" });
      expect(echo.headers).not.toHaveProperty(name.toLowerCase());
    }
    const device = await isolate.fetch("/api", { headers });
    expect((await device.json<Echo>()).headers, "a device's is its own").toHaveProperty(name.toLowerCase());
  });

  it("is bound by the app's countries", async () => {
    const lines = logged();
    const { isolate, counts } = withApp({ public: PUBLIC, preflight: true, countries: ["CH"] });
    for (const country of ["DE", "T1", "XX", "ch", "", undefined, ["CH"]]) {
      const response = await isolate.fetch("/share/abc", { cf: { ...NOBODY, country } });
      expect(await seen(response)).toEqual(NOT_FOUND);
    }
    expect(new Set(lines.map(({ reason }) => reason))).toEqual(new Set(["country"]));
    expect(counts).toEqual(NO_QUESTION);
    expect((await isolate.fetch("/share/abc", { cf: NOBODY })).status).toBe(200);
  });

  it("is one app's, and not its neighbour's", async () => {
    logged();
    const apps = { APPS: { [HOST]: { public: PUBLIC }, [VAULT_HOST]: { public: ["/sso-connector.html"] } } };
    const isolate = new Isolate({ ...scripted().bindings, ...apps });
    const status = async (host: string, path: string) =>
      (await isolate.fetch(`https://${host}${path}`, { cf: NOBODY })).status;
    expect(await status(HOST, "/share/abc")).toBe(200);
    expect(await status(VAULT_HOST, "/share/abc")).toBe(404);
    expect(await status(VAULT_HOST, "/sso-connector.html")).toBe(200);
    expect(await status(HOST, "/sso-connector.html")).toBe(404);
    expect(await status("other.example.com", "/share/abc"), "no app").toBe(503);
  });

  it("is none unless named", async () => {
    logged();
    const app = vi.spyOn(globalThis, "fetch");
    for (const settings of [{}, { public: [] }, { preflight: true }, { profile: "bitwarden" }]) {
      const { isolate } = withApp(settings);
      for (const path of ["/share/abc", "/webauthn-mobile-connector.html", "/"]) {
        expect((await isolate.fetch(path, { cf: NOBODY })).status).toBe(404);
      }
    }
    const deployed = await exports.default.fetch(`https://${VAULT_HOST}/webauthn-mobile-connector.html`);
    expect(await seen(deployed)).toEqual(NOT_FOUND);
    expect(app).not.toHaveBeenCalled();
  });
});

describe("what only looks like a public path never reaches the app", () => {
  it.each([
    "/",
    "/share",
    "/shared/x",
    "/Share/abc",
    "/SHARE/abc",
    "/webauthn-mobile-connector.html/",
    "/webauthn-mobile-connector.html/x",
    "/WebAuthn-mobile-connector.html",
    "//share/abc",
    "/share//abc",
    "/share/..%2fadmin",
    "/share/..%5cadmin",
    "/share/%252e%252e/admin",
    "/share/..;/admin",
    "/share/abc;jsessionid=1",
    "/%73hare/abc",
    "/share%2Fabc",
    "/share/abc%00.html",
    "/share/abc%0a",
    "/share/100%",
    "/admin?/share/abc",
    "/admin#/share/abc",
    // The URL parser has resolved these before the Worker sees them.
    "/share/../admin",
    "/share/%2e%2e/admin",
    "/share/.%2E/admin",
    "/share\\..\\admin",
    "/share/./../admin",
  ])("%s", async (path) => {
    const lines = logged();
    const app = vi.spyOn(globalThis, "fetch");
    const { isolate, counts } = withApp({ public: PUBLIC });
    expect(await seen(await isolate.fetch(`https://${HOST}${path}`, { cf: NOBODY }))).toEqual(NOT_FOUND);
    expect(app).not.toHaveBeenCalled();
    expect(counts).toEqual(NO_QUESTION);
    expect(lines).toEqual([expect.objectContaining({ event: "refused", reason: "no-certificate" })]);
  });

  it.each([
    "/share/../admin",
    "/share/x/../abc",
    "/admin/../share/abc",
    "/share/./abc",
    "/share/%2e/abc",
    "/admin/%2E%2e/share/abc",
    "\\share\\abc",
    "/sha\tre/abc",
    "/share/a b",
  ])("as it stands on the wire, before the URL parser has made it nicer: %s", async (path) => {
    logged();
    const app = vi.spyOn(globalThis, "fetch");
    const { isolate } = withApp({ public: PUBLIC });
    const url = `https://${HOST}${path}`;
    const request = new Request(url, { cf: NOBODY } as RequestInit);
    // A Request that a script makes has a parsed URL; one that comes in has it as it was written.
    Object.defineProperty(request, "url", { value: url });
    expect(await seen(await isolate.handle(request))).toEqual(NOT_FOUND);
    expect(app).not.toHaveBeenCalled();
  });

  it.each(["/.latchkey/api/v1/users", "/.latchkey/x", "/.latchkey/nothing"])(
    "a control path: %s",
    async (path) => {
      const lines = logged();
      const app = vi.spyOn(globalThis, "fetch");
      const { isolate } = withApp({ public: ["/.latchkey/*", "/.latchkey"], preflight: true });
      const url = `https://${HOST}${path}`;
      expect(await seen(await isolate.fetch(url, { cf: NOBODY }))).toEqual(NOT_FOUND);
      const preflight = { cf: NOBODY, method: "OPTIONS", headers: PREFLIGHT };
      expect(await seen(await isolate.fetch(url, preflight))).toEqual(NOT_FOUND);
      expect(app).not.toHaveBeenCalled();
      expect(lines.map(({ event }) => event)).toEqual(["control-refused", "control-refused"]);
    },
  );

  it("and is refused by the app's profile", async () => {
    logged();
    const { isolate } = withApp({ profile: "sync", public: PUBLIC });
    expect(await seen(await isolate.fetch("/shared/x", { cf: NOBODY }))).toEqual(LATER);
  });
});

describe("a CORS preflight", () => {
  const send = (isolate: Isolate, change: RequestInit = {}, country: unknown = "CH", path = "/dav/x") =>
    isolate.fetch(`https://${HOST}${path}`, {
      method: "OPTIONS",
      headers: PREFLIGHT,
      ...change,
      cf: { ...NOBODY, country },
    } as Parameters<Isolate["fetch"]>[1]);

  it("passes without a certificate where the app says so, on every path, and costs no question", async () => {
    const lines = logged();
    const { isolate, counts } = withApp({ preflight: true });
    for (const path of ["/", "/dav/x", "/identity/connect/token", "//x/..;/y"]) {
      const response = await send(isolate, {}, "CH", path);
      expect(await response.json<Echo>()).toMatchObject({
        method: "OPTIONS",
        headers: { origin: "https://a.b", "access-control-request-method": "PROPFIND" },
        body: "",
      });
    }
    expect(counts).toEqual(NO_QUESTION);
    expect(lines).toEqual([]);
  });

  it("passes with a length that is said to be 0, as some programs and proxies do", async () => {
    const { isolate } = withApp({ preflight: true });
    const headers = { ...PREFLIGHT, "Content-Length": "0" };
    expect((await send(isolate, { headers })).status).toBe(200);
    expect((await send(isolate, { headers, body: "" })).status).toBe(200);
  });

  it.each<[string, RequestInit]>([
    ["a body whose length is said", { body: "x", headers: { ...PREFLIGHT, "Content-Length": "1" } }],
    [
      "a body in chunks, though its length is said to be 0",
      { body: "x", headers: { ...PREFLIGHT, "Content-Length": "0", "Transfer-Encoding": "chunked" } },
    ],
    ["no Origin", { headers: { "Access-Control-Request-Method": "GET" } }],
    ["no method that it asks for", { headers: { Origin: "https://a.b" } }],
    ["neither", { headers: {} }],
    [
      "only the headers that it asks for",
      { headers: { Origin: "x", "Access-Control-Request-Headers": "x" } },
    ],
    ["a body", { body: "<D:propfind/>" }],
    ["an empty body", { body: "" }],
    ["the method GET", { method: "GET" }],
    ["the method HEAD", { method: "HEAD" }],
    ["the method POST", { method: "POST", body: "x" }],
    ["the method PROPFIND", { method: "PROPFIND" }],
    [
      "a method that is to override",
      { method: "POST", headers: { ...PREFLIGHT, "X-HTTP-Method": "OPTIONS" } },
    ],
  ])("is none with %s", async (_, change) => {
    logged();
    const app = vi.spyOn(globalThis, "fetch");
    const { isolate } = withApp({ preflight: true });
    expect((await send(isolate, change)).status).toBe(404);
    expect(app).not.toHaveBeenCalled();
  });

  it("is bound by the app's countries", async () => {
    const lines = logged();
    const { isolate } = withApp({ preflight: true, countries: ["CH"] });
    expect((await send(isolate, {}, "CH")).status).toBe(200);
    for (const country of ["DE", "T1", null]) {
      expect(await seen(await send(isolate, {}, country))).toEqual(NOT_FOUND);
    }
    expect(lines.map(({ reason }) => reason)).toEqual(["country", "country", "country"]);
  });

  it("does not pass where the app does not say so, nor where it says no", async () => {
    logged();
    for (const settings of [{}, { preflight: false }, { public: PUBLIC }]) {
      const { isolate } = withApp(settings);
      expect(await seen(await send(isolate))).toEqual(NOT_FOUND);
    }
  });

  it("opens nothing else: the request after it needs the certificate", async () => {
    logged();
    const { isolate } = withApp({ preflight: true });
    expect((await send(isolate)).status).toBe(200);
    expect((await isolate.fetch("/dav/x", { cf: NOBODY, method: "PROPFIND" })).status).toBe(404);
  });

  it("does not pass at a host that is no app, or when the Worker is misconfigured", async () => {
    logged();
    const { isolate } = withApp({ preflight: true });
    const elsewhere = { method: "OPTIONS", headers: PREFLIGHT, cf: NOBODY };
    expect(await seen(await isolate.fetch("https://other.example.com/", elsewhere))).toEqual(UNAVAILABLE);
    const bad = new Isolate({ APPS: { [HOST]: { preflight: "true" } } });
    expect(await seen(await send(bad))).toEqual(UNAVAILABLE);
  });
});
