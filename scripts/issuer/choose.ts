// From the choice on the command line to the identity provider of the local edge.
import { isLocalhostName } from "../client/address.ts";
import type { ProviderChoice } from "../edge/provider-choice.ts";
import type { SignIn, SignInDoor } from "../edge/sign-in.ts";
import type { Vars } from "../edge/worker-config.ts";
import { createPrompt } from "../terminal/prompt.ts";
import type { HomeIssuer } from "./at-home.ts";
import { findProvider, readClientSecret } from "./elsewhere.ts";

/** The provider, and what its user is told about it. */
export interface ChosenProvider extends SignIn {
  /** Of the local issuer's people. */
  passwords?: HomeIssuer["passwords"];
}

/**
 * What starts the chosen provider, once the edge has its port. A real provider's secret is asked for now, before
 * anything runs. `given` are the variables of the command line: apps that it names are left as they are.
 */
export async function chooseProvider(
  choice: ProviderChoice,
  given: Vars,
  environment: NodeJS.ProcessEnv,
): Promise<(door: SignInDoor) => Promise<ChosenProvider>> {
  const start = await starter(choice, environment);
  return async (door) => {
    const started = await start(door);
    if (given.APPS !== undefined) return started;
    const APPS = withSignIn(door.vars.APPS, choice !== "none");
    return { ...started, vars: { ...started.vars, APPS } };
  };
}

async function starter(
  choice: ProviderChoice,
  environment: NodeJS.ProcessEnv,
): Promise<(door: SignInDoor) => Promise<ChosenProvider>> {
  // What wrangler.toml has would be a provider that does not know this door.
  if (choice === "none") return async () => ({ vars: { SIGN_IN: undefined }, origins: [] });
  if (choice === "local") {
    // The library takes a while to load: not for a help text.
    const { startHomeIssuer } = await import("./at-home.ts");
    return startHomeIssuer;
  }
  const secret = await readClientSecret(environment, createPrompt());
  return () => findProvider(choice.settings, secret);
}

/**
 * The apps, with sign-in for those of this machine. Not for the host `localhost` itself, which the local issuer shares:
 * cookies know no ports. Malformed apps stay as they are: the Worker says what is wrong.
 */
export function withSignIn(apps: unknown, offers: boolean): unknown {
  if (typeof apps !== "object" || apps === null) return apps;
  return Object.fromEntries(
    Object.entries(apps).map(([host, settings]) => {
      if (typeof settings !== "object" || settings === null) return [host, settings];
      const { signIn: _, ...others } = settings as Record<string, unknown>;
      const isOffered = offers && isLocalhostName(host) && host !== "localhost";
      return [host, isOffered ? { ...others, signIn: true } : offers ? settings : others];
    }),
  );
}
