import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { API_PATH } from "../../src/contract/paths.ts";
import worker, * as module from "../../src/index.ts";
import { HOST, tlsClientAuth } from "./fixtures.ts";
import { Isolate, logged, scripted, seen, UNAVAILABLE } from "./gate/fixtures.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

describe("a Worker that is misconfigured", () => {
  it.each<[string, Record<string, unknown>, string]>([
    ["APPS is missing", { APPS: undefined }, "APPS"],
    ["APPS is empty", { APPS: {} }, "APPS"],
    ["APPS is a text", { APPS: "app.example.com" }, "APPS"],
    [
      "an app has a setting that does not exist",
      { APPS: { [HOST]: { country: [] } } },
      `APPS."${HOST}".country`,
    ],
    ["another app has UK", { APPS: { [HOST]: {}, "a.b": { countries: ["UK"] } } }, 'APPS."a.b".countries.0'],
    ["the delay is negative", { REVOCATION_DELAY_SECONDS: -1 }, "REVOCATION_DELAY_SECONDS"],
    ["the delay is no number", { REVOCATION_DELAY_SECONDS: "soon" }, "REVOCATION_DELAY_SECONDS"],
    ["ADMIN_HOST is empty", { ADMIN_HOST: "" }, "ADMIN_HOST"],
    ["ADMIN_HOST is an app's", { ADMIN_HOST: HOST }, "ADMIN_HOST"],
    ["ADMIN_TOKEN is no text", { ADMIN_TOKEN: 1 }, "ADMIN_TOKEN"],
    ["USER_REGISTRY is not bound", { USER_REGISTRY: undefined }, "USER_REGISTRY"],
    ["DIRECTORY is not bound", { DIRECTORY: undefined }, "DIRECTORY"],
    ["DIRECTORY is something else", { DIRECTORY: {} }, "DIRECTORY"],
  ])("refuses everything and names the variable: %s", async (_, change, variable) => {
    const lines = logged();
    const app = vi.spyOn(globalThis, "fetch");
    const isolate = new Isolate({ ...scripted().bindings, ...change });
    const headers = { Authorization: `Bearer ${env.ADMIN_TOKEN}` };
    expect(await seen(await isolate.fetch("/x?token=SECRET"))).toEqual(UNAVAILABLE);
    expect(await seen(await isolate.fetch(`https://${HOST}${API_PATH}/users`, { headers }))).toEqual(
      UNAVAILABLE,
    );
    expect(await seen(await isolate.fetch("/", { method: "HEAD" }))).toEqual({ ...UNAVAILABLE, body: "" });
    expect(app).not.toHaveBeenCalled();

    const refused = { event: "refused", reason: "misconfigured", app: HOST };
    expect(lines).toEqual([
      { event: "misconfigured", variable, message: expect.any(String) },
      expect.objectContaining({ ...refused, path: "/x", fingerprint: null }),
      expect.objectContaining({ ...refused, path: `${API_PATH}/users` }),
      expect.objectContaining({ ...refused, method: "HEAD" }),
    ]);
    expect(JSON.stringify(lines)).not.toContain("SECRET");
    expect(JSON.stringify(lines)).not.toContain(env.ADMIN_TOKEN);
  });

  it("logs every problem", async () => {
    const lines = logged();
    await new Isolate({ APPS: undefined, ADMIN_HOST: "" }).fetch();
    expect(lines.slice(0, -1).map(({ variable }) => variable)).toEqual(["APPS", "ADMIN_HOST"]);
  });
});

describe("a Worker whose API is off", () => {
  it("says so in the log, once, and lets devices through", async () => {
    const lines = logged();
    const isolate = new Isolate({ ...scripted().bindings, ADMIN_TOKEN: "short" });
    for (let n = 0; n < 2; n++) expect((await isolate.fetch()).status).toBe(200);
    expect(lines).toEqual([
      {
        event: "configuration-warning",
        variable: "ADMIN_TOKEN",
        message: expect.stringMatching(/shorter than 32 characters: the API is off/),
      },
    ]);
  });
});

describe("the entry", () => {
  it("exports the classes that wrangler.toml binds", () => {
    expect(Object.keys(module).sort()).toEqual(["Directory", "UserRegistry", "default"]);
  });

  it("never lets the runtime pass a request through on an exception", async () => {
    logged();
    const ctx = createExecutionContext();
    const passThrough = vi.spyOn(ctx, "passThroughOnException");
    const cf = { tlsClientAuth: tlsClientAuth() };
    const request = new Request(`https://${HOST}/`, { cf } as RequestInit) as Parameters<
      typeof worker.fetch
    >[0];
    await worker.fetch(request, { ...env, ...scripted().bindings }, ctx);
    await worker.fetch(request, {}, ctx);
    expect(passThrough).not.toHaveBeenCalled();
  });

  it("refuses a request whose URL cannot be read: its host is no app", async () => {
    const lines = logged();
    const request = new Request(`https://${HOST}/`);
    Object.defineProperty(request, "url", { value: "no url" });
    expect(await seen(await new Isolate(scripted().bindings).handle(request))).toEqual(UNAVAILABLE);
    expect(lines).toMatchObject([{ event: "refused", reason: "unknown-app", app: "" }]);
  });

  it("refuses softly when the app's answer cannot be read", async () => {
    const lines = logged();
    vi.spyOn(globalThis, "fetch").mockResolvedValue({} as Response);
    expect(await seen(await new Isolate(scripted().bindings).fetch())).toEqual(UNAVAILABLE);
    expect(lines).toMatchObject([{ event: "error" }, { event: "refused", reason: "internal-error" }]);
  });

  it("refuses softly when its environment cannot be read", async () => {
    logged();
    const app = vi.spyOn(globalThis, "fetch");
    const trap = Object.defineProperty({ ...env }, "APPS", {
      get: () => {
        throw new Error("a trap");
      },
    });
    const request = new Request(`https://${HOST}/`) as Parameters<typeof worker.fetch>[0];
    expect(await seen(await worker.fetch(request, trap, createExecutionContext()))).toEqual(UNAVAILABLE);
    expect(app).not.toHaveBeenCalled();
  });
});

it("a line of the log carries nothing that could turn a terminal around", async () => {
  const raw: string[] = [];
  vi.spyOn(console, "log").mockImplementation((line: string) => raw.push(line));
  // C1 and bidi marks, as UTF-8 in a header.
  const agent = "evil\u009b2J\u202e\u2066\u007f/1";
  const request = { url: `https://${HOST}/a`, method: "GET", headers: { get: () => agent } };
  await worker.fetch(
    request as unknown as Parameters<typeof worker.fetch>[0],
    { ...env },
    createExecutionContext(),
  );
  const [line = ""] = raw.filter((text) => text.includes('"refused"'));
  expect(line).toMatch(/^[\x20-\x7e]*$/);
  expect(JSON.parse(line)).toMatchObject({ event: "refused", client: agent });
});
