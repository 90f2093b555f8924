import { Agent, fetch } from "undici";
import type { Edge } from "../../../scripts/edge/edge.ts";
import { API_PATH } from "../../../src/control/contract.ts";

/** A caller of the API of an edge's Worker, with the admin token. Throws on every error status. */
export function apiOf(edge: Edge) {
  const dispatcher = new Agent({ connect: { ca: edge.ca } });
  return async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const response = await fetch(`${edge.url("localhost")}${API_PATH}${path}`, {
      method,
      dispatcher,
      headers: {
        authorization: `Bearer ${edge.adminToken}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  };
}
