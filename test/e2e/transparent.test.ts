// What an enrolled device sends reaches the app, and what the app answers reaches the device, as if no
// gate were there: over real TLS, through the real Worker.
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestEdge } from "./support/edge.ts";
import type { TlsClient } from "./support/tls-client.ts";

const MIB = 1024 * 1024;

let test: TestEdge;
let client: TlsClient;

beforeAll(async () => {
  test = await TestEdge.start();
  const phone = await test.issue("phone");
  await test.enrol("phone", phone);
  client = test.client(phone);
});

afterAll(() => test?.stop());

const sha256 = (data: Buffer) => createHash("sha256").update(data).digest("hex");

describe("an allowed request", () => {
  it.each([
    "GET",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
    "REPORT",
    "SEARCH",
  ])("keeps its method: %s", async (method) => {
    expect((await client.echo({ method })).method).toBe(method);
  });

  it("keeps path, query and headers", async () => {
    const answer = await client.call("/echo?a=1&a=2&q=%20%2F+x&empty=", {
      headers: {
        cookie: "a=1; b=2",
        "user-agent": "Test/1",
        range: "bytes=0-1",
        "accept-encoding": "gzip;q=0.5",
      },
    });
    expect(JSON.parse(answer.text)).toMatchObject({
      url: "/echo?a=1&a=2&q=%20%2F+x&empty=",
      headers: {
        cookie: "a=1; b=2",
        "user-agent": "Test/1",
        range: "bytes=0-1",
        "accept-encoding": "gzip;q=0.5",
        host: `app.localhost:${test.edge.port}`,
      },
    });
  });

  it("uploads 50 MB byte for byte", async () => {
    const data = randomBytes(50 * MIB);
    const { status, text } = await client.call("/upload", { method: "POST", body: data });
    expect(status).toBe(200);
    expect(JSON.parse(text)).toEqual({ size: data.length, sha256: sha256(data) });
  });

  it("downloads byte for byte, whole and in ranges", async () => {
    const whole = await client.call(`/download?size=${20 * MIB}`);
    expect(whole.status).toBe(200);
    expect(whole.body.length).toBe(20 * MIB);
    const part = await client.call(`/download?size=${20 * MIB}`, {
      headers: { range: "bytes=1000003-9000017" },
    });
    expect(part.status).toBe(206);
    expect(part.headers["content-range"]).toBe(`bytes 1000003-9000017/${20 * MIB}`);
    expect(sha256(part.body)).toBe(sha256(whole.body.subarray(1_000_003, 9_000_018)));
  });

  it("is answered 304 when nothing changed", async () => {
    const { headers } = await client.call("/download?size=1000");
    expect(headers.etag).toBeDefined();
    const answer = await client.call("/download?size=1000", { headers: { "if-none-match": headers.etag } });
    expect(answer.status).toBe(304);
    expect(answer.body.length).toBe(0);
  });

  it("gets redirects as they are, not followed", async () => {
    const answer = await client.call("/redirect");
    expect(answer.status).toBeGreaterThanOrEqual(301);
    expect(answer.status).toBeLessThanOrEqual(308);
    expect(answer.headers.location).toBeDefined();
  });

  it("gets several Set-Cookie headers apart", async () => {
    const { headers } = await client.call("/set-cookies");
    expect(headers["set-cookie"]).toEqual([
      "session=1; Path=/; HttpOnly",
      "theme=dark; Path=/; Expires=Fri, 31 Dec 2049 23:59:59 GMT",
    ]);
  });

  it.each([201, 204, 301, 400, 401, 403, 404, 410, 429, 500, 502, 503])(
    "gets the app's own status %i, unchanged",
    async (status) => {
      const answer = await client.call(`/status/${status}`);
      expect(answer.status).toBe(status);
      expect(answer.headers["x-demo-status"]).toBe(String(status));
    },
  );

  it("gets server-sent events as they happen", async () => {
    const response = await client.open("/events");
    expect(response.headers["content-type"]).toContain("text/event-stream");
    const times: number[] = [];
    for await (const _chunk of response) {
      times.push(performance.now());
      if (times.length === 2) break;
    }
    // Two separate deliveries: a buffering gate would hand them over at once, at the end.
    expect(times).toHaveLength(2);
    response.destroy();
  });

  it("speaks WebSocket with a subprotocol, in text and binary, and hears the close code", async () => {
    const socket = client.webSocket("/ws", ["echo.demo", "other"]);
    await once(socket, "open");
    expect(["echo.demo", "other"]).toContain(socket.protocol);
    socket.send("hello");
    expect(String((await once(socket, "message"))[0])).toContain("hello");
    const bytes = randomBytes(100_000);
    socket.send(bytes);
    const [echoed] = (await once(socket, "message")) as [Buffer];
    expect(sha256(echoed)).toBe(sha256(bytes));
    socket.close(4321, "done");
    const [code, reason] = (await once(socket, "close")) as [number, Buffer];
    expect([code, reason.toString()]).toEqual([4321, "done"]);
  });

  it("lets no stranger open a WebSocket", async () => {
    const socket = test.client().webSocket("/ws");
    const [error] = (await once(socket, "error")) as [Error];
    expect(error.message).toContain("404");
  });
});
