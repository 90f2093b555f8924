import { abortAllDurableObjects, evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Fingerprint } from "../../../src/domain/fingerprint.ts";
import { REASONS, type Reason } from "../../../src/domain/reason.ts";
import type { UserId } from "../../../src/domain/user.ts";
import type { Gate } from "../../../src/gate/gate.ts";
import { NEGATIVE_MEMORY_MS, StandingCache } from "../../../src/gate/standing-cache.ts";
import { UserRegistry } from "../../../src/registry/user/user-registry.ts";
import { Visit } from "../../../src/visit.ts";
import { api, enrol, fingerprint, HOST } from "../fixtures.ts";
import {
  browser,
  type Cf,
  cf,
  device,
  deviceToken,
  type Echo,
  gateOf,
  Isolate,
  logged,
  NO_CERTIFICATE,
  NOT_FOUND,
  newFingerprint,
  runtimeError,
  SIGN_IN,
  SWISS_HOST,
  scripted,
  seen,
  UNAVAILABLE,
} from "./fixtures.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const broken = () => {
  throw new Error("a defect");
};

const failing = () => scripted({ resolve: () => Promise.reject(runtimeError({})) }).bindings;

async function inRegistry(user: string, sql: string): Promise<void> {
  await runInDurableObject(env.USER_REGISTRY.getByName(user), (_, { storage }) => storage.sql.exec(sql));
}

/** Every reason, end to end: what must be asked of which Worker. */
const REFUSED: Record<
  Reason,
  () => Promise<{
    cf: Cf;
    host?: string;
    change?: Record<string, unknown>;
    headers?: Record<string, string>;
    short: string | null;
  }>
> = {
  blocked: async () => {
    const { of } = await device("active");
    return { cf: cf({}, of), change: { BLOCKED: of }, short: "00000000" };
  },
  "no-certificate": async () => ({ cf: NO_CERTIFICATE, short: null }),
  "unverified-certificate": async () => ({
    cf: cf({ certVerified: "FAILED:self signed certificate" }),
    short: "00000000",
  }),
  "revoked-certificate": async () => {
    const { of } = await device("active");
    return { cf: cf({ certRevoked: "1" }, of), short: "00000000" };
  },
  "expired-certificate": async () => {
    const { of } = await device("active");
    return { cf: cf({ certNotAfter: "Jan  1 00:00:00 2021 GMT" }, of), short: "00000000" };
  },
  "malformed-certificate": async () => ({ cf: cf({ certFingerprintSHA256: "" }), short: null }),
  "unknown-device": async () => ({ cf: cf({}, fingerprint(0xdead)), short: "00000000" }),
  "device-pending": async () => ({ cf: cf({}, (await device("pending")).of), short: "00000000" }),
  "device-suspended": async () => ({ cf: cf({}, (await device("suspended")).of), short: "00000000" }),
  "device-revoked": async () => ({ cf: cf({}, (await device("revoked")).of), short: "00000000" }),
  "device-lost": async () => ({ cf: cf({}, (await device("lost")).of), short: "00000000" }),
  "device-expired": async () => {
    const { of, user } = await device("active");
    await inRegistry(user, "UPDATE devices SET expires_at = 1");
    return { cf: cf({}, of), short: "00000000" };
  },
  "expired-credential": async () => {
    const { user, token, short } = await deviceToken();
    await inRegistry(user, "UPDATE credentials SET not_after = 1");
    return { cf: NO_CERTIFICATE, headers: { "X-Latchkey-Token": token }, short };
  },
  "wrong-app": async () => {
    const { token, short } = await deviceToken([SWISS_HOST]);
    return { cf: NO_CERTIFICATE, headers: { "X-Latchkey-Token": token }, short };
  },
  "unknown-app": async () => {
    const { of } = await device("active");
    return { cf: cf({}, of), host: "other.example.com", short: "00000000" };
  },
  country: async () => {
    const { of } = await device("active");
    return { cf: { ...cf({}, of), country: "DE" }, host: SWISS_HOST, short: "00000000" };
  },
  "cross-site": async () => {
    const { cookie, short } = await browser();
    const headers = { Cookie: cookie, Upgrade: "websocket", Origin: "https://evil.example" };
    const change = { SIGN_IN, APPS: { [HOST]: { signIn: true } } };
    return { cf: NO_CERTIFICATE, change, headers, short };
  },
  "registry-unavailable": async () => ({ cf: cf(), change: failing(), short: "00000000" }),
  misconfigured: async () => {
    const { of } = await device("active");
    return { cf: cf({}, of), change: { APPS: undefined }, short: null };
  },
  "internal-error": async () => ({ cf: cf(), change: scripted().bindings, short: "00000000" }),
};

