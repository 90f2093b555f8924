import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";

/** `close 4001 some reason`: what a client writes to be closed by the server. */
const CLOSE = /^close (\d{4})(?: (.*))?$/;

/** The WebSocket at `/ws`: sends back what comes, and takes the first subprotocol that is offered. */
export class EchoSocket {
  readonly #server = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => [...offered][0] ?? false,
  });

  accept(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#server.handleUpgrade(request, socket, head, echo);
  }

  stop(): void {
    for (const client of this.#server.clients) client.terminate();
    this.#server.close();
  }
}

function echo(socket: WebSocket): void {
  // The client went away in the middle of a frame: ws closes the connection itself.
  socket.on("error", () => undefined);
  socket.on("message", (data, isBinary) => {
    const close = isBinary ? null : CLOSE.exec(String(data));
    if (close === null) socket.send(data, { binary: isBinary });
    else socket.close(Number(close[1]), close[2]);
  });
}
