// What answers Latchkey's own paths: built once per isolate, from the configuration.
import type { Apps, Context } from "./api/handler.ts";
import { Authenticator } from "./auth/authenticate.ts";
import { DeadSecrets } from "./auth/dead-secrets.ts";
import { InvitationCodes } from "./auth/invitation-codes.ts";
import type { KeyedSecrets } from "./auth/keyed-secrets.ts";
import { Provider } from "./auth/provider.ts";
import { Sealer } from "./auth/sealed.ts";
import { appOf, type Config } from "./config.ts";
import type { SignInSettings } from "./contract/sign-in-settings.ts";
import type { CredentialKey } from "./domain/credential-key.ts";
import type { Standing } from "./domain/device.ts";
import { type App, maySignIn } from "./domain/request/app.ts";
import type { Gate } from "./gate/gate.ts";
import type { FoldedLog, Log } from "./log.ts";
import { Backups } from "./registry/client/backups.ts";
import { Browsers } from "./registry/client/browsers.ts";
import { Invitations } from "./registry/client/invitations.ts";
import { directoryOf } from "./registry/client/objects.ts";
import { People } from "./registry/client/people.ts";
import type { RegistryClient } from "./registry/client/registry-client.ts";
import type { Visit } from "./visit.ts";

/** For the API and the pages: all of the API's `Context` that does not depend on the request, and more. */
export interface Services extends Omit<Context, "principal" | "by" | "url"> {
  authenticator: Authenticator;
  codes: InvitationCodes;
  revocationDelayMs: number;
  /**
   * What the gate knows about a visitor's credential, which may cost a question to the registry: `unavailable` if the
   * visitor shows none that the registry could know.
   */
  standingOf(visit: Visit): Promise<Standing>;
  /** Makes the gate forget what it knows about a credential that has just been enrolled. */
  forget(key: CredentialKey): void;
  log: Log;
  /** `null`: nobody signs in with an identity provider. */
  door: DoorServices | null;
}

/** What lets people sign in with the identity provider. */
export interface DoorServices {
  settings: SignInSettings;
  provider: Provider;
  sealer: Sealer;
  browsers: Browsers;
}

/** What a Worker has besides its configuration. */
export interface Effects {
  now: () => number;
  log: FoldedLog;
  /** Lets what a request has begun go on after its answer. To be called while it is handled. */
  waitUntil: (work: Promise<unknown>) => void;
  /** Asks the identity provider. */
  fetch: (request: Request) => Promise<Response>;
}

/** `undefined`: without an `ADMIN_TOKEN`, API and pages are off. */
export function servicesOf(
  config: Config,
  gate: Gate,
  registry: RegistryClient,
  secrets: KeyedSecrets,
  effects: Effects,
): Services | undefined {
  const { adminToken, adminHost, bindings, blocked, revocationDelayMs, signIn } = config;
  if (adminToken === null) return undefined;
  const { now, log, waitUntil } = effects;
  const directory = directoryOf(bindings);
  const dead = new DeadSecrets(now, waitUntil);
  const invitations = new Invitations(bindings, registry);
  return {
    ...{ registry, directory, secrets, invitations, adminHost, blocked, revocationDelayMs },
    backups: new Backups(bindings, registry),
    authenticator: new Authenticator(adminToken, directory, secrets, dead, now, signIn),
    people: new People(bindings, registry, signIn?.owners ?? new Map()),
    codes: new InvitationCodes(secrets, dead, invitations),
    apps: appsOf(config),
    door: signIn && {
      settings: signIn,
      provider: new Provider(signIn, effects),
      sealer: new Sealer(adminToken, now),
      browsers: new Browsers(bindings, registry),
    },
    standingOf: (visit) => gate.standingOf(visit),
    forget: (key) => gate.forget(key),
    log: (line) => log.line(line),
  };
}

function appsOf(config: Config): Apps {
  const { apps, defaultApp } = config;
  const named = [...apps].map(([host, app]) => describe(host, app));
  return {
    hosts: [...apps.keys()],
    profiles: defaultApp === undefined ? named : [...named, describe("*", defaultApp)],
    isApp: (hostname) => appOf(config, hostname) !== undefined,
    profileOf: (hostname) => appOf(config, hostname)?.profile.name,
    signsIn: (hostname) => (apps.get(hostname)?.signIn ?? false) !== false,
    maySignIn: (user, hostname) => {
      const app = apps.get(hostname);
      return app !== undefined && maySignIn(app, user);
    },
  };
}

function describe(host: string, { name, profile, basic }: App): Apps["profiles"][number] {
  return {
    host,
    profile: profile.name,
    ...(name === undefined ? {} : { app: name }),
    ...(basic ? { basic } : {}),
  };
}
