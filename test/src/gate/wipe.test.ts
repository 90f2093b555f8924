import { abortAllDurableObjects, evictDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { AuditList, Device } from "../../../src/contract/answers.ts";
import { DEVICE_STATUSES, type DeviceStatus } from "../../../src/domain/device.ts";
import type { App } from "../../../src/domain/request/app.ts";
import { RECEIPT_EVERY_MS } from "../../../src/gate/receipts.ts";
import { LOST_QUESTIONS_MAX } from "../../../src/gate/standing-cache.ts";
import { UserRegistry } from "../../../src/registry/user/user-registry.ts";
import { Visit } from "../../../src/visit.ts";
import { api, HOST } from "../fixtures.ts";
import {
  type Cf,
  cf,
  device,
  FILES_HOST,
  gateOf,
  type Init,
  Isolate,
  LATER,
  logged,
  NOT_FOUND,
  newFingerprint,
  OPEN_APP,
  OWN,
  OWN_HOST,
  runtimeError,
  scripted,
  seen,
  UNAVAILABLE,
  VAULT_HOST,
  WIPE,
  WIPE_TOKEN,
} from "./fixtures.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const TOKEN = "/identity/connect/token";
const ITEM = "/api/ciphers/0a1b2c3d";
const LOST = { status: "lost", name: "phone", since: 1 } as const;

const inVault = (isolate: Isolate, path: string, init: Init = {}) =>
  isolate.fetch(`https://${VAULT_HOST}${path}`, init);
const tokenCall = (isolate: Isolate, init: Init = {}) =>
  inVault(isolate, TOKEN, { method: "POST", body: "grant_type=refresh_token", ...init });

const show = async (path: string) => (await api("GET", path)).json<Device>();

/** Whether a client of Bitwarden's would delete its vault. */
const wipes = ({ status, body }: { status: number; body: string }) =>
  status === 401 || status === 403 || body.includes("invalid_grant");

describe("a device that is found", () => {
  it("is not told to wipe once that was acknowledged, by a question that was asked before", async () => {
    const { of, path, user } = await device("lost");
    // The reply to the first question is late by as much as it takes.
    const late = Promise.withResolvers<void>();
    let questions = 0;
    const real = env.USER_REGISTRY;
    const slow = {
      getByName: (name: string) =>
        new Proxy(real.getByName(name), {
          get: (stub, method) =>
            method === "standing"
              ? async (...words: Parameters<UserRegistry["standing"]>) => {
                  const standing = await stub.standing(...words);
                  if (questions++ === 0) await late.promise;
                  return standing;
                }
              : Reflect.get(stub, method),
        }),
    };
    const isolate = new Isolate({ USER_REGISTRY: slow });
    const before = tokenCall(isolate, { cf: cf({}, of) });
    await expect.poll(() => questions).toBe(1);
    expect((await api("POST", `${path}/reinstate`, {})).status).toBe(200);
    const after = [tokenCall(isolate, { cf: cf({}, of) }), inVault(isolate, "/api/sync", { cf: cf({}, of) })];
    const whoami = inVault(isolate, "/.latchkey/whoami", { cf: cf({}, of) });
    late.resolve();
    expect(await seen(await before), "it came before").toEqual(WIPE_TOKEN);
    for (const answer of await Promise.all(after)) expect(answer.status).toBe(200);
    expect(await (await whoami).json()).toMatchObject({ device: { user, status: "active" } });
    expect(questions, "they share the second question").toBe(2);
    await isolate.idle();
  });
});

describe("a lost device at a bitwarden app", () => {
  it("is told to wipe, by the Worker as it is deployed: on the token call, and on every other", async () => {
    const lines = logged();
    const app = vi.spyOn(globalThis, "fetch");
    const { of } = await device("lost");
    const send = async (method: string, path: string) =>
      seen(
        await exports.default.fetch(`https://${VAULT_HOST}${path}`, {
          method,
          // Each call is a program of its own for the log, which is not the matter here.
          headers: { "User-Agent": `${method}${path.replaceAll("/", "-")}` },
          cf: cf({}, of),
        } as RequestInit),
      );
    expect(await send("POST", TOKEN)).toEqual(WIPE_TOKEN);
    for (const [method, path] of [
      ["GET", "/api/sync?excludeDomains=true"],
      ["GET", "/"],
      ["GET", ITEM],
      ["DELETE", ITEM],
      ["GET", TOKEN],
      ["POST", "/identity/accounts/prelogin"],
      ["GET", "/notifications/hub"],
    ] as const) {
      expect(await send(method, path), path).toEqual(WIPE);
    }
    expect(await send("HEAD", "/api/sync")).toEqual({ ...WIPE, body: "" });
    expect(app).not.toHaveBeenCalled();
    expect(lines).toHaveLength(9);
    for (const line of lines) expect(line).toMatchObject({ event: "refused", reason: "device-lost" });
  });

  it.each([
    ["of the refresh", "grant_type=refresh_token&refresh_token=x"],
    ["of a sign-in", "grant_type=password&username=x"],
    ["that is none", undefined],
  ])("is told whatever the body, which is not read: %s", async (_, text) => {
    logged();
    const { bindings } = scripted({ standing: () => LOST });
    let pulled = 0;
    const body = new ReadableStream<Uint8Array>(
      {
        pull: (controller) => {
          pulled += 1;
          controller.enqueue(new TextEncoder().encode(text));
          controller.close();
        },
      },
      { highWaterMark: 0 },
    );
    for (const path of [TOKEN, "/api/sync"]) {
      const request = new Request(`https://${VAULT_HOST}${path}`, {
        method: "POST",
        ...(text === undefined ? {} : { body }),
        cf: cf(),
      } as RequestInit);
      const read = vi.spyOn(request, "text");
      expect(await seen(await new Isolate(bindings).handle(request))).toEqual(
        path === TOKEN ? WIPE_TOKEN : WIPE,
      );
      expect(request.bodyUsed).toBe(false);
      expect(read).not.toHaveBeenCalled();
    }
    expect(pulled).toBe(0);
  });

  it.each(["DE", "T1", undefined])("is told wherever it is: country %s", async (country) => {
    logged();
    const { of } = await device("lost");
    const isolate = new Isolate({ APPS: { [VAULT_HOST]: { profile: "bitwarden", countries: ["CH"] } } });
    const request = { cf: { ...cf({}, of), country } };
    expect(await seen(await inVault(isolate, "/api/sync", request))).toEqual(WIPE);
    expect(await seen(await tokenCall(isolate, request))).toEqual(WIPE_TOKEN);
  });

  it("is told on the token call, the one that phones obey, however many icons it asks for before", async () => {
    const { of } = await device("lost");
    const isolate = new Isolate();
    const icons: number[] = [];
    for (let n = 0; n < 2 * LOST_QUESTIONS_MAX; n++) {
      icons.push((await inVault(isolate, `/icons/${n}.example.com/icon.png`, { cf: cf({}, of) })).status);
    }
    expect(icons.filter((status) => status === 401)).toHaveLength(LOST_QUESTIONS_MAX + 1);
    expect(icons.at(-1)).toBe(503);
    for (let n = 0; n < LOST_QUESTIONS_MAX; n++) {
      expect(await seen(await tokenCall(isolate, { cf: cf({}, of) }))).toEqual(WIPE_TOKEN);
    }
    expect(await seen(await tokenCall(isolate, { cf: cf({}, of) })), "these are bounded, too").toEqual(
      UNAVAILABLE,
    );
    await isolate.idle();
  });

  it("is told no more as soon as it was found, in the very isolate that told it", async () => {
    logged();
    const { of, path } = await device("lost");
    const isolate = new Isolate();
    const request = { cf: cf({}, of) };
    expect(await seen(await inVault(isolate, "/api/sync", request))).toEqual(WIPE);
    expect((await api("POST", `${path}/reinstate`)).status).toBe(200);
    expect((await inVault(isolate, "/api/sync", request)).status).toBe(200);
    expect((await tokenCall(isolate, request)).status).toBe(200);
  });

  it("is told no more when it was revoked", async () => {
    logged();
    const { of, path } = await device("lost");
    const isolate = new Isolate();
    expect(await seen(await inVault(isolate, "/", { cf: cf({}, of) }))).toEqual(WIPE);
    await api("POST", `${path}/revoke`);
    expect(await seen(await inVault(isolate, "/", { cf: cf({}, of) }))).toEqual(NOT_FOUND);
  });

  it("is not told from memory while the registry fails", async () => {
    logged();
    let fails = false;
    const { bindings } = scripted({
      standing: () => (fails ? Promise.reject(runtimeError({})) : LOST),
    });
    const isolate = new Isolate(bindings);
    expect(await seen(await inVault(isolate, "/"))).toEqual(WIPE);
    fails = true;
    expect(await seen(await inVault(isolate, "/"))).toEqual(UNAVAILABLE);
    expect(await seen(await tokenCall(isolate))).toEqual(UNAVAILABLE);
  });

  it("may take what is public to everybody: there it is not told", async () => {
    const { of, path } = await device("lost");
    const settings = { profile: "bitwarden", public: ["/sso-connector.html"], preflight: true };
    const isolate = new Isolate({ APPS: { [VAULT_HOST]: settings } });
    expect((await inVault(isolate, "/sso-connector.html", { cf: cf({}, of) })).status).toBe(200);
    await isolate.idle();
    expect((await show(path)).wipe).toBeNull();
  });
});

describe("no answer wipes but that to a lost device, with its own certificate, at a bitwarden app", () => {
  const HOSTS = { web: HOST, bitwarden: VAULT_HOST, sync: FILES_HOST, custom: OWN_HOST };
  const ANSWERS = { web: NOT_FOUND, bitwarden: NOT_FOUND, sync: LATER, custom: OWN };
  const CALLS = [
    ["POST", TOKEN],
    ["GET", TOKEN],
    ["GET", "/api/sync"],
    ["GET", ITEM],
    ["PUT", ITEM],
    ["GET", "/"],
    ["PROPFIND", "/remote.php/dav"],
    ["HEAD", "/api/sync"],
  ] as const;
  const CERTIFICATES: [string, Record<string, unknown>][] = [
    ["not presented", { certPresented: "0", certVerified: "NONE" }],
    ["self-signed", { certVerified: "FAILED:self signed certificate" }],
    ["revoked at Cloudflare", { certRevoked: "1" }],
    ["expired", { certNotAfter: "Jan  1 00:00:00 2021 GMT" }],
    ["not valid yet", { certNotBefore: "Jan  1 00:00:00 2099 GMT" }],
    ["without dates", { certNotAfter: "" }],
    ["without a fingerprint", { certFingerprintSHA256: "" }],
  ];
  const fingerprints = {} as Record<DeviceStatus, Cf>;

  beforeAll(async () => {
    for (const status of DEVICE_STATUSES) fingerprints[status] = cf({}, (await device(status)).of);
  });

  /** The answers to all calls at all apps, and whether each wipes. */
  async function answers(isolate: Isolate, request: Cf) {
    const all: { profile: keyof typeof HOSTS; call: string; answer: Awaited<ReturnType<typeof seen>> }[] = [];
    for (const [profile, host] of Object.entries(HOSTS) as [keyof typeof HOSTS, string][]) {
      for (const [method, path] of CALLS) {
        const response = await isolate.fetch(`https://${host}${path}`, { method, cf: request });
        all.push({ profile, call: `${method} ${path}`, answer: await seen(response) });
      }
    }
    await isolate.idle();
    return all;
  }

  it.each(DEVICE_STATUSES)("%s: every profile, every call", async (status) => {
    logged();
    const all = await answers(new Isolate(), fingerprints[status]);
    expect(all).toHaveLength(32);
    for (const { profile, call, answer } of all) {
      expect(wipes(answer), `${profile} ${call}`).toBe(status === "lost" && profile === "bitwarden");
      if (status !== "active") expect(answer.status, call).toBeGreaterThanOrEqual(400);
      expect([403, 410], call).not.toContain(answer.status);
    }
  });

  it.each(CERTIFICATES)("a lost device's certificate that is %s", async (_, change) => {
    logged();
    const { of } = await device("lost");
    const isolate = new Isolate();
    expect(wipes(await seen(await inVault(isolate, "/", { cf: cf({}, of) })))).toBe(true);
    for (const { profile, call, answer } of await answers(isolate, cf(change, of))) {
      expect(wipes(answer), call).toBe(false);
      const isItem = profile === "bitwarden" && call.includes(ITEM);
      expect(answer.status, call).toBe(isItem ? 503 : ANSWERS[profile].status);
    }
  });

  it("a certificate that nobody enrolled, and one that was forgotten", async () => {
    logged();
    const { of, path } = await device("lost");
    await api("POST", `${path}/revoke`);
    expect((await api("DELETE", path)).status).toBe(204);
    for (const unknown of [newFingerprint(), of]) {
      for (const { call, answer } of await answers(new Isolate(), cf({}, unknown))) {
        expect(wipes(answer), call).toBe(false);
      }
    }
  });

  it.each<[string, unknown]>([
    ["throws", runtimeError({})],
    ["is overloaded", runtimeError({ overloaded: true })],
    ["throws the word lost", "lost"],
    ["throws what looks like a lost device", { status: "lost", name: "phone", since: 1 }],
  ])("a registry that %s", async (_, thrown) => {
    logged();
    const { bindings } = scripted({ standing: () => Promise.reject(thrown) });
    for (const { call, answer } of await answers(new Isolate(bindings), cf())) {
      expect(answer.status, call).toBe(503);
      expect(answer.headers["retry-after"], call).toBe("30");
    }
  });

  it.each<[string, unknown]>([
    ["a status in capitals", { ...LOST, status: "LOST" }],
    ["a status of a later version", { ...LOST, status: "stolen" }],
    ["a list of the status", { ...LOST, status: ["lost"] }],
    ["the status alone, as a text", "lost"],
  ])("a registry that says %s", async (_, said) => {
    logged();
    const { bindings } = scripted({ standing: () => said });
    for (const { call, answer } of await answers(new Isolate(bindings), cf())) {
      expect(answer.status, call).toBe(503);
    }
  });

  it("a Worker that is misconfigured, or that breaks", async () => {
    logged();
    const misconfigured = new Isolate({ APPS: { [VAULT_HOST]: { profile: "Bitwarden" } } });
    const broken = new Isolate({ ...scripted({ standing: () => LOST }).bindings });
    const refused = await tokenCall(misconfigured, { cf: fingerprints.lost });
    expect(await seen(refused)).toEqual(UNAVAILABLE);
    vi.spyOn(Date, "now").mockImplementation(() => {
      throw new Error("no clock");
    });
    expect(await seen(await tokenCall(broken))).toEqual(UNAVAILABLE);
  });

  it("a host that is no app", async () => {
    logged();
    const response = await new Isolate().fetch(`https://other.example.com${TOKEN}`, {
      method: "POST",
      cf: fingerprints.lost,
    });
    expect(await seen(response)).toEqual(UNAVAILABLE);
  });
});

describe("the receipt, through the gate", () => {
  const NOW = Date.UTC(2027, 10, 24, 12);

  it("has when and where the wipe answer was delivered, and is in the audit log", async () => {
    logged();
    const { of, user, path } = await device("lost");
    const isolate = new Isolate();
    const request = { cf: { ...cf({}, of), country: "BR" }, headers: { "CF-Connecting-IP": "203.0.113.5" } };
    expect((await show(path)).wipe).toBeNull();
    const before = Date.now();
    await inVault(isolate, "/api/sync", request);
    await isolate.idle();
    const first = (await show(path)).wipe ?? expect.fail("no receipt");
    expect(first).toEqual({
      firstAt: first.lastAt,
      lastAt: first.lastAt,
      count: 1,
      tokenRefresh: false,
    });
    expect(Date.parse(first.firstAt)).toBeGreaterThanOrEqual(before);
    expect(Date.parse(first.firstAt)).toBeLessThanOrEqual(Date.now());

    await tokenCall(isolate, request);
    await isolate.idle();
    expect((await show(path)).wipe).toMatchObject({ firstAt: first.firstAt, count: 2, tokenRefresh: true });
    const { entries } = await (await api("GET", `/users/${user}/audit`)).json<AuditList>();
    const line = {
      actor: "gate",
      ip: "203.0.113.5",
      country: "BR",
      act: "wipe-delivered",
      outcome: "done",
      target: { id: path.split("/").at(-1), name: "phone" },
    };
    expect(entries.slice(0, 2)).toMatchObject([
      { ...line, detail: { app: VAULT_HOST, tokenRefresh: "yes" } },
      { ...line, detail: { app: VAULT_HOST, tokenRefresh: "no" } },
    ]);
    expect(entries[2]).toMatchObject({ act: "lost", actor: "admin" });
  });

  it("is left by the Worker as it is deployed", async () => {
    logged();
    const { of, path } = await device("lost");
    const noted = vi.spyOn(UserRegistry.prototype, "noteWipe");
    const init = { method: "POST", cf: cf({}, of) } as RequestInit;
    const response = await exports.default.fetch(`https://${VAULT_HOST}${TOKEN}`, init);
    expect(await seen(response)).toEqual(WIPE_TOKEN);
    await vi.waitFor(() => expect(noted).toHaveBeenCalledTimes(1));
    await vi.waitFor(async () =>
      expect((await show(path)).wipe).toMatchObject({ count: 1, tokenRefresh: true }),
    );
  });

  it("is left by no other answer: another profile, another status, somebody else's certificate", async () => {
    logged();
    const { bindings, told } = scripted({ standing: () => LOST });
    const isolate = new Isolate(bindings);
    for (const host of [HOST, FILES_HOST, OWN_HOST]) {
      await isolate.fetch(`https://${host}${TOKEN}`, { method: "POST" });
    }
    for (const change of [{ certPresented: "0" }, { certVerified: "FAILED" }, { certRevoked: "1" }]) {
      await tokenCall(isolate, { cf: cf(change) });
    }
    for (const status of DEVICE_STATUSES.filter((one) => one !== "lost")) {
      const other = scripted({ standing: () => ({ ...LOST, status }) });
      const vault = new Isolate(other.bindings);
      await tokenCall(vault);
      await vault.idle();
      expect(other.told).toEqual([]);
    }
    await isolate.idle();
    expect(told).toEqual([]);
  });

  it("costs few calls: the first answer, the first token call, and then one in five minutes", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: NOW });
    logged();
    const { bindings, told } = scripted({ standing: () => LOST });
    const isolate = new Isolate(bindings);
    for (let n = 0; n < 8; n++) await inVault(isolate, "/api/sync");
    expect(told.map(({ count, tokenRefresh }) => [count, tokenRefresh])).toEqual([[1, false]]);
    for (let n = 0; n < 8; n++) await tokenCall(isolate);
    expect(told.slice(1).map(({ count, tokenRefresh }) => [count, tokenRefresh])).toEqual([[8, true]]);
    vi.setSystemTime(NOW + RECEIPT_EVERY_MS - 1);
    await tokenCall(isolate);
    expect(told).toHaveLength(2);
    vi.setSystemTime(NOW + RECEIPT_EVERY_MS);
    await inVault(isolate, "/", { cf: { ...cf(), country: "DE" } });
    expect(told.slice(2)).toEqual([
      {
        at: NOW + RECEIPT_EVERY_MS,
        count: 9,
        tokenRefresh: true,
        app: VAULT_HOST,
        country: "DE",
        ip: null,
      },
    ]);
    await isolate.idle();
  });

  it("does not keep the client waiting, and is written by waitUntil", async () => {
    logged();
    const noted = Promise.withResolvers<void>();
    const { bindings, told } = scripted({ standing: () => LOST, noteWipe: () => noted.promise });
    const vault: App = { ...OPEN_APP, profile: { name: "bitwarden" } };
    const gate = gateOf({ appOf: () => vault, bindings });
    const kept: Promise<unknown>[] = [];
    const ctx = { waitUntil: (promise: Promise<unknown>) => kept.push(promise) };
    const visit = new Visit(new Request(`https://${VAULT_HOST}/`), VAULT_HOST, cf(), ctx);
    expect(await seen(await gate.handle(visit))).toEqual(WIPE);
    expect(told).toHaveLength(1);
    expect(kept, "the question, and the receipt").toHaveLength(2);
    const settled = () => Promise.race([Promise.all(kept).then(() => true), Promise.resolve(false)]);
    expect(await settled()).toBe(false);
    noted.resolve();
    await expect(Promise.all(kept)).resolves.toHaveLength(2);
  });

  it("is told again with the next answer when the registry could not be told, and nothing is lost", async () => {
    const lines = logged();
    let fails = true;
    const { bindings, told } = scripted({
      standing: () => LOST,
      noteWipe: () => (fails ? Promise.reject(runtimeError({ retryable: true })) : undefined),
    });
    const isolate = new Isolate(bindings);
    expect(await seen(await tokenCall(isolate)), "the answer does not depend on it").toEqual(WIPE_TOKEN);
    await isolate.idle();
    expect(told, "not repeated by itself: it would count twice").toHaveLength(1);
    expect(lines.filter(({ event }) => event === "registry-error")).toEqual([
      {
        event: "registry-error",
        message: "RegistryUnavailable: the registry does not answer",
        cause: "Error: the object said no",
      },
    ]);
    fails = false;
    expect(await seen(await inVault(isolate, "/"))).toEqual(WIPE);
    await isolate.idle();
    expect(told.map(({ count, tokenRefresh }) => [count, tokenRefresh])).toEqual([
      [1, true],
      [2, true],
    ]);
    await tokenCall(isolate);
    await isolate.idle();
    expect(told).toHaveLength(2);
  });

  it("begins anew when the device was found and is lost again, in the same isolate at once", async () => {
    logged();
    const { of, path } = await device("lost");
    const isolate = new Isolate();
    await tokenCall(isolate, { cf: cf({}, of) });
    await isolate.idle();
    const before = (await show(path)).wipe;
    expect(before).toMatchObject({ count: 1, tokenRefresh: true });
    expect(await (await api("POST", `${path}/reinstate`)).json()).toMatchObject({ wipe: before });
    expect(await (await api("POST", `${path}/lost`, { confirm: "phone" })).json()).toMatchObject({
      wipe: null,
    });
    await inVault(isolate, "/", { cf: cf({}, of) });
    await isolate.idle();
    expect((await show(path)).wipe).toMatchObject({ count: 1, tokenRefresh: false });
  });

  it("adds up over isolates", async () => {
    logged();
    const { of, path } = await device("lost");
    for (let n = 0; n < 3; n++) {
      const isolate = new Isolate();
      await inVault(isolate, "/", { cf: cf({}, of) });
      await isolate.idle();
    }
    expect((await show(path)).wipe).toMatchObject({ count: 3, tokenRefresh: false });
  });

  describe.each<[string, (user: string) => Promise<void>]>([
    ["an eviction", (user) => evictDurableObject(env.USER_REGISTRY.getByName(user))],
    ["an abort of every object", () => abortAllDurableObjects()],
  ])("across %s", (_, restart) => {
    let phone: Awaited<ReturnType<typeof device>>;
    beforeEach(async () => {
      phone = await device("lost");
    });

    it("is kept, and the device is told on", async () => {
      logged();
      const isolate = new Isolate();
      const request = { cf: cf({}, phone.of) };
      await tokenCall(isolate, request);
      await isolate.idle();
      await restart(phone.user);
      expect((await show(phone.path)).wipe).toMatchObject({ count: 1, tokenRefresh: true });
      expect(await seen(await inVault(isolate, "/", request))).toEqual(WIPE);
    });
  });
});
