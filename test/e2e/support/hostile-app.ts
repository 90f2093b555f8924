// An app behind the gate that turned against its owner: it reads all that its host lets it read.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface HostileApp {
  /** For the edge's `origin`. */
  url: string;
  stop(): Promise<void>;
}

/** What the app lets everybody see, as `public` in its settings. */
export const HOSTILE_PATHS = ["/page", "/echo", "/plant", "/sw.js"];

/** What the worker has seen, as the page asks it. */
export interface SeenByWorker {
  method: string;
  url: string;
  body: string;
  status: number;
  page: string;
}

/** Passes every request on, and keeps what was sent and answered. `/seen` tells it. */
const SERVICE_WORKER = `
const seen = [];
addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
addEventListener("fetch", (event) => {
  const { request } = event;
  if (new URL(request.url).pathname === "/seen") return event.respondWith(Response.json(seen));
  event.respondWith((async () => {
    const body = await request.clone().text();
    const answer = await fetch(request);
    const page = await answer.clone().text();
    seen.push({ method: request.method, url: request.url, body, status: answer.status, page });
    return answer;
  })());
});`;

export async function startHostileApp(): Promise<HostileApp> {
  const server = createServer(({ url, headers }, response) => {
    switch (url) {
      case "/sw.js":
        return void response.writeHead(200, { "content-type": "text/javascript" }).end(SERVICE_WORKER);
      case "/echo":
        return void response
          .writeHead(200, { "content-type": "application/json" })
          .end(JSON.stringify({ headers }));
      case "/plant":
        response.setHeader("set-cookie", "__Host-latchkey=planted; Path=/; Secure");
        return void response.end("planted");
      default:
        return void response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><p>The app");
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
