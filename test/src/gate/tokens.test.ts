import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import fc from "fast-check";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { keyOf } from "../../../src/domain/credential-key.ts";
import { Visit } from "../../../src/visit.ts";
import { api, fingerprint, HOST } from "../fixtures.ts";
import { intercepted } from "../registry/fixtures.ts";
import {
  cf,
  device,
  deviceToken,
  type Echo,
  FILES_HOST,
  gateOf,
  Isolate,
  logged,
  NO_CERTIFICATE,
  NOT_FOUND,
  newFingerprint,
  SWISS_HOST,
  scripted,
  seen,
  VAULT_HOST,
} from "./fixtures.ts";

/** Apps as an owner may set them up: one takes tokens as passwords, one is called from another origin. */
const APPS = {
  [HOST]: { origins: ["https://notes.example.org"] },
  [FILES_HOST]: { profile: "sync", basic: true },
  [SWISS_HOST]: { countries: ["CH"], origins: ["https://notes.example.org"], preflight: true },
  [VAULT_HOST]: { profile: "bitwarden" },
};

const isolate = () => new Isolate({ APPS });

function ask(url: string, headers: Record<string, string> = {}, init: RequestInit = {}, at = isolate()) {
  return at.fetch(url, { ...init, cf: NO_CERTIFICATE, headers } as RequestInit);
}

const basic = (user: string, password: string) => ({ Authorization: `Basic ${btoa(`${user}:${password}`)}` });

