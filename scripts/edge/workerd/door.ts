// Runs in workerd, in front of the Worker's own handler.

/**
 * Carries the secret that only the edge knows. Its name begins with `mf-`, as of all headers that
 * the edge drops from what clients send.
 */
export const SECRET_HEADER = "mf-edge-secret";

interface Handler {
  fetch(request: Request, env: object, ctx: object): Promise<Response>;
}

/**
 * Lets in only what comes from the edge. The runtime listens on a port of this machine, takes
 * `request.cf` from a header, and so would believe any other user of the machine. (Miniflare's
 * `unsafeProxySharedSecret` guards other headers, not that one.)
 */
export function behindDoor(worker: Handler, secret: string): Handler {
  return {
    async fetch(request, env, ctx) {
      if (!isEqual(request.headers.get(SECRET_HEADER) ?? "", secret)) {
        return new Response("Not Found", { status: 404 });
      }
      const url = new URL(request.url);
      // The client spoke TLS with the edge.
      url.protocol = "https:";
      const inner = new Request(url, request);
      inner.headers.delete(SECRET_HEADER);
      return worker.fetch(inner, env, ctx);
    },
  };
}

/** Takes as long for a wrong secret as for the right one. */
function isEqual(given: string, secret: string): boolean {
  let difference = given.length ^ secret.length;
  for (let index = 0; index < secret.length; index++) {
    difference |= given.charCodeAt(index) ^ secret.charCodeAt(index);
  }
  return difference === 0;
}
