// What npm may run of other people's: install scripts, and a package that took our name.
import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "vitest";

const ROOT = resolve(import.meta.dirname, "../..");
const read = (name: string) => readFileSync(join(ROOT, name), "utf8");

describe("an install script", () => {
  it("runs only where package.json says so: each package that has one is named", () => {
    const { packages } = JSON.parse(read("package-lock.json")) as {
      packages: Record<string, { hasInstallScript?: boolean }>;
    };
    const withScript = Object.entries(packages)
      .filter(([, { hasInstallScript }]) => hasInstallScript === true)
      .map(([path]) => path.replace(/^.*node_modules\//, ""));
    const { allowScripts } = JSON.parse(read("package.json")) as { allowScripts: Record<string, boolean> };
    expect(withScript.length).toBeGreaterThan(0);
    expect(Object.keys(allowScripts).sort()).toEqual([...new Set(withScript)].sort());
  });

  it("of a package that nobody named ends the installation", () => {
    expect(read(".npmrc").split("\n")).toContain("strict-allow-scripts=true");
  });
});

describe("npm exec", () => {
  it("is called everywhere so that it installs nothing, and npx nowhere: the name on npm is not ours", () => {
    const files = execFileSync("git", ["ls-files", "-z"], { cwd: ROOT, encoding: "utf8" }).split("\0");
    const bare = new RegExp(`npx (-\\S+ )*${"latchkey"}|npm exec (?!--no -- )(-\\S+ )*${"latchkey"}`);
    const found = files.filter(
      (name) => /\.(md|[jt]s|json|yml|toml|html)$/.test(name) && bare.test(read(name)),
    );
    expect(found).toEqual([]);
  });

  it("called like that, runs nothing of a registry that has a package of our name", async () => {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url ?? "");
      const { port } = server.address() as AddressInfo;
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(packument(`http://127.0.0.1:${port}/latchkey/-/latchkey-9.9.9.tgz`)));
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const folder = mkdtempSync(join(tmpdir(), "latchkey-npx-"));
    try {
      const child = spawn("npm", ["exec", "--no", "--", "latchkey", "backup"], {
        cwd: folder,
        stdio: ["ignore", "pipe", "pipe"],
        env: {
          PATH: process.env.PATH,
          HOME: folder,
          npm_config_cache: join(folder, "cache"),
          npm_config_registry: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
          npm_config_update_notifier: "false",
        },
      });
      const [stderr, code] = await Promise.all([
        text(child.stderr),
        new Promise<number | null>((done, reject) => child.on("error", reject).on("close", done)),
      ]);
      expect(code).not.toBe(0);
      expect(stderr).toContain("npx canceled due to missing packages");
      expect(asked.filter((url) => url.endsWith(".tgz"))).toEqual([]);
      // It was found, all the same: without the option it would have been installed.
      expect(asked).toContain("/latchkey");
    } finally {
      server.close();
      server.closeAllConnections();
      rmSync(folder, { recursive: true });
    }
  });
});

function packument(tarball: string) {
  const integrity = `sha512-${createHash("sha512").update("").digest("base64")}`;
  const version = {
    name: "latchkey",
    version: "9.9.9",
    bin: { latchkey: "x.js" },
    dist: { tarball, integrity },
  };
  return { name: "latchkey", "dist-tags": { latest: "9.9.9" }, versions: { "9.9.9": version } };
}
