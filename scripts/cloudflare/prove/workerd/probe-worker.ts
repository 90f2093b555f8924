// Runs in workerd, as the throw-away Worker of `latchkey prove`. It imports nothing: this file is what is uploaded.

/** The runtime's own. */
declare const WebSocketPair: new () => { 0: WebSocket; 1: WebSocket & { accept(): void } };

/** The runtime's own, too. The view is transferred, and returned as the value. */
interface LargeReader {
  readAtLeast(
    minBytes: number,
    view: Uint8Array<ArrayBuffer>,
  ): Promise<{ done: boolean; value?: Uint8Array<ArrayBuffer> }>;
}

interface Env {
  /** A secret of one run: everyone else gets a 404. */
  KEY: string;
}

type CfRequest = Request & { cf?: Record<string, unknown> };

export default {
  async fetch(request: CfRequest, env: Env): Promise<Response> {
    if (request.headers.get("x-prove-key") !== env.KEY) return new Response("Not Found", { status: 404 });
    if (request.headers.get("upgrade")?.toLowerCase() === "websocket") return echo();
    const bytes = await count(request.body);
    const { tlsClientAuth = null, tlsVersion, httpProtocol, colo } = request.cf ?? {};
    return Response.json({
      prove: 1,
      tlsClientAuth,
      tlsVersion,
      httpProtocol,
      colo,
      bytes,
      // Only their names: the values hold addresses.
      headers: [...request.headers.keys()],
    });
  },
};

const MEBIBYTE = 1024 * 1024;

/** Reads to the end in large pieces: on the free plan, a request has 10 ms of CPU time. */
async function count(body: ReadableStream<Uint8Array> | null): Promise<number> {
  if (body === null) return 0;
  const reader = body.getReader({ mode: "byob" }) as unknown as LargeReader;
  let bytes = 0;
  for (let buffer = new ArrayBuffer(MEBIBYTE); ; ) {
    const { done, value } = await reader.readAtLeast(MEBIBYTE, new Uint8Array(buffer));
    bytes += value?.byteLength ?? 0;
    if (done || value === undefined) return bytes;
    buffer = value.buffer;
  }
}

/** Sends back every message. */
function echo(): Response {
  const { 0: client, 1: server } = new WebSocketPair();
  server.accept();
  server.addEventListener("message", ({ data }) => server.send(data));
  return new Response(null, { status: 101, webSocket: client } as ResponseInit);
}
