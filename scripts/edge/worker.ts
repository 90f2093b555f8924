import { randomBytes } from "node:crypto";
import { build } from "esbuild";
import {
  convertV4MiniflareOptions,
  type Json,
  Log,
  LogLevel,
  Miniflare,
  type V4WorkerOptions,
} from "miniflare";
import { notifySettings } from "../../src/notify/settings.ts";
import { workerModule } from "../package.ts";
import type { Origin } from "./origin.ts";
import type { Vars, WorkerConfig } from "./worker-config.ts";
import type { DoorOptions } from "./workerd/door.ts";

/** A line that the Worker wrote with `console`, or that the runtime wrote about it. */
export interface WorkerLogLine {
  /** `log`, `info`, `warn`, `error`, ... */
  level: string;
  message: string;
}

export interface WorkerOptions {
  config: WorkerConfig;
  /** All variables and secrets. */
  vars: Vars;
  origin: Origin;
  /** Of the identity provider: scheme, host and port of each address. */
  providerOrigins: readonly string[];
  /** The folder of the Durable Objects' databases. */
  registry: string;
  /** Of calls to the Durable Objects, either way: 0 to this many milliseconds. 0 for none. */
  latencyMs: number;
  log(line: WorkerLogLine): void;
}

/** The Worker in workerd, on a port of this machine that answers only those who know the secret. */
export interface RunningWorker {
  url: URL;
  secret: string;
  stop(): Promise<void>;
}

const DOOR_MODULE = workerModule("scripts/edge/workerd/door.ts");
const ORIGIN_MODULE = workerModule("scripts/edge/workerd/origin.ts");
const WORKER = "latchkey";
const ORIGIN = "origin";
/** The named entry point of `workerd/origin.ts`. */
const ORIGIN_ENTRYPOINT = "tunnel";
const ORIGIN_COMPATIBILITY_DATE = "2026-10-01";
const LOOPBACK = "127.0.0.1";

/**
 * Starts the real Worker in the real runtime: its `fetch` goes to the origin without passing
 * through Node, so it streams and speaks WebSocket as in production.
 */
export async function startWorker(options: WorkerOptions): Promise<RunningWorker> {
  const { config, vars, registry, latencyMs, log } = options;
  const secret = randomBytes(32).toString("hex");
  const [gate, tunnel] = await Promise.all([
    bundle(config, { secret, latencyMs }),
    bundleSource(`export { default, tunnel } from ${JSON.stringify(ORIGIN_MODULE)};`, {}),
  ]);
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      host: LOOPBACK,
      port: 0,
      // Everything about the client comes with each request. Without this, Miniflare would download some of it.
      cf: false,
      telemetry: { enabled: false },
      log: new Log(LogLevel.NONE),
      handleStructuredLogs: ({ level, message }) => log({ level, message }),
      resourcePersistencePath: registry,
      workers: [gateWorker(config, vars, gate), originWorker(options, tunnel)],
    }),
  );
  try {
    await miniflare.ready;
    const url = await miniflare.unsafeGetDirectURL(WORKER);
    return { url, secret, stop: () => miniflare.dispose() };
  } catch (error) {
    await miniflare.dispose();
    throw error;
  }
}

function gateWorker({ options }: WorkerConfig, vars: Vars, code: string): V4WorkerOptions {
  // Rules for files that a bundle no longer has; Miniflare 5 refuses them.
  const { modulesRules: _, ...settings } = options;
  return {
    ...settings,
    ...moduleOf(code),
    name: WORKER,
    // Variables are what JSON can express.
    bindings: JSON.parse(JSON.stringify(vars)) as Record<string, Json>,
    // The socket leads to the Worker itself. Miniflare's own entry would rewrite Accept-Encoding,
    // answer some paths and show stack traces.
    unsafeDirectSockets: [{ host: LOOPBACK, port: 0 }],
    outboundService: { name: ORIGIN, entrypoint: ORIGIN_ENTRYPOINT },
    // Cloudflare lets the origin see it.
    stripCfConnectingIp: false,
  };
}

function originWorker({ origin, vars, providerOrigins }: WorkerOptions, code: string): V4WorkerOptions {
  const notifyOrigins = notifySettings(vars).targets.map(({ url }) => new URL(url).origin);
  return {
    ...moduleOf(code),
    name: ORIGIN,
    compatibilityDate: ORIGIN_COMPATIBILITY_DATE,
    bindings: { ZONE: "localhost", OUTSIDE: [...notifyOrigins, ...providerOrigins] },
    serviceBindings: { APP: { external: externalServer(origin) } },
  };
}

function moduleOf(contents: string) {
  return { modules: [{ type: "ESModule" as const, path: "index.js", contents }], modulesRoot: "/" };
}

/** The Host header stays that of the client: the app may build its links from it. */
function externalServer({ address, hostname, secure }: Origin) {
  return secure
    ? { address, https: { options: {}, tlsOptions: { trustBrowserCas: true }, certificateHost: hostname } }
    : { address, http: {} };
}

/**
 * The Worker as `wrangler deploy` would bundle it, behind the door. The secret is in the code, so
 * that the Worker's environment is exactly that of `wrangler.toml`.
 */
function bundle({ main, bundling }: WorkerConfig, options: DoorOptions): Promise<string> {
  return bundleSource(
    [
      `import worker from ${JSON.stringify(main)};`,
      `import { behindDoor } from ${JSON.stringify(DOOR_MODULE)};`,
      `export * from ${JSON.stringify(main)};`,
      `export default behindDoor(worker, ${JSON.stringify(options)});`,
    ].join("\n"),
    bundling,
  );
}

async function bundleSource(contents: string, bundling: WorkerConfig["bundling"]): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: import.meta.dirname, sourcefile: "entry.js" },
    bundle: true,
    write: false,
    format: "esm",
    target: "es2024",
    // As wrangler does.
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:*", "node:*"],
    ...bundling,
    logLevel: "silent",
  });
  return outputFiles[0]?.text ?? "";
}
