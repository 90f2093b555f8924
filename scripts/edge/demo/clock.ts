import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";

const DEFAULT_INTERVAL_MS = 1_000;
const MIN_INTERVAL_MS = 10;
const MAX_INTERVAL_MS = 60_000;

/** `GET /events?interval=MS`: the time as server-sent events, the first immediately, until the client goes. */
export async function clock(_request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
  const asked = Number(url.searchParams.get("interval") ?? DEFAULT_INTERVAL_MS);
  const interval = Math.min(Math.max(asked || DEFAULT_INTERVAL_MS, MIN_INTERVAL_MS), MAX_INTERVAL_MS);
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  let id = 0;
  const tick = () => response.write(`id: ${++id}\ndata: ${new Date().toISOString()}\n\n`);
  tick();
  const timer = setInterval(tick, interval);
  await once(response, "close");
  clearInterval(timer);
}
