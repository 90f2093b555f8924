// Answers that come before the upload was read: refusals of the gate and the API, and an app's own.
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { Agent } from "node:https";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { connect } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Credential } from "../../../scripts/edge/certificates.ts";
import { type Edge, startEdge } from "../../../scripts/edge/edge.ts";
import { enrolDemoDevices } from "../../../scripts/edge/first-start.ts";
import { demoDevice, send, temporaryFolder } from "./client.ts";

let edge: Edge;
let phone: Credential;
let app: Server;
const errors: unknown[] = [];
let cleanUp: () => Promise<void>;

/** Refuses uploads without reading them, as Nextcloud does a body that is too large. */
function startApp(): Server {
  return createServer((request, response) => {
    if (request.url === "/too-large") {
      response.writeHead(413, { "Content-Type": "text/plain", "Content-Length": 9 }).end("Too Large");
    } else if (request.url === "/sign-in") {
      response.writeHead(401, { "Content-Type": "text/plain" });
      response.write("Sign ");
      response.end("in");
    } else if (request.url === "/long") {
      response.writeHead(413, { "Content-Type": "text/plain" }).end("x".repeat(50_000));
    } else {
      request.resume().on("end", () => response.end("read"));
    }
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
    const [head] = /^HTTP\/1\.1 \d{3} [^]*?\r\n\r\n/.exec(left) ?? [];
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
    [
      "by the API",
      { path: "/.latchkey/api/v1/users/alice/devices", host: "localhost" },
      404,
      /^Not Found$/,
    ],
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

it("leaves a client that keeps connections in step", async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  for (let time = 0; time < 50; time++) {
    const body = Buffer.alloc(300_000, "0");
    const refused = await send(edge, "/too-large", { as: phone, agent, method: "POST", body });
    expect([refused.status, refused.text]).toEqual([413, "Too Large"]);
    const read = await send(edge, "/read", { as: phone, agent, method: "POST", body });
    expect([read.status, read.text]).toEqual([200, "read"]);
  }
  agent.destroy();
  expect(errors).toEqual([]);
});
