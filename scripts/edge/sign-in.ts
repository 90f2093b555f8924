// What the edge and an identity provider need to know of each other.
import type { StatePaths } from "./state/paths.ts";
import type { Vars } from "./worker-config.ts";

/** Where people sign in, for those who start the identity provider. */
export interface SignInDoor {
  /** `https://latchkey.localhost:8443` */
  url: string;
  /** PEM: who signed the edge's certificate. */
  ca: string;
  paths: StatePaths;
  /** The Worker's variables so far. */
  vars: Vars;
  /** Gets what went wrong at the provider, for the owner's terminal. */
  onError(error: unknown): void;
}

/** The identity provider that people sign in with. */
export interface SignIn {
  /** Of the Worker, in place of what it had: `SIGN_IN`, `SIGN_IN_SECRET`. */
  vars: Vars;
  /** What the Worker reaches there: scheme, host and port of each address. */
  origins: readonly string[];
  stop?(): Promise<void>;
}
