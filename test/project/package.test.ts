// The package as people get it: packed, installed by the system's own npm into an empty folder, and used there.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const ROOT = resolve(import.meta.dirname, "../..");
const run = promisify(execFile);

/** Without the clone's own programs: Node and npm are the system's, here Node 20. */
const PATH = (process.env.PATH ?? "")
  .split(delimiter)
  .filter((folder) => !folder.includes("node_modules"))
  .join(delimiter);

let home: string;
let folder: string;
let running: ChildProcess | undefined;

const environment = () => ({
  PATH,
  HOME: home,
  npm_config_cache: process.env.npm_config_cache ?? join(process.env.HOME ?? "", ".npm"),
  npm_config_prefer_offline: "true",
  npm_config_update_notifier: "false",
  npm_config_loglevel: "error",
});
const inFolder = (program: string, words: readonly string[], more: Record<string, string> = {}) =>
  run(program, words, { cwd: folder, env: { ...environment(), ...more } });
const latchkey = (...words: string[]) => inFolder("npm", ["exec", "--no", "--", "latchkey", ...words]);

/** One installation for all tests of this file: it is most of their time. */
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "latchkey-package-"));
  folder = join(home, "my-gate");
  // Built by the clone's own Node, as npm pack does in a clone.
  await run("npm", ["pack", "--silent", "--pack-destination", home], { cwd: ROOT });
  const [tarball = ""] = readdirSync(home).filter((name) => name.endsWith(".tgz"));
  await run("tar", ["xzf", tarball], { cwd: home });
  // It packs itself again, and has the system's npm install that.
  await run(join(home, "package/bin/latchkey.js"), ["init", "my-gate"], { cwd: home, env: environment() });
}, 180_000);
afterAll(async () => {
  if (running !== undefined && running.exitCode === null) {
    running.kill("SIGKILL");
    await once(running, "exit");
  }
  rmSync(home, { recursive: true });
});

describe("the tarball", () => {
  it("has what runs, and nothing of the clone", () => {
    const installed = join(folder, "node_modules", "latchkey");
    expect(readdirSync(installed).sort()).toEqual([
      "CHANGELOG.md",
      "LICENSE",
      "README.md",
      "SECURITY.md",
      "bin",
      "dist",
      "docs",
      "package.json",
      "wrangler.toml",
    ]);
    expect(readdirSync(join(installed, "dist", "src")).sort()).toEqual([
      "index.d.ts",
      "index.js",
      "index.js.map",
    ]);
    expect(readFileSync(join(installed, "dist", "THIRD-PARTY-NOTICES.txt"), "utf8")).toContain(
      "=== commander ",
    );
  });

  it("has no install script, and depends on nothing but Cloudflare's programs and esbuild", () => {
    const manifest = JSON.parse(readFileSync(join(folder, "node_modules/latchkey/package.json"), "utf8"));
    expect(Object.keys(manifest.dependencies)).toEqual(["esbuild", "miniflare", "wrangler"]);
    for (const name of ["preinstall", "install", "postinstall"])
      expect(manifest.scripts).not.toHaveProperty(name);
  });
});

