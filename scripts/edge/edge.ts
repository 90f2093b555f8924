import type { Duplex } from "node:stream";
import type { Credential } from "../certificates/authority.ts";
import { DEFAULT_COUNTRY } from "./cloudflare.ts";
import { type DemoApp, startDemoApp } from "./demo/demo-app.ts";
import { parseOrigin } from "./origin.ts";
import { EdgeProxy } from "./proxy.ts";
import type { SignIn, SignInDoor } from "./sign-in.ts";
import { SignInLinks } from "./sign-in-links.ts";
import { BlockList } from "./state/blocked.ts";
import { lockFolder } from "./state/lock.ts";
import { type StatePaths, statePaths } from "./state/paths.ts";
import { readRevoked } from "./state/revoked.ts";
import { claimFolder, openState, stateFailure } from "./state/state.ts";
import { WorkerLog } from "./state/worker-log.ts";
import { Handshakes } from "./tls/client-auth.ts";
import { listen } from "./tls/server.ts";
import { startWorker, type WorkerLogLine } from "./worker.ts";
import { readWorkerConfig, signInHostsOf, type Vars } from "./worker-config.ts";

export interface EdgeOptions {
  /** 0 takes any free port. */
  port: number;
  stateDir: string;
  /** The app behind the gate, `http://127.0.0.1:8080`; without it, the demo app. */
  origin?: string;
  /** Instead of the variables of the same name in `wrangler.toml`; `ADMIN_TOKEN`, too. */
  vars?: Vars;
  /** Where all clients seem to be: ISO 3166-1 alpha-2, or `T1`, `XX`. */
  country?: string;
  /** Calls from the Worker to its objects take 0 to this many milliseconds longer, each way; 0 without it. */
  latencyMs?: number;
  /** Starts what signs in the name of the edge's authority, besides the edge. */
  startSigner?(authority: Credential, paths: StatePaths): Promise<Signer>;
  /** Starts or finds the identity provider that people sign in with. Not called without an admin host: it is the door. */
  startSignIn?(door: SignInDoor): Promise<SignIn>;
  /** Every line that the Worker logs, from its first on. */
  onWorkerLog?(line: WorkerLogLine): void;
  /** Why the edge itself could not pass a request on. */
  onError?(error: unknown): void;
}

/** Signs and revokes certificates that the edge verifies. */
export interface Signer {
  /** As `normaliseSerial` writes them. */
  revokedSerials(): ReadonlySet<string>;
  stop(): Promise<void>;
}

/** A local edge that does what Cloudflare's does: TLS with client certificates in front of the Worker. */
export interface Edge {
  port: number;
  /** `https://app.localhost:8443`, without a slash at the end. */
  url(host: string): string;
  /** The development CA's certificate, PEM. */
  ca: string;
  adminToken: string;
  /** An app's host and the host of the API and the pages: those a person would try first. */
  appHost: string;
  apiHost: string;
  /** An app whose clients delete their vault once they are lost; `undefined` if no app has that profile. */
  bitwardenHost: string | undefined;
  /** An app that people can sign in to; `undefined` if nobody signs in. */
  signInHost: string | undefined;
  /**
   * A new link that signs one browser in as the administrator, once, within `lifeMs`. `undefined` without an admin
   * host: there are no pages then. Anyone who sees it first can use it: it is for the owner's own terminal.
   */
  signInLink(lifeMs: number): string | undefined;
  paths: StatePaths;
  /** The runtime's own address: it answers only the edge. */
  workerUrl: URL;
  /** Requests that the demo app is answering now; `undefined` with an app of the owner's. */
  openAtDemoApp: (() => number) | undefined;
  /** Hears each line that the Worker logs from now on. Returns what ends it. */
  onWorkerLog(listener: (line: WorkerLogLine) => void): () => void;
  /** Ends all connections, the Worker and the demo app. May be called more than once. */
  stop(): Promise<void>;
}

/** Always in the server's certificate, besides the hosts that the variables name. */
const OWN_HOSTS = ["localhost", "*.localhost", "127.0.0.1"];

/** With an app for all hosts (`*`), none may be named. */
const ANY_HOST = "localhost";

