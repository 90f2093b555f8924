import { Agent, type IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";
import { createProxyServer, type ProxyServer } from "httpxy";
import { cfProperties, type Place, rewriteHeaders } from "./cloudflare.ts";
import type { Handshakes } from "./handshake.ts";
import { withRevocation } from "./tls-client-auth.ts";
import type { RunningWorker } from "./worker.ts";
import { SECRET_HEADER } from "./workerd/door.ts";

/** How the runtime is told `request.cf`. */
const CF_HEADER = "mf-cf-blob";

/** The runtime closes idle connections after five seconds: ours must be gone before. */
const IDLE_MS = 2_000;

export interface ProxyOptions {
  worker: RunningWorker;
  handshakes: Handshakes;
  place: Place;
  revoked(): Promise<ReadonlySet<string>>;
  /** Told why a request could not be passed on. */
  onError(error: unknown): void;
}

/** Carries requests from the TLS server to the Worker, and its answers back. */
export class EdgeProxy {
  readonly #options: ProxyOptions;
  readonly #proxy: ProxyServer;
  readonly #agent = new Agent({ keepAlive: true, timeout: IDLE_MS });

  /** Answers that nobody waits for any more: that they fail is no news. */
  readonly #abandoned = new WeakSet<object>();

  constructor(options: ProxyOptions) {
    this.#options = options;
    this.#proxy = createProxyServer({ target: options.worker.url.href, agent: this.#agent });
    this.#proxy.on("error", (error, _request, response) => {
      if (response !== undefined && this.#abandoned.has(response)) return;
      options.onError(error);
      refuse(response);
    });
    this.#proxy.on("proxyReq", (passedOn, request, response) => {
      // The proxy gives DELETE and OPTIONS a length of 0, which their clients did not send.
      const names = request.rawHeaders.filter((_, index) => index % 2 === 0);
      if (!names.some((name) => name.toLowerCase() === "content-length"))
        passedOn.removeHeader("content-length");
      // A client that goes away ends the request at the app, too. Closing alone is not enough: the
      // runtime would notice at its next write, which may be a minute away.
      response.prependOnceListener("close", () => {
        if (response.writableFinished) return;
        this.#abandoned.add(response);
        passedOn.socket?.resetAndDestroy();
      });
    });
    this.#proxy.on("proxyRes", ({ headers }) => {
      // What holds between us and the runtime says nothing about the client's connection.
      delete headers.connection;
      delete headers["keep-alive"];
    });
  }

  async request(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.#prepare(request);
      await this.#proxy.web(request, response);
    } catch (error) {
      this.#options.onError(error);
      refuse(response);
    }
  }

  async upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    try {
      await this.#prepare(request);
      await this.#proxy.ws(request, socket as Socket, {}, head);
    } catch (error) {
      this.#options.onError(error);
      refuse(socket);
    }
  }

  stop(): void {
    this.#agent.destroy();
  }

  /** Puts into the headers what Cloudflare knows and the client cannot say. */
  async #prepare(request: IncomingMessage): Promise<void> {
    const { worker, handshakes, place, revoked } = this.#options;
    const { socket, headers } = request;
    if (!(socket instanceof TLSSocket)) throw new Error("the connection is not a TLS connection");
    const handshake = handshakes.of(socket);
    const verified = handshake.certVerified === "SUCCESS";
    const clientAuth = verified ? withRevocation(handshake, await revoked()) : handshake;

    rewriteHeaders(headers, socket.remoteAddress ?? "", place);
    const acceptEncoding = String(headers["accept-encoding"] ?? "");
    headers[CF_HEADER] = headerJson(cfProperties(socket, clientAuth, place, acceptEncoding));
    headers[SECRET_HEADER] = worker.secret;
  }
}

/** JSON in printable ASCII, which is what a header carries safely. */
function headerJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

const BAD_GATEWAY = "Bad Gateway";

/** Never more than these two words: what went wrong is for the owner's terminal. */
function refuse(to: ServerResponse | Duplex | undefined): void {
  if (to instanceof ServerResponse) {
    if (to.headersSent) {
      to.destroy();
      return;
    }
    to.writeHead(502, { "Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store" });
    to.end(BAD_GATEWAY);
  } else if (to?.writable) {
    to.end(
      `HTTP/1.1 502 ${BAD_GATEWAY}\r\nContent-Type: text/plain; charset=utf-8\r\n` +
        `Content-Length: ${BAD_GATEWAY.length}\r\nConnection: close\r\n\r\n${BAD_GATEWAY}`,
    );
  }
}
