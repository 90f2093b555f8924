// Ways to call the registry's two Durable Objects.
import type { UserId } from "../../domain/user.ts";
import type { Directory } from "../directory/directory.ts";
import type { UserRegistry } from "../user/user-registry.ts";
import { callObject } from "./call.ts";

/** The bindings behind which the Durable Objects are. wrangler makes `Env` from `wrangler.toml` (npm run cf-typegen). */
export type RegistryBindings = Pick<Env, "USER_REGISTRY" | "DIRECTORY">;

const DIRECTORY_NAME = "directory";

/**
 * An object's RPC methods as the Worker calls them: plain data in, a promise of plain data back.
 * (The types package's own stub types also allow for functions and streams, which we never send.)
 */
type Remote<T> = {
  [K in keyof T]: T[K] extends (...args: infer Args) => infer R
    ? (...args: Args) => Promise<Awaited<R>>
    : never;
};

type Caller<Stub> = <T>(call: (stub: Stub) => Promise<T>) => Promise<T>;

/** Ways to call one object: `ask` repeats when the runtime says it may help, `askOnce` never does. */
export interface ObjectCaller<Stub> {
  /** For calls that are idempotent. */
  ask: Caller<Stub>;
  /** For calls that are not. */
  askOnce: Caller<Stub>;
}

export type DirectoryCaller = ObjectCaller<Remote<Directory>>;
export type UserRegistryCaller = ObjectCaller<Remote<UserRegistry>>;

/** Each call throws `RegistryUnavailable` when the object does not answer. */
export function directoryOf(bindings: RegistryBindings): DirectoryCaller {
  return callerOf(() => bindings.DIRECTORY.getByName(DIRECTORY_NAME) as unknown as Remote<Directory>);
}

export function userRegistryOf(bindings: RegistryBindings, user: UserId): UserRegistryCaller {
  return callerOf(() => bindings.USER_REGISTRY.getByName(user) as unknown as Remote<UserRegistry>);
}

function callerOf<Stub>(stub: () => Stub): ObjectCaller<Stub> {
  return {
    ask: (call) => callObject(stub, call, { idempotent: true }),
    askOnce: (call) => callObject(stub, call, { idempotent: false }),
  };
}
