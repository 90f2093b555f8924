// Runs in workerd, as the throw-away Worker of `latchkey prove`. It imports nothing: this file is what is uploaded.

/** The runtime's own. */
declare const WebSocketPair: new () => { 0: WebSocket; 1: WebSocket & { accept(): void } };

interface Env {
  /** A secret of one run: everybody else gets a 404. */
  KEY: string;
}

type CfRequest = Request & { cf?: Record<string, unknown> };

export default {
  async fetch(request: CfRequest, env: Env): Promise<Response> {
    if (request.headers.get("x-prove-key") !== env.KEY) return new Response("Not Found", { status: 404 });
    if (request.headers.get("upgrade")?.toLowerCase() === "websocket") return echo();
    let bytes = 0;
    for await (const chunk of (request.body ?? []) as AsyncIterable<Uint8Array>) bytes += chunk.byteLength;
    const { tlsClientAuth = null, tlsVersion, httpProtocol, colo } = request.cf ?? {};
    return Response.json({
      prove: 1,
      tlsClientAuth,
      tlsVersion,
      httpProtocol,
      colo,
      bytes,
      // Their names alone: the values hold addresses.
      headers: [...request.headers.keys()],
    });
  },
};

/** Sends back what it gets. */
function echo(): Response {
  const { 0: client, 1: server } = new WebSocketPair();
  server.accept();
  server.addEventListener("message", ({ data }) => server.send(data));
  return new Response(null, { status: 101, webSocket: client } as ResponseInit);
}
