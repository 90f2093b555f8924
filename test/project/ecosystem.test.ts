// What Cloudflare's deploy button, npm create cloudflare, Renovate and GitHub read of this repository.
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { unstable_readConfig } from "wrangler";
import { NODE_PACKAGE } from "../../scripts/node-version.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const read = (...path: string[]) => readFileSync(join(ROOT, ...path), "utf8");
const manifest = JSON.parse(read("package.json"));

describe("as a template", () => {
  it("describes each binding and variable of wrangler.toml, which the deploy button asks about", () => {
    const { vars, durable_objects } = unstable_readConfig({ config: join(ROOT, "wrangler.toml") });
    const names = [
      ...Object.keys(vars),
      ...durable_objects.bindings.map(({ name }: { name: string }) => name),
    ];
    expect(Object.keys(manifest.cloudflare.bindings).sort()).toEqual(names.sort());
  });

  it("asks for no secret: setup makes the only one that is needed", () => {
    const lines = read(".dev.vars.example").split("\n");
    expect(lines.filter((line) => line !== "" && !line.startsWith("#"))).toEqual([]);
  });

  it("has a deploy script that leaves no route failing open, and no build script", () => {
    expect(manifest.scripts.deploy).toBe("node bin/latchkey.js deploy");
    expect(manifest.scripts).not.toHaveProperty("build");
  });
});

describe("versions", () => {
  it("are exact", () => {
    const all = Object.entries<string>({ ...manifest.dependencies, ...manifest.devDependencies });
    const loose = all.filter(([, version]) => !/^(npm:.+@)?\d+\.\d+\.\d+(-[\w.-]+)?$/.test(version));
    expect(loose).toEqual([]);
  });

  it("of Node are the same everywhere", () => {
    const { node } = manifest.devDependencies;
    expect([NODE_PACKAGE, read(".node-version")]).toEqual([`node@${node}`, `${node}\n`]);
  });
});

describe("workflows", () => {
  const folder = join(ROOT, ".github", "workflows");
  const workflows = readdirSync(folder).map((name) => [name, read(".github", "workflows", name)] as const);

  it.each(workflows)("%s: names each action by its commit", (_, text) => {
    const uses = text.split("\n").filter((line) => line.includes("uses:"));
    expect(uses.length).toBeGreaterThan(0);
    for (const line of uses) expect(line).toMatch(/uses: actions\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  it.each(workflows)("%s: gives no job that runs our code a token that writes", (_, text) => {
    // Before the first job stands what holds for all of them.
    const [all = "", jobs = ""] = text.split(/^jobs:\n/m);
    expect(all).toMatch(/^permissions:( \{\}|\n {2}contents: read\n)/m);
    const writing = jobs.split(/^(?= {2}\w+:\n)/m).filter((job) => job.includes("write"));
    for (const job of writing) expect(job).not.toMatch(/checkout|npm |\.ci\/run/);
  });
});
