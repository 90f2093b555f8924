import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { REASONS, type Reason } from "../../../src/domain/reason.ts";
import { PROFILE_NAMES, type Profile } from "../../../src/domain/request/app.ts";
import { ANSWERS, answer, answerFor, isWipe } from "../../../src/gate/answers.ts";

const WEB: Profile = { name: "web" };
const BITWARDEN: Profile = { name: "bitwarden" };
const SYNC: Profile = { name: "sync" };
const custom = (status: number, retryAfterSeconds: number | null = null): Profile => ({
  name: "custom",
  answer: { status, retryAfterSeconds, body: "Gone fishing", contentType: "text/html" },
});
const PROFILES = [WEB, BITWARDEN, SYNC, custom(404)];

/** Whose fault it is not: 503 on every profile. */
const OURS: Reason[] = ["unknown-app", "registry-unavailable", "misconfigured", "internal-error"];
const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "REPORT", "MKCOL", "get"];

/** All that a client can see of an answer. */
async function seen(response: Response) {
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    body: await response.text(),
  };
}

const text = { "cache-control": "no-store", "content-type": "text/plain; charset=utf-8" };
const NOT_FOUND = { status: 404, headers: text, body: "Not Found" };
const unavailable = (seconds: string) => ({
  status: 503,
  headers: { ...text, "retry-after": seconds },
  body: "Service Unavailable",
});

const see = (reason: Reason, profile: Profile, method = "GET", pathname = "/") =>
  seen(answer(reason, profile, { method, pathname }));

it("an answer that is changed changes no other", async () => {
  const changed = answer("no-certificate", WEB, { method: "GET", pathname: "/" });
  changed.headers.set("Cache-Control", "public");
  changed.headers.append("X-Other", "1");
  await changed.text();
  expect(await see("no-certificate", WEB)).toEqual(NOT_FOUND);
});

describe.each(REASONS.filter((reason) => !OURS.includes(reason)))("%s", (reason) => {
  it("is hidden on web, the same to the byte whatever method and path", async () => {
    for (const method of METHODS) expect(await see(reason, WEB, method, "/api/ciphers/1")).toEqual(NOT_FOUND);
  });

  it("is 503 with five minutes to wait on sync", async () => {
    for (const method of METHODS) expect(await see(reason, SYNC, method)).toEqual(unavailable("300"));
  });

  it("is what the owner says on custom", async () => {
    expect(await see(reason, custom(418))).toEqual({
      status: 418,
      headers: { "cache-control": "no-store", "content-type": "text/html" },
      body: "Gone fishing",
    });
    expect((await see(reason, custom(503, 60))).headers["retry-after"]).toBe("60");
  });
});

describe.each(OURS)("%s, our own fault", (reason) => {
  it.each(PROFILES)("is a soft 503 on $name", async (profile) => {
    for (const method of METHODS) expect(await see(reason, profile, method)).toEqual(unavailable("30"));
  });
});

describe("on bitwarden", () => {
  const REFUSED = REASONS.filter((reason) => !OURS.includes(reason) && reason !== "device-lost");

  it.each([
    "/api/sync",
    "/identity/connect/token",
    "/api/config",
    "/",
    "/api/ciphers",
    "/api/folders/",
    "/icons/x.png",
    "/notifications/hub",
    "/api/accounts/revision-date",
    "/ciphers/1",
  ])("%s is hidden", async (path) => {
    for (const reason of REFUSED) expect(await see(reason, BITWARDEN, "GET", path)).toEqual(NOT_FOUND);
  });

  it.each([
    "/api/ciphers/0a1b",
    "/api/ciphers/0a1b/details",
    "/api/ciphers/0a1b/attachment/2",
    "/api/sends/0a1b",
    "/api/folders/0a1b",
    "/api/collections/0a1b",
    "/api/organizations/0a1b/collections/2c3d",
    "/attachments/0a1b/2c3d",
    "/vault/api/ciphers/0a1b",
    "/api//ciphers//0a1b",
    "/API/Ciphers/0a1b",
  ])("%s is one item: 503, on which no client deletes it", async (path) => {
    for (const reason of REFUSED)
      expect(await see(reason, BITWARDEN, "GET", path)).toEqual(unavailable("300"));
  });
});

