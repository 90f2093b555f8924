import { type ClientHttp2Session, connect } from "node:http2";
import { type Answer, openTls, type Reach, readAnswer, silence, type TlsOptions } from "./connection.ts";

/**
 * One request for the throw-away host on a new HTTP/2 connection, whichever host the connection is for. With a body it
 * is a POST. `undefined` if the server does not choose HTTP/2.
 */
export async function askOverHttp2(
  reach: Reach,
  options: Omit<TlsOptions, "protocol"> = {},
  headers: Record<string, string> = {},
  body?: Buffer,
): Promise<Answer | undefined> {
  try {
    const { socket } = await openTls(reach, { ...options, protocol: "h2" });
    try {
      if (socket.alpnProtocol !== "h2") return undefined;
      const authority = `https://${options.servername ?? reach.host}`;
      const session = connect(authority, { createConnection: () => socket });
      try {
        return await exchange(reach, session, headers, body);
      } finally {
        session.destroy();
      }
    } finally {
      socket.destroy();
    }
  } catch (error) {
    return silence(error, reach.signal);
  }
}

function exchange(
  reach: Reach,
  session: ClientHttp2Session,
  headers: Record<string, string>,
  body: Buffer | undefined,
): Promise<Answer> {
  const signal = AbortSignal.any([reach.signal, AbortSignal.timeout(reach.timeoutMs)]);
  return new Promise((resolve, reject) => {
    session.on("error", reject);
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
    stream.on("error", reject);
    // A stream that was refused may end without an error.
    const closed = () => reject(new Error("the stream ended without an answer"));
    stream.once("close", closed);
    stream.once("response", ({ ":status": status = 0 }) => {
      stream.off("close", closed);
      readAnswer(status, stream).then(resolve, reject);
    });
    stream.end(body);
  });
}