describe("a device's token", () => {
  it.each<[string, (token: string) => Record<string, string>, string]>([
    ["in its own header", (token) => ({ "X-Latchkey-Token": token }), HOST],
    [
      "as a service token, whatever its id is",
      (token) => ({ "CF-Access-Client-Id": "tv.latchkey", "CF-Access-Client-Secret": token }),
      HOST,
    ],
    ["as a password, where the app says so", (token) => basic("anyone", token), FILES_HOST],
    ["as a password without a user", (token) => basic("", token), FILES_HOST],
  ])("is let in %s, and never reaches the app", async (_, headersOf, host) => {
    const { token } = await deviceToken([HOST, FILES_HOST]);
    const lines = logged();
    const response = await ask(`https://${host}/api?x=1`, { ...headersOf(token), "X-Other": "1" });
    expect(response.status).toBe(200);
    const { headers, url } = await response.json<Echo>();
    expect(url).toBe(`https://${host}/api?x=1`);
    expect(headers["x-other"]).toBe("1");
    expect(JSON.stringify(headers)).not.toMatch(/lkd_|latchkey|cf-access|authorization/i);
    expect(lines).toEqual([]);
  });

  it.each<[string, (token: string) => Record<string, string>, string]>([
    ["as a password where the app does not say so", (token) => basic("x", token), HOST],
    ["as a bearer's", (token) => ({ Authorization: `Bearer ${token}` }), FILES_HOST],
    ["with a character changed", (token) => ({ "X-Latchkey-Token": flip(token, 20) }), HOST],
    ["with its check changed", (token) => ({ "X-Latchkey-Token": flip(token, token.length - 2) }), HOST],
    ["cut off", (token) => ({ "X-Latchkey-Token": token.slice(0, -1) }), HOST],
    ["twice", (token) => ({ "X-Latchkey-Token": `${token}, ${token}` }), HOST],
    ["with the prefix of a feed", (token) => ({ "X-Latchkey-Token": token.replace("lkd_", "lkf_") }), HOST],
    [
      "with the prefix of an API token",
      (token) => ({ "X-Latchkey-Token": token.replace("lkd_", "lkt_") }),
      HOST,
    ],
    ["in a header of another name", (token) => ({ "X-Latchkey-Tokens": token }), HOST],
    ["in a cookie", (token) => ({ Cookie: `token=${token}` }), HOST],
  ])("is no token %s, and costs no Durable Object call", async (_, headersOf, host) => {
    const { token } = await deviceToken([HOST, FILES_HOST]);
    const calls: string[] = [];
    const counted = intercepted(async ({ name, proceed }) => {
      calls.push(name);
      return proceed();
    });
    const at = new Isolate({ APPS, ...counted });
    // An isolate asks for the key of the checks once.
    await ask(`https://${host}/`, { "X-Latchkey-Token": flip(token, 30) }, {}, at);
    expect(calls).toEqual(["directory.credentialCheck"]);
    const lines = logged();
    const response = await ask(`https://${host}/`, headersOf(token), {}, at);
    expect(response.status).not.toBe(200);
    expect(calls).toHaveLength(1);
    expect(lines).toMatchObject([{ reason: "no-certificate", fingerprint: null }]);
    expect(JSON.stringify(lines)).not.toContain(token.slice(8));
  });

  it.each<[string, Record<string, string>, string?]>([
    ["mistyped", { "X-Latchkey-Token": "lkd_mistyped" }],
    ["in quotes", { "X-Latchkey-Token": '"lkd_mistyped"' }],
    ["an API token", { "X-Latchkey-Token": "lkt_mistyped" }],
    ["as a service token's secret", { "CF-Access-Client-Secret": "lkd_mistyped" }],
    ["as a service token's id", { "CF-Access-Client-Id": "lkd_mistyped" }],
    ["as a bearer's", { Authorization: "Bearer lkd_mistyped" }],
    ["as a password", basic("tv", "lkd_mistyped")],
    ["as a user", basic("lkd_mistyped", "")],
    ["a feed's", {}, "/?latchkey=lkf_mistyped"],
    ["a feed's, percent-encoded", {}, "/?latchkey=%6ckf_mistyped"],
  ])(
    "shows in the log that a token was sent, but never the token itself: %s",
    async (_, headers, path = "/") => {
      const lines = logged();
      await ask(`https://${HOST}${path}`, headers);
      expect(lines).toMatchObject([{ reason: "no-certificate", token: "invalid" }]);
      expect(JSON.stringify(lines)).not.toMatch(/mistyped|lk[dtf]_/);
    },
  );

  it.each<[string, Record<string, string>, string?]>([
    ["nothing", {}],
    ["another service's token", { Authorization: "Bearer eyJhbGciOi", "CF-Access-Client-Id": "x.access" }],
    ["another password", basic("tv", "secret")],
    ["what is not base64", { Authorization: "Basic ***" }],
    ["one in the path, or in another parameter", {}, "/lkd_x?q=lkd_x"],
    ["one behind thousands of characters", { "X-Latchkey-Token": `${"x".repeat(2_000)}lkd_x` }],
  ])("is not supposed where a request shows %s", async (_, headers, path = "/") => {
    const lines = logged();
    await ask(`https://${HOST}${path}`, headers);
    expect(lines).toMatchObject([{ reason: "no-certificate" }]);
    expect(lines[0]).not.toHaveProperty("token");
  });

  it("in the query is no token, even to a feed's parameter", async () => {
    const { token } = await deviceToken();
    const lines = logged();
    await ask(`https://${HOST}/?latchkey=${token}`);
    expect(lines).toMatchObject([{ reason: "no-certificate" }]);
  });

  it("reaches only the apps that are named for it", async () => {
    const { token } = await deviceToken([HOST]);
    const lines = logged();
    expect(await seen(await ask(`https://${FILES_HOST}/`, { "X-Latchkey-Token": token }))).toMatchObject({
      status: 503,
    });
    expect(await seen(await ask(`https://${SWISS_HOST}/`, { "X-Latchkey-Token": token }))).toEqual(NOT_FOUND);
    expect(lines).toMatchObject([{ reason: "wrong-app" }, { reason: "wrong-app" }]);
  });

  it("says of itself only the first digits of its digest", async () => {
    const { token, user, short } = await deviceToken();
    const response = await ask(`https://${HOST}/.latchkey/whoami`, { "X-Latchkey-Token": token });
    expect(await response.json()).toMatchObject({
      credential: "token",
      fingerprint: short,
      device: { user, name: "tv", status: "active" },
      seenByCloudflare: { verified: false, subject: null, notAfter: null },
    });
  });

  it("is refused once its device is suspended, revoked or expired, and let in again", async () => {
    const { token, path, user } = await deviceToken();
    const status = async () => (await ask(`https://${HOST}/`, { "X-Latchkey-Token": token })).status;
    const lines = logged();
    expect(await status()).toBe(200);
    await api("POST", `${path}/suspend`, {});
    expect(await status()).toBe(404);
    await api("POST", `${path}/reinstate`, {});
    expect(await status()).toBe(200);
    await api("PATCH", `${path}/limits`, { expiresAt: 60 });
    expect(await status()).toBe(200);
    await runInDurableObject(env.USER_REGISTRY.getByName(user), (_, { storage }) =>
      storage.sql.exec("UPDATE devices SET expires_at = 1"),
    );
    expect(await status()).toBe(404);
    await api("PATCH", `${path}/limits`, { expiresAt: null });
    expect(await status()).toBe(200);
    await api("POST", `${path}/revoke`, {});
    expect(await status()).toBe(404);
    expect(lines.map(({ reason }) => reason)).toEqual([
      "device-suspended",
      "device-expired",
      "device-revoked",
    ]);
  });

  it("gives way to its successor, which is let in first", async () => {
    const { token, path } = await deviceToken();
    const made = await api("POST", `${path}/tokens`, {});
    expect(made.status).toBe(201);
    const next = (await made.json<{ token: string }>()).token;
    const status = async (of: string) => (await ask(`https://${HOST}/`, { "X-Latchkey-Token": of })).status;
    expect(await status(token)).toBe(200);
    expect(await status(next)).toBe(200);
    expect(await status(token)).toBe(404);
    expect(await status(next)).toBe(200);
  });

  it.each([
    ["/identity/connect/token", "POST"],
    ["/api/sync", "GET"],
  ])("of a lost device makes no client delete its vault: %s", async (callPath, method) => {
    const { token, path } = await deviceToken([VAULT_HOST]);
    expect((await api("POST", `${path}/lost`, { confirm: "tv" })).status).toBe(200);
    const lines = logged();
    const at = isolate();
    const response = await ask(
      `https://${VAULT_HOST}${callPath}`,
      { "X-Latchkey-Token": token },
      { method },
      at,
    );
    expect(await seen(response)).toEqual(NOT_FOUND);
    expect(lines).toMatchObject([{ reason: "device-lost" }]);
    await at.idle();
    const device = await (await api("GET", path)).json();
    expect(device).toMatchObject({ status: "lost", wipe: null });
  });

  it("is none without TLS, where anybody on the way can read it", async () => {
    const { token } = await deviceToken();
    const feed = await deviceToken([HOST], { kind: "feed", paths: ["/feeds/*"] });
    const lines = logged();
    expect((await ask(`http://${HOST}/`, { "X-Latchkey-Token": token })).status).toBe(404);
    expect((await ask(`http://${HOST}/feeds/x?latchkey=${feed.token}`)).status).toBe(404);
    expect(lines).toMatchObject([{ reason: "no-certificate" }, { reason: "no-certificate" }]);
  });

  it("that the configuration blocks is refused, whatever the registry says", async () => {
    const { token, device } = await deviceToken();
    const at = new Isolate({ APPS, BLOCKED: device.credentials[0]?.fingerprint });
    const lines = logged();
    expect((await ask(`https://${HOST}/`, { "X-Latchkey-Token": token }, {}, at)).status).toBe(404);
    expect(lines).toMatchObject([{ reason: "blocked" }]);
  });

  it("cannot be told from none while the directory does not answer: the client tries again", async () => {
    const { token } = await deviceToken();
    const failing = intercepted(({ name, proceed }) =>
      name === "directory.credentialCheck" ? Promise.reject(new Error("no")) : proceed(),
    );
    const lines = logged();
    const response = await ask(
      `https://${HOST}/`,
      { "X-Latchkey-Token": token },
      {},
      new Isolate({ APPS, ...failing }),
    );
    expect(response.status).toBe(503);
    expect(lines).toContainEqual(expect.objectContaining({ reason: "registry-unavailable" }));
  });
});