describe("the wipe", () => {
  it.each(["/identity/connect/token", "/vault/identity/connect/token", "//identity//connect/token/"])(
    "is invalid_grant on POST %s",
    async (path) => {
      expect(await see("device-lost", BITWARDEN, "POST", path)).toEqual({
        status: 400,
        headers: { "cache-control": "no-store", "content-type": "application/json" },
        body: '{"error":"invalid_grant"}',
      });
    },
  );

  it.each([
    ["GET", "/api/sync"],
    ["GET", "/api/ciphers/0a1b"],
    ["GET", "/identity/connect/token"],
    ["POST", "/identity/connect/token/x"],
    ["POST", "/identity/accounts/prelogin"],
  ])("is a 401 in plain text on %s %s, not in Bitwarden's error shape", async (method, path) => {
    expect(await see("device-lost", BITWARDEN, method, path)).toEqual({
      status: 401,
      headers: { ...text, "www-authenticate": "Bearer" },
      body: "Unauthorized",
    });
  });

  it("is the answer of one reason on one profile", () => {
    const wipes = REASONS.flatMap((reason) =>
      PROFILES.filter((profile) => isWipe(reason, profile)).map(({ name }) => [reason, name]),
    );
    expect(wipes).toEqual([["device-lost", "bitwarden"]]);
  });
});

describe("every answer", () => {
  const path = fc.oneof(
    fc.webPath(),
    fc.constantFrom("/identity/connect/token", "/api/ciphers/1", "/api/sync", "//identity/connect/token//"),
    fc.string().map((end) => `/${end}`),
  );
  // What the configuration lets through: see config.test.ts.
  const status = fc.integer({ min: 400, max: 599 }).filter((code) => ![401, 403, 407, 410].includes(code));
  const profile: fc.Arbitrary<Profile> = fc.oneof(
    fc.constantFrom(WEB, BITWARDEN, SYNC),
    fc.record({
      name: fc.constant("custom" as const),
      answer: fc.record({
        status,
        retryAfterSeconds: fc.option(fc.integer({ min: 1, max: 86_400 })),
        body: fc.oneof(fc.string(), fc.constant('{"error":"later"}')),
        contentType: fc.constantFrom("text/plain", "application/json"),
      }),
    }),
  );

  it("wipes a lost device on bitwarden alone, and does nobody else harm", async () => {
    let wiped = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...REASONS),
        profile,
        fc.oneof(fc.constantFrom(...METHODS, "HEAD"), fc.string({ minLength: 1 })),
        path,
        async (reason, profile, method, pathname) => {
          const response = answer(reason, profile, { method, pathname });
          const body = await response.text();
          expect(response.status).toBeGreaterThanOrEqual(400);
          expect([403, 407, 410]).not.toContain(response.status);
          expect(response.headers.get("location")).toBeNull();
          expect(response.headers.get("cache-control")).toBe("no-store");
          if (method === "HEAD") expect(body).toBe("");
          const isLost = reason === "device-lost" && profile.name === "bitwarden";
          const wipes = response.status === 401 || body.includes("invalid_grant");
          expect(wipes || (isLost && method === "HEAD")).toBe(isLost);
          if (wipes) wiped++;
        },
      ),
      { numRuns: 3_000 },
    );
    expect(wiped).toBeGreaterThan(10);
  });

  it("has no body for a HEAD, and is otherwise the same", async () => {
    for (const reason of REASONS) {
      for (const profile of PROFILES) {
        const get = await see(reason, profile, "GET", "/api/ciphers/1");
        const head = answer(reason, profile, { method: "HEAD", pathname: "/api/ciphers/1" });
        expect(head.body).toBeNull();
        expect(await seen(head)).toEqual({ ...get, body: "" });
      }
    }
  });

  it("is a response of its own each time, so that none is spent by another", async () => {
    await see("country", WEB);
    expect((await see("country", WEB)).body).toBe("Not Found");
  });

  it("is looked up by the profile's column", () => {
    for (const reason of REASONS) {
      expect(PROFILES.map((profile) => answerFor(reason, profile))).toEqual([...ANSWERS[reason]]);
    }
    expect(PROFILES.map(({ name }) => name)).toEqual([...PROFILE_NAMES]);
  });
});
