// Runs in workerd: the real Worker with its registry, which other processes call over HTTP.
import worker from "../../../src/index.ts";

export { Directory, UserRegistry } from "../../../src/index.ts";

type Stub = Record<string, (...words: unknown[]) => Promise<unknown>>;
type Env = Record<string, { getByName(name: string): Stub }>;

export default {
  async fetch(request: Request, env: Env, ctx: ExecutionContext): Promise<Response> {
    if (new URL(request.url).pathname !== "/rpc") {
      return worker.fetch(request as Parameters<typeof worker.fetch>[0], env, ctx);
    }
    const call = await request.json<{ namespace: string; name: string; method: string; words: unknown[] }>();
    const stub = env[call.namespace]?.getByName(call.name);
    return Response.json((await stub?.[call.method]?.(...call.words)) ?? null);
  },
};