describe("a token beside a certificate", () => {
  it.each<[string, () => Promise<Record<string, unknown>>, string]>([
    [
      "that failed",
      async () => cf({ certVerified: "FAILED:self signed certificate" }),
      "unverified-certificate",
    ],
    ["revoked at Cloudflare", async () => cf({ certRevoked: "1" }), "revoked-certificate"],
    ["that has expired", async () => cf({ certNotAfter: "Jan  1 00:00:00 2021 GMT" }), "expired-certificate"],
    ["that cannot be read", async () => cf({ certFingerprintSHA256: "x" }), "malformed-certificate"],
    ["that nobody enrolled", async () => cf({}, newFingerprint()), "unknown-device"],
    ["of a suspended device", async () => cf({}, (await device("suspended")).of), "device-suspended"],
    ["of a revoked device", async () => cf({}, (await device("revoked")).of), "device-revoked"],
  ])("%s does not lift the refusal", async (_, certificate, reason) => {
    const { token } = await deviceToken();
    const lines = logged();
    const init = { cf: await certificate(), headers: { "X-Latchkey-Token": token } };
    expect((await isolate().fetch("/", init)).status).toBe(404);
    expect(lines).toMatchObject([{ reason }]);
  });

  it("never changes what any certificate is answered, whatever it says", async () => {
    const key = keyOf("token", fingerprint(1));
    const standing = () => ({ status: "active", name: "tv", since: 0 });
    vi.spyOn(globalThis, "fetch").mockImplementation(async () => new Response("the app's"));
    const wrong = fc.constantFrom(
      "0",
      "1",
      "NONE",
      "SUCCESS",
      "FAILED:expired",
      "x",
      "",
      undefined,
      null,
      1,
      {},
      [],
    );
    const field = fc.oneof({ weight: 3, arbitrary: fc.constant("as it is") }, wrong);
    const names = ["certVerified", "certRevoked", "certFingerprintSHA256", "certNotBefore", "certNotAfter"];
    const change = fc.record(Object.fromEntries(names.map((name) => [name, field])));
    let allowed = 0;
    await fc.assert(
      fc.asyncProperty(change, fc.boolean(), async (changes, isActive) => {
        const changed = Object.fromEntries(
          Object.entries(changes).filter(([, value]) => value !== "as it is"),
        );
        const answers = {
          resolve: () => (isActive ? "alice" : null),
          standing: () => (isActive ? standing() : null),
        };
        const status = async (headers: Record<string, string>) => {
          const { bindings } = scripted(answers);
          const gate = gateOf({ bindings, readSecret: async () => key });
          const request = new Request(`https://${HOST}/`, { headers });
          const visit = new Visit(request, HOST, cf(changed), { waitUntil: () => undefined });
          return (await gate.handle(visit)).status;
        };
        const without = await status({});
        expect(await status({ "X-Latchkey-Token": "lkd_whatever" })).toBe(without);
        if (without === 200) allowed += 1;
      }),
      { numRuns: 300 },
    );
    expect(allowed).toBeGreaterThan(0);
    vi.restoreAllMocks();
  });

  it("is stripped, though the certificate lets the device in", async () => {
    const { token } = await deviceToken();
    const feed = await deviceToken([HOST], { kind: "feed", paths: ["/feeds/*"] });
    const { of } = await device("active");
    const headers = {
      "X-Latchkey-Token": token,
      "CF-Access-Client-Secret": token,
      "CF-Access-Client-Id": "x",
    };
    const url = `https://${HOST}/a?b=1&latchkey=${feed.token}`;
    const response = await isolate().fetch(url, { cf: cf({}, of), headers, method: "POST", body: "kept" });
    const echo = await response.json<Echo>();
    expect(echo).toMatchObject({ method: "POST", url: `https://${HOST}/a?b=1`, body: "kept" });
    expect(JSON.stringify(echo)).not.toMatch(/lk[df]_|cf-access/);
  });

  it.each<[string, (token: string) => [string, string]]>([
    ["behind another value", (token) => ["CF-Access-Client-Secret", `of-the-app, ${token}`]],
    [
      "behind another password",
      (token) => ["Authorization", `Basic ${btoa("a:b")}, Basic ${btoa(`a:${token}`)}`],
    ],
    ["as a password with a space more", (token) => ["Authorization", `Basic  ${btoa(`a:${token}`)}`]],
  ])("is stripped %s", async (_, headerOf) => {
    const { token } = await deviceToken([FILES_HOST]);
    const { of } = await device("active");
    const headers = Object.fromEntries([headerOf(token)]);
    const response = await isolate().fetch(`https://${FILES_HOST}/`, { cf: cf({}, of), headers });
    expect((await response.json<Echo>()).headers).not.toHaveProperty(
      Object.keys(headers)[0]?.toLowerCase() ?? "",
    );
  });

  it.each<[string, (secret: string) => string, string]>([
    ["with its prefix encoded", (secret) => `?a=1&latchkey=${secret.replace("_", "%5F")}`, "?a=1"],
    ["behind a semicolon", (secret) => `?a=1;latchkey=${secret};b=2`, "?a=1;b=2"],
    ["behind two question marks", (secret) => `??latchkey=${secret}`, ""],
    ["twice", (secret) => `?latchkey=${secret}&latchkey=${secret}`, ""],
    [
      "within another address, which the app is to read",
      () => "?u=https://x/?latchkey=lkf_1",
      "?u=https://x/?latchkey=lkf_1",
    ],
  ])("takes a feed's secret out of the address %s", async (_, queryOf, left) => {
    const feed = await deviceToken([HOST], { kind: "feed", paths: ["/feeds/*"] });
    const { of } = await device("active");
    const response = await isolate().fetch(`https://${HOST}/a${queryOf(feed.token)}`, { cf: cf({}, of) });
    expect((await response.json<Echo>()).url).toBe(`https://${HOST}/a${left}`);
  });

  it("leaves no feed's secret in the Referer of a page that was read with it", async () => {
    const feed = await deviceToken([HOST], { kind: "feed", paths: ["/feeds/*"] });
    const { of } = await device("active");
    vi.spyOn(globalThis, "fetch").mockImplementation(
      async () =>
        new Response("<img src=/logo>", {
          status: 203,
          headers: { "Referrer-Policy": "unsafe-url", ETag: "x" },
        }),
    );
    onTestFinished(() => void vi.restoreAllMocks());
    const url = `https://${HOST}/feeds/all.html?latchkey=${feed.token}`;
    for (const response of [await ask(url), await isolate().fetch(url, { cf: cf({}, of) })]) {
      expect(response.status).toBe(203);
      expect(response.headers.get("referrer-policy")).toBe("strict-origin");
      expect(response.headers.get("etag")).toBe("x");
      expect(await response.text()).toBe("<img src=/logo>");
    }
    const other = await isolate().fetch(`https://${HOST}/`, { cf: cf({}, of) });
    expect(other.headers.get("referrer-policy")).toBe("unsafe-url");
  });
});

