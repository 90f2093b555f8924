// What refused clients are told, by app and by device state: over real TLS with real client
// certificates, through the local edge and the real Worker.
import { writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Credential, issueSelfSignedCertificate } from "../../scripts/certificates/authority.ts";
import type { AuditList, Device } from "../../src/contract/answers.ts";
import { serialOf } from "./support/certificate.ts";
import { TestEdge } from "./support/edge.ts";
import type { Answer, Call, TlsClient } from "./support/tls-client.ts";

const WEB = "app.localhost";
const VAULT = "vault.localhost";
const FILES = "files.localhost";
const OWN = "own.localhost";
const OPEN = "open.localhost";
const ABROAD = "abroad.localhost";

const APPS = {
  localhost: {},
  [WEB]: {},
  [VAULT]: { profile: "bitwarden" },
  [FILES]: { profile: "sync" },
  [OWN]: {
    profile: "custom",
    status: 429,
    retryAfter: 60,
    body: '{"later":true}',
    contentType: "application/json",
  },
  [OPEN]: { public: ["/echo", "/share/*"], preflight: true },
  // Everybody seems to be in Switzerland.
  [ABROAD]: { profile: "bitwarden", countries: ["LI"], public: ["/echo"], preflight: true },
};

let test: TestEdge;
let phone: Credential;
let stranger: TlsClient;
const log: Record<string, unknown>[] = [];

beforeAll(async () => {
  test = await TestEdge.start({
    vars: { APPS, REVOCATION_DELAY_SECONDS: 0 },
    onWorkerLog: ({ message }) => log.push(JSON.parse(message) as Record<string, unknown>),
  });
  phone = await test.issue("phone");
  await test.enrol("phone", phone);
  stranger = test.client();
});

afterAll(() => test?.stop());

/** A device of its own, as it is after these acts. */
async function deviceAfter(name: string, ...acts: string[]): Promise<{ device: Device; client: TlsClient }> {
  const credential = await test.issue(name);
  let device = await test.enrol(name, credential);
  for (const act of acts) device = await test.act(device, act, act === "lost" ? { confirm: name } : {});
  return { device, client: test.client(credential) };
}

function essence({ status, headers, text }: Answer) {
  return {
    status,
    retryAfter: headers["retry-after"],
    type: headers["content-type"],
    cache: headers["cache-control"],
    text,
  };
}

const PLAIN = { type: "text/plain; charset=utf-8", cache: "no-store" };
const HIDE = { status: 404, retryAfter: undefined, ...PLAIN, text: "Not Found" };
const LATER = { status: 503, retryAfter: "300", ...PLAIN, text: "Service Unavailable" };
const SOON = { ...LATER, retryAfter: "30" };
const WIPE = { status: 401, retryAfter: undefined, ...PLAIN, text: "Unauthorized" };
const WIPE_TOKEN = {
  ...{ status: 400, retryAfter: undefined, type: "application/json", cache: "no-store" },
  text: '{"error":"invalid_grant"}',
};
const CUSTOM = {
  ...{ status: 429, retryAfter: "60", type: "application/json", cache: "no-store" },
  text: '{"later":true}',
};

const CIPHER = "/api/ciphers/0a7b5d4e-1111-4222-8333-444455556666";
const TOKEN: [string, Call] = [
  "/identity/connect/token",
  { method: "POST", body: "grant_type=refresh_token" },
];

