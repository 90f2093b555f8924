import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { TestEdge } from "./support/edge.ts";

// A real receiver on this machine, the real Worker in the real runtime, the real library to verify with.

const SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

interface Post {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

const posts: Post[] = [];
let receiver: Server;
let edge: TestEdge;

beforeAll(async () => {
  receiver = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8");
    request.on("data", (chunk: string) => {
      body += chunk;
    });
    request.on("end", () => {
      posts.push({ path: request.url ?? "", headers: request.headers, body });
      response.writeHead(200).end("taken");
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  const { port } = receiver.address() as AddressInfo;
  edge = await TestEdge.start({
    vars: {
      APPS: { "app.localhost": {}, localhost: {} },
      NOTIFY_URLS: [`http://user:pass@127.0.0.1:${port}/hook?x=1`, `ntfy+http://127.0.0.1:${port}/topic`],
      NOTIFY_SECRET: SECRET,
      REVOCATION_DELAY_SECONDS: 1,
    },
  });
});

afterAll(async () => {
  await edge?.stop();
  receiver?.close();
});

/** The next two posts, by path: the generic one and that to ntfy. */
async function next(): Promise<{ hook: Post; ntfy: Post }> {
  await vi.waitFor(() => expect(posts).toHaveLength(2), { timeout: 10_000 });
  const found = Object.fromEntries(posts.splice(0).map((post) => [post.path, post]));
  const [hook, ntfy] = [found["/hook?x=1"], found["/"]];
  if (hook === undefined || ntfy === undefined) throw new Error(`posted to ${Object.keys(found)}`);
  return { hook, ntfy };
}

function verified({ body, headers }: Post): Record<string, unknown> {
  return new Webhook(SECRET).verify(body, headers as Record<string, string>) as Record<string, unknown>;
}

describe("a real receiver is told", () => {
  it("of a certificate that waits, signed, and what the same says to ntfy", async () => {
    const stranger = edge.client(await edge.issue("Zoë's phone"));
    expect((await stranger.call("/")).status).toBe(404);
    const { hook, ntfy } = await next();
    const event = verified(hook);
    expect(event).toMatchObject({
      id: hook.headers["webhook-id"],
      type: "certificate-waiting",
      data: { app: "app.localhost", subject: expect.stringContaining("CN=") },
    });
    expect(hook.headers).toMatchObject({
      authorization: `Basic ${btoa("user:pass")}`,
      "content-type": "application/json",
      "user-agent": "Latchkey",
    });
    expect(JSON.parse(ntfy.body)).toEqual({
      topic: "topic",
      title: event.title,
      message: event.message,
      tags: ["key"],
      priority: 3,
    });
  });

  it("of a token's first use and of its first refusal", async () => {
    const body = { name: "TV", kind: "token", apps: ["app.localhost"] };
    const made = await edge.api("POST", "/users/alice/device-tokens", body);
    const { device, token } = made as { device: { id: string }; token: string };
    const headers = { "X-Latchkey-Token": token };
    const tv = edge.client();
    expect((await tv.call("/", { headers })).status).toBe(200);
    const used = verified((await next()).hook);
    expect(used).toMatchObject({
      type: "token-first-used",
      data: { device: { id: device.id, name: "TV" }, kind: "token", app: "app.localhost" },
    });
    expect(JSON.stringify(used)).not.toContain(token);
    await edge.api("POST", `/users/alice/devices/${device.id}/suspend`, {});
    await vi.waitFor(async () => expect((await tv.call("/", { headers })).status).toBe(404), 10_000);
    const refused = verified((await next()).hook);
    expect(refused).toMatchObject({
      type: "device-refused",
      data: { device: { id: device.id }, reason: "device-suspended", app: "app.localhost" },
    });
  });

  it("of a device that is lost", async () => {
    const device = await edge.enrol("Zoë's Pixel 😀", await edge.issue("pixel"));
    await edge.act(device, "lost", { confirm: device.name });
    const event = verified((await next()).hook);
    expect(event).toMatchObject({
      type: "device-lost",
      title: "Zoë's Pixel 😀 (alice) was reported lost",
      data: { user: "alice", device: { id: device.id, name: device.name } },
    });
  });
});
