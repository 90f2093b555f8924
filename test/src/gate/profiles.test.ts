import { exports } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { Reason } from "../../../src/domain/reason.ts";
import { HOST } from "../fixtures.ts";
import {
  type Cf,
  cf,
  device,
  FILES_HOST,
  type Init,
  Isolate,
  LATER,
  laterInTheLog,
  logged,
  NOT_FOUND,
  newFingerprint,
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
  vi.restoreAllMocks();
});

/** The apps of vitest.config.ts, by profile. */
const HOSTS = { web: HOST, bitwarden: VAULT_HOST, sync: FILES_HOST, custom: OWN_HOST };
/** What they say to whoever is refused, where the path is not about one item. */
const REFUSED = { web: NOT_FOUND, bitwarden: NOT_FOUND, sync: LATER, custom: OWN };
const PROFILES = Object.keys(HOSTS) as (keyof typeof HOSTS)[];
const ITEM = "/api/ciphers/0a1b2c3d/details";

/** Through the Worker as it is deployed. */
const fetchDeployed = (host: string, path: string, { cf, ...init }: Init) =>
  exports.default.fetch(`https://${host}${path}`, { ...init, cf } as RequestInit);

describe.each(PROFILES)("at an app with the profile %s", (profile) => {
  const host = HOSTS[profile];
  const expected = REFUSED[profile];
  const visitors: Partial<Record<Reason, Cf>> = {
    "no-certificate": { country: "CH" },
    "unverified-certificate": cf({ certVerified: "FAILED:self signed certificate" }),
    "malformed-certificate": cf({ certNotAfter: "" }),
  };

  beforeAll(async () => {
    const { of } = await device("active");
    visitors["revoked-certificate"] = cf({ certRevoked: "1" }, of);
    visitors["expired-certificate"] = cf({ certNotAfter: "Jan  1 00:00:00 2021 GMT" }, of);
    visitors["unknown-device"] = cf({}, newFingerprint());
    visitors["device-pending"] = cf({}, (await device("pending")).of);
    visitors["device-suspended"] = cf({}, (await device("suspended")).of);
    visitors["device-revoked"] = cf({}, (await device("revoked")).of);
    if (profile !== "bitwarden") visitors["device-lost"] = cf({}, (await device("lost")).of);
  });

  it("every refusal is the profile's answer, the same to the byte whatever the reason", async () => {
    laterInTheLog();
    const lines = logged();
    const app = vi.spyOn(globalThis, "fetch");
    for (const request of Object.values(visitors)) {
      for (const method of ["GET", "POST", "PROPFIND", "HEAD"]) {
        const response = await fetchDeployed(host, "/identity/connect/token", { method, cf: request });
        expect(await seen(response)).toEqual(method === "HEAD" ? { ...expected, body: "" } : expected);
      }
    }
    expect(app).not.toHaveBeenCalled();
    expect(new Set(lines.map(({ reason }) => reason))).toEqual(new Set(Object.keys(visitors)));
  });

  it("no refusal makes a client delete one item", async () => {
    logged();
    for (const request of Object.values(visitors)) {
      const response = await fetchDeployed(host, ITEM, { cf: request });
      expect(await seen(response)).toEqual(profile === "bitwarden" ? LATER : expected);
    }
  });

  it("a country that is not allowed is the profile's answer, too", async () => {
    const lines = logged();
    const { of } = await device("active");
    const settings = profile === "custom" ? { profile, status: 418 } : { profile };
    const isolate = new Isolate({ APPS: { [host]: { ...settings, countries: ["CH"] } } });
    for (const request of [cf({}, of), {}]) {
      const response = await isolate.fetch(`https://${host}/`, { cf: { ...request, country: "DE" } });
      expect(response.status).toBe(expected.status);
    }
    expect(lines.map(({ reason }) => reason)).toEqual(["country", "country"]);
  });

  it("what is our own fault is a soft 503", async () => {
    logged();
    const { bindings } = scripted({ resolve: () => Promise.reject(runtimeError({})) });
    for (const path of ["/", ITEM, "/identity/connect/token"]) {
      const failing = new Isolate(bindings);
      expect(await seen(await failing.fetch(`https://${host}${path}`))).toEqual(UNAVAILABLE);
      const misconfigured = new Isolate({ APPS: { [host]: { profile, countires: ["CH"] } } });
      expect(await seen(await misconfigured.fetch(`https://${host}${path}`))).toEqual(UNAVAILABLE);
    }
  });

  it("an active device passes, and the app's own refusals come back as they are", async () => {
    const { of } = await device("active");
    for (const status of [401, 403, 404, 410, 302]) {
      const own = new Response("the app's", { status, headers: { Location: "/login" } });
      vi.spyOn(globalThis, "fetch").mockResolvedValueOnce(own);
      expect(await new Isolate().fetch(`https://${host}${ITEM}`, { cf: cf({}, of) })).toBe(own);
    }
  });

  it("a control path without credentials is answered as a refusal there", async () => {
    logged();
    for (const method of ["GET", "POST"]) {
      const response = await fetchDeployed(host, "/.latchkey/api/v1/users", { method, cf: {} });
      expect(await seen(response)).toEqual(expected);
    }
  });
});

describe("profiles of several apps", () => {
  it("stay apart: one device is answered by the profile of each app that it comes to", async () => {
    logged();
    const { of } = await device("lost");
    const isolate = new Isolate();
    const at = async (host: string, path: string, method = "GET") =>
      seen(await isolate.fetch(`https://${host}${path}`, { cf: cf({}, of), method }));
    expect(await at(HOST, "/")).toEqual(NOT_FOUND);
    expect(await at(VAULT_HOST, "/")).toEqual(WIPE);
    expect(await at(FILES_HOST, "/")).toEqual(LATER);
    expect(await at(VAULT_HOST, "/identity/connect/token", "POST")).toEqual(WIPE_TOKEN);
    expect(await at(OWN_HOST, "/")).toEqual(OWN);
    expect(await at(HOST, "/identity/connect/token", "POST")).toEqual(NOT_FOUND);
  });

  it.each([VAULT_HOST.toUpperCase(), `${VAULT_HOST}.`, `${VAULT_HOST}:8443`])(
    "are those of the app however its name is written: %s",
    async (host) => {
      logged();
      const { of } = await device("suspended");
      const isolate = new Isolate();
      const response = await isolate.fetch(`https://${host}${ITEM}`, { cf: cf({}, of) });
      expect(await seen(response)).toEqual(LATER);
    },
  );

  it("are those of the default app where no app is named", async () => {
    logged();
    const isolate = new Isolate({ APPS: { "*": { profile: "sync" }, [HOST]: {} } });
    expect(await seen(await isolate.fetch("https://any.example.com/", { cf: {} }))).toEqual(LATER);
    expect(await seen(await isolate.fetch("/", { cf: {} }))).toEqual(NOT_FOUND);
  });
});