describe("a stranger", () => {
  it.each<[string, string, Call, object]>([
    [WEB, "/", {}, HIDE],
    [WEB, CIPHER, {}, HIDE],
    [VAULT, "/api/sync", {}, HIDE],
    [VAULT, ...TOKEN, HIDE],
    [VAULT, CIPHER, {}, LATER],
    [VAULT, `/sub/folder${CIPHER}/details`, {}, LATER],
    [VAULT, "/api/sends/0a7b5d4e", {}, LATER],
    [VAULT, "/api/ciphers/", {}, HIDE],
    [FILES, "/remote.php/dav/files/alice/", { method: "PROPFIND" }, LATER],
    [FILES, "/", {}, LATER],
    [FILES, "/", { method: "HEAD" }, { ...LATER, text: "" }],
    [OWN, "/anything", { method: "DELETE" }, CUSTOM],
    [OWN, "/", { method: "HEAD" }, { ...CUSTOM, text: "" }],
    ["nowhere.example.com", "/", {}, SOON],
  ])("at %s%s is told what the profile says", async (host, path, call, expected) => {
    expect(essence(await stranger.call(path, { ...call, host }))).toEqual(expected);
  });

  it("is told the same whatever certificate it has", async () => {
    const unknown = test.client(await test.issue("unknown"));
    const selfSigned = test.client(await issueSelfSignedCertificate("phone"));
    for (const client of [unknown, selfSigned]) {
      expect(essence(await client.call("/", { host: WEB }))).toEqual(HIDE);
      expect(essence(await client.call(...withHost(TOKEN, VAULT)))).toEqual(HIDE);
      expect(essence(await client.call(CIPHER, { host: VAULT }))).toEqual(LATER);
      expect(essence(await client.call("/", { host: FILES }))).toEqual(LATER);
      expect(essence(await client.call("/", { host: OWN }))).toEqual(CUSTOM);
    }
  });

  it("cannot tell control paths from others, on any profile", async () => {
    for (const [host, expected] of [
      [WEB, HIDE],
      [VAULT, HIDE],
      [FILES, LATER],
      [OWN, CUSTOM],
    ] as const) {
      for (const path of ["/.latchkey/api/v1/users", "/.latchkey/whoami", "/.latchkey/x"]) {
        expect(essence(await stranger.call(path, { host }))).toEqual(expected);
      }
    }
  });
});

function withHost([path, call]: [string, Call], host: string): [string, Call] {
  return [path, { ...call, host }];
}

describe("paths without a certificate", () => {
  const atOpen = (path: string, call: Call = {}) => stranger.call(path, { host: OPEN, ...call });
  const PREFLIGHT = {
    method: "OPTIONS",
    headers: { origin: "https://x.example", "access-control-request-method": "GET" },
  };

  it("pass where the app names them, and nowhere else", async () => {
    const passed = await atOpen("/echo?x=1");
    expect(passed.status).toBe(200);
    expect(JSON.parse(passed.text)).toMatchObject({ method: "GET", url: "/echo?x=1" });
    // The app's own answer for a path that it does not have, and not the gate's.
    expect(essence(await atOpen("/share/abc"))).not.toEqual(HIDE);
    expect(essence(await stranger.call("/echo", { host: WEB }))).toEqual(HIDE);
  });

  it.each([
    "/echo/",
    "/ECHO",
    "/echo/x",
    "/echo;x=1",
    "/echo%2f",
    "//echo",
    "/%65cho",
    "/share",
    "/sharex/a",
    "/share/../headers",
    "/share/%2e%2e/headers",
    "/share/..%2fheaders",
    "/share/%252e%252e/headers",
    "/share//headers",
    "/share/..;/headers",
    "/share\\..\\headers",
    "/headers?/share/a",
    "/headers",
  ])("%s is none of them", async (path) => {
    expect(essence(await atOpen(path))).toEqual(HIDE);
  });

  it.each(["/./echo", "/x/../echo", "/share/../echo"])(
    "%s is the one that the app is asked for",
    async (path) => {
      const { status, text } = await atOpen(path);
      expect([status, JSON.parse(text).url]).toEqual([200, "/echo"]);
    },
  );

  it("are CORS preflights, where the app says so, as browsers send them", async () => {
    const passed = await atOpen("/echo", PREFLIGHT);
    expect(passed.status).toBe(200);
    expect(JSON.parse(passed.text)).toMatchObject({ method: "OPTIONS" });
    expect(essence(await atOpen("/api/x", PREFLIGHT))).not.toEqual(HIDE);
    const withLength = { ...PREFLIGHT.headers, "content-length": "0" };
    expect(essence(await atOpen("/api/x", { ...PREFLIGHT, headers: withLength }))).not.toEqual(HIDE);
    const { "access-control-request-method": _, ...origin } = PREFLIGHT.headers;
    for (const call of [
      { ...PREFLIGHT, headers: origin },
      { ...PREFLIGHT, method: "GET" },
      { ...PREFLIGHT, headers: { ...PREFLIGHT.headers, "content-length": "4" }, body: "body" },
    ]) {
      expect(essence(await atOpen("/api/x", call))).toEqual(HIDE);
    }
    expect(essence(await stranger.call("/echo", { host: WEB, ...PREFLIGHT }))).toEqual(HIDE);
  });

  it("are bound by the app's countries", async () => {
    expect(essence(await stranger.call("/echo", { host: ABROAD }))).toEqual(HIDE);
    expect(essence(await stranger.call("/echo", { host: ABROAD, ...PREFLIGHT }))).toEqual(HIDE);
  });
});

