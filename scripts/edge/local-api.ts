// Requests to an edge on this machine, through its front door. Its hosts need not resolve, whatever they are called.
import { once } from "node:events";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { type Agent, request } from "node:https";
import { text } from "node:stream/consumers";
import { API_PATH } from "../../src/contract/paths.ts";
import type { Credential } from "../certificates/authority.ts";

export interface LocalRequest {
  host: string;
  port: number | string;
  /** PEM: who signed the edge's certificate. */
  ca: string;
  method: string;
  path: string;
  headers?: IncomingHttpHeaders;
  body?: string | undefined;
  /** What to show; nothing without it. */
  credential?: Credential | undefined;
  /** Without one, the request has a connection of its own. */
  agent?: Agent;
  signal?: AbortSignal;
}

export async function askLocally(asked: LocalRequest): Promise<{
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}> {
  const { host, port, headers, body, credential, agent = false, ...rest } = asked;
  const outgoing = request({
    ...{ ...rest, host: "127.0.0.1", servername: host, port, agent },
    headers: { host: `${host}:${port}`, ...headers },
    ...(credential === undefined ? {} : { cert: credential.certificate, key: credential.key }),
  });
  // What goes wrong after the head of the answer is an error of the answer.
  outgoing.on("error", () => undefined);
  outgoing.end(body);
  const [response] = (await once(outgoing, "response")) as [IncomingMessage];
  return { status: response.statusCode ?? 0, headers: response.headers, text: await text(response) };
}

/** Calls the API as the command line does. */
export async function callApi(
  { apiHost: host, port, ca, adminToken }: { apiHost: string; port: number; ca: string; adminToken: string },
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; body: unknown }> {
  const answer = await askLocally({
    ...{ host, port, ca, method, path: `${API_PATH}${path}` },
    headers: {
      authorization: `Bearer ${adminToken}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    body: JSON.stringify(body),
  });
  const isJson = /^application\/(problem\+)?json\b/.test(answer.headers["content-type"] ?? "");
  return { status: answer.status, body: isJson ? JSON.parse(answer.text) : undefined };
}