/** Starts a local edge. Throws a `Failure` for what the owner can fix: a busy port, an odd folder. */
export async function startEdge(options: EdgeOptions): Promise<Edge> {
  const undo: (() => unknown)[] = [];
  const stop = onceAsync(async () => {
    for (const end of undo.reverse()) await end();
  });
  try {
    return await start(options, undo, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(
  options: EdgeOptions,
  undo: (() => unknown)[],
  stop: () => Promise<void>,
): Promise<Edge> {
  const listeners = new Set<(line: WorkerLogLine) => void>();
  if (options.onWorkerLog !== undefined) listeners.add(options.onWorkerLog);
  const onError = options.onError ?? (() => undefined);

  const origin = options.origin === undefined ? undefined : parseOrigin(options.origin);
  const config = readWorkerConfig(options.vars ?? {});
  const paths = statePaths(options.stateDir);
  await claimFolder(paths);
  undo.push(await lockFolder(paths.lock));
  const hosts = [...new Set([...OWN_HOSTS, ...config.hosts])];
  const state = await openState(paths, hosts, new Date()).catch((error: unknown) => {
    throw stateFailure(paths, error);
  });

  // Before the slow part, so that a busy port is reported immediately.
  const server = await listen(state.authority, state.server, options.port);
  undo.push(server.close);
  // Requests that come before the Worker has started wait for it.
  const started = Promise.withResolvers<EdgeProxy>();
  // One odd request must not end the edge.
  const failed = (socket: Duplex) => (error: unknown) => {
    onError(error);
    socket.destroy();
  };
  let signInLinks: SignInLinks | undefined;
  server.https.on("request", (request, response) => {
    const answered =
      signInLinks?.isFor(request) === true
        ? signInLinks.answer(request, response)
        : started.promise.then((proxy) => proxy.request(request, response));
    answered.catch(failed(request.socket));
  });
  server.https.on("upgrade", (request, socket, head) => {
    started.promise.then((proxy) => proxy.upgrade(request, socket, head)).catch(failed(socket));
  });

  const signer = await options.startSigner?.(state.authority, paths).catch((error: unknown) => {
    throw stateFailure(paths, error);
  });
  if (signer !== undefined) undo.push(() => signer.stop());

  const { adminHost } = config;
  const url = (host: string) => `https://${host}:${server.port}`;
  const ca = state.authority.certificate;
  const door =
    adminHost === undefined ? undefined : { url: url(adminHost), ca, paths, vars: config.vars, onError };
  const signIn =
    door &&
    (await options.startSignIn?.(door).catch((error: unknown) => {
      throw stateFailure(paths, error);
    }));
  if (signIn?.stop !== undefined) undo.push(signIn.stop);

  const log = new WorkerLog(paths.workerLog, onError);
  listeners.add(({ message }) => log.write(message));
  undo.push(() => log.close());

  const app: DemoApp | undefined = origin === undefined ? await startDemoApp() : undefined;
  if (app !== undefined) undo.push(() => app.stop());
  const { ADMIN_TOKEN: given } = options.vars ?? {};
  const adminToken = typeof given === "string" ? given : state.adminToken;
  const vars: Vars = { ...config.vars, ...signIn?.vars, ADMIN_TOKEN: adminToken };
  const worker = await startWorker({
    config,
    vars,
    providerOrigins: signIn?.origins ?? [],
    origin: origin ?? parseOrigin(app?.url ?? ""),
    registry: paths.registry,
    latencyMs: options.latencyMs ?? 0,
    log: (line) => {
      for (const listener of listeners) listener(line);
    },
  });
  undo.push(() => worker.stop());

  const blockList = new BlockList(paths.blocked, config.vars.BLOCKED, onError);
  const proxy = new EdgeProxy({
    worker,
    handshakes: new Handshakes(),
    country: options.country ?? DEFAULT_COUNTRY,
    revoked: async () => {
      const written = await readRevoked(paths.revoked);
      return signer === undefined ? written : new Set([...written, ...signer.revokedSerials()]);
    },
    blocked: () => blockList.value(),
    onError,
  });
  undo.push(() => proxy.stop());
  started.resolve(proxy);
  const appHost = firstOf(["app.localhost", "localhost"], config.appHosts) ?? ANY_HOST;

  return {
    port: server.port,
    url,
    ca,
    adminToken,
    appHost,
    apiHost: adminHost ?? firstOf(["localhost"], config.appHosts) ?? ANY_HOST,
    bitwardenHost: config.bitwardenHost,
    signInHost: signIn === undefined ? undefined : firstOf([appHost], signInHostsOf(vars.APPS)),
    signInLink(lifeMs) {
      if (adminHost === undefined) return undefined;
      signInLinks ??= new SignInLinks({
        host: adminHost,
        port: server.port,
        ca,
        token: adminToken,
      });
      return signInLinks.make(lifeMs);
    },
    paths,
    workerUrl: worker.url,
    openAtDemoApp: app === undefined ? undefined : () => app.open,
    onWorkerLog: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    stop,
  };
}

/** The first that is served. */
function firstOf(preferred: readonly string[], hosts: readonly string[]): string | undefined {
  return preferred.find((host) => hosts.includes(host)) ?? hosts[0];
}

function onceAsync(action: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => {
    done ??= action();
    return done;
  };
}
