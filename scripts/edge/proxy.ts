import { type ClientRequest, request as httpRequest, type IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { type Duplex, pipeline } from "node:stream";
import { TLSSocket } from "node:tls";
import { cfProperties, rewriteHeaders } from "./cloudflare.ts";
import { RuntimeAgent } from "./runtime-agent.ts";
import type { Handshakes } from "./tls/client-auth.ts";
import { withRevocation } from "./tls/client-auth.ts";
import { MAX_HEADER_BYTES } from "./tls/server.ts";
import type { RunningWorker } from "./worker.ts";
import { BLOCKED_HEADER, SECRET_HEADER } from "./workerd/door.ts";

/** Carries `request.cf` to the runtime. */
const CF_HEADER = "mf-cf-blob";

/** How long a client may go on sending a body that was answered before it was read. As nginx's `lingering_time`. */
const LINGER_MS = 30_000;

/** Headers that apply to one connection only: a client's to us, or ours to the runtime. */
const CONNECTION_HEADERS: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "trailer",
]);

export interface ProxyOptions {
  worker: RunningWorker;
  handshakes: Handshakes;
  /** Where all clients appear to be. */
  country: string;
  revoked(): Promise<ReadonlySet<string>>;
  /** The value of the Worker's variable `BLOCKED`; `undefined` leaves it as it is. */
  blocked(): Promise<unknown>;
  /** Gets the reason why a request could not be passed on. */
  onError(error: unknown): void;
}

/** Carries requests from the TLS server to the Worker, and its answers back. */
export class EdgeProxy {
  readonly #options: ProxyOptions;
  readonly #agent = new RuntimeAgent();
  /** How many answers each connection still waits for: more than one where requests are sent ahead. */
  readonly #awaited = new WeakMap<Socket, number>();
  /** Clients whose connection was announced to end with this answer. */
  readonly #closing = new WeakSet<Socket>();

  constructor(options: ProxyOptions) {
    this.#options = options;
  }

  async request(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { socket } = request;
    if (this.#closing.has(socket)) return;
    this.#count(socket, 1);
    response.once("close", () => this.#count(socket, -1));
    const outgoing = await this.#ask(request, response);
    if (outgoing === undefined) return;
    // The answer may come before the body does, and the client may wait for it.
    if (hasBody(request)) outgoing.flushHeaders();
    request.pipe(outgoing);
    // What the runtime no longer takes is read all the same, for the client's sake.
    outgoing.once("close", () => {
      request.unpipe(outgoing);
      request.resume();
    });
  }

  async upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const client = socket as Socket;
    // Sent ahead, behind a request that is not answered yet: no client does so, and Node's server has released both.
    if ((this.#awaited.get(client) ?? 0) > 0) {
      client.destroy();
      return;
    }
    // For every answer that is not a WebSocket.
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(client);
    response.once("finish", () => client.destroySoon());

    const outgoing = await this.#ask(request, response);
    outgoing?.on("upgrade", (incoming, runtime: Socket, runtimeHead) => {
      response.detachSocket(client);
      client.write(headOf(incoming), "latin1");
      client.unshift(head);
      runtime.unshift(runtimeHead);
      join(client, runtime);
    });
    outgoing?.end();
  }

  stop(): void {
    this.#agent.destroy();
  }

  #count(socket: Socket, change: 1 | -1): void {
    this.#awaited.set(socket, (this.#awaited.get(socket) ?? 0) + change);
  }

  /** Begins the same request at the Worker, and has its answer sent. Without it, the client has been refused. */
  async #ask(request: IncomingMessage, response: ServerResponse): Promise<ClientRequest | undefined> {
    let outgoing: ClientRequest;
    try {
      const headers = await this.#headersFor(request);
      if (response.destroyed) return;
      const { hostname, port } = this.#options.worker.url;
      const { method, url: path = "/" } = request;
      outgoing = httpRequest({
        ...{ agent: this.#agent, hostname, port, method, headers, maxHeaderSize: MAX_HEADER_BYTES },
        // `*`, and what is meant for a proxy: paths that no app has.
        path: path.startsWith("/") ? path : `/${path}`,
      });
    } catch (error) {
      this.#fail(request, response, error);
      return;
    }
    outgoing.once("response", (incoming) => {
      // The runtime closes a connection whose upload it did not read, and does not announce it.
      if (hasBody(request)) outgoing.shouldKeepAlive = false;
      try {
        this.#begin(request, response, incoming);
      } catch (error) {
        incoming.destroy();
        this.#fail(request, response, error);
        return;
      }
      pipeline(incoming, response, () => undefined);
    });
    outgoing.on("error", (error) => {
      // An answer that has begun ends or breaks off by itself; nobody waits for one that was abandoned.
      if (!response.headersSent && !response.destroyed) this.#fail(request, response, error);
    });
    // A client that goes away ends the request at the app, too. Closing is not enough: the
    // runtime would notice at its next write, which may be a minute away.
    response.once("close", () => {
      // Done with the runtime: the connection may carry another client's request by now.
      if (outgoing.destroyed) return;
      outgoing.socket?.resetAndDestroy();
      outgoing.destroy();
    });
    return outgoing;
  }

  /** The runtime's status and headers, as they came. */
  #begin(request: IncomingMessage, response: ServerResponse, incoming: IncomingMessage): void {
    const headers = endToEnd(incoming.rawHeaders);
    if (this.#isLast(request)) headers.push("Connection", "close");
    response.writeHead(incoming.statusCode ?? 502, incoming.statusMessage, headers);
  }

  /** Never more than these two words: what went wrong is for the owner's terminal. */
  #fail(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    this.#options.onError(error);
    if (response.headersSent) {
      response.destroy();
      return;
    }
    response.writeHead(502, {
      "Content-Type": "text/plain; charset=utf-8",
      "Cache-Control": "no-store",
      ...(this.#isLast(request) ? { Connection: "close" } : {}),
    });
    response.end("Bad Gateway");
    request.resume();
  }

  /** Whether the connection must end with this answer: part of the request's body is still to come. */
  #isLast(request: IncomingMessage): boolean {
    if (request.complete) return false;
    if (!this.#closing.has(request.socket)) {
      this.#closing.add(request.socket);
      lingerBeforeClosing(request);
    }
    return true;
  }