describe("whoami", () => {
  const whoami = (client: TlsClient, call: Call = {}) => client.call("/.latchkey/whoami", call);

  it("tells an enrolled device what it is taken for, on any app", async () => {
    const client = test.client(phone);
    for (const host of [WEB, VAULT, FILES, OWN]) {
      const { status, headers, text } = await whoami(client, { host });
      expect(status).toBe(200);
      expect(headers).toMatchObject({ "content-type": "application/json", "cache-control": "no-store" });
      expect(JSON.parse(text)).toEqual({
        app: host,
        ...{ letIn: true, reason: null, credential: "certificate" },
        fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
        enrolled: true,
        device: { user: "alice", name: "phone", status: "active", expiresAt: null },
        seenByCloudflare: expect.objectContaining({
          verified: true,
          subject: expect.stringContaining("phone"),
          country: "CH",
        }),
      });
    }
  });

  it("tells a verified certificate that it is not enrolled, and a refused device its status", async () => {
    const unknown = test.client(await test.issue("curious"));
    expect(JSON.parse((await whoami(unknown)).text)).toMatchObject({ enrolled: false, device: null });
    const { client } = await deviceAfter("whoami suspended", "suspend");
    expect(JSON.parse((await whoami(client)).text)).toMatchObject({
      ...{ enrolled: true, letIn: false, reason: "device-suspended" },
      device: { status: "suspended" },
    });
  });

  it("refuses whoever has no verified certificate, like everything else", async () => {
    const selfSigned = test.client(await issueSelfSignedCertificate("phone"));
    for (const client of [stranger, selfSigned]) {
      expect(essence(await whoami(client))).toEqual(HIDE);
      expect(essence(await whoami(client, { host: FILES }))).toEqual(LATER);
      expect(essence(await whoami(client, { method: "POST" }))).toEqual(HIDE);
    }
  });

  it("has no body for a HEAD, and does not reach the app", async () => {
    const { status, text } = await whoami(test.client(phone), { method: "HEAD" });
    expect([status, text]).toEqual([200, ""]);
  });
});

