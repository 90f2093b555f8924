// Devices without a certificate, with real clients over real TLS: git, a WebDAV library, a calendar's plain GET, and a
// page in Chromium that sends the header across origins. None of them presents a certificate.
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { Agent } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createClient, type WebDAVClientError } from "webdav";
import { type Edge, startEdge } from "../../scripts/edge/edge.ts";
import type { NewDeviceToken } from "../../src/contract/answers.ts";
import { apiOf } from "./support/api.ts";
import { launchBrowser } from "./support/browser.ts";
import { UNUSED_PROVIDER } from "./support/sign-in.ts";
import { TlsClient } from "./support/tls-client.ts";
import { startWebdavServer, type WebdavServer } from "./support/webdav-server.ts";

const run = promisify(execFile);

let folder: string;
let dav: WebdavServer;
let app: Server;
let notes: Server;
/** The app's requests, as it got them. */
const seen: { url: string; headers: Record<string, unknown> }[] = [];
let edge: Edge;
let davEdge: Edge;
const close: (() => unknown)[] = [];

async function listen(handle: RequestListener): Promise<Server> {
  const server = createServer(handle);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  close.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return server;
}

const origin = (server: Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "latchkey-tokens-"));
  close.push(() => rmSync(folder, { recursive: true, force: true }));
  const repository = await makeRepository();
  // The app: git's files, and an API that allows pages of the notes' origin, as CouchDB or a podcast server would.
  app = await listen((request, response) => {
    seen.push({ url: request.url ?? "", headers: request.headers });
    const file = (request.url ?? "").split("?")[0]?.replace(/^\/repo\.git\//, "");
    if (request.url?.startsWith("/repo.git/")) {
      try {
        response.end(readFileSync(join(repository, file ?? "")));
      } catch {
        response.writeHead(404).end();
      }
      return;
    }
    response.writeHead(200, {
      "access-control-allow-origin": origin(notes),
      "content-type": "application/json",
    });
    response.end(JSON.stringify({ url: request.url, method: request.method }));
  });
  notes = await listen((_, response) => {
    response.writeHead(200, { "content-type": "text/html" });
    response.end("<!doctype html><title>notes</title>");
  });
  const apps = {
    localhost: { origins: [origin(notes)], signIn: true },
    "app.localhost": { signIn: true },
    "127.0.0.1": { profile: "sync", basic: true, signIn: true },
    "vault.localhost": { profile: "bitwarden" },
  };
  // People may sign in from a browser as well, which no client notices.
  const vars = { APPS: apps, SIGN_IN: UNUSED_PROVIDER, REVOCATION_DELAY_SECONDS: 0 };
  edge = await startEdge({ port: 0, stateDir: join(folder, "state"), origin: origin(app), vars });
  close.push(() => edge.stop());
  dav = await startWebdavServer();
  close.push(() => dav.stop());
  davEdge = await startEdge({ port: 0, stateDir: join(folder, "dav"), origin: dav.origin, vars });
  close.push(() => davEdge.stop());
  for (const each of [edge, davEdge]) await apiOf(each)("PUT", "/users/alice", {});
}, 120_000);

afterAll(async () => {
  for (const each of close.reverse()) await each();
});

async function makeRepository(): Promise<string> {
  const work = join(folder, "work");
  mkdirSync(work);
  const git = (...args: string[]) =>
    run("git", ["-C", work, "-c", "user.name=x", "-c", "user.email=x@x", ...args]);
  await git("init", "--quiet");
  writeFileSync(join(work, "hello.txt"), "from behind the gate\n");
  await git("add", ".");
  await git("commit", "--quiet", "-m", "first");
  await git("update-server-info");
  return join(work, ".git");
}

async function deviceToken(name: string, body: object, at = edge): Promise<NewDeviceToken> {
  return (await apiOf(at)("POST", "/users/alice/device-tokens", {
    name,
    kind: "token",
    ...body,
  })) as NewDeviceToken;
}

