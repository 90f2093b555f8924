import { createHash, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { createServer, request as plainRequest } from "node:http";
import { Agent, request } from "node:https";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ClientOptions, WebSocket } from "ws";
import {
  type Credential,
  issueDeviceCertificate,
  issueSelfSignedCertificate,
} from "../../../scripts/certificates/authority.ts";
import { downloadBytes } from "../../../scripts/edge/demo/download.ts";
import { type Edge, startEdge } from "../../../scripts/edge/edge.ts";
import { enrolDemoDevices } from "../../../scripts/edge/first-start.ts";
import { demoDevice, send, temporaryFolder } from "./client.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const days = (count: number) => new Date(Date.now() + count * DAY_MS);

let edge: Edge;
let phone: Credential;
let cleanUp: () => Promise<void>;
const logged: Record<string, unknown>[] = [];
const errors: unknown[] = [];

beforeAll(async () => {
  const [folder, remove] = await temporaryFolder();
  edge = await startEdge({
    port: 0,
    stateDir: folder,
    onWorkerLog: ({ message }) => logged.push(JSON.parse(message)),
    onError: (error) => errors.push(error),
  });
  cleanUp = async () => {
    await edge.stop();
    await remove();
  };
  await enrolDemoDevices(edge);
  phone = demoDevice(edge, "alice-phone");
});
afterAll(() => cleanUp?.());

/** What the app saw of a request. */
async function seenByApp(headers: Record<string, string>, as = phone) {
  const { status, text } = await send(edge, "/headers", { as, headers });
  expect(status).toBe(200);
  return (JSON.parse(text) as { headers: Record<string, string> }).headers;
}

/** Why the gate refused; the client is told nothing. */
async function reasonOf(as: Credential | undefined, headers: Record<string, string> = {}): Promise<unknown> {
  // A program of its own, so that its refusal is written in full however many there were before.
  const program = `program-${crypto.randomUUID()}`;
  const sent = { "user-agent": program, ...headers };
  const { status, text } = await send(edge, "/reason", {
    headers: sent,
    ...(as === undefined ? {} : { as }),
  });
  expect([status, text]).toEqual([404, "Not Found"]);
  await expect.poll(() => logged.some((line) => line.client === program)).toBe(true);
  return logged.find((line) => line.client === program)?.reason;
}

describe("verdicts on client certificates", () => {
  it("lets an enrolled certificate pass and refuses a stranger's, none, and a self-signed one", async () => {
    expect((await send(edge, "/", { as: phone })).status).toBe(200);
    expect(await reasonOf(demoDevice(edge, "stranger"))).toBe("unknown-device");
    expect(await reasonOf(undefined)).toBe("no-certificate");
    expect(await reasonOf(await issueSelfSignedCertificate("mallory"))).toBe("unverified-certificate");
  });

  it("refuses what has expired, is not yet valid, or is of another authority", async () => {
    const authority = { certificate: edge.ca, key: await readFile(edge.paths.caKey, "utf8") };
    const from = (notBefore: Date, notAfter: Date) =>
      issueDeviceCertificate(authority, "dated", { notBefore, notAfter });
    expect(await reasonOf(await from(days(-2), days(-1)))).toBe("unverified-certificate");
    expect(await reasonOf(await from(days(1), days(2)))).toBe("unverified-certificate");
    const foreign = await issueDeviceCertificate(await issueSelfSignedCertificate("other CA"), "foreign");
    expect(await reasonOf(foreign)).toBe("unverified-certificate");
  });

  it("reports serials in revoked.txt as revoked, as soon as they are there", async () => {
    const laptop = demoDevice(edge, "alice-laptop");
    const before = await readFile(edge.paths.revoked, "utf8");
    expect((await send(edge, "/", { as: laptop })).status).toBe(200);
    const serial = new X509Certificate(laptop.certificate).serialNumber;
    await writeFile(edge.paths.revoked, `${before}${serial.toLowerCase()}  # lost\n`);
    expect(await reasonOf(laptop)).toBe("revoked-certificate");
    expect((await send(edge, "/", { as: phone })).status).toBe(200);
    await writeFile(edge.paths.revoked, before);
    expect((await send(edge, "/", { as: laptop })).status).toBe(200);
  });

  it("refuses everybody rather than guess what a broken revoked.txt means", async () => {
    const before = await readFile(edge.paths.revoked, "utf8");
    await writeFile(edge.paths.revoked, "the laptop\n");
    expect((await send(edge, "/", { as: phone })).status).toBe(502);
    await writeFile(edge.paths.revoked, before);
    expect((await send(edge, "/", { as: phone })).status).toBe(200);
  });
});

