import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { clock } from "./clock.ts";
import { download } from "./download.ts";
import { EchoSocket } from "./echo.ts";
import { page } from "./page.ts";
import { pwa, pwaScript, pwaStyle, serviceWorker } from "./pwa.ts";

/** An app to stand behind the gate, which shows what reaches it. */
export interface DemoApp {
  /** `http://127.0.0.1:PORT` */
  url: string;
  /** Requests that are being answered now: an abort by the client must end them here. */
  readonly open: number;
  stop(): Promise<void>;
}

type Answer = (request: IncomingMessage, response: ServerResponse, url: URL) => void | Promise<void>;

const ANSWERS: Record<string, Answer> = {
  "/": page,
  "/headers": arrived,
  "/echo": echo,
  "/upload": upload,
  "/download": download,
  "/events": clock,
  "/set-cookies": setCookies,
  "/redirect": redirect,
  "/truncated": truncated,
  "/pwa": pwa,
  "/pwa/script.js": pwaScript,
  "/pwa/style.css": pwaStyle,
  "/service-worker.js": serviceWorker,
};

/** As many as the edge lets through. */
const MAX_HEADER_BYTES = 256 * 1024;

/** Starts the demo app on a free port of this machine. */
export async function startDemoApp(): Promise<DemoApp> {
  const sockets = new EchoSocket();
  const open = new Set<ServerResponse>();
  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES }, (request, response) => {
    open.add(response);
    response.once("close", () => open.delete(response));
    answer(request, response).catch(() => response.destroy());
  });
  // Uploads take their time.
  server.requestTimeout = 0;
  server.on("upgrade", (request, socket, head) => {
    if (urlOf(request).pathname === "/ws") sockets.accept(request, socket, head);
    else socket.end("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get open() {
      return open.size;
    },
    stop: () =>
      new Promise((resolve) => {
        sockets.stop();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = urlOf(request);
  const status = /^\/status\/([2-5]\d\d)$/.exec(url.pathname);
  if (status !== null) {
    const code = Number(status[1]);
    response.writeHead(code, { "Content-Type": "text/plain", "X-Demo-Status": code }).end(`status ${code}\n`);
    return;
  }
  const found = Object.hasOwn(ANSWERS, url.pathname) ? ANSWERS[url.pathname] : undefined;
  if (found !== undefined) return found(request, response, url);
  response.writeHead(404, { "Content-Type": "text/plain" }).end("The demo app has no such page.\n");
}

function urlOf(request: IncomingMessage): URL {
  return URL.parse(request.url ?? "/", "http://demo.invalid") ?? new URL("http://demo.invalid/");
}

function json(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { "Content-Type": "application/json" }).end(`${JSON.stringify(value, null, 2)}\n`);
}

/** `rawHeaders` keeps what `headers` joins: names as they came, and repetitions. */
function arrived({ method, url, headers, rawHeaders }: IncomingMessage, response: ServerResponse): void {
  json(response, { method, url, headers, rawHeaders });
}

async function digest(request: IncomingMessage): Promise<{ size: number; sha256: string }> {
  const hash = createHash("sha256");
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    hash.update(chunk);
    size += chunk.length;
  }
  return { size, sha256: hash.digest("hex") };
}

/** Any method: what arrived, and a digest of its body. */
async function echo(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method, url, headers } = request;
  json(response, { method, url, headers, body: await digest(request) });
}

async function upload(request: IncomingMessage, response: ServerResponse): Promise<void> {
  json(response, await digest(request));
}

function setCookies(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, {
    "Set-Cookie": [
      "session=1; Path=/; HttpOnly",
      "theme=dark; Path=/; Expires=Fri, 31 Dec 2049 23:59:59 GMT",
    ],
  });
  response.end();
}

function redirect(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(302, { Location: "/headers", "Content-Type": "text/plain" }).end("see /headers\n");
}

/** An app that dies in the middle of its answer. */
function truncated(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, { "Content-Type": "text/plain", "Content-Length": 1_000 });
  response.write("the first bytes of more", () => response.destroy());
}
