// A TLS client as plain as can be: node:https, with or without a client certificate.
import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from "node:http";
import { Agent, request } from "node:https";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import WebSocket from "ws";
import type { Credential } from "../../../scripts/certificates/authority.ts";
import type { Edge } from "../../../scripts/edge/edge.ts";

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  rawHeaders: string[];
  body: Buffer;
  text: string;
}

export interface Call {
  method?: string;
  host?: string;
  headers?: OutgoingHttpHeaders;
  body?: Buffer | string | Readable;
}

export class TlsClient {
  readonly #edge: Edge;
  readonly #agent: Agent;

  /** `localAddress`: the client's own, `127.0.0.2` for one of another network. */
  constructor(edge: Edge, credential?: Credential, localAddress?: string) {
    this.#edge = edge;
    this.#agent = new Agent({
      ca: edge.ca,
      keepAlive: true,
      ...(localAddress === undefined ? {} : { localAddress }),
      ...(credential === undefined ? {} : { cert: credential.certificate, key: credential.key }),
    });
  }

  /** The whole answer. Redirects are not followed. */
  async call(path: string, call: Call = {}): Promise<Answer> {
    const response = await this.open(path, call);
    const body = await buffer(response);
    return {
      status: response.statusCode ?? 0,
      headers: response.headers,
      rawHeaders: response.rawHeaders,
      body,
      text: body.toString(),
    };
  }

  /** The answer as it begins, its body unread. */
  open(path: string, { method = "GET", host = "app.localhost", headers = {}, body }: Call = {}) {
    return new Promise<IncomingMessage>((resolve, reject) => {
      const outgoing = request(
        {
          agent: this.#agent,
          host: "127.0.0.1",
          port: this.#edge.port,
          // TLS names a host of the server's certificate, whatever the request says.
          servername: "app.localhost",
          path,
          method,
          headers: { host: `${host}:${this.#edge.port}`, ...headers },
        },
        resolve,
      );
      outgoing.once("error", reject);
      if (body instanceof Readable) body.pipe(outgoing);
      else outgoing.end(body);
    });
  }

  webSocket(path: string, protocols: string[] = []): WebSocket {
    return new WebSocket(`wss://127.0.0.1:${this.#edge.port}${path}`, protocols, {
      agent: this.#agent,
      headers: { host: `app.localhost:${this.#edge.port}` },
    });
  }

  /** What the app saw of this request: the demo app's `/echo`. */
  async echo(call: Call = {}): Promise<{ method: string; url: string; headers: IncomingHttpHeaders }> {
    const { status, text } = await this.call("/echo", call);
    if (status !== 200) throw new Error(`echo: ${status} ${text}`);
    return JSON.parse(text) as { method: string; url: string; headers: IncomingHttpHeaders };
  }

  close(): void {
    this.#agent.destroy();
  }
}
