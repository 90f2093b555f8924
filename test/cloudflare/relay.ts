import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { request } from "node:https";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import type { Edge } from "../../scripts/edge/edge.ts";

/** What the relay does to one request instead of passing it on, or after it was passed on and answered. */
export type RelayFault = "lose-request" | "lose-answer" | "hang" | keyof typeof ANSWERS;

/** What others, or the gate in need, answer instead. */
const ANSWERS = {
  /** What strangers get from a gate that cannot. */
  unavailable: { status: 503, type: "text/plain", text: "Service Unavailable" },
  /** The API, whose objects fail or refuse to write. */
  "registry-unavailable": {
    status: 503,
    type: "application/problem+json",
    text: JSON.stringify({
      type: "about:blank",
      title: "The registry does not answer",
      status: 503,
      detail: "try again in a minute; nothing is lost, and repeating does no harm",
      code: "registry-unavailable",
    }),
  },
  /** A Worker that was deployed before there was such an operation. */
  "unknown-operation": {
    status: 404,
    type: "application/problem+json",
    text: JSON.stringify({
      type: "about:blank",
      title: "There is nothing here",
      status: 404,
      detail: "see which paths there are: GET /openapi.json",
      code: "not-found",
    }),
  },
  /** Cloudflare, over the day's Worker requests. */
  "over-the-limit": { status: 429, type: "text/html", text: "<html>error code: 1027</html>" },
} as const;

/** Stands between the command line and the local edge, on loopback, and fails where a test says so. */
export interface Relay {
  /** `http://127.0.0.1:PORT` */
  url: string;
  /** The next so many requests whose `METHOD /path` holds this text fail. */
  fail(match: string, fault: RelayFault, times?: number): void;
  /** From now on these calls are answered here, with JSON. */
  answer(call: string, body: () => unknown): void;
  /** No call fails any more. */
  heal(): void;
  /** `METHOD /path` and body of each request. */
  requests: { call: string; body: string }[];
  stop(): Promise<void>;
}

export async function startRelay(edge: Edge, host: string): Promise<Relay> {
  let plans: { match: string; fault: RelayFault; times: number }[] = [];
  const answers = new Map<string, () => unknown>();
  const requests: Relay["requests"] = [];

  async function serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { method = "GET", url = "/" } = incoming;
    const body = await buffer(incoming);
    const call = `${method} ${url}`;
    requests.push({ call, body: body.toString() });
    const plan = plans.find(({ match, times }) => times > 0 && call.includes(match));
    if (plan !== undefined) plan.times -= 1;
    if (plan?.fault === "lose-request") return void outgoing.socket?.resetAndDestroy();
    if (plan?.fault === "hang") return;
    if (plan !== undefined && plan.fault !== "lose-answer") {
      const { status, type, text } = ANSWERS[plan.fault];
      return void outgoing.writeHead(status, { "content-type": type }).end(text);
    }
    const own = answers.get(call);
    if (own !== undefined) {
      outgoing.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(own()));
      return;
    }
    const { status, headers, text } = await pass(edge, host, incoming, body);
    if (plan?.fault === "lose-answer") return void outgoing.socket?.resetAndDestroy();
    outgoing.writeHead(status, { "content-type": headers["content-type"] ?? "" }).end(text);
  }

  const server = createServer((incoming, outgoing) => void serve(incoming, outgoing));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    fail: (match, fault, times = 1) => void plans.push({ match, fault, times }),
    answer: (call, body) => void answers.set(call, body),
    heal: () => {
      plans = [];
    },
    requests,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function pass(edge: Edge, host: string, { method, url, headers }: IncomingMessage, body: Buffer) {
  return new Promise<{ status: number; headers: IncomingMessage["headers"]; text: Buffer }>(
    (resolve, reject) => {
      const { authorization, accept, "content-type": type } = headers;
      request(
        {
          host: "127.0.0.1",
          port: edge.port,
          servername: host,
          method,
          path: url,
          ca: edge.ca,
          agent: false,
          headers: {
            host: `${host}:${edge.port}`,
            authorization,
            accept,
            ...(type === undefined ? {} : { "content-type": type }),
          },
        },
        (response) => {
          buffer(response).then(
            (text) => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
            reject,
          );
        },
      )
        .on("error", reject)
        .end(body);
    },
  );
}
