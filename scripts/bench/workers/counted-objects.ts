// Runs in workerd. The real Durable Objects and their bindings, counted as Cloudflare bills them.

import type { RegistryBindings } from "../../../src/registry/client/objects.ts";
import { Directory as RealDirectory } from "../../../src/registry/directory/directory.ts";
import { UserRegistry as RealUserRegistry } from "../../../src/registry/user/user-registry.ts";
import { countStatements } from "./tally.ts";

export class UserRegistry extends RealUserRegistry {
  constructor(ctx: DurableObjectState, env: unknown) {
    super(ctx, env);
    countStatements(ctx.storage.sql);
  }
}

export class Directory extends RealDirectory {
  constructor(ctx: DurableObjectState, env: unknown) {
    super(ctx, env);
    countStatements(ctx.storage.sql);
  }
}

/** The same bindings; each call of an object's method is counted, as Cloudflare bills it. */
export function counting(env: RegistryBindings, calls: { count: number }): RegistryBindings {
  const counted = <T extends object>(namespace: T): T =>
    ({
      getByName: (name: string) =>
        new Proxy((namespace as { getByName(name: string): object }).getByName(name), {
          get:
            (stub, method) =>
            (...words: unknown[]) => {
              calls.count += 1;
              return (stub as Record<string | symbol, (...words: unknown[]) => unknown>)[method]?.(...words);
            },
        }),
    }) as T;
  return { USER_REGISTRY: counted(env.USER_REGISTRY), DIRECTORY: counted(env.DIRECTORY) };
}