describe("a lost device", () => {
  it("is told to wipe on a bitwarden app, hidden from on the others, and the receipt says so", async () => {
    const { device, client } = await deviceAfter("left in the tram", "lost");
    expect(device).toMatchObject({ status: "lost", wipe: null });
    expect(Date.parse(device.statusSince)).toBeGreaterThan(Date.parse(device.enrolledAt));

    expect(essence(await client.call("/", { host: WEB }))).toEqual(HIDE);
    expect(essence(await client.call("/", { host: FILES }))).toEqual(LATER);
    expect(essence(await client.call("/", { host: OWN }))).toEqual(CUSTOM);
    expect(await registered(device)).toMatchObject({ wipe: null });

    expect(essence(await client.call("/api/sync", { host: VAULT }))).toEqual(WIPE);
    await expect
      .poll(async () => (await registered(device)).wipe)
      .toMatchObject({ count: 1, tokenRefresh: false });
    expect(essence(await client.call(CIPHER, { host: VAULT }))).toEqual(WIPE);
    expect(essence(await client.call(...withHost(TOKEN, VAULT)))).toEqual(WIPE_TOKEN);
    expect(essence(await client.call("/api/sync", { host: VAULT, method: "HEAD" }))).toEqual({
      ...WIPE,
      text: "",
    });
    await expect
      .poll(async () => (await registered(device)).wipe)
      .toMatchObject({ count: 3, tokenRefresh: true });

    const { entries } = (await test.api("GET", "/users/alice/audit")) as AuditList;
    const own = entries.filter(({ target }) => target?.id === device.id);
    expect(own.map(({ act, actor, detail }) => [act, actor, detail.tokenRefresh])).toEqual([
      ["wipe-delivered", "gate", "yes"],
      ["wipe-delivered", "gate", "no"],
      ["lost", "admin", undefined],
      ["enrol", "admin", undefined],
    ]);
    expect(log).toContainEqual(expect.objectContaining({ reason: "device-lost", app: VAULT }));
  });

  it("is told wherever it is, and an active one abroad is refused without harm", async () => {
    const { client } = await deviceAfter("lost abroad", "lost");
    expect(essence(await client.call("/api/sync", { host: ABROAD }))).toEqual(WIPE);
    expect(essence(await test.client(phone).call("/api/sync", { host: ABROAD }))).toEqual(HIDE);
  });

  it("that was found is let in again, and lost again has a new receipt", async () => {
    const { device, client } = await deviceAfter("found", "lost");
    await client.call("/api/sync", { host: VAULT });
    await expect.poll(async () => (await registered(device)).wipe).not.toBeNull();
    await test.act(device, "reinstate");
    expect((await client.call("/echo", { host: VAULT })).status).toBe(200);
    expect(await test.act(device, "lost", { confirm: "FOUND" })).toMatchObject({ wipe: null });
    expect(essence(await client.call("/api/sync", { host: VAULT }))).toEqual(WIPE);
    await expect.poll(async () => (await registered(device)).wipe).toMatchObject({ count: 1 });
  });

  it("is reported with its name repeated only", async () => {
    const { device } = await deviceAfter("careful");
    const path = `/users/alice/devices/${device.id}/lost`;
    for (const body of [{}, { confirm: "" }, { confirm: "phone" }, { confirm: true }]) {
      await expect(test.api("POST", path, body)).rejects.toThrow(": 422 ");
    }
    expect(await registered(device)).toMatchObject({ status: "active" });
  });

  it("is the only one that is told: not one that is suspended, revoked, or revoked at Cloudflare", async () => {
    const { client: suspended } = await deviceAfter("suspended", "suspend");
    const { client: revoked } = await deviceAfter("revoked", "revoke");
    const { client: lostThenRevoked } = await deviceAfter("lost, then revoked", "lost", "revoke");
    const credential = await test.issue("revoked at Cloudflare");
    const device = await test.enrol("revoked at Cloudflare", credential);
    await test.act(device, "lost", { confirm: device.name });
    writeFileSync(test.edge.paths.revoked, `${serialOf(credential)}\n`);
    for (const client of [suspended, revoked, lostThenRevoked, test.client(credential), stranger]) {
      expect(essence(await client.call("/api/sync", { host: VAULT }))).toEqual(HIDE);
      expect(essence(await client.call(...withHost(TOKEN, VAULT)))).toEqual(HIDE);
    }
    expect(await registered(device)).toMatchObject({ status: "lost", wipe: null });
  });
});

async function registered({ user, id }: Device): Promise<Device> {
  return (await test.api("GET", `/users/${user}/devices/${id}`)) as Device;
}
