import { type ClientHttp2Session, connect } from "node:http2";
import { type Answer, openTls, type Reach, readAnswer, silence, type TlsOptions } from "./connection.ts";

/** One HTTP/2 connection. */
export interface Http2Connection {
  ask(headers?: Record<string, string>, body?: Buffer): Promise<Answer>;
  close(): void;
}

/** `undefined` where the server does not choose HTTP/2. Rejects when the handshake fails. */
export async function openHttp2(
  reach: Reach,
  options: Omit<TlsOptions, "protocol"> = {},
): Promise<Http2Connection | undefined> {
  const { socket } = await openTls(reach, { ...options, protocol: "h2" });
  if (socket.alpnProtocol !== "h2") {
    socket.destroy();
    return undefined;
  }
  const session = connect(`https://${options.servername ?? reach.host}`, { createConnection: () => socket });
  // Requests tell of it.
  session.on("error", () => undefined);
  return {
    ask: (headers = {}, body) => exchange(reach, session, headers, body),
    close: () => {
      session.destroy();
      socket.destroy();
    },
  };
}

/** A request for the throw-away host, whatever host the connection was made for. */
function exchange(
  reach: Reach,
  session: ClientHttp2Session,
  headers: Record<string, string>,
  body: Buffer | undefined,
): Promise<Answer> {
  const signal = AbortSignal.any([reach.signal, AbortSignal.timeout(reach.timeoutMs)]);
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => {
      try {
        resolve(silence(error, reach.signal));
      } catch (interruption) {
        reject(interruption);
      }
    };
    try {
      const stream = session.request(
        {
          ":method": body === undefined ? "GET" : "POST",
          ":path": "/",
          ":authority": reach.host,
          "x-prove-key": reach.key,
          ...headers,
        },
        { signal },
      );
      stream.on("error", fail);
      // A stream that was refused may end without an error.
      stream.once("close", () => fail(new Error("the stream ended without an answer")));
      stream.once("response", ({ ":status": status = 0 }) => {
        readAnswer(status, stream).then(resolve, fail);
      });
      stream.end(body);
    } catch (error) {
      fail(error);
    }
  });
}
