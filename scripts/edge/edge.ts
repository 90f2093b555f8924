import { X509Certificate } from "node:crypto";
import { createServer, type Server } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { failed } from "../commands/shared/failure.ts";
import { type DemoApp, startDemoApp } from "./demo/demo-app.ts";
import { Handshakes } from "./handshake.ts";
import { lockFolder } from "./lock.ts";
import { parseOrigin } from "./origin.ts";
import { EdgeProxy } from "./proxy.ts";
import { readRevoked } from "./revoked.ts";
import { claimFolder, openState, type StatePaths, statePaths } from "./state.ts";
import { startWorker, type WorkerLogLine } from "./worker.ts";
import { readWorkerConfig, type Vars } from "./worker-config.ts";

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
  /** Every line that the Worker logs, from its first on. */
  onWorkerLog?(line: WorkerLogLine): void;
  /** Why the edge itself could not pass a request on. */
  onError?(error: unknown): void;
}

/** A local edge that does what Cloudflare's does: TLS with client certificates in front of the Worker. */
export interface Edge {
  port: number;
  /** `https://app.localhost:8443`, without a slash at the end. */
  url(host: string): string;
  /** The development CA's certificate, PEM. */
  ca: string;
  adminToken: string;
  /** An app's host and the host of the API: those a person would try first. */
  appHost: string;
  apiHost: string;
  paths: StatePaths;
  /** The runtime's own address: it answers nobody but the edge. */
  workerUrl: URL;
  /** Requests that the demo app is answering now; `undefined` with an app of the owner's. */
  openAtDemoApp: (() => number) | undefined;
  /** Hears each line that the Worker logs from now on. Returns what ends it. */
  onWorkerLog(listener: (line: WorkerLogLine) => void): () => void;
  /** Ends all connections, the Worker and the demo app. May be called more than once. */
  stop(): Promise<void>;
}

const LOOPBACK = "127.0.0.1";
export const DEFAULT_COUNTRY = "CH";

/** Always in the server's certificate, besides the hosts that the variables name. */
const OWN_HOSTS = ["localhost", "*.localhost", LOOPBACK];

/** Cloudflare takes request headers of up to 128 KB in all. */
const MAX_HEADER_BYTES = 128 * 1024;

/** Starts a local edge. Throws a `Failure` for what the owner can mend: a busy port, an odd folder. */
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
  const place = { country: options.country ?? DEFAULT_COUNTRY };

  const origin = options.origin === undefined ? undefined : parseOrigin(options.origin);
  const config = readWorkerConfig(options.vars ?? {});
  const paths = statePaths(options.stateDir);
  await claimFolder(paths);
  undo.push(await lockFolder(paths.lock));
  const hosts = [...new Set([...OWN_HOSTS, ...config.hosts])];
  const state = await openState(paths, hosts, new Date());

  // Before the slow part, so that a busy port is told at once.
  const server = createServer({
    ca: state.authority.certificate,
    cert: state.server.certificate,
    key: state.server.key,
    requestCert: true,
    // The gate refuses, not the handshake.
    rejectUnauthorized: false,
    minVersion: "TLSv1.2",
    ALPNProtocols: ["http/1.1"],
    maxHeaderSize: MAX_HEADER_BYTES,
    // A slow upload is no attack here.
    requestTimeout: 0,
    shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === "websocket",
  });
  const port = await listen(server, options.port);
  undo.push(closeServer(server));
  // Who comes before the Worker has started waits for it.
  const started = Promise.withResolvers<EdgeProxy>();
  server.on("request", (request, response) => {
    void started.promise.then((proxy) => proxy.request(request, response));
  });
  server.on("upgrade", (request, socket, head) => {
    void started.promise.then((proxy) => proxy.upgrade(request, socket, head));
  });

  const app: DemoApp | undefined = origin === undefined ? await startDemoApp() : undefined;
  if (app !== undefined) undo.push(() => app.stop());
  const adminToken = adminTokenOf(options.vars) ?? state.adminToken;
  const worker = await startWorker({
    config,
    vars: { ...config.vars, ADMIN_TOKEN: adminToken },
    origin: origin ?? parseOrigin(app?.url ?? ""),
    registry: paths.registry,
    log: (line) => {
      for (const listener of listeners) listener(line);
    },
  });
  undo.push(() => worker.stop());

  const proxy = new EdgeProxy({
    worker,
    handshakes: new Handshakes([new X509Certificate(state.authority.certificate)]),
    place,
    revoked: () => readRevoked(paths.revoked),
    onError,
  });
  undo.push(() => proxy.stop());
  started.resolve(proxy);

  return {
    port,
    url: (host) => `https://${host}:${port}`,
    ca: state.authority.certificate,
    adminToken,
    appHost: firstOf(["app.localhost", "localhost"], config.hosts),
    apiHost: config.adminHost ?? firstOf(["localhost"], config.hosts),
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

/** The first that is served. With an app for all hosts (`*`), none may be named. */
function firstOf(preferred: readonly string[], hosts: readonly string[]): string {
  return preferred.find((host) => hosts.includes(host)) ?? hosts[0] ?? "localhost";
}

function adminTokenOf(vars: Vars | undefined): string | undefined {
  return typeof vars?.ADMIN_TOKEN === "string" ? vars.ADMIN_TOKEN : undefined;
}

async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, LOOPBACK, resolve);
  }).catch((error: NodeJS.ErrnoException) => {
    throw portError(error, port);
  });
  return (server.address() as AddressInfo).port;
}

function portError(error: NodeJS.ErrnoException, port: number): Error {
  switch (error.code) {
    case "EADDRINUSE":
      return failed(`port ${port} is in use`, "stop what listens there, or choose another with --port");
    case "EACCES":
      return failed(`port ${port} may not be used by this user`, "choose one above 1023 with --port");
    default:
      return error;
  }
}

/** `server.close()` waits for clients; this one ends their connections, WebSockets too. */
function closeServer(server: Server): () => Promise<void> {
  const sockets = new Set<Socket>();
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    // A client that goes away in the middle of something is no error of ours.
    socket.on("error", () => socket.destroy());
  };
  // Those whose handshake is not done, and those that speak TLS.
  server.on("connection", keep);
  server.on("secureConnection", keep);
  return () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
      for (const socket of sockets) socket.destroy();
    });
}

function onceAsync(action: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => {
    done ??= action();
    return done;
  };
}
