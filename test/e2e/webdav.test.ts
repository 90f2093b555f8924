// The profile `sync`, with a real WebDAV client library: a refused synchronisation is a temporary
// error, and nothing is taken for gone. With the profile `web`, the same client would delete.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { Agent } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createClient, type WebDAVClient, type WebDAVClientError } from "webdav";
import { issueDeviceCertificate } from "../../scripts/certificates/authority.ts";
import { type Edge, startEdge } from "../../scripts/edge/edge.ts";
import type { Device } from "../../src/contract/answers.ts";
import { apiOf } from "./support/api.ts";
import { UNUSED_PROVIDER } from "./support/sign-in.ts";
import { startWebdavServer, type WebdavServer } from "./support/webdav-server.ts";

let folder: string;
let server: WebdavServer;
let edge: Edge;
let device: Device;
let agent: Agent;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "latchkey-webdav-"));
  server = await startWebdavServer();
  edge = await startEdge({
    port: 0,
    stateDir: folder,
    origin: server.origin,
    vars: {
      // Two names of this machine that every system resolves.
      APPS: { localhost: { profile: "sync", signIn: true }, "127.0.0.1": { profile: "web" } },
      // People may sign in from a browser as well, which the client does not notice.
      SIGN_IN: UNUSED_PROVIDER,
      REVOCATION_DELAY_SECONDS: 0,
    },
  });
  const authority = { certificate: edge.ca, key: readFileSync(edge.paths.caKey, "utf8") };
  const { certificate, key } = await issueDeviceCertificate(authority, "laptop");
  agent = new Agent({ ca: edge.ca, cert: certificate, key });
  const api = apiOf(edge);
  await api("PUT", "/users/alice", {});
  device = (await api("POST", "/users/alice/devices", { name: "laptop", certificate })) as Device;
});

afterAll(async () => {
  agent?.destroy();
  await edge?.stop();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

function clientOf(host: string): WebDAVClient {
  return createClient(edge.url(host), { httpsAgent: agent });
}

/** What a one-way synchronisation does: fetches what is there, deletes what is gone, stops on errors. */
async function synchronise(client: WebDAVClient, local: Map<string, string>): Promise<void> {
  for (const path of [...local.keys()]) {
    if (!(await client.exists(path))) local.delete(path);
  }
  for (const { filename } of (await client.getDirectoryContents("/notes")) as { filename: string }[]) {
    local.set(filename, (await client.getFileContents(filename, { format: "text" })) as string);
  }
}

describe("a WebDAV client", () => {
  it("synchronises through the gate, and deletes nothing when it is refused", async () => {
    const local = new Map<string, string>();
    const client = clientOf("localhost");
    await synchronise(client, local);
    expect(local).toEqual(
      new Map([
        ["/notes/monday.txt", "buy milk"],
        ["/notes/tuesday.txt", "call mum"],
      ]),
    );
    expect(await client.putFileContents("/notes/wednesday.txt", "swim")).toBe(true);
    expect(server.files.get("/notes/wednesday.txt")?.toString()).toBe("swim");

    await apiOf(edge)("POST", `/users/alice/devices/${device.id}/revoke`, {});
    const before = { local: new Map(local), requests: server.requests };
    const error = (await synchronise(client, local).catch((reason: unknown) => reason)) as WebDAVClientError;
    expect(error).toBeInstanceOf(Error);
    expect(error.status).toBe(503);
    expect(error.response?.headers.get("retry-after")).toBe("300");
    expect(local).toEqual(before.local);
    expect(server.requests).toBe(before.requests);
  });

  it("would delete on the 404 of the profile web: this test is able to fail", async () => {
    const local = new Map([["/notes/monday.txt", "buy milk"]]);
    await synchronise(clientOf("127.0.0.1"), local).catch(() => undefined);
    expect(local.size).toBe(0);
  });
});