describe("git", () => {
  const clone = (to: string, ...config: string[]) =>
    run("git", [...config, "clone", "--quiet", `${edge.url("localhost")}/repo.git/`, to], {
      env: {
        ...process.env,
        GIT_TERMINAL_PROMPT: "0",
        GIT_SSL_CAINFO: edge.paths.ca,
        GIT_CONFIG_GLOBAL: "/dev/null",
        GIT_CONFIG_SYSTEM: "/dev/null",
      },
    });

  it("clones with http.extraHeader, and not without it", async () => {
    const { token } = await deviceToken("build server", { apps: ["localhost"] });
    await expect(clone(join(folder, "refused"))).rejects.toThrow(/not found/);
    await clone(join(folder, "cloned"), "-c", `http.extraHeader=X-Latchkey-Token: ${token}`);
    expect(readFileSync(join(folder, "cloned", "hello.txt"), "utf8")).toBe("from behind the gate\n");
    expect(JSON.stringify(seen)).not.toContain(token);
  });
});

describe("a WebDAV client", () => {
  const clientOf = (options: object) =>
    createClient(davEdge.url("127.0.0.1"), { httpsAgent: new Agent({ ca: davEdge.ca }), ...options });

  it.each<[string, (token: string) => object]>([
    ["a header", (token) => ({ headers: { "X-Latchkey-Token": token } })],
    ["user and password", (token) => ({ username: "notes", password: token })],
    [
      "a service token's headers",
      (token) => ({
        headers: { "CF-Access-Client-Id": "x", "CF-Access-Client-Secret": token },
      }),
    ],
  ])("reads and writes with %s, and loses nothing when it is revoked", async (name, optionsOf) => {
    const { token, device } = await deviceToken(name, { apps: ["127.0.0.1"] }, davEdge);
    const client = clientOf(optionsOf(token));
    expect(await client.getFileContents("/notes/monday.txt", { format: "text" })).toBe("buy milk");
    expect(await client.putFileContents("/notes/today.txt", name)).toBe(true);
    expect(dav.files.get("/notes/today.txt")?.toString()).toBe(name);
    await apiOf(davEdge)("POST", `/users/alice/devices/${device.id}/revoke`, {});
    const error = (await client.exists("/notes/monday.txt").catch((e: unknown) => e)) as WebDAVClientError;
    expect(error.status).toBe(503);
  });
});

describe("a calendar", () => {
  it("reads its feed by the URL, and nothing else", async () => {
    const client = new TlsClient(edge);
    const feed = { kind: "feed", apps: ["app.localhost"], paths: ["/calendars/*"] };
    const { token } = await deviceToken("calendar", feed);
    const get = (path: string, method = "GET") => client.call(path, { method });
    expect((await get(`/calendars/family.ics?latchkey=${token}&x=1`)).text).toContain(
      '"/calendars/family.ics?x=1"',
    );
    expect((await get(`/api?latchkey=${token}`)).status).toBe(404);
    expect((await get(`/calendars/family.ics?latchkey=${token}`, "PUT")).status).toBe(404);
    expect((await get("/calendars/family.ics")).status).toBe(404);
    expect(JSON.stringify(seen)).not.toContain(token);
    client.close();
  });
});

describe("a page of another origin in Chromium", () => {
  it("sends the header after the gate's own answer to the preflight", async () => {
    const { token } = await deviceToken("notes", { apps: ["localhost"] });
    const browser = await launchBrowser();
    try {
      const context = await browser.newContext({ ignoreHTTPSErrors: true });
      const page = await context.newPage();
      await page.goto(origin(notes));
      const put = (headers: Record<string, string>) =>
        page.evaluate(
          async ([url, sent]) => {
            try {
              const response = await fetch(url, { method: "PUT", body: "{}", headers: sent });
              return await response.json();
            } catch (error) {
              return String(error);
            }
          },
          [`${edge.url("localhost")}/db/note`, headers] as const,
        );
      expect(await put({ "X-Latchkey-Token": token, "Content-Type": "application/json" })).toEqual({
        url: "/db/note",
        method: "PUT",
      });
      // Without the header nobody answers the preflight for it.
      expect(await put({ "Content-Type": "application/json" })).toContain("TypeError");
      // The gate allows the header; the wrong token is refused without a word for the page.
      expect(await put({ "X-Latchkey-Token": `${token.slice(0, -1)}_` })).toContain("TypeError");
    } finally {
      await browser.close();
    }
  });
});