describe("the installed command", () => {
  it("says its version, also by the system's own Node and in another folder", async () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    expect((await latchkey("--version")).stdout).toBe(`${version}\n`);
    const program = join(folder, "node_modules/latchkey/bin/latchkey.js");
    const { stdout } = await run(program, ["--version"], { cwd: home, env: environment() });
    expect(stdout).toBe(`${version}\n`);
  });

  it("says so if Node is too old for it", async () => {
    const versions = "Object.defineProperty(process,'versions',{value:{...process.versions,node:'20.18.1'}})";
    const program = join(home, "package/bin/latchkey.js");
    const words = ["--import", `data:text/javascript,${versions}`, program, "--version"];
    await expect(run("node", words, { cwd: home, env: environment() })).rejects.toMatchObject({
      code: 2,
      stderr: "latchkey: this Node, 20.18.1, is too old: the oldest is 20.19\nhint: use Node 24\n",
    });
  });

  it("made a deployment folder with a copy of itself, whose Worker is the package's, and keeps it", async () => {
    const toml = readFileSync(join(folder, "wrangler.toml"), "utf8");
    const [, main = ""] = /^main = "(.*)"$/m.exec(toml) ?? [];
    expect(main).toMatch(/^node_modules\//);
    expect(existsSync(join(folder, main))).toBe(true);
    const [tarball] = readdirSync(folder).filter((name) => name.endsWith(".tgz"));
    const { dependencies } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    // A name would be asked for at a registry, where it is not ours.
    expect(dependencies.latchkey).toBe(`file:${tarball}`);
    expect(readFileSync(join(folder, ".gitignore"), "utf8")).toContain(".dev.vars*\n");
    await expect(latchkey("init", ".")).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining("is a deployment folder already"),
    });
    expect(readFileSync(join(folder, "wrangler.toml"), "utf8")).toBe(toml);
  });

  it("made a folder whose git never sees what the guide has commands write there", async () => {
    await inFolder("git", ["init", "--quiet"]);
    const secrets = [".dev.vars", ".latchkey/admin-token", "card.html", "latchkey.json"];
    secrets.push(
      "alice-laptop.key",
      "alice-laptop.p12",
      "renewed/alice-laptop.key",
      "renewed/alice-laptop.p12",
    );
    const { stdout } = await inFolder("git", ["check-ignore", ...secrets]);
    expect(stdout.trim().split("\n")).toEqual(secrets);
    const { stdout: seen } = await inFolder("git", ["status", "--porcelain", "--untracked-files=all"]);
    expect(seen).toMatch(/wrangler\.toml/);
    expect(seen).toMatch(/package-lock\.json/);
    expect(seen).toMatch(/\.tgz/);
  });

  it.each(["doctor", "start"])("says where the settings are missing: %s", async (command) => {
    const program = join(folder, "node_modules/latchkey/bin/latchkey.js");
    const env = { ...environment(), CLOUDFLARE_API_TOKEN: "none" };
    await expect(run(program, [command], { cwd: home, env })).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining("hint: call it in your deployment folder"),
    });
  });

  it("starts the gate and its identity provider, enrols a device, lets it in, and revokes it", async () => {
    const exported = await start();
    const call = (...words: string[]) =>
      inFolder(join(folder, "node_modules/.bin/latchkey"), words, exported);
    const stranger = join(".latchkey", "devices", "stranger.pem");
    const visit = async () => {
      const { stdout } = await inFolder("curl", [
        ...[
          "--silent",
          "--cacert",
          ".latchkey/ca.pem",
          "--output",
          "/dev/null",
          "--write-out",
          "%{http_code}",
        ],
        ...["--cert", stranger, "--key", stranger.replace(/pem$/, "key"), exported.APP ?? ""],
      ]);
      return stdout;
    };
    // Bundled, the provider finds all that it needs.
    const discovered = await fetch(`${exported.ISSUER}/.well-known/openid-configuration`);
    expect(await discovered.json()).toMatchObject({ issuer: exported.ISSUER });
    expect(await visit()).toBe("404");
    expect((await call("enrol", "alice", "tablet", "--certificate", stranger)).stdout).toContain(
      "enrolled alice/tablet",
    );
    await expect.poll(visit, { timeout: 10_000, interval: 250 }).toBe("200");
    expect((await call("devices", "alice")).stdout).toMatch(/alice\/tablet +active/);
    expect((await call("revoke", "alice/tablet", "--yes")).stdout).toContain("alice/tablet is revoked");
    await expect.poll(visit, { timeout: 10_000, interval: 250 }).toBe("404");
    running?.kill("SIGTERM");
    expect(running === undefined ? undefined : (await once(running, "exit"))[0]).toBe(0);
  }, 60_000);
});

/** Starts the gate in the folder. Returns the variables that it prints, and the app's address. */
async function start(): Promise<Record<string, string>> {
  const words = ["start", "--port", "0", "--var", "REVOCATION_DELAY_SECONDS=0"];
  const program = join(folder, "node_modules/latchkey/bin/latchkey.js");
  running = spawn(program, words, { cwd: folder, env: environment(), stdio: ["ignore", "pipe", "ignore"] });
  const found: Record<string, string> = {};
  if (running.stdout === null) throw new Error("it has no output");
  for await (const line of createInterface({ input: running.stdout })) {
    for (const [, name = "", value = ""] of line.matchAll(/(LATCHKEY_(?:URL|TOKEN_FILE|CA))=(\S+)/g))
      found[name] = value;
    const [, app] = /^ready (.*)$/.exec(line) ?? [];
    if (app === undefined) continue;
    running.stdout.resume();
    const { port } = JSON.parse(readFileSync(join(folder, ".latchkey", "issuer.json"), "utf8"));
    return { ...found, APP: `${app}/`, ISSUER: `http://localhost:${port}` };
  }
  throw new Error("the gate did not start");
}
