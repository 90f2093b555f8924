import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { onTestFinished, vi } from "vitest";
import type { NewDeviceToken } from "../../../src/contract/answers.ts";
import { BROWSER_MS } from "../../../src/domain/browser.ts";
import { type CredentialKey, fingerprintOf, keyOf } from "../../../src/domain/credential-key.ts";
import type { DeviceStatus } from "../../../src/domain/device.ts";
import type { Fingerprint } from "../../../src/domain/fingerprint.ts";
import { type Limits, NO_LIMITS } from "../../../src/domain/limits.ts";
import { NO_DETAILS, type WipeDelivery } from "../../../src/domain/records.ts";
import type { App } from "../../../src/domain/request/app.ts";
import { DEFAULT_PROFILE } from "../../../src/domain/request/app.ts";
import { NO_PATHS } from "../../../src/domain/request/path-rules.ts";
import type { UserId } from "../../../src/domain/user.ts";
import { Gate, type GateSettings } from "../../../src/gate/gate.ts";
import worker from "../../../src/index.ts";
import { FoldedLog, FULL_LINES_EVERY_MS, type Log } from "../../../src/log.ts";
import type { RegistryBindings } from "../../../src/registry/client/objects.ts";
import { RegistryClient } from "../../../src/registry/client/registry-client.ts";
import { api, enrol, fingerprint, HOST, keyedSecrets, tlsClientAuth } from "../fixtures.ts";

/** What outboundService, the app of the tests, says of the request that reached it. */
export interface Echo {
  method: string;
  url: string;
  headers: Record<string, string>;
  body: string;
}

// The other hosts that vitest.config.ts names as apps, by what they are.
export const SWISS_HOST = "swiss.example.com";
export const VAULT_HOST = "vault.example.com";
export const FILES_HOST = "files.example.com";
export const OWN_HOST = "own.example.com";

export type Cf = Record<string, unknown>;
export type Init = Omit<RequestInit, "cf"> & { cf?: Cf };

/** `request.cf` of a verified certificate, with some of its fields changed. */
export const cf = (change: Record<string, unknown> = {}, of = fingerprint(1)): Cf => ({
  tlsClientAuth: { ...tlsClientAuth(of), ...change },
  country: "CH",
});

let devices = 0x1000;

/** A fingerprint that no other test of the file has. */
export const newFingerprint = () => fingerprint(devices++);

/** A new device named "phone", by what it is to be; each with a user and a fingerprint of its own. */
export async function device(status: DeviceStatus) {
  const of = newFingerprint();
  const user = `user-${devices}` as UserId;
  if (status === "pending") {
    // Nothing enrols devices as pending yet; the registry can.
    await api("PUT", `/users/${user}`, {});
    const by = { actor: "admin", ip: null, country: null, at: Date.now() };
    const claim = await env.DIRECTORY.getByName("directory").claim(by, keyOf("certificate", of), user);
    if (!claim.ok) throw new Error("no claim");
    const enrolment = {
      ...{ name: "phone", note: null, key: keyOf("certificate", of) },
      ...{ limits: NO_LIMITS, details: NO_DETAILS, status },
    };
    const { claimedAt, generation } = claim.value;
    await env.USER_REGISTRY.getByName(user).enrol(by, enrolment, claimedAt, generation);
    return { of, user, path: "" };
  }
  const { id } = await enrol(user, "phone", of);
  const path = `/users/${user}/devices/${id}`;
  const act = { suspended: "suspend", lost: "lost", revoked: "revoke" } as const;
  if (status !== "active") {
    const body = status === "lost" ? { confirm: "phone" } : {};
    const response = await api("POST", `${path}/${act[status]}`, body);
    if (response.status !== 200) throw new Error(`${act[status]}: ${response.status}`);
  }
  return { of, user, path };
}

/** `request.cf` of a client that shows no certificate. */
export const NO_CERTIFICATE: Cf = {
  tlsClientAuth: { certPresented: "0", certVerified: "NONE" },
  country: "CH",
};