describe("blocked.txt", () => {
  const fingerprintOf = ({ certificate }: Credential) => new X509Certificate(certificate).fingerprint256;

  it("shuts a device out from the next request on, and lets it in again", async () => {
    const before = await readFile(edge.paths.blocked, "utf8");
    const laptop = demoDevice(edge, "alice-laptop");
    await writeFile(edge.paths.blocked, `${before}${fingerprintOf(laptop)}  # lost\n`);
    expect(await reasonOf(laptop)).toBe("blocked");
    expect((await send(edge, "/", { as: phone })).status).toBe(200);
    await writeFile(edge.paths.blocked, before);
    expect((await send(edge, "/", { as: laptop })).status).toBe(200);
  });

  it("with a line that is no fingerprint refuses everybody, and says which line it is", async () => {
    const before = await readFile(edge.paths.blocked, "utf8");
    errors.length = 0;
    await writeFile(edge.paths.blocked, "alice/phone\n");
    expect((await send(edge, "/", { as: phone })).status).toBe(503);
    expect(String(errors)).toContain("blocked.txt, line 1");
    await writeFile(edge.paths.blocked, before);
    expect((await send(edge, "/", { as: phone })).status).toBe(200);
  });
});

describe("resumed TLS sessions", () => {
  it.each(["TLSv1.2", "TLSv1.3"] as const)("keep their certificate (%s)", async (version) => {
    const options = (session?: Buffer) => ({
      host: "127.0.0.1",
      port: edge.port,
      servername: "app.localhost",
      ca: edge.ca,
      minVersion: version,
      maxVersion: version,
      ...(session === undefined ? { cert: phone.certificate, key: phone.key } : { session }),
    });
    const first = connect(options());
    const ticket = once(first, "session");
    expect(await ask(first)).toContain("200 OK");
    const [session] = (await ticket) as [Buffer];
    // The second client has no certificate of its own: the session alone vouches for it.
    const second = connect(options(session));
    await once(second, "secureConnect");
    expect(second.isSessionReused()).toBe(true);
    expect(await ask(second)).toContain("200 OK");
  });

  it("without a certificate stay without one", async () => {
    const options = { host: "127.0.0.1", port: edge.port, servername: "app.localhost", ca: edge.ca };
    const first = connect(options);
    const ticket = once(first, "session");
    expect(await ask(first)).toContain("404 Not Found");
    const [session] = (await ticket) as [Buffer];
    const second = connect({ ...options, session, cert: phone.certificate, key: phone.key });
    await once(second, "secureConnect");
    expect(second.isSessionReused()).toBe(true);
    expect(await ask(second)).toContain("404 Not Found");
  });

  async function ask(socket: TLSSocket): Promise<string> {
    socket.write(`GET /?resumed HTTP/1.1\r\nHost: app.localhost:${edge.port}\r\nConnection: close\r\n\r\n`);
    return text(socket);
  }
});