describe.each(REASONS)("%s, end to end", (reason) => {
  const expected = ["unknown-app", "registry-unavailable", "misconfigured", "internal-error"].includes(reason)
    ? UNAVAILABLE
    : NOT_FOUND;

  async function refused() {
    const { host = HOST, change = {}, short, ...request } = await REFUSED[reason]();
    // Only a defect makes this one: here, that of the clock.
    if (reason === "internal-error") {
      vi.spyOn(Date, "now").mockImplementation(() => {
        throw new Error("no clock");
      });
    }
    const isolate = new Isolate(change);
    return { isolate, base: `https://${host}`, request, host, short };
  }

  it("never reaches the app, and is answered alike whatever the method", async () => {
    const { isolate, base, request } = await refused();
    logged();
    const app = vi.spyOn(globalThis, "fetch");
    for (const method of ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PROPFIND", "HEAD"]) {
      const response = await isolate.fetch(`${base}/`, { method, ...request });
      expect(await seen(response)).toEqual(method === "HEAD" ? { ...expected, body: "" } : expected);
    }
    expect(app).not.toHaveBeenCalled();
  });

  it("is logged with these fields and no other", async () => {
    const { isolate, base, request, host, short } = await refused();
    const lines = logged();
    await isolate.fetch(`${base}/notes/1?token=SECRET#SECRET`, {
      method: "POST",
      body: "SECRET",
      ...request,
      headers: {
        ...request.headers,
        "CF-Ray": "8f00000000000000-ZRH",
        "CF-Connecting-IP": "198.51.100.7",
        Cookie: ["session=SECRET", request.headers?.Cookie ?? []].flat().join("; "),
        Authorization: "Bearer SECRET",
        "X-Latchkey-User": "SECRET",
        "User-Agent": "Bitwarden_Mobile/2026.9.0 (Android 16; SDK 36; Model Pixel 9)",
      },
    });
    expect(lines.filter(({ event }) => event === "refused")).toEqual([
      {
        event: "refused",
        reason,
        app: host,
        method: "POST",
        path: "/notes/1",
        country: request.cf.country,
        ray: "8f00000000000000-ZRH",
        client: "Bitwarden_Mobile/2026.9.0 (Android 16; SDK 36; Model Pixel 9)",
        fingerprint: short,
      },
    ]);
    expect(JSON.stringify(lines)).not.toContain("SECRET");
    expect(JSON.stringify(lines)).not.toMatch(/[0-9a-f]{32}/);
  });
});

