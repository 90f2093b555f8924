// What the edge makes of odd clients and odd apps: every answer is the real one, and belongs to its request.
import { once } from "node:events";
import {
  type ClientRequest,
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { Agent, request } from "node:https";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { connect } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Credential } from "../../../scripts/certificates/authority.ts";
import { type Edge, startEdge } from "../../../scripts/edge/edge.ts";
import { enrolDemoDevices } from "../../../scripts/edge/first-start.ts";
import { demoDevice, send, temporaryFolder } from "./client.ts";

/** On a busy machine. */
const PATIENCE = { timeout: 10_000 };

let edge: Edge;
let phone: Credential;
let app: Server;
const errors: unknown[] = [];
const logged: string[] = [];
let cleanUp: () => Promise<void>;

/** Requests that the app is answering now. */
let open = 0;
/** Whether it waits for room to write more of an endless answer. */
let heldBack = false;

/** An app that is not like others. */
const ANSWERS: Record<string, (request: IncomingMessage, response: ServerResponse) => void> = {
  "/too-large": (_, response) => {
    response.writeHead(413, { "Content-Type": "text/plain", "Content-Length": 9 }).end("Too Large");
  },
  "/sign-in": (_, response) => {
    response.writeHead(401, { "Content-Type": "text/plain" });
    response.write("Sign ");
    response.end("in");
  },
  "/long": (_, response) => {
    response.writeHead(413, { "Content-Type": "text/plain" }).end("x".repeat(50_000));
  },
  "/big-header": (request, response) => {
    response.writeHead(200, { "X-Big": "x".repeat(Number(request.headers["x-size"])) }).end("big");
  },
  "/informs": (_, response) => {
    response.writeEarlyHints({ link: "</style.css>; rel=preload" }, () => {
      response.writeHead(200, { Trailer: "X-End" });
      response.write("informed");
      response.addTrailers({ "X-End": "1" });
      response.end();
    });
  },
  "/empty": (_, response) => response.writeHead(204, { "X-Empty": "1" }).end(),
  "/two-ways": (request, response) => {
    response.writeHead(200);
    request.pipe(response);
  },
  "/endless": (_, response) => {
    response.writeHead(200);
    const more = () => {
      while (response.writable && response.write("x".repeat(65_536)));
      heldBack = response.writableNeedDrain;
    };
    response.on("drain", more);
    more();
  },
};

/** What an app's socket says instead of HTTP. */
const BYTES: Record<string, string | undefined> = {
  "/closes": "",
  "/half": "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
  "/half-chunk": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nhalf",
  "/no-http": "220 mail.example.com ESMTP\r\n",
  "/bad-status": "HTTP/1.1 99999 What\r\n\r\n",
  "/two-lengths": "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
};

function startApp(): Server {
  return createServer({ maxHeaderSize: 256 * 1024 }, (request, response) => {
    open += 1;
    response.once("close", () => {
      open -= 1;
    });
    const { url = "" } = request;
    const bytes = BYTES[url];
    if (bytes !== undefined) request.socket.end(bytes);
    else if (url === "/resets") request.socket.resetAndDestroy();
    else if (ANSWERS[url] !== undefined) ANSWERS[url](request, response);
    else request.resume().on("end", () => response.end(`read ${url}`));
  }).listen(0, "127.0.0.1");
}

beforeAll(async () => {
  app = startApp();
  await once(app, "listening");
  const [folder, remove] = await temporaryFolder();
  const origin = `http://127.0.0.1:${(app.address() as AddressInfo).port}`;
  edge = await startEdge({
    port: 0,
    stateDir: folder,
    origin,
    onError: (error) => errors.push(error),
    onWorkerLog: ({ message }) => logged.push(message),
    vars: {
      APPS: { "app.localhost": {}, "vault.localhost": { profile: "sync" }, localhost: {} },
    },
  });
  cleanUp = async () => {
    await edge.stop();
    app.close();
    app.closeAllConnections();
    await remove();
  };
  await enrolDemoDevices(edge);
  phone = demoDevice(edge, "alice-phone");
});
afterAll(() => cleanUp?.());