/** A new device that shows a token, or the secret of a feed, with a user of its own. */
export async function deviceToken(apps = [HOST], body: Record<string, unknown> = {}) {
  const user = `user-${devices++}` as UserId;
  await api("PUT", `/users/${user}`, {});
  const response = await api("POST", `/users/${user}/device-tokens`, {
    name: "tv",
    kind: "token",
    apps,
    ...body,
  });
  if (response.status !== 201) throw new Error(`token: ${response.status} ${await response.text()}`);
  const { device, token }: NewDeviceToken = await response.json();
  const path = `/users/${user}/devices/${device.id}`;
  return { user, device, token, path, short: device.credentials[0]?.fingerprint.slice(0, 8) ?? "" };
}

/** How the tests' people sign in. */
export const SIGN_IN = { issuer: "https://id.example.com", clientId: "latchkey" };

/** A new browser whose person has signed in on these apps, with a user of its own. `cookie` is for `HOST`. */
export async function browser(apps: string[] = [HOST], change: Partial<Limits> = {}) {
  const user = `user-${devices++}` as UserId;
  await api("PUT", `/users/${user}`, {});
  const secrets = keyedSecrets(Date.now, SIGN_IN);
  const { text: secret, key } = await secrets.newBrowserSecret(HOST);
  const cookieOf = async (host: string) =>
    `__Host-latchkey-app=${(await secrets.browserSecretFor(host, secret)).text}`;
  const by = { actor: `user ${user}`, ip: null, country: null, at: Date.now() };
  const enrolled = await new RegistryClient(env).enrol(by, user, {
    ...{ name: "Firefox", note: null, key, status: "active" },
    opener: { issuer: SIGN_IN.issuer, subject: user, session: null },
    limits: { ...NO_LIMITS, kind: "browser", apps, ...change },
    details: { ...NO_DETAILS, notBefore: by.at, notAfter: by.at + BROWSER_MS },
  });
  if (!enrolled.ok) throw new Error(enrolled.error.code);
  const { device } = enrolled.value;
  const path = `/users/${user}/devices/${device.id}`;
  const short = fingerprintOf(key).slice(0, 8);
  return { user, device, key, secret, path, short, cookieOf, cookie: await cookieOf(HOST) };
}

/** Tells a user's registry of wipe answers, as the gate does. */
export async function noteWipeOf(
  user: string,
  of: Fingerprint,
  change: Pick<WipeDelivery, "at" | "count" | "tokenRefresh">,
): Promise<void> {
  const place = { app: "vault.example.com", country: "CH", ip: null };
  await env.USER_REGISTRY.getByName(user).noteWipe(keyOf("certificate", of), { ...place, ...change });
}

/** An app without any rules of its own. */
export const OPEN_APP: App = {
  ...{ countries: null, profile: DEFAULT_PROFILE, publicPaths: NO_PATHS },
  ...{ preflight: false, basic: false, signIn: false, origins: new Set() },
};

/** A gate with one app for every host and scripted objects, unless `change` says otherwise. */
export function gateOf(change: Partial<GateSettings & { now: () => number; log: Log }> = {}): Gate {
  const app = OPEN_APP;
  const { now = Date.now, log = () => {}, ...settings } = change;
  const { bindings } = scripted();
  return new Gate(
    {
      ...{ appOf: () => app, bindings, revocationDelayMs: 10_000, blocked: new Set(), ...settings },
      door: settings.door ?? null,
      readSecret: settings.readSecret ?? (async () => undefined),
    },
    { now, log: new FoldedLog(log, now) },
  );
}

/** What every refusal looks like to a client, but for failures of our own. */
export const NOT_FOUND = {
  status: 404,
  headers: { "cache-control": "no-store", "content-type": "text/plain; charset=utf-8" },
  body: "Not Found",
};
export const UNAVAILABLE = {
  status: 503,
  headers: { ...NOT_FOUND.headers, "retry-after": "30" },
  body: "Service Unavailable",
};
/** What clients that delete things on a 404 are told instead. */
export const LATER = { ...UNAVAILABLE, headers: { ...NOT_FOUND.headers, "retry-after": "300" } };
/** What the app of `OWN_HOST` says. */
export const OWN = {
  status: 418,
  headers: { "cache-control": "no-store", "content-type": "application/json", "retry-after": "60" },
  body: '{"error":"later"}',
};
/** What makes Bitwarden's clients delete their vault: on the token call, and elsewhere. */
export const WIPE_TOKEN = {
  status: 400,
  headers: { "cache-control": "no-store", "content-type": "application/json" },
  body: '{"error":"invalid_grant"}',
};
export const WIPE = {
  status: 401,
  headers: { ...NOT_FOUND.headers, "www-authenticate": "Bearer" },
  body: "Unauthorized",
};

