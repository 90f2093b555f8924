// Where the Worker's own requests end up: at the identity provider, or at the app behind the gate and nowhere else.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { parseOrigin } from "../../../scripts/edge/origin.ts";
import { type RunningWorker, startWorker } from "../../../scripts/edge/worker.ts";
import { readWorkerConfig } from "../../../scripts/edge/worker-config.ts";
import { SECRET_HEADER } from "../../../scripts/edge/workerd/door.ts";

/** In the place of ours: it fetches what it is asked to. */
const WORKER = `export default {
  fetch: (request) => fetch(request.headers.get("x-address")),
};`;

const folder = mkdtempSync(join(tmpdir(), "latchkey-reach-"));
const servers: Server[] = [];
let provider: string;
let stranger: string;
let worker: RunningWorker;

async function serve(name: string): Promise<string> {
  const server = createServer((request, response) => response.end(`${name}: ${request.url}`));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://localhost:${(server.address() as AddressInfo).port}`;
}

beforeAll(async () => {
  const main = join(folder, "worker.js");
  writeFileSync(main, WORKER);
  const app = await serve("app");
  provider = await serve("provider");
  stranger = await serve("stranger");
  const { options, ...config } = readWorkerConfig({});
  const { durableObjects: _, ...withoutObjects } = options;
  worker = await startWorker({
    config: { ...config, main, options: withoutObjects },
    ...{ vars: {}, latencyMs: 0, registry: join(folder, "registry"), log: () => undefined },
    origin: parseOrigin(app.replace("localhost", "127.0.0.1")),
    providerOrigins: [provider],
  });
});
afterAll(async () => {
  await worker?.stop();
  for (const server of servers) server.close();
  rmSync(folder, { recursive: true });
});

it.each([
  ["the provider", () => `${provider}/token?x=1`, "provider: /token?x=1"],
  ["an app's host", () => "https://app.localhost:8443/page", "app: /page"],
  ["another program on this machine", () => `${stranger}/page`, "app: /page"],
  ["the provider's host on another port", () => "http://localhost:1/page", "app: /page"],
])("%s", async (_, address, answer) => {
  const response = await fetch(worker.url, {
    headers: { [SECRET_HEADER]: worker.secret, "x-address": address() },
  });
  expect(await response.text()).toBe(answer);
});