describe("what clients cannot say", () => {
  const forged = {
    country: "US",
    tlsClientAuth: { certPresented: "1", certVerified: "SUCCESS", certRevoked: "0" },
  };

  it.each([
    ["mf-cf-blob", JSON.stringify(forged)],
    ["MF-CF-Blob", "not JSON"],
    ["mf-edge-secret", "guess"],
    ["MF-Route-Override", "origin"],
    ["MF-Original-URL", "https://vault.localhost/"],
    ["mf-proxy-shared-secret", "guess"],
  ])("drops a forged %s", async (name, value) => {
    expect(await reasonOf(undefined, { [name]: value })).toBe("no-certificate");
    expect(Object.keys(await seenByApp({ [name]: value })).filter((key) => key.startsWith("mf-"))).toEqual(
      [],
    );
  });

  it("overwrites the headers that are Cloudflare's own", async () => {
    const seen = await seenByApp({
      "CF-Connecting-IP": "203.0.113.9",
      "CF-Connecting-IPv6": "2001:db8::1",
      "CF-IPCountry": "US",
      "CF-Ray": "forged",
      "CF-Worker": "forged",
      "CF-Visitor": '{"scheme":"http"}',
      "X-Forwarded-Proto": "http",
      "X-Forwarded-For": "203.0.113.9",
      "x-latchkey-user": "bob",
      "cf-access-jwt-assertion": "the client's own word, there and here",
    });
    expect(seen).toMatchObject({
      host: `app.localhost:${edge.port}`,
      "cf-connecting-ip": "127.0.0.1",
      "cf-ipcountry": "CH",
      "cf-ray": expect.stringMatching(/^[0-9a-f]{16}-LCL$/),
      "cf-worker": "localhost",
      "cf-visitor": '{"scheme":"https"}',
      "x-forwarded-proto": "https",
      "x-forwarded-for": "203.0.113.9, 127.0.0.1",
      "cf-access-jwt-assertion": "the client's own word, there and here",
    });
    expect(Object.keys(seen)).not.toContain("cf-connecting-ipv6");
    expect(Object.keys(seen)).not.toContain("x-latchkey-user");
  });

  it.each(["/", "/.latchkey/api/v1/users", "/cdn-cgi/platform-proxy"])(
    "does not answer whoever comes to the runtime's own port: %s",
    async (path) => {
      for (const headers of [{}, { "mf-edge-secret": "guess" }, { "MF-Route-Override": "origin" }]) {
        const asked = plainRequest(new URL(path, edge.workerUrl), {
          headers: {
            host: "app.localhost",
            "mf-cf-blob": JSON.stringify(forged),
            authorization: `Bearer ${edge.adminToken}`,
            ...headers,
          },
        });
        asked.end();
        const [response] = await once(asked, "response");
        expect([response.statusCode, await text(response)]).toEqual([404, "Not Found"]);
      }
    },
  );
});

describe("what passes unchanged", () => {
  const SIZE = 50 * 1024 * 1024;

  it("50 MB up, with a length and in chunks", async () => {
    const whole = Buffer.concat([...downloadBytes(0, SIZE)]);
    const sha256 = createHash("sha256").update(whole).digest("hex");
    for (const body of [whole, Readable.from(downloadBytes(0, SIZE))]) {
      const { text } = await send(edge, "/upload", { as: phone, method: "PUT", body });
      expect(JSON.parse(text)).toEqual({ size: SIZE, sha256 });
    }
  });

  it("50 MB down, and parts of it", async () => {
    const whole = await send(edge, `/download?size=${SIZE}`, { as: phone });
    expect(whole.body.equals(Buffer.concat([...downloadBytes(0, SIZE)]))).toBe(true);
    expect(whole.headers["content-length"]).toBe(String(SIZE));
    const part = await send(edge, `/download?size=${SIZE}`, {
      as: phone,
      headers: { range: "bytes=1000000-1999999" },
    });
    expect([part.status, part.headers["content-range"]]).toEqual([206, `bytes 1000000-1999999/${SIZE}`]);
    expect(part.body.equals(Buffer.concat([...downloadBytes(1_000_000, 2_000_000)]))).toBe(true);
  });

  it("statuses, redirects, cookies, conditional GETs and HEAD", async () => {
    for (const status of [204, 304, 401, 403, 404, 500, 503]) {
      const received = await send(edge, `/status/${status}`, { as: phone });
      expect([received.status, received.headers["x-demo-status"]]).toEqual([status, String(status)]);
    }
    const redirect = await send(edge, "/redirect", { as: phone });
    expect([redirect.status, redirect.headers.location]).toEqual([302, "/headers"]);
    expect((await send(edge, "/set-cookies", { as: phone })).headers["set-cookie"]).toHaveLength(2);
    const head = await send(edge, "/download?size=1000", { as: phone, method: "HEAD" });
    expect([head.status, head.headers["content-length"], head.text]).toEqual([200, "1000", ""]);
    const tag = { "if-none-match": '"demo-1000"' };
    expect((await send(edge, "/download?size=1000", { as: phone, headers: tag })).status).toBe(304);
  });

  it.each([
    "GET",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "PROPFIND",
    "MKCOL",
    "REPORT",
    "MOVE",
    "LOCK",
  ])("the method %s with a body", async (method) => {
    const headers = { "content-length": "4" };
    const { text } = await send(edge, "/echo?a=%2F&b", { as: phone, method, headers, body: "body" });
    expect(JSON.parse(text)).toMatchObject({ method, url: "/echo?a=%2F&b", body: { size: 4 } });
  });

  it("100 KB of headers", async () => {
    const { status } = await send(edge, "/headers", { as: phone, headers: { cookie: "a".repeat(100_000) } });
    expect(status).toBe(200);
  });

  it("server-sent events as they come, and the end when the client goes", async () => {
    const { certificate: cert, key } = phone;
    const asked = request({
      ...{ host: "127.0.0.1", port: edge.port, servername: "app.localhost", path: "/events?interval=60000" },
      ...{
        headers: { host: `app.localhost:${edge.port}`, "accept-encoding": "gzip" },
        ca: edge.ca,
        cert,
        key,
      },
      agent: false,
    });
    asked.end();
    const [response] = await once(asked, "response");
    // The next one comes in a minute: whatever waits for more to send would wait that long.
    const [first] = await once(response, "data");
    expect(String(first)).toMatch(/^id: 1\n/);
    expect(edge.openAtDemoApp?.()).toBe(1);
    errors.length = 0;
    asked.destroy();
    await expect.poll(() => edge.openAtDemoApp?.()).toBe(0);
    expect(errors).toEqual([]);
  });

  it("the client's connection for the next request", async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const body = Readable.from(["chunked"]);
    await send(edge, "/upload", { as: phone, agent, method: "POST", body });
    expect((await send(edge, "/", { as: phone, agent })).headers.connection).toBe("keep-alive");
    agent.destroy();
  });

  it("an answer that breaks off in the middle, as one that broke off", async () => {
    await expect(send(edge, "/truncated", { as: phone })).rejects.toThrow("aborted");
  });

  it("WebSockets with subprotocol, text, binary and close codes of both sides", async () => {
    const open = (as?: Credential) => {
      const options: ClientOptions & ConnectionOptions = {
        ca: edge.ca,
        headers: { host: `app.localhost:${edge.port}` },
        servername: "app.localhost",
        ...(as === undefined ? {} : { cert: as.certificate, key: as.key }),
      };
      return new WebSocket(`wss://127.0.0.1:${edge.port}/ws`, ["latchkey.test", "other"], options);
    };
    const socket = open(phone);
    await once(socket, "open");
    expect(socket.protocol).toBe("latchkey.test");
    const binary = Buffer.concat([...downloadBytes(0, 300_000)]);
    socket.send(binary);
    expect(binary.equals((await once(socket, "message"))[0])).toBe(true);
    socket.send("close 4001 enough");
    const [code, reason] = await once(socket, "close");
    expect([code, String(reason)]).toEqual([4001, "enough"]);

    const refused = open();
    const [error] = await once(refused, "error");
    expect(String(error)).toContain("404");
  });
});