describe("a feed's URL", () => {
  const feed = (paths = ["/feeds/*"]) => deviceToken([HOST], { kind: "feed", paths });

  it.each<[string, (secret: string) => string, string]>([
    ["alone", (secret) => `?latchkey=${secret}`, ""],
    ["first", (secret) => `?latchkey=${secret}&a=%41&b`, "?a=%41&b"],
    ["last", (secret) => `?a=1&a=2&latchkey=${secret}`, "?a=1&a=2"],
    ["in the middle", (secret) => `?x=y+z&latchkey=${secret}&q="1"`, "?x=y+z&q=%221%22"],
    ["encoded", (secret) => `?l%61tchkey=${secret.replace("_", "%5F")}&a=lkf_`, "?a=lkf_"],
  ])("reads, and its app sees no secret: %s", async (_, queryOf, left) => {
    const { token } = await feed();
    const response = await ask(`https://${HOST}/feeds/all.ics${queryOf(token)}`);
    expect(response.status).toBe(200);
    expect((await response.json<Echo>()).url).toBe(`https://${HOST}/feeds/all.ics${left}`);
    expect(
      (await ask(`https://${HOST}/feeds/all.ics?latchkey=${token}`, {}, { method: "HEAD" })).status,
    ).toBe(200);
  });

  it.each<[string, (secret: string) => [string, Record<string, string>, string], string]>([
    ["writes", (secret) => [`/feeds/x?latchkey=${secret}`, {}, "POST"], "no-certificate"],
    ["deletes", (secret) => [`/feeds/x?latchkey=${secret}`, {}, "DELETE"], "no-certificate"],
    [
      "opens a WebSocket",
      (secret) => [`/feeds/x?latchkey=${secret}`, { Upgrade: "websocket" }, "GET"],
      "no-certificate",
    ],
    ["reads another path", (secret) => [`/api?latchkey=${secret}`, {}, "GET"], "wrong-app"],
    ["reads around its path", (secret) => [`/feeds/..%2fapi?latchkey=${secret}`, {}, "GET"], "wrong-app"],
    [
      "is sent in a header",
      (secret) => ["/feeds/x", { "X-Latchkey-Token": secret }, "GET"],
      "no-certificate",
    ],
    [
      "is doubled",
      (secret) => [`/feeds/x?latchkey=${secret}&latchkey=${secret}`, {}, "GET"],
      "no-certificate",
    ],
    ["is another parameter", (secret) => [`/feeds/x?Latchkey=${secret}`, {}, "GET"], "no-certificate"],
  ])("is refused when it %s", async (_, requestOf, reason) => {
    const { token } = await feed();
    const [path, headers, method] = requestOf(token);
    const lines = logged();
    expect((await ask(`https://${HOST}${path}`, headers, { method })).status).toBe(404);
    expect(lines).toMatchObject([{ reason }]);
    expect(JSON.stringify(lines)).not.toContain(token.slice(8));
  });

  it.each([
    ["X-HTTP-Method-Override", "DELETE"],
    ["X-Original-URL", "/api/users"],
    ["X_Rewrite_URL", "/api/users"],
    ["Destination", "/api/users"],
  ])("names no other path or method by %s", async (name, value) => {
    const { token } = await feed();
    const response = await ask(`https://${HOST}/feeds/x?latchkey=${token}`, {
      [name]: value,
      Range: "bytes=0-9",
    });
    const { headers, url } = await response.json<Echo>();
    expect(url).toBe(`https://${HOST}/feeds/x`);
    expect(headers).toMatchObject({ range: "bytes=0-9" });
    expect(Object.keys(headers)).not.toContain(name.toLowerCase());
  });

  it("hands redirects of its app on, and does not follow them", async () => {
    const { token } = await feed();
    const app = vi
      .spyOn(globalThis, "fetch")
      .mockResolvedValue(Response.redirect("https://elsewhere.example/", 302));
    const init = { redirect: "manual" } as const;
    const response = await ask(`https://${HOST}/feeds/x?latchkey=${token}`, {}, init);
    expect(response.status).toBe(302);
    expect(app.mock.lastCall?.[0]).toMatchObject({ redirect: "manual", url: `https://${HOST}/feeds/x` });
    app.mockRestore();
  });

  it("is not made for an app whose clients hold a vault, nor read there", async () => {
    const body = { name: "x", kind: "feed", apps: [VAULT_HOST], paths: ["/feeds/*"] };
    await api("PUT", "/users/alice", {});
    expect((await api("POST", "/users/alice/device-tokens", body)).status).toBe(422);
    const { token, path } = await deviceToken([HOST], { kind: "feed", paths: ["/icons/*"] });
    expect((await api("PATCH", `${path}/limits`, { apps: [HOST, VAULT_HOST] })).status).toBe(422);
    const lines = logged();
    await ask(`https://${VAULT_HOST}/icons/x?latchkey=${token}`);
    expect(lines).toMatchObject([{ reason: "no-certificate" }]);
  });
});

