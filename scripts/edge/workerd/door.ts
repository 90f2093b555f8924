// Runs in workerd, in front of the Worker's own handler.
import { withLatency } from "./latency.ts";

/**
 * Carries the secret that only the edge knows. Its name begins with `mf-`, as of all headers that
 * the edge drops from what clients send.
 */
export const SECRET_HEADER = "mf-edge-secret";

/** The value of the Worker's variable `BLOCKED`, as JSON. Without it, the variable stays as it is. */
export const BLOCKED_HEADER = "mf-edge-blocked";

interface Handler {
  fetch(request: Request, env: object, ctx: object): Promise<Response>;
}

export interface DoorOptions {
  secret: string;
  /** How long a call to a Durable Object takes at most on either way, besides what it takes here. */
  latencyMs: number;
}

/**
 * Lets in only what comes from the edge. The runtime listens on a port of this machine, takes
 * `request.cf` from a header, and so would believe any other user of the machine. (Miniflare's
 * `unsafeProxySharedSecret` guards other headers, not that one.)
 */
export function behindDoor(worker: Handler, { secret, latencyMs }: DoorOptions): Handler {
  // The Worker reads an environment once: it gets another one only when a variable has changed.
  let current: { env: object; blocked: string | null } | undefined;
  const environment = (env: object, blocked: string | null): object => {
    if (current?.blocked !== blocked || current === undefined) {
      const variables = blocked === null ? env : { ...env, BLOCKED: JSON.parse(blocked) as unknown };
      current = { env: withLatency(variables, latencyMs), blocked };
    }
    return current.env;
  };
  return {
    async fetch(request, env, ctx) {
      if (!isEqual(request.headers.get(SECRET_HEADER) ?? "", secret)) {
        return new Response("Not Found", { status: 404 });
      }
      const blocked = request.headers.get(BLOCKED_HEADER);
      const inner = asOverTls(request);
      inner.headers.delete(SECRET_HEADER);
      inner.headers.delete(BLOCKED_HEADER);
      return worker.fetch(inner, environment(env, blocked), ctx);
    },
  };
}

/** The client spoke TLS with the edge. A `Host` that makes no URL is the Worker's to refuse. */
function asOverTls(request: Request): Request {
  const url = URL.parse(request.url);
  if (url === null) return new Request(request);
  url.protocol = "https:";
  return new Request(url, request);
}

/** Takes as long for a wrong secret as for the right one. */
function isEqual(given: string, secret: string): boolean {
  let difference = given.length ^ secret.length;
  for (let index = 0; index < secret.length; index++) {
    difference |= given.charCodeAt(index) ^ secret.charCodeAt(index);
  }
  return difference === 0;
}
