// Runs in workerd, as the tunnel: where the Worker's `fetch` ends up.

interface Env {
  APP: { fetch(request: Request): Promise<Response> };
  ZONE: string;
  /** Of `NOTIFY_URLS` and of the identity provider: scheme, host and port of each. */
  OUTSIDE: string[];
}

/**
 * An entry point with a name, and no way in from outside: Miniflare's own port leads to default ones
 * only.
 */
export const tunnel = {
  async fetch(request: Request, env: Env): Promise<Response> {
    const outbound = new Request(request);
    // As Cloudflare does on every request that a Worker makes.
    outbound.headers.set("CF-Worker", env.ZONE);
    // The Worker's own requests go where their address says. What clients send has an app's host.
    if (env.OUTSIDE.includes(new URL(request.url).origin)) return fetch(outbound);
    try {
      return await env.APP.fetch(outbound);
    } catch (error) {
      console.error(JSON.stringify({ event: "origin-unreachable", message: String(error) }));
      // What Cloudflare answers when nothing listens at the end of the tunnel.
      return new Response("error code: 502", { status: 502 });
    }
  },
};

export default {
  async fetch(): Promise<Response> {
    return new Response("Not Found", { status: 404 });
  },
};