describe("starting", () => {
  it("names a busy port, and leaves the folder free", async () => {
    const [stateDir, remove] = await temporaryFolder();
    await expect(startEdge({ port: edge.port, stateDir })).rejects.toThrow(`port ${edge.port} is in use`);
    const second = await startEdge({ port: 0, stateDir });
    await second.stop();
    await second.stop();
    await remove();
  });

  it("takes an app of the owner's, who gets the client's Host", async () => {
    const app = createServer(({ headers }, response) => response.end(headers.host)).listen(0, "127.0.0.1");
    await once(app, "listening");
    const origin = `http://127.0.0.1:${(app.address() as AddressInfo).port}`;
    const [stateDir, remove] = await temporaryFolder();
    const vars = { APPS: { "photos.example.com": { countries: ["US"] } }, REVOCATION_DELAY_SECONDS: 0 };
    const own = await startEdge({ port: 0, stateDir, origin, vars, country: "US" });
    await enrolDemoDevices(own);
    const as = demoDevice(own, "alice-phone");
    const { text } = await send(own, "/", { as, host: "photos.example.com" });
    expect(text).toBe(`photos.example.com:${own.port}`);
    expect((await send(own, "/", { as, host: "app.localhost" }).catch(String)).toString()).toContain(
      "altnames",
    );
    app.close();
    app.closeAllConnections();
    // What Cloudflare answers when nothing is at the end of the tunnel.
    const gone = await send(own, "/", { as, host: "photos.example.com" });
    expect([gone.status, gone.text]).toEqual([502, "error code: 502"]);
    await own.stop();
    await remove();
  });

  it("fails with a hint for an origin that is none", async () => {
    const stateDir = edge.paths.folder;
    await expect(startEdge({ port: 0, stateDir, origin: "photos" })).rejects.toThrow(
      "is not an app's address",
    );
    await expect(startEdge({ port: 0, stateDir })).rejects.toThrow("another edge uses this state folder");
  });
});
