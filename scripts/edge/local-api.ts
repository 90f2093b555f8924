import { request } from "node:https";
import { json } from "node:stream/consumers";
import { API_PATH } from "../../src/contract/paths.ts";
import type { Edge } from "./edge.ts";

/**
 * Calls the API through the edge's front door, as the command line does. Unlike that, it needs no
 * name to resolve: the edge is on this machine, whatever its hosts are called.
 */
export async function callApi(
  edge: Pick<Edge, "apiHost" | "port" | "ca" | "adminToken">,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; body: unknown }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: unknown }>();
  const outgoing = request(
    {
      host: "127.0.0.1",
      servername: edge.apiHost,
      port: edge.port,
      path: `${API_PATH}${path}`,
      method,
      ca: edge.ca,
      agent: false,
      headers: {
        host: `${edge.apiHost}:${edge.port}`,
        authorization: `Bearer ${edge.adminToken}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
    },
    (response) => {
      const isJson = /^application\/(problem\+)?json\b/.test(response.headers["content-type"] ?? "");
      const received = isJson ? json(response) : Promise.resolve(response.resume()).then(() => undefined);
      received.then((value) => resolve({ status: response.statusCode ?? 0, body: value }), reject);
    },
  );
  outgoing.on("error", reject);
  outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  return promise;
}
