import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { unstable_readConfig } from "wrangler";

// Settings that would open the gate (see the comments in wrangler.toml).

const ROOT = resolve(import.meta.dirname, "../..");

describe("wrangler.toml", () => {
  let config: ReturnType<typeof unstable_readConfig>;
  let text: string;
  beforeAll(() => {
    config = unstable_readConfig({ config: join(ROOT, "wrangler.toml") });
    text = readFileSync(join(ROOT, "wrangler.toml"), "utf8");
  });

  it("gives the Worker no address without client certificates", () => {
    expect(config.workers_dev).toBe(false);
    expect(config.preview_urls).toBe(false);
  });

  it("keeps the Workers Cache off, which answers before the gate runs", () => {
    expect((config as { cache?: unknown }).cache).toEqual({ enabled: false });
  });

  it("does not make fetch(request) call the Worker again", () => {
    expect(config.compatibility_flags).not.toContain("global_fetch_strictly_public");
  });

  it("has no custom domain, with which the Worker would be the origin", () => {
    const routes = [config.route, ...(config.routes ?? [])].filter((route) => route !== undefined);
    for (const route of routes) expect(route).not.toHaveProperty("custom_domain", true);
  });

  it("has no environment in which any of this could be otherwise", () => {
    expect(text).not.toMatch(/^\s*\[+env\b/m);
  });

  it("writes no event for each request: a flood would use up the day's events", () => {
    expect(config.observability).toMatchObject({ enabled: true, logs: { invocation_logs: false } });
  });

  it("holds no secret", () => {
    expect(Object.keys(config.vars).sort()).toEqual(["ADMIN_HOST", "APPS", "REVOCATION_DELAY_SECONDS"]);
    expect(text).not.toMatch(/^\s*(ADMIN_TOKEN|NOTIFY_|BLOCKED)/m);
  });

  it("lets no host in by default but the local ones", () => {
    const apps = config.vars.APPS as unknown as Record<string, unknown>;
    expect(apps).toEqual({ "app.localhost": {}, "vault.localhost": { profile: "bitwarden" }, localhost: {} });
    expect(config.vars.ADMIN_HOST).toBe("latchkey.localhost");
  });

  it("keeps the registry in SQLite, under the names of the bindings", () => {
    expect(config.durable_objects.bindings).toEqual([
      { name: "USER_REGISTRY", class_name: "UserRegistry" },
      { name: "DIRECTORY", class_name: "Directory" },
    ]);
    expect(config.migrations).toEqual([{ tag: "v1", new_sqlite_classes: ["UserRegistry", "Directory"] }]);
  });
});

describe("no source", () => {
  const sources = readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => [name, readFileSync(join(ROOT, "src", name), "utf8")] as const);

  it.each([
    ["fails open", /passThroughOnException/],
    ["answers out of a cache", /\bcaches\b/],
    ["builds a request from its URL, which follows redirects", /(?<![.\w])fetch\((?!request\b|\))/],
    ["signs in by a link, as the local edge does", /\.latchkey\/once/],
    ["knows that it is tested", /NODE_ENV|VITEST|import\.meta\.env|__TEST/],
  ])("%s", (_, pattern) => {
    expect(sources.length).toBeGreaterThan(30);
    const found = sources.flatMap(([name, text]) =>
      text.split("\n").flatMap((line, n) => {
        // Methods of that name are defined and types are written; only a call in code counts.
        const code = line.replace(/^\s*(\*|\/\/).*|async fetch\(.*/, "");
        return pattern.test(code) ? [`${name}:${n + 1}`] : [];
      }),
    );
    expect(found).toEqual([]);
  });
});
