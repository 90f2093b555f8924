import { createHash } from "node:crypto";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { type DemoApp, startDemoApp } from "../../../scripts/edge/demo/demo-app.ts";
import { downloadBytes, parseRange } from "../../../scripts/edge/demo/download.ts";

let app: DemoApp;
beforeAll(async () => {
  app = await startDemoApp();
});
afterAll(() => app.stop());

const get = (path: string, init: RequestInit = {}) => fetch(app.url + path, { redirect: "manual", ...init });

describe("the page", () => {
  it("shows what arrived as text, never as markup", async () => {
    const response = await get("/?<script>", {
      headers: { accept: "text/html", "x-try": `<b onclick="x">&'` },
    });
    const html = await response.text();
    expect(response.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(html).toContain("&#60;b onclick=&#34;x&#34;&#62;&#38;&#39;");
    expect(html).not.toContain("<b onclick");
  });

  it("is plain text for a command line, with a conditional GET", async () => {
    const response = await get("/");
    expect(await response.text()).toMatch(/^The demo app: you are through the gate\.\n\nGET \/\n/);
    const again = await get("/", { headers: { "if-none-match": response.headers.get("etag") ?? "" } });
    expect([again.status, await again.text()]).toEqual([304, ""]);
  });
});

describe("the download", () => {
  it("is the same on every call, and ranges are parts of it", async () => {
    const size = 200_000;
    const whole = Buffer.from(await (await get(`/download?size=${size}`)).arrayBuffer());
    expect(whole.equals(Buffer.concat([...downloadBytes(0, size)]))).toBe(true);
    const response = await get(`/download?size=${size}`, { headers: { range: "bytes=65530-131080" } });
    expect([response.status, response.headers.get("content-range")]).toEqual([
      206,
      `bytes 65530-131080/${size}`,
    ]);
    expect(Buffer.from(await response.arrayBuffer()).equals(whole.subarray(65_530, 131_081))).toBe(true);
  });

  it.each([
    ["bytes=0-0", { start: 0, end: 1 }],
    ["bytes=5-", { start: 5, end: 10 }],
    ["bytes=5-100", { start: 5, end: 10 }],
    ["bytes=-3", { start: 7, end: 10 }],
    ["bytes=-100", { start: 0, end: 10 }],
    ["bytes=10-", "unsatisfiable"],
    ["bytes=-0", "unsatisfiable"],
    ["bytes=5-4", undefined],
    ["bytes=-", undefined],
    ["bytes=0-1,3-4", undefined],
    ["lines=0-1", undefined],
    [undefined, undefined],
  ])("reads the range %s of ten bytes as %o", (header, range) => {
    expect(parseRange(header, 10)).toEqual(range);
  });

  it("answers 416, 304, 400 and a HEAD as it should", async () => {
    expect((await get("/download?size=10", { headers: { range: "bytes=10-" } })).status).toBe(416);
    expect((await get("/download?size=10", { headers: { "if-none-match": '"demo-10"' } })).status).toBe(304);
    expect((await get("/download?size=1e9")).status).toBe(400);
    expect((await get("/download?size=9999999999")).status).toBe(400);
    const head = await get("/download?size=10", { method: "HEAD" });
    expect([head.status, head.headers.get("content-length"), await head.text()]).toEqual([200, "10", ""]);
    const changed = { range: "bytes=0-1", "if-range": '"other"' };
    expect((await get("/download?size=10", { headers: changed })).status).toBe(200);
  });
});

it("answers an upload with its size and SHA-256", async () => {
  const body = Buffer.concat([...downloadBytes(0, 1_000_000)]);
  const response = await get("/upload", { method: "POST", body });
  expect(await response.json()).toEqual({
    size: body.length,
    sha256: createHash("sha256").update(body).digest("hex"),
  });
});

it("sends the time in server-sent events, the first immediately, until the client goes", async () => {
  const controller = new AbortController();
  const response = await get("/events?interval=10", { signal: controller.signal });
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  let text = "";
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString();
    if (text.includes("id: 3")) break;
  }
  expect(text).toMatch(/^id: 1\ndata: \d{4}-.*Z\n\nid: 2\n/);
  controller.abort();
  await expect.poll(() => app.open).toBe(0);
});

it("answers with the status, the cookies and the redirect that were asked for", async () => {
  for (const status of [200, 204, 304, 401, 404, 500, 599]) {
    expect((await get(`/status/${status}`)).status).toBe(status);
  }
  expect((await get("/set-cookies")).headers.getSetCookie()).toHaveLength(2);
  const redirect = await get("/redirect");
  expect([redirect.status, redirect.headers.get("location")]).toEqual([302, "/headers"]);
  expect((await get("/status/99")).status).toBe(404);
  expect((await get("/__proto__")).status).toBe(404);
});

it("echoes over a WebSocket, and closes when asked", async () => {
  const socket = new WebSocket(`${app.url.replace("http", "ws")}/ws`, ["one", "two"]);
  await once(socket, "open");
  expect(socket.protocol).toBe("one");
  socket.send("hello");
  expect(String((await once(socket, "message"))[0])).toBe("hello");
  socket.send("close 4001 enough");
  const [code, reason] = await once(socket, "close");
  expect([code, String(reason)]).toEqual([4001, "enough"]);
});

describe("the web app that works offline", () => {
  it("serves its shell, and what its service worker keeps", async () => {
    const shell = await get("/pwa");
    expect(shell.headers.get("content-security-policy")).toContain("default-src 'self'");
    const html = await shell.text();
    for (const path of ["/pwa/style.css", "/pwa/script.js"]) {
      expect(html).toContain(`"${path}"`);
      expect((await get(path)).status).toBe(200);
    }
    expect(await (await get("/pwa/script.js")).text()).toContain('register("/service-worker.js"');
  });

  it("has a service worker that may answer for all pages of the host", async () => {
    const worker = await get("/service-worker.js");
    expect(worker.headers.get("content-type")).toMatch(/^text\/javascript/);
    expect(await worker.text()).toContain('addEventListener("fetch"');
  });
});
