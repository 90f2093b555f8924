import { constants } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Credential } from "../../certificates/authority.ts";
import { failed } from "../../terminal/failure.ts";

export interface TlsServer {
  https: Server;
  port: number;
  /** Ends all connections, WebSockets too. */
  close(): Promise<void>;
}

const LOOPBACK = "127.0.0.1";

/** Cloudflare takes headers of up to 128 KB in all, of requests and of answers. */
export const MAX_HEADER_BYTES = 128 * 1024;

/** How long a client may take, in milliseconds. */
interface TimeLimits {
  handshake: number;
  /** For the headers of a request, from the connection's or the request's first moment. */
  headers: number;
}

const TIME_LIMITS_MS: TimeLimits = { handshake: 60_000, headers: 60_000 };

/** Listens on this machine only, and asks every client for a certificate. Port 0 is any free port. */
export async function listen(
  authority: Credential,
  server: Credential,
  port: number,
  limitsMs: TimeLimits = TIME_LIMITS_MS,
): Promise<TlsServer> {
  const https = createServer({
    ca: authority.certificate,
    cert: server.certificate,
    key: server.key,
    requestCert: true,
    // The gate refuses, not the handshake.
    rejectUnauthorized: false,
    minVersion: "TLSv1.2",
    // It could change the certificate, which is read once per connection.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    ALPNProtocols: ["http/1.1"],
    maxHeaderSize: MAX_HEADER_BYTES,
    handshakeTimeout: limitsMs.handshake,
    // Slow headers are cut off; a slow body may be a legitimate upload.
    requestTimeout: 0,
    headersTimeout: limitsMs.headers,
    connectionsCheckingInterval: limitsMs.headers / 2,
    shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === "websocket",
  });
  await once(https.listen(port, LOOPBACK), "listening").catch((error: NodeJS.ErrnoException) => {
    throw portError(error, port);
  });
  return { https, port: (https.address() as AddressInfo).port, close: closerOf(https) };
}

function portError(error: NodeJS.ErrnoException, port: number): Error {
  switch (error.code) {
    case "EADDRINUSE":
      return failed(`port ${port} is in use`, "stop what listens there, or choose another with --port");
    case "EACCES":
      return failed(`port ${port} may not be used by this user`, "choose one above 1023 with --port");
    default:
      return error;
  }
}

/** `server.close()` by itself waits for clients to go. */
function closerOf(server: Server): () => Promise<void> {
  const sockets = new Set<Socket>();
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    // A client that goes away in the middle of something is no error of ours.
    socket.on("error", () => socket.destroy());
  };
  // Those whose handshake is not done, and those that speak TLS.
  server.on("connection", keep);
  server.on("secureConnection", keep);
  return () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
      for (const socket of sockets) socket.destroy();
    });
}
