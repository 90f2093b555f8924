// Runs in workerd: the real Worker, as one isolate of many. Its registry is in another process, reached over HTTP: the
// only difference from Cloudflare's network.
import worker from "../../../src/index.ts";

export { Directory, UserRegistry } from "../../../src/index.ts";

interface Env {
  /** Where the registry's process listens. */
  REGISTRY: { fetch(url: string, init: RequestInit): Promise<Response> };
}

/** Built once, since the Worker's memory belongs to its `env`. */
let wrapped: object | undefined;

export default {
  fetch(request: Request, env: Env, ctx: ExecutionContext): Response | Promise<Response> {
    wrapped ??= { ...env, USER_REGISTRY: remote(env, "USER_REGISTRY"), DIRECTORY: remote(env, "DIRECTORY") };
    return worker.fetch(request as Parameters<typeof worker.fetch>[0], wrapped, ctx);
  },
};

/** A namespace whose objects' methods are called in the registry's process. */
function remote(env: Env, namespace: string) {
  return {
    getByName: (name: string) =>
      new Proxy(
        {},
        {
          get:
            (_, method) =>
            async (...words: unknown[]) => {
              const body = JSON.stringify({ namespace, name, method, words });
              const response = await env.REGISTRY.fetch("http://registry/rpc", { method: "POST", body });
              if (!response.ok) throw new Error(await response.text());
              return response.json();
            },
        },
      ),
  };
}
