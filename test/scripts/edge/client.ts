import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import type { IncomingHttpHeaders } from "node:http";
import { type Agent, request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import type { Credential } from "../../../scripts/certificates/authority.ts";
import type { Edge } from "../../../scripts/edge/edge.ts";
import type { DemoDevice } from "../../../scripts/edge/state/paths.ts";

export interface Received {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
  text: string;
}

export interface Sending {
  method?: string;
  headers?: Record<string, string | string[]>;
  body?: string | Buffer | Readable;
  /** Who asks; nobody presents no certificate. */
  as?: Credential;
  agent?: Agent;
  host?: string;
}

/** One request over a TLS connection of its own (unless an agent is given), with or without a certificate. */
export async function send(edge: Edge, path: string, sending: Sending = {}): Promise<Received> {
  const { method = "GET", headers = {}, body, as, agent, host = "app.localhost" } = sending;
  const { promise, resolve, reject } = Promise.withResolvers<Received>();
  const outgoing = request(
    {
      host: "127.0.0.1",
      servername: host,
      port: edge.port,
      path,
      method,
      headers: { host: `${host}:${edge.port}`, ...headers },
      ca: edge.ca,
      agent: agent ?? false,
      ...(as === undefined ? {} : { cert: as.certificate, key: as.key }),
    },
    (response) => {
      buffer(response).then((received) => {
        const { statusCode = 0, headers } = response;
        resolve({ status: statusCode, headers, body: received, text: received.toString() });
      }, reject);
    },
  );
  outgoing.on("error", reject);
  if (body !== undefined && typeof body === "object" && "pipe" in body) body.pipe(outgoing);
  else outgoing.end(body);
  return promise;
}

/** One of the demo's devices, out of the state folder. */
export function demoDevice(edge: Edge, name: DemoDevice): Credential {
  const { pem, key } = edge.paths.devices[name];
  return { certificate: readFileSync(pem, "utf8"), key: readFileSync(key, "utf8") };
}

/** A folder of the test's own; the second value deletes it. */
export async function temporaryFolder(): Promise<[string, () => Promise<void>]> {
  const folder = await mkdtemp(join(tmpdir(), "latchkey-edge-"));
  return [folder, () => rm(folder, { recursive: true, force: true })];
}
