import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { dependsOnUs, packageJsonFrom, wranglerTomlFrom } from "../../scripts/deployment/folder.ts";
import { requireNewNode } from "../../scripts/node-version.ts";
import { runHere } from "./cli/run-here.ts";

const OURS = readFileSync(join(import.meta.dirname, "../../wrangler.toml"), "utf8");

describe("wrangler.toml of a deployment folder", () => {
  it("is the clone's, but for the Worker's place", () => {
    const text = wranglerTomlFrom(OURS);
    expect(text).toContain('\nmain = "node_modules/latchkey/dist/src/index.js"\n');
    expect(text.replace(/^main = .*$/m, 'main = "src/index.ts"')).toBe(OURS);
  });

  it("cannot come from a file that names no Worker", () => {
    expect(() => wranglerTomlFrom("name = 'x'\n")).toThrow("names no Worker");
  });
});

describe("package.json of a deployment folder", () => {
  it("depends on the tarball, and runs the install scripts that it names", () => {
    expect(JSON.parse(packageJsonFrom(undefined, "latchkey-1.0.0.tgz", "24.1.0"))).toEqual({
      private: true,
      scripts: { start: "latchkey start", deploy: "latchkey deploy" },
      allowScripts: { esbuild: true, workerd: true },
      dependencies: { latchkey: "file:latchkey-1.0.0.tgz" },
    });
  });

  it("has a newer Node for one that wrangler refuses", () => {
    const { allowScripts, dependencies } = JSON.parse(packageJsonFrom(undefined, "a.tgz", "20.20.2"));
    expect(dependencies.node).toMatch(/^24\./);
    expect(allowScripts.node).toBe(true);
  });

  it("keeps what is there", () => {
    const theirs = JSON.stringify({
      name: "mine",
      scripts: { deploy: "make" },
      dependencies: { latchkey: "file:../latchkey-0.9.0.tgz", other: "1.0.0" },
    });
    expect(dependsOnUs(theirs)).toBe(true);
    expect(JSON.parse(packageJsonFrom(theirs, "", "24.1.0"))).toMatchObject({
      name: "mine",
      scripts: { start: "latchkey start", deploy: "make" },
      dependencies: { latchkey: "file:../latchkey-0.9.0.tgz", other: "1.0.0" },
    });
    expect(dependsOnUs('{"dependencies":{"other":"1.0.0"}}')).toBe(false);
    expect(dependsOnUs(undefined)).toBe(false);
  });

  it.each(["{", "null", "[]", '"latchkey"'])("is not written over what is no JSON object: %s", (text) => {
    expect(() => dependsOnUs(text)).toThrow("is not a JSON object");
  });
});

it("what runs Cloudflare's programs says which Node they need", () => {
  expect(() => requireNewNode("wrangler", "20.20.2")).toThrow(
    "wrangler needs Node 22 or newer, and this is 20.20.2",
  );
  expect(() => requireNewNode("wrangler", "22.0.0")).not.toThrow();
});

it("init names what a .gitignore that was there lacks, and leaves it as it is", async () => {
  const folder = mkdtempSync(join(tmpdir(), "latchkey-init-"));
  try {
    writeFileSync(join(folder, "package.json"), '{"dependencies":{"latchkey":"file:latchkey-0.9.0.tgz"}}');
    writeFileSync(join(folder, ".gitignore"), "node_modules/\n.latchkey/\n");
    const { code, stderr } = await runHere(["init", folder, "--no-install"]);
    expect(stderr).toContain(
      "git would take secrets: add to the .gitignore that was there: .wrangler/ .dev.vars* ",
    );
    expect(code).toBe(0);
    expect(readFileSync(join(folder, ".gitignore"), "utf8")).toBe("node_modules/\n.latchkey/\n");
  } finally {
    rmSync(folder, { recursive: true });
  }
});