describe("an active device", () => {
  it("is let through to the app, and nothing is logged", async () => {
    const { of } = await device("active");
    const lines = logged();
    const response = await new Isolate().fetch("/notes?x=1", { cf: cf({}, of) });
    expect(response.status).toBe(200);
    expect(await response.json<Echo>()).toMatchObject({ method: "GET", url: `https://${HOST}/notes?x=1` });
    expect(lines).toEqual([]);
  });

  it.each([HOST.toUpperCase(), `${HOST}.`, `${HOST}:8443`])("finds its app at %s", async (host) => {
    const { of } = await device("active");
    expect((await new Isolate().fetch(`https://${host}/`, { cf: cf({}, of) })).status).toBe(200);
  });

  it.each([SWISS_HOST.toUpperCase(), `${SWISS_HOST}.`, `${SWISS_HOST}:8443`])(
    "from elsewhere cannot pass by the default app with %s",
    async (host) => {
      const { of } = await device("active");
      const lines = logged();
      const isolate = new Isolate({ APPS: { "*": {}, [SWISS_HOST]: { countries: ["CH"] } } });
      expect((await isolate.fetch(`https://${host}/`, { cf: { ...cf({}, of), country: "DE" } })).status).toBe(
        404,
      );
      expect(lines).toEqual([expect.objectContaining({ reason: "country", app: SWISS_HOST })]);
      expect((await isolate.fetch("https://other.example.com/", { cf: cf({}, of) })).status).toBe(200);
    },
  );

  it("from elsewhere cannot pass by the default app with two dots at the end", async () => {
    const { of } = await device("active");
    logged();
    const isolate = new Isolate({ APPS: { "*": {}, [SWISS_HOST]: { countries: ["CH"] } } });
    const request = { cf: { ...cf({}, of), country: "DE" } };
    expect((await isolate.fetch(`https://${SWISS_HOST}../`, request)).status).toBe(404);
  });

  it.each([["T1"], ["XX"], ["ch"], [""], [undefined], [null], [41], [["CH"]]])(
    "from country %j is refused where countries are named",
    async (country) => {
      const { of } = await device("active");
      logged();
      const request = { cf: { ...cf({}, of), country } };
      expect((await new Isolate().fetch(`https://${SWISS_HOST}/`, request)).status).toBe(404);
    },
  );

  it("is refused when the certificate is not yet valid", async () => {
    const { of } = await device("active");
    const lines = logged();
    const request = { cf: cf({ certNotBefore: "Jan  1 00:00:00 2099 GMT" }, of) };
    expect((await new Isolate().fetch("/", request)).status).toBe(404);
    expect(lines).toEqual([expect.objectContaining({ reason: "expired-certificate" })]);
  });
});

describe("a stranger", () => {
  it.each<[string, Cf]>([
    ["without cf's fields", {}],
    ["with tlsClientAuth null", { tlsClientAuth: null }],
    ["with a text for tlsClientAuth", { tlsClientAuth: "SUCCESS" }],
    ["without a certificate", cf({ certPresented: "0" })],
    ["with one that failed", cf({ certVerified: "FAILED" })],
    ["with one that is revoked at Cloudflare", cf({ certRevoked: "1" })],
    ["with one that expired", cf({ certNotAfter: "Jan  1 00:00:00 2021 GMT" })],
    ["with one that is malformed", cf({ certNotAfter: "" })],
  ])("%s costs no question to a Durable Object", async (_, request) => {
    logged();
    const { bindings, counts } = scripted();
    expect((await new Isolate(bindings).fetch("/", { cf: request })).status).toBe(404);
    expect(counts).toEqual({ directoryStubs: 0, resolve: 0, registryStubs: 0, standing: 0 });
  });

  it("without any cf is refused", async () => {
    logged();
    const request = new Request(`https://${HOST}/`);
    Object.defineProperty(request, "cf", { value: undefined });
    expect((await new Isolate().handle(request)).status).toBe(404);
  });

  it("whose cf throws when it is read is refused", async () => {
    const lines = logged();
    const request = new Request(`https://${HOST}/`);
    const tlsClientAuth = Object.defineProperty({}, "certPresented", {
      get: () => {
        throw new Error("a trap");
      },
    });
    Object.defineProperty(request, "cf", { value: { tlsClientAuth } });
    expect(await seen(await new Isolate().handle(request))).toEqual(UNAVAILABLE);
    expect(lines).toEqual([
      { event: "error", message: "Error: a trap", cause: null },
      expect.objectContaining({ event: "refused", reason: "internal-error", app: HOST }),
    ]);
  });

  it("at a host that is refused costs no question either, not even with a certificate", async () => {
    logged();
    const { bindings, counts } = scripted();
    await new Isolate(bindings).fetch("https://other.example.com/");
    expect(counts.resolve + counts.standing).toBe(0);
  });

  it.each<[string, Cf]>([
    ["no certificate", {}],
    ["one that failed", cf({ certVerified: "FAILED" })],
    ["one that is revoked at Cloudflare", cf({ certRevoked: "1" })],
    ["one that expired", cf({ certNotAfter: "Jan  1 00:00:00 2021 GMT" })],
    ["one that is malformed", cf({ certNotAfter: "" })],
  ])("from a country that is refused costs no question either, with %s", async (_, request) => {
    const lines = logged();
    const { bindings, counts } = scripted();
    await new Isolate(bindings).fetch(`https://${SWISS_HOST}/`, { cf: { ...request, country: "DE" } });
    expect(lines).toEqual([expect.objectContaining({ reason: "country" })]);
    expect(counts).toEqual({ directoryStubs: 0, resolve: 0, registryStubs: 0, standing: 0 });
  });

  it("with a verified certificate from a country that is refused is asked about: it may be a lost phone", async () => {
    logged();
    const { bindings, counts } = scripted();
    const isolate = new Isolate(bindings);
    for (let n = 0; n < 3; n++) {
      const request = { cf: { ...cf(), country: "DE" } };
      expect((await isolate.fetch(`https://${SWISS_HOST}/`, request)).status).toBe(404);
    }
    expect(counts).toMatchObject({ resolve: 1, standing: 1 });
  });
});