interface Upload {
  path: string;
  size: number;
  host?: string;
  as?: Credential | undefined;
}

/**
 * Sends the whole upload, and another request behind it on the same connection. Returns what comes back,
 * byte by byte: a client of its own would hide something.
 */
async function upload({ path, size, host = "app.localhost", as }: Upload): Promise<string> {
  const socket = connect({
    ...{ host: "127.0.0.1", port: edge.port, servername: host, ca: edge.ca },
    ...(as === undefined ? {} : { cert: as.certificate, key: as.key }),
  });
  const head = `Host: ${host}:${edge.port}\r\n`;
  socket.write(`POST ${path} HTTP/1.1\r\n${head}Content-Length: ${size}\r\n\r\n`);
  socket.write(Buffer.alloc(size, "0"));
  socket.write(`GET /next HTTP/1.1\r\n${head}Connection: close\r\n\r\n`);
  return String(await buffer(socket));
}

interface Answer {
  status: number;
  body: string;
  isLast: boolean;
}

/** The answers of a connection, each as its headers delimit it. Throws for what is none. */
function answersIn(text: string): Answer[] {
  const answers: Answer[] = [];
  for (let left = text; left !== ""; ) {
    const [head] = /^HTTP\/1\.1 \d{3} [\s\S]*?\r\n\r\n/.exec(left) ?? [];
    if (head === undefined) throw new Error(`no answer: ${left.slice(0, 200)}`);
    left = left.slice(head.length);
    let body = "";
    const take = (count: number) => {
      if (left.length < count) throw new Error(`${left.length} bytes of ${count} after ${head}`);
      const taken = left.slice(0, count);
      left = left.slice(count);
      return taken;
    };
    const length = /^content-length: (\d+)\r$/im.exec(head)?.[1];
    if (length !== undefined) body = take(Number(length));
    for (let size = length === undefined ? 1 : 0; size > 0; ) {
      const line = take(left.indexOf("\r\n") + 2);
      size = Number.parseInt(line, 16);
      body += take(size);
      take(2);
    }
    answers.push({ status: Number(head.slice(9, 12)), body, isLast: /^connection: close\r$/im.test(head) });
  }
  return answers;
}

/** Bytes, and how often: what the kernel's buffers take whole, what they do not, and far more. */
const SIZES = [
  [100_000, 50],
  [1_000_000, 25],
  [10_000_000, 4],
] as const;

describe.each(SIZES)("an upload of %i bytes that is answered before it was read", (size, times) => {
  it.each<[string, Omit<Upload, "size">, number, RegExp]>([
    ["by the gate, 404", { path: "/x" }, 404, /^Not Found$/],
    ["by the gate, 503", { path: "/x", host: "vault.localhost" }, 503, /^/],
    ["by the API", { path: "/.latchkey/api/v1/users/alice/devices", host: "localhost" }, 404, /^Not Found$/],
    ["by the app, with a length", { path: "/too-large" }, 413, /^Too Large$/],
    ["by the app, in chunks", { path: "/sign-in" }, 401, /^Sign in$/],
    ["by the app, at length", { path: "/long" }, 413, /^x{50000}$/],
  ])("%s", async (_, sending, status, body) => {
    const as = sending.path === "/x" || sending.path.startsWith("/.latchkey") ? undefined : phone;
    for (let time = 0; time < times; time++) {
      const [answer, ...next] = answersIn(await upload({ ...sending, as, size }));
      expect(answer?.status).toBe(status);
      expect(answer?.body).toMatch(body);
      // Either the connection ends, or the next request on it gets an answer of its own.
      expect(next.map((each) => each.status)).toEqual(
        answer?.isLast === true ? [] : [as === undefined ? status : 200],
      );
    }
  });
});