export async function seen(response: Response) {
  const { "content-length": _, ...headers } = Object.fromEntries(response.headers);
  return { status: response.status, headers, body: await response.text() };
}

/** What is served on the apps' hosts, and paths that only look like ours. */
const ON_APPS = /^\/\.latchkey(\/(enrol|whoami)$|[^/?])/;

/**
 * The Worker as a new isolate would run it: with an environment, and thus a memory, of its own.
 * `undefined` removes a variable.
 */
export class Isolate {
  readonly #env: Record<string, unknown>;
  readonly #contexts: ExecutionContext[] = [];

  constructor(change: Record<string, unknown> = {}) {
    const changed = { ...env, ...change };
    this.#env = Object.fromEntries(Object.entries(changed).filter(([, value]) => value !== undefined));
  }

  /**
   * A request of the phone whose fingerprint is `fingerprint(1)`, unless `cf` says otherwise. A path alone is
   * asked for where it is served: the API and the pages for people on the `ADMIN_HOST`, all else on `HOST`.
   */
  fetch(pathOrUrl = "/", { cf = { tlsClientAuth: tlsClientAuth(), country: "CH" }, ...init }: Init = {}) {
    const isForPeople = pathOrUrl.startsWith("/.latchkey") && !ON_APPS.test(pathOrUrl);
    const host = (isForPeople && this.#env.ADMIN_HOST) || HOST;
    const url = new URL(pathOrUrl, `https://${host}`);
    return this.handle(new Request(url, { ...init, cf } as RequestInit));
  }

  async handle(request: Request): Promise<Response> {
    const ctx = createExecutionContext();
    this.#contexts.push(ctx);
    return worker.fetch(request as Parameters<typeof worker.fetch>[0], this.#env, ctx);
  }

  /** Until all that goes on behind the answers is done. */
  async idle(): Promise<void> {
    for (const ctx of this.#contexts.splice(0)) await waitOnExecutionContext(ctx);
  }
}

let jumps = 0;

/** Sets the clock so far ahead, until the test ends, that the log of the deployed Worker begins anew. */
export function laterInTheLog(): void {
  jumps += 1;
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + jumps * FULL_LINES_EVERY_MS });
  onTestFinished(() => {
    vi.useRealTimers();
  });
}

/** Collects what is logged until the test ends. */
export function logged(): Record<string, unknown>[] {
  const lines: Record<string, unknown>[] = [];
  const spy = vi.spyOn(console, "log").mockImplementation((line) => lines.push(JSON.parse(line)));
  onTestFinished(() => spy.mockRestore());
  return lines;
}

/**
 * Bindings whose objects are scripted; each `getByName` and each question is counted, and `told` has
 * the wipe answers that a registry was told of.
 */
export function scripted(
  answers: {
    resolve?: () => unknown;
    standing?: (user: string) => unknown;
    noteWipe?: (delivery: WipeDelivery) => unknown;
  } = {},
) {
  const counts = { directoryStubs: 0, resolve: 0, registryStubs: 0, standing: 0 };
  const told: WipeDelivery[] = [];
  const bindings = {
    DIRECTORY: {
      getByName: () => {
        counts.directoryStubs++;
        return {
          resolve: async () => {
            counts.resolve++;
            return (answers.resolve ?? (() => "alice"))();
          },
        };
      },
    },
    USER_REGISTRY: {
      getByName: (user: string) => {
        counts.registryStubs++;
        return {
          standing: async () => {
            counts.standing++;
            return (answers.standing ?? (() => ({ status: "active", name: "phone", since: 0 })))(user);
          },
          noteWipe: async (_: CredentialKey, delivery: WipeDelivery) => {
            told.push(delivery);
            return answers.noteWipe?.(delivery);
          },
        };
      },
    },
  } as unknown as RegistryBindings;
  return { bindings: { ...bindings }, counts, told };
}

/** An error as the runtime marks it. */
export function runtimeError(marks: { retryable?: boolean; overloaded?: boolean }): Error {
  return Object.assign(new Error("the object said no"), marks);
}
