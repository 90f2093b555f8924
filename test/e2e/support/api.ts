import type { Edge } from "../../../scripts/edge/edge.ts";
import { callApi } from "../../../scripts/edge/local-api.ts";

/** A caller of the API of an edge's Worker, with the admin token. Throws on every error status. */
export function apiOf(edge: Edge) {
  return async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const answer = await callApi(edge, method, path, body);
    if (answer.status >= 200 && answer.status < 300) return answer.body;
    throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  };
}