  /** The client's headers, and in them what Cloudflare knows and the client cannot say. */
  async #headersFor(request: IncomingMessage): Promise<Record<string, string | string[]>> {
    const { worker, handshakes, country } = this.#options;
    const { socket, headers } = request;
    if (!(socket instanceof TLSSocket)) throw new Error("the connection is not a TLS connection");
    const handshake = handshakes.of(socket);
    const verified = handshake.certVerified === "SUCCESS";
    const clientAuth = verified ? withRevocation(handshake, await this.#options.revoked()) : handshake;
    const blocked = await this.#options.blocked();

    const isUpgrade = headers.upgrade?.toLowerCase() === "websocket";
    rewriteHeaders(headers, socket.remoteAddress ?? "", country);
    for (const name of CONNECTION_HEADERS) delete headers[name];
    const acceptEncoding = String(headers["accept-encoding"] ?? "");
    return {
      ...(headers as Record<string, string | string[]>),
      ...(isUpgrade ? { connection: "Upgrade" } : {}),
      [CF_HEADER]: headerJson(cfProperties(socket, clientAuth, country, acceptEncoding)),
      [SECRET_HEADER]: worker.secret,
      ...(blocked === undefined ? {} : { [BLOCKED_HEADER]: headerJson(blocked) }),
    };
  }
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0";
}

/** Names and values in turn, as in `rawHeaders`, for a connection of its own. */
function endToEnd(rawHeaders: readonly string[]): string[] {
  return rawHeaders.filter((_, index) => {
    const name = rawHeaders[index - (index % 2)]?.toLowerCase() ?? "";
    return !CONNECTION_HEADERS.has(name) && name !== "transfer-encoding";
  });
}

/** `HTTP/1.1 101 Switching Protocols` with all headers, as they came. */
function headOf({ statusCode, statusMessage, rawHeaders }: IncomingMessage): string {
  const lines = rawHeaders.map((text, index) => (index % 2 === 0 ? `${text}: ` : `${text}\r\n`));
  return `HTTP/1.1 ${statusCode} ${statusMessage}\r\n${lines.join("")}\r\n`;
}

/** Connects two sockets to each other until either ends. */
function join(client: Socket, runtime: Socket): void {
  runtime.on("error", () => runtime.destroy());
  runtime.once("close", () => client.destroySoon());
  client.once("close", () => runtime.destroySoon());
  client.pipe(runtime).pipe(client);
}

/**
 * Node closes a connection as soon as its last answer is written. Whatever a client was still sending would
 * be met with a reset, which may overtake the answer; so the rest is read first, for a while.
 */
function lingerBeforeClosing(request: IncomingMessage): void {
  const { socket } = request;
  const close = socket.destroySoon.bind(socket);
  socket.destroySoon = () => {
    if (request.complete) {
      close();
      return;
    }
    const timer = setTimeout(close, LINGER_MS);
    request.once("end", close);
    socket.once("close", () => clearTimeout(timer));
  };
}

/** JSON in printable ASCII, which is what a header carries safely. */
function headerJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