it.each([
  ["GET", "the gate", "/x", 404],
  ["POST", "the gate", "/x", 404],
  ["POST", "the app", "/too-large", 413],
])("answers a %s whose body is still to come, by %s", async (method, by, path, status) => {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = connect({
    ...{ host: "127.0.0.1", port: edge.port, servername: "app.localhost", ca: edge.ca },
    ...(by === "the gate" ? {} : { cert: phone.certificate, key: phone.key }),
  });
  socket.once("data", (data) => resolve(String(data)));
  socket.write(`${method} ${path} HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: 10\r\n\r\n`);
  expect(await promise).toMatch(new RegExp(`^HTTP/1.1 ${status} [\\s\\S]*\r\nConnection: close\r\n`));
  socket.destroy();
});

it("leaves clients that keep connections in step", async () => {
  const keep = async (size: number) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const body = Buffer.alloc(size, "0");
    for (let time = 0; time < 20; time++) {
      const refused = await send(edge, "/too-large", { as: phone, agent, method: "POST", body });
      expect([refused.status, refused.text]).toEqual([413, "Too Large"]);
      const read = await send(edge, `/${time}`, { as: phone, agent });
      expect([read.status, read.text]).toEqual([200, `read /${time}`]);
    }
    agent.destroy();
  };
  await Promise.all([60_000, 100_000, 100_000, 300_000].map(keep));
  expect(errors).toEqual([]);
});

it("answers 50 requests that were sent at once, in their order", async () => {
  const paths = Array.from({ length: 50 }, (_, index) => `/${index}`);
  const last = (path: string) => (path === paths.at(-1) ? "Connection: close\r\n" : "");
  const answers = answersIn(
    await speak(
      paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: app.localhost\r\n${last(path)}\r\n`).join(""),
    ),
  );
  expect(answers.map(({ body }) => body)).toEqual(paths.map((path) => `read ${path}`));
});

it("outlives an upgrade that is sent ahead, behind a request that is not answered yet", async () => {
  const head = "Host: app.localhost\r\n";
  const upgrade = `GET /ws HTTP/1.1\r\n${head}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;
  const socket = connect({
    ...{ host: "127.0.0.1", port: edge.port, servername: "app.localhost", ca: edge.ca },
  });
  socket.write(`GET / HTTP/1.1\r\n${head}\r\n${upgrade}`);
  await once(socket, "close");
  expect((await send(edge, "/next", { as: phone })).status).toBe(200);
  expect(errors).toEqual([]);
});

describe("an app's answer", () => {
  it.each([14_000, 30_000, 60_000, 100_000])("with %i bytes of headers passes", async (size) => {
    const answer = await speak(
      `GET /big-header HTTP/1.1\r\nHost: app.localhost\r\nX-Size: ${size}\r\nConnection: close\r\n\r\n`,
    );
    expect(/^x-big: (x+)\r$/im.exec(answer)?.[1]).toHaveLength(size);
    expect(answersIn(answer)).toEqual([{ status: 200, body: "big", isLast: true }]);
  });

  it("loses early hints and trailers, as the runtime drops them, and nothing else", async () => {
    const { status, text } = await send(edge, "/informs", { as: phone });
    expect([status, text]).toEqual([200, "informed"]);
  });

  it("without a body has none, and no length that it did not have", async () => {
    const { status, headers, text } = await send(edge, "/empty", { as: phone });
    expect([status, headers["x-empty"], headers["content-length"], text]).toEqual([204, "1", undefined, ""]);
    const head = await send(edge, "/too-large", { as: phone, method: "HEAD" });
    expect([head.status, head.headers["content-length"], head.text]).toEqual([413, "9", ""]);
  });

  it("comes while the upload is still being sent", async () => {
    const { outgoing, response } = await begin("/two-ways", "POST", "first ");
    expect(String((await once(response, "data"))[0])).toBe("first ");
    outgoing.end("second");
    expect(String(await buffer(response))).toBe("second");
  });

  it.each(["/closes", "/resets", "/no-http", "/bad-status", "/two-lengths"])(
    "that is none is 502, and the next one is right: %s",
    async (path) => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      for (let time = 0; time < 5; time++) {
        expect((await send(edge, path, { as: phone, agent })).status).toBe(502);
        const next = await send(edge, `/${time}`, { as: phone, agent });
        expect([next.status, next.text]).toEqual([200, `read /${time}`]);
      }
      agent.destroy();
    },
  );

  it.each(["/half", "/half-chunk"])("that breaks off is seen as such: %s", async (path) => {
    await expect(send(edge, path, { as: phone })).rejects.toThrow(/aborted|hang up|ECONNRESET/);
  });
});

describe("a client that goes away", () => {
  it("ends no request of others, on connections that are free for them by then", async () => {
    let isOver = false;
    const leave = async () => {
      while (!isOver) {
        const socket = connect({
          ...{ host: "127.0.0.1", port: edge.port, servername: "app.localhost", ca: edge.ca },
          ...{ cert: phone.certificate, key: phone.key },
        });
        socket.on("error", () => undefined).once("data", () => socket.destroy());
        const closed = new Promise((resolve) => socket.once("close", resolve));
        socket.write("GET /next HTTP/1.1\r\nHost: app.localhost\r\n\r\n".repeat(10));
        await closed;
      }
    };
    const stay = async () => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      const statuses = new Set<number>();
      for (let time = 0; time < 60; time++) {
        statuses.add((await send(edge, "/next", { as: phone, agent })).status);
      }
      agent.destroy();
      return [...statuses];
    };
    const leaving = Promise.all([leave(), leave()]);
    const statuses = await Promise.all([stay(), stay(), stay()]).finally(() => {
      isOver = true;
    });
    await leaving;
    expect(statuses).toEqual([[200], [200], [200]]);
    expect(errors).toEqual([]);
  });

  it("ends its upload at the app", async () => {
    const uploads = Array.from({ length: 20 }, () => start("/upload", "POST"));
    for (const outgoing of uploads) outgoing.write("some");
    await expect.poll(() => open, PATIENCE).toBe(20);
    for (const outgoing of uploads) outgoing.destroy();
    await expect.poll(() => open, PATIENCE).toBe(0);
    expect(errors).toEqual([]);
  });

  it("ends its download at the app, which waited while nothing was read", async () => {
    const { outgoing, response } = await begin("/endless", "GET");
    response.pause();
    await expect.poll(() => heldBack, PATIENCE).toBe(true);
    outgoing.destroy();
    await expect.poll(() => open, PATIENCE).toBe(0);
  });
});

