import { reset } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { API_PATH, ENROL_PATH } from "../../src/control/contract.ts";
import { OPERATIONS } from "../../src/control/operations.ts";
import { PAGES } from "../../src/control/pages/pages.ts";
import { bearer, HOST, makeToken, tlsClientAuth } from "./fixtures.ts";
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
    const lines = logged();
    const app = vi.spyOn(globalThis, "fetch");
    const isolate = new Isolate(scripted().bindings);
    const cf = { tlsClientAuth: tlsClientAuth() };
    expect(await seen(await isolate.fetch(path, { cf }))).toEqual(NOT_FOUND);
    expect(app).not.toHaveBeenCalled();
    expect(lines).toEqual([expect.objectContaining({ event: "control-refused", reason: "no-credentials" })]);
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
    const isolate = new Isolate();
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
    ["without credentials", {}, "no-credentials"],
    ["with a short token", { ADMIN_TOKEN: "short" }, "api-off"],
    ["without a token", { ADMIN_TOKEN: undefined }, "api-off"],
    ["away from the admin host", { ADMIN_HOST: "latchkey.example.com" }, "not-the-admin-host"],
  ])("is answered %s like any other refusal, to the byte", async (_, change, reason) => {
    const lines = logged();
    const isolate = new Isolate(change);
    await fetchFrom(isolate, "/");
    lines.splice(0);
    for (const method of ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "HEAD"]) {
      const headers = { "User-Agent": `client-${method}/8`, ...(reason === "no-credentials" ? {} : ADMIN) };
      const response = await fetchFrom(isolate, `${USERS}?token=SECRET`, { method, headers });
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
    const isolate = new Isolate({ ADMIN_HOST: "latchkey.example.com" });
    const status = async (host: string, path = USERS) =>
      (await fetchFrom(isolate, `https://${host}${path}`, { headers: ADMIN })).status;
    expect(await status("latchkey.example.com")).toBe(200);
    expect(await status("LATCHKEY.example.com.")).toBe(200);
    expect(await status(HOST)).toBe(404);
    expect(await status("other.example.com")).toBe(503);
    expect(await status("latchkey.example.com", "/"), "everything else there is no app").toBe(503);
  });

  it("is of ADMIN_HOST alone, for pages of people and each path of the API; a device's page is its app's", async () => {
    const isolate = new Isolate({ ADMIN_HOST: "latchkey.example.com" });
    const { token } = await makeToken("alice", "devices");
    const lines = logged();
    const paths = [...OPERATIONS.map(({ path }) => API_PATH + path), ...PAGES.map(({ path }) => path)];
    for (const path of [...paths, "/.latchkey", "/.latchkey/sign-in", "/.latchkey/sign-out"]) {
      for (const method of ["GET", "POST"]) {
        const headers = { ...bearer(token).headers, Origin: `https://${HOST}` };
        expect(await seen(await fetchFrom(isolate, path, { method, headers })), path).toEqual(NOT_FOUND);
      }
    }
    expect(new Set(lines.map(({ reason }) => reason))).toEqual(new Set(["not-the-admin-host"]));
    for (const path of [ENROL_PATH, "/.latchkey/style.css", "/.latchkey/script.js"]) {
      expect((await fetchFrom(isolate, path)).status, path).toBe(200);
    }
    const me = await fetchFrom(isolate, `https://latchkey.example.com${API_PATH}/me`, bearer(token));
    expect(await me.json()).toMatchObject({ user: "alice" });
    await reset();
  });

  it("tells a wrong token from none, and the log does not repeat it", async () => {
    const lines = logged();
    const headers = { Authorization: "Bearer WRONG-WRONG-WRONG-WRONG-WRONG-WRONG" };
    const response = await fetchFrom(new Isolate(), USERS, { headers });
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toMatch(/^Bearer /);
    expect(lines).toEqual([{ event: "wrong-credentials", app: HOST, country: "CH" }]);
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