describe("a text of the client's making", () => {
  it("is cut in the log: a long path, and a long name of the program", async () => {
    const lines = logged();
    const headers = { "User-Agent": "b".repeat(1_000) };
    await new Isolate().fetch("/words".repeat(200), { cf: {}, headers });
    expect(lines[0]).toMatchObject({ path: `${"/words".repeat(33)}/w`, client: "b".repeat(200) });
  });

  it("is logged whole when it is short enough", async () => {
    const lines = logged();
    const headers = { "User-Agent": "b".repeat(200) };
    await new Isolate().fetch("/word".repeat(40), { cf: {}, headers });
    expect(lines[0]).toMatchObject({ path: "/word".repeat(40), client: "b".repeat(200) });
  });

  it("is null in the log when the program does not say its name", async () => {
    const lines = logged();
    await new Isolate().fetch("/", { cf: {} });
    expect(lines[0]).toHaveProperty("client", null);
  });
});

describe("what the registry said", () => {
  it("is asked for once, by requests that come together", async () => {
    const { bindings, counts } = scripted();
    const isolate = new Isolate(bindings);
    const responses = await Promise.all([isolate.fetch("/1"), isolate.fetch("/2"), isolate.fetch("/3")]);
    expect(responses.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(counts).toMatchObject({ resolve: 1, standing: 1 });
  });

  it("is asked for once in the real isolate, too", async () => {
    const { of } = await device("active");
    const standing = vi.spyOn(UserRegistry.prototype, "standing");
    const request = { cf: cf({}, of) } as RequestInit;
    const responses = await Promise.all(
      [1, 2, 3].map((n) => exports.default.fetch(`https://${HOST}/${n}`, request)),
    );
    const again = await exports.default.fetch(`https://${HOST}/4`, request);
    for (const response of [...responses, again]) expect((await response.json<Echo>()).method).toBe("GET");
    expect(standing).toHaveBeenCalledTimes(1);
  });

  it("comes to those who wait for it, though who asked has hung up", async () => {
    const { of } = await device("active");
    const said = Promise.withResolvers<{ status: "active" }>();
    const standing = vi.spyOn(UserRegistry.prototype, "standing");
    standing.mockImplementation((() => said.promise) as never);
    const arrived = vi.spyOn(StandingCache.prototype, "standing");
    const hangUp = new AbortController();
    const send = (init: RequestInit) =>
      exports.default.fetch(`https://${HOST}/`, { cf: cf({}, of), ...init } as RequestInit);

    const first = send({ signal: hangUp.signal });
    await vi.waitFor(() => expect(standing).toHaveBeenCalledTimes(1));
    const second = send({});
    await vi.waitFor(() => expect(arrived).toHaveBeenCalledTimes(2));
    hangUp.abort();
    await expect(first).rejects.toThrow();
    said.resolve({ status: "active" });
    expect((await second).status).toBe(200);
    expect(standing).toHaveBeenCalledTimes(1);
  });

  it.each<[string, (user: UserId) => Promise<void>]>([
    ["an eviction", (user) => evictDurableObject(env.USER_REGISTRY.getByName(user))],
    ["an abort of every object", () => abortAllDurableObjects()],
  ])("is the same after %s", async (_, restart) => {
    logged();
    const [phone, lost] = [await device("active"), await device("lost")];
    const isolate = new Isolate({ REVOCATION_DELAY_SECONDS: 0 });
    for (let round = 0; round < 2; round++) {
      expect((await isolate.fetch("/", { cf: cf({}, phone.of) })).status).toBe(200);
      expect((await isolate.fetch("/", { cf: cf({}, lost.of) })).status).toBe(404);
      await restart(lost.user);
    }
  });

  it("is asked for on every request with a delay of 0, and the directory only once", async () => {
    const { bindings, counts } = scripted();
    const isolate = new Isolate({ ...bindings, REVOCATION_DELAY_SECONDS: 0 });
    for (let n = 0; n < 3; n++) expect((await isolate.fetch()).status).toBe(200);
    expect(counts).toMatchObject({ resolve: 1, standing: 3 });
  });

  it("is forgotten when the delay is over: a revoked phone is out, and another device is not", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    logged();
    const [phone, laptop] = [await device("active"), await device("active")];
    const isolate = new Isolate();
    const statuses = async () => {
      const responses = [
        await isolate.fetch("/", { cf: cf({}, phone.of) }),
        await isolate.fetch("/", { cf: cf({}, laptop.of) }),
      ];
      await isolate.idle();
      return responses.map(({ status }) => status);
    };
    expect(await statuses()).toEqual([200, 200]);
    expect((await api("POST", `${phone.path}/revoke`, {})).status).toBe(200);
    vi.setSystemTime(Date.now() + 10_000);
    expect(await statuses()).toEqual([404, 200]);
  });

  it("is asked for in the background past half the delay, by waitUntil", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    logged();
    const { of, path } = await device("active");
    const isolate = new Isolate();
    expect((await isolate.fetch("/", { cf: cf({}, of) })).status).toBe(200);
    await api("POST", `${path}/suspend`, {});
    vi.setSystemTime(Date.now() + 5_000);
    expect((await isolate.fetch("/", { cf: cf({}, of) })).status, "from memory").toBe(200);
    await isolate.idle();
    expect((await isolate.fetch("/", { cf: cf({}, of) })).status).toBe(404);
  });

  it("is refused within one request at a delay of 0", async () => {
    logged();
    const { of, path } = await device("active");
    const isolate = new Isolate({ REVOCATION_DELAY_SECONDS: 0 });
    expect((await isolate.fetch("/", { cf: cf({}, of) })).status).toBe(200);
    await api("POST", `${path}/revoke`, {});
    expect((await isolate.fetch("/", { cf: cf({}, of) })).status).toBe(404);
  });

  it("no longer stands in the way of an enrolment two seconds after a refusal", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    logged();
    const of = newFingerprint();
    const isolate = new Isolate();
    const status = async () => (await isolate.fetch("/", { cf: cf({}, of) })).status;
    expect(await status()).toBe(404);
    await enrol("carol", "phone", of);
    vi.setSystemTime(Date.now() + 1_999);
    expect(await status()).toBe(404);
    vi.setSystemTime(Date.now() + 1);
    expect(await status()).toBe(200);
  });

  it("heals, when a certificate has passed from one user to another", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    logged();
    const { of, path } = await device("active");
    const isolate = new Isolate({ REVOCATION_DELAY_SECONDS: 0 });
    const status = async () => (await isolate.fetch("/", { cf: cf({}, of) })).status;
    expect(await status()).toBe(200);
    await api("POST", `${path}/revoke`, {});
    expect((await api("DELETE", path)).status).toBe(204);
    expect(await status(), "in between, it is nobody's").toBe(404);
    await enrol("heir", `phone ${of.slice(-4)}`, of);
    vi.setSystemTime(Date.now() + NEGATIVE_MEMORY_MS);
    expect(await status()).toBe(200);
  });

  it("heals without a request in between, too", async () => {
    const { of, path } = await device("active");
    const isolate = new Isolate({ REVOCATION_DELAY_SECONDS: 0 });
    expect((await isolate.fetch("/", { cf: cf({}, of) })).status).toBe(200);
    await api("POST", `${path}/revoke`, {});
    await api("DELETE", path);
    await enrol("heir", `phone ${of.slice(-4)}`, of);
    expect((await isolate.fetch("/", { cf: cf({}, of) })).status).toBe(200);
  });
});