/** A request whose body is the caller's to send. */
function start(path: string, method: string): ClientRequest {
  const outgoing = request({
    ...{ host: "127.0.0.1", port: edge.port, servername: "app.localhost", ca: edge.ca },
    ...{ cert: phone.certificate, key: phone.key, agent: false, path, method },
    headers: { host: "app.localhost" },
  });
  outgoing.on("error", () => undefined);
  return outgoing;
}

async function begin(path: string, method: string, body?: string) {
  const outgoing = start(path, method);
  if (body === undefined) outgoing.end();
  else outgoing.write(body);
  const [response] = (await once(outgoing, "response")) as [IncomingMessage];
  response.on("error", () => undefined);
  return { outgoing, response };
}

/** Sends these bytes as the phone, and returns all that comes back. */
async function speak(bytes: string): Promise<string> {
  const socket = connect({
    ...{ host: "127.0.0.1", port: edge.port, servername: "app.localhost", ca: edge.ca },
    ...{ cert: phone.certificate, key: phone.key },
  });
  socket.write(bytes);
  return String(await buffer(socket));
}

it.each(["app.localhost:99999", "app.localhost:abc", "app .localhost", "[::1", "a, b"])(
  "refuses a Host that is no URL's as an unknown app: %s",
  async (host) => {
    logged.length = 0;
    const path = `/host-${crypto.randomUUID()}`;
    const [answer] = answersIn(
      await speak(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`),
    );
    expect(answer?.status).toBe(503);
    // Earlier refusals may be summed up meanwhile.
    const refused = () => logged.filter((line) => !line.includes('"event":"counted"'));
    await expect.poll(refused, PATIENCE).toEqual([expect.stringContaining('"reason":"unknown-app"')]);
  },
);