describe("a preflight that asks for the token's header", () => {
  const headers = {
    Origin: "https://notes.example.org",
    "Access-Control-Request-Method": "PUT",
    "Access-Control-Request-Headers": "content-type, x-latchkey-token",
  };

  it.each([HOST, SWISS_HOST])("is answered by the gate at %s, and reaches no app", async (host) => {
    const app = vi.spyOn(globalThis, "fetch");
    const lines = logged();
    const response = await ask(`https://${host}/notes`, headers, { method: "OPTIONS" });
    expect(response.status).toBe(204);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "access-control-allow-origin": "https://notes.example.org",
      "access-control-allow-methods": "PUT",
      "access-control-allow-headers": "content-type, x-latchkey-token",
    });
    expect(app).not.toHaveBeenCalled();
    expect(lines).toEqual([]);
    app.mockRestore();
  });

  it.each<[string, Record<string, string>, RequestInit, string]>([
    ["of another origin", { ...headers, Origin: "https://evil.example.org" }, {}, HOST],
    [
      "of an origin that only begins so",
      { ...headers, Origin: "https://notes.example.org.evil.org" },
      {},
      HOST,
    ],
    ["for other headers", { ...headers, "Access-Control-Request-Headers": "content-type" }, {}, HOST],
    ["at an app that names no origin", headers, {}, FILES_HOST],
    ["by another method", headers, { method: "GET" }, HOST],
  ])("is not answered %s", async (_, sent, init, host) => {
    const response = await ask(`https://${host}/notes`, sent, { method: "OPTIONS", ...init });
    expect(response.status).not.toBe(204);
    expect(response.headers.has("access-control-allow-origin")).toBe(false);
  });

  it("is not answered from a country that the app does not name", async () => {
    const init = { method: "OPTIONS", headers, cf: { ...NO_CERTIFICATE, country: "DE" } };
    expect((await isolate().fetch(`https://${SWISS_HOST}/`, init)).status).toBe(404);
  });

  it("of the app's own headers still goes to an app that answers preflights", async () => {
    const own = { ...headers, "Access-Control-Request-Headers": "content-type" };
    const response = await ask(`https://${SWISS_HOST}/notes`, own, { method: "OPTIONS" });
    expect((await response.json<Echo>()).method).toBe("OPTIONS");
  });
});

function flip(token: string, index: number): string {
  return token.slice(0, index) + (token[index] === "A" ? "B" : "A") + token.slice(index + 1);
}