describe("what the registry is told", () => {
  it("is when and where the device was seen, and the details of its certificate", async () => {
    const { of, path } = await device("active");
    const before = Date.now();
    await new Isolate().fetch("/", {
      cf: cf({}, of),
      headers: { "CF-Connecting-IP": "198.51.100.7" },
    });
    const { lastSeen, credentials } = await (await api("GET", path)).json<{
      lastSeen: { at: string };
      credentials: unknown[];
    }>();
    expect(lastSeen).toEqual({ at: expect.any(String), app: HOST, country: "CH", ip: "198.51.100.7" });
    expect(Date.parse(lastSeen.at)).toBeGreaterThanOrEqual(before);
    expect(Date.parse(lastSeen.at)).toBeLessThanOrEqual(Date.now());
    expect(credentials).toEqual([
      expect.objectContaining({
        subject: "CN=phone",
        issuer: "CN=Household CA",
        serial: "0A1B2C",
        notBefore: "2020-01-01T00:00:00.000Z",
        notAfter: "2120-01-01T00:00:00.000Z",
      }),
    ]);
  });

  it("is who waits to be enrolled: verified certificates alone", async () => {
    logged();
    const [verified, failed] = [newFingerprint(), newFingerprint()];
    const isolate = new Isolate();
    await isolate.fetch("/", { cf: cf({}, verified) });
    await isolate.fetch("/", { cf: cf({ certVerified: "FAILED" }, failed) });
    const { unknownCertificates } = await (await api("GET", "/unknown-certificates")).json<{
      unknownCertificates: { fingerprint: string }[];
    }>();
    expect(unknownCertificates).toContainEqual(
      expect.objectContaining({ fingerprint: verified, app: HOST, country: "CH" }),
    );
    expect(unknownCertificates.map((one) => one.fingerprint)).not.toContain(failed);
  });
});

