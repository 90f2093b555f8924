import { copyFileSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { withAdminHost } from "../../../scripts/cloudflare/setup/toml-edit.ts";
import { readWorkerConfig } from "../../../scripts/edge/worker-config.ts";

const ROOT = join(import.meta.dirname, "../../..");
const folder = mkdtempSync(join(tmpdir(), "latchkey-config-"));
const path = join(folder, "wrangler.toml");
afterAll(() => rmSync(folder, { recursive: true }));

symlinkSync(join(ROOT, "src"), join(folder, "src"));

it("the local edge bundles the Worker as wrangler.toml has it deployed", () => {
  const text = readFileSync(join(ROOT, "wrangler.toml"), "utf8");
  writeFileSync(path, text);
  expect(readWorkerConfig({}, path).bundling).toMatchObject({ minify: true, keepNames: false });
  writeFileSync(path, text.replace(/^(minify|keep_names) = .*$/gm, ""));
  expect(readWorkerConfig({}, path).bundling).toMatchObject({ minify: false, keepNames: true });
});

it.each(["bitwarden", "vaultwarden"])(
  "the app with the profile %s is the one for Bitwarden's clients",
  (profile) => {
    const APPS = { "a.localhost": {}, "b.localhost": { profile: "imich" }, "v.localhost": { profile } };
    copyFileSync(join(ROOT, "wrangler.toml"), path);
    expect(readWorkerConfig({ APPS }, path).bitwardenHost).toBe("v.localhost");
  },
);

describe("the pages' host of the local edge", () => {
  it("is that of wrangler.toml while it is one of this machine's", () => {
    copyFileSync(join(ROOT, "wrangler.toml"), path);
    expect(readWorkerConfig({}, path).adminHost).toBe("latchkey.localhost");
  });

  it("stays on this machine after setup has named one in a zone, unless it is asked for", () => {
    const text = readFileSync(join(ROOT, "wrangler.toml"), "utf8");
    writeFileSync(path, withAdminHost(text, "latchkey.example.com"));
    const { adminHost, hosts, vars } = readWorkerConfig({}, path);
    expect([adminHost, vars.ADMIN_HOST]).toEqual(["latchkey.localhost", "latchkey.localhost"]);
    expect(hosts).not.toContain("latchkey.example.com");
    expect(readWorkerConfig({ ADMIN_HOST: "latchkey.example.com" }, path).adminHost).toBe(
      "latchkey.example.com",
    );
  });
});