describe("a registry that fails", () => {
  it("refuses softly, and the log says why", async () => {
    const lines = logged();
    const { bindings, counts } = scripted({ resolve: () => Promise.reject(runtimeError({})) });
    expect(await seen(await new Isolate(bindings).fetch())).toEqual(UNAVAILABLE);
    expect(lines).toEqual([
      {
        event: "registry-error",
        message: "RegistryUnavailable: the registry does not answer",
        cause: "Error: the object said no",
      },
      expect.objectContaining({ event: "refused", reason: "registry-unavailable" }),
    ]);
    expect(counts, "an error that is not retryable is not repeated").toMatchObject({
      resolve: 1,
      directoryStubs: 1,
    });
  });

  it("is asked three times, with a new stub each, when the runtime says that may help", async () => {
    vi.useFakeTimers();
    logged();
    const { bindings, counts } = scripted({
      resolve: () => Promise.reject(runtimeError({ retryable: true })),
    });
    const response = new Isolate(bindings).fetch();
    await vi.advanceTimersByTimeAsync(1_000);
    expect((await response).status).toBe(503);
    expect(counts).toMatchObject({ resolve: 3, directoryStubs: 3, standing: 0 });
  });

  it("lets the device in, when the repetition succeeds", async () => {
    vi.useFakeTimers();
    let failures = 2;
    const { bindings, counts } = scripted({
      standing: () =>
        failures-- > 0 ? Promise.reject(runtimeError({ retryable: true })) : { status: "active" },
    });
    const response = new Isolate(bindings).fetch();
    await vi.advanceTimersByTimeAsync(1_000);
    vi.useRealTimers();
    expect((await response).status).toBe(200);
    expect(counts).toMatchObject({ resolve: 1, standing: 3, registryStubs: 3 });
  });

  it.each([
    ["overloaded", { overloaded: true }],
    ["overloaded, though retryable", { overloaded: true, retryable: true }],
    ["not retryable", { retryable: false }],
  ])("is not asked again when it is %s", async (_, marks) => {
    logged();
    const { bindings, counts } = scripted({ standing: () => Promise.reject(runtimeError(marks)) });
    expect((await new Isolate(bindings).fetch()).status).toBe(503);
    expect(counts).toMatchObject({ standing: 1, registryStubs: 1 });
  });

  it.each<[string, unknown]>([
    ["null", null],
    ["a text", "retryable"],
    ["nothing", undefined],
  ])("is unavailable when it throws %s", async (_, thrown) => {
    logged();
    const { bindings, counts } = scripted({ standing: () => Promise.reject(thrown) });
    expect((await new Isolate(bindings).fetch()).status).toBe(503);
    expect(counts.standing).toBe(1);
  });

  it("is unavailable when not even a stub can be had", async () => {
    logged();
    const bindings = {
      ...scripted().bindings,
      DIRECTORY: {
        getByName: () => {
          throw new Error("no namespace");
        },
      },
    };
    expect((await new Isolate(bindings).fetch()).status).toBe(503);
  });

  it("is unavailable when it never answers, after ten seconds", async () => {
    vi.useFakeTimers();
    const lines = logged();
    const { bindings, counts } = scripted({ standing: () => new Promise(() => {}) });
    const answered = vi.fn();
    const response = new Isolate(bindings).fetch();
    void response.then(answered);
    await vi.advanceTimersByTimeAsync(9_999);
    expect(answered).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(await seen(await response)).toEqual(UNAVAILABLE);
    expect(lines[0]).toMatchObject({ event: "registry-error", cause: "Error: no answer within 10000 ms" });
    expect(counts.standing).toBe(1);
  });

  it.each<[string, unknown]>([
    ["a status of a later version", { status: "trusted" }],
    ["no status", {}],
    ["a text", "active"],
    ["true", true],
    ["undefined", undefined],
  ])("or says %s lets nobody in", async (_, said) => {
    logged();
    const { bindings } = scripted({ standing: () => said });
    expect((await new Isolate(bindings).fetch()).status).toBe(503);
  });

  it("does not put out a device that was let in a moment ago", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    logged();
    let fails = false;
    const { bindings } = scripted({
      standing: () => (fails ? Promise.reject(runtimeError({ overloaded: true })) : { status: "active" }),
    });
    const isolate = new Isolate(bindings);
    expect((await isolate.fetch()).status).toBe(200);
    fails = true;
    vi.setSystemTime(Date.now() + 9_999);
    expect((await isolate.fetch()).status).toBe(200);
    await isolate.idle();
    vi.setSystemTime(Date.now() + 1);
    expect((await isolate.fetch()).status).toBe(503);
  });
});

describe("a certificate that is blocked", () => {
  const open = { APPS: { [HOST]: { public: ["/share/*"], preflight: true } } };
  const preflight = { Origin: "https://a.example", "Access-Control-Request-Method": "PUT" };

  it.each<[string, string, RequestInit?]>([
    ["the app", "/"],
    ["a public path", "/share/1"],
    ["a preflight", "/", { method: "OPTIONS", headers: preflight }],
    ["whoami", "/.latchkey/whoami"],
    ["the page to enrol a device", "/.latchkey/enrol"],
    ["the sign-in", "/.latchkey/sign-in"],
    [
      "the API with the ADMIN_TOKEN",
      "/.latchkey/api/v1/me",
      { headers: { Authorization: `Bearer ${env.ADMIN_TOKEN}` } },
    ],
  ])("is refused on %s, and nobody is asked", async (_, path, init = {}) => {
    const lines = logged();
    const app = vi.spyOn(globalThis, "fetch");
    const of = newFingerprint();
    const { bindings, counts } = scripted();
    const isolate = new Isolate({ ...bindings, ...open, BLOCKED: `${fingerprint(0xbad)}, ${of}` });
    expect(await seen(await isolate.fetch(path, { ...(init as object), cf: cf({}, of) }))).toEqual(NOT_FOUND);
    expect(lines).toEqual([expect.objectContaining({ event: "refused", reason: "blocked" })]);
    expect(app).not.toHaveBeenCalled();
    expect(counts).toEqual({ directoryStubs: 0, resolve: 0, registryStubs: 0, standing: 0 });
    const other = await isolate.fetch("/", { cf: cf({}, newFingerprint()) });
    expect(other.status, "another device").toBe(200);
  });

  it("is listed for the ADMIN_TOKEN while no object answers, sorted", async () => {
    const bindings = { DIRECTORY: { getByName: broken }, USER_REGISTRY: { getByName: broken } };
    const isolate = new Isolate({
      ...bindings,
      BLOCKED: `${fingerprint(2)} ${fingerprint(1).toUpperCase()}`,
    });
    const headers = { Authorization: `Bearer ${env.ADMIN_TOKEN}` };
    const response = await isolate.fetch("/.latchkey/api/v1/blocked", { headers, cf: {} });
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ blocked: [fingerprint(1), fingerprint(2)] });
  });
});

describe("the standing for pages", () => {
  const visit = (of: Fingerprint, change: Record<string, unknown> = {}) =>
    new Visit(new Request(`https://${HOST}/`), HOST, cf(change, of), { waitUntil: () => {} });

  it("is the gate's own, from one memory", async () => {
    const { bindings, counts } = scripted({
      standing: () => ({ status: "revoked", name: "phone", since: 0 }),
    });
    const gate = gateOf({ bindings });
    const [of, request] = [fingerprint(1), new Request(`https://${HOST}/`)];
    await gate.handle(new Visit(request, HOST, cf({}, of), { waitUntil: () => {} }));
    expect(await gate.standingOf(visit(of))).toMatchObject({ kind: "device", status: "revoked" });
    expect(counts.standing).toBe(1);
  });

  it.each<[string, Record<string, unknown>]>([
    ["not verified", { certVerified: "FAILED" }],
    ["over", { certNotAfter: "Jan  1 00:00:00 2021 GMT" }],
    ["revoked at Cloudflare", { certRevoked: "1" }],
  ])("is not asked for where the certificate is %s", async (_, change) => {
    const { bindings, counts } = scripted();
    const standing = await gateOf({ bindings }).standingOf(visit(fingerprint(1), change));
    expect(standing).toEqual({ kind: "unavailable" });
    expect(counts.resolve).toBe(0);
  });

  it("is not asked for where it is blocked", async () => {
    const gate = gateOf({ blocked: new Set([fingerprint(1)]) });
    expect(await gate.standingOf(visit(fingerprint(1)))).toEqual({ kind: "unavailable" });
  });
});

describe("a defect of ours", () => {
  const visit = (ctx: Visit["ctx"] = { waitUntil: () => {} }) =>
    new Visit(new Request(`https://${HOST}/`), HOST, cf(), ctx);
  it.each<[string, () => Gate, Visit["ctx"]?]>([
    ["the clock", () => gateOf({ now: broken })],
    ["the apps", () => gateOf({ appOf: broken })],
    ["waitUntil", () => gateOf(), { waitUntil: broken }],
  ])("in %s refuses, softly", async (_, gate, ctx) => {
    const app = vi.spyOn(globalThis, "fetch");
    expect(await seen(await gate().handle(visit(ctx)))).toEqual(UNAVAILABLE);
    expect(app).not.toHaveBeenCalled();
  });

  it("in the log lets nobody in who is refused", async () => {
    const app = vi.spyOn(globalThis, "fetch");
    const gate = gateOf({ appOf: () => undefined, log: broken });
    await expect((async () => gate.handle(visit()))()).rejects.toThrow("a defect");
    expect(app).not.toHaveBeenCalled();
  });
});

it("the registry is not written to by a request that is let in again", async () => {
  const { of, user } = await device("active");
  const isolate = new Isolate({ REVOCATION_DELAY_SECONDS: 0 });
  await isolate.fetch("/", { cf: cf({}, of) });
  const changes = () =>
    runInDurableObject(env.USER_REGISTRY.getByName(user), (_, state) =>
      state.storage.sql.exec("SELECT total_changes() AS n").one(),
    );
  const before = await changes();
  await isolate.fetch("/", { cf: cf({}, of) });
  expect(await changes()).toEqual(before);
});
