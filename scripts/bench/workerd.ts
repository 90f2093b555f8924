import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { request } from "undici";

const WORKERD = fileURLToPath(new URL("../../node_modules/workerd/bin/workerd", import.meta.url));

/** The header whose JSON becomes `request.cf`. */
export const CF_HEADER = "cf-blob";
/** The header that says with which scheme the client came. */
export const SCHEME_HEADER = "x-forwarded-proto";

/** One Worker in a workerd process of its own. */
export interface WorkerdOptions {
  /** For this process only: its configuration and the Durable Objects' databases. */
  folder: string;
  /** The Worker's code, one module. */
  code: string;
  /** Other modules that it imports, by name. */
  modules?: Record<string, string>;
  /** Plain variables; objects become JSON. */
  vars?: Record<string, unknown>;
  /** Durable Object classes by binding, stored on disk. */
  durableObjects?: Record<string, string>;
  /** `host:port` of what `fetch` reaches. */
  origin?: string;
  /** Other servers, `host:port` by binding. */
  services?: Record<string, string>;
  compatibilityDate: string;
  compatibilityFlags: readonly string[];
}

/** A running workerd, without Miniflare. */
export class Workerd {
  readonly port: number;
  /** From the start of the process to its first answer, in milliseconds. */
  readonly startMs: number;
  readonly #process: ChildProcess;

  private constructor(port: number, startMs: number, process: ChildProcess) {
    this.port = port;
    this.startMs = startMs;
    this.#process = process;
  }

  static async start(options: WorkerdOptions): Promise<Workerd> {
    mkdirSync(join(options.folder, "objects"), { recursive: true });
    const port = await freePort();
    writeFileSync(join(options.folder, "worker.js"), options.code);
    for (const [name, code] of Object.entries(options.modules ?? {})) {
      writeFileSync(join(options.folder, name), code);
    }
    const config = join(options.folder, "config.capnp");
    writeFileSync(config, capnp(options, port));
    const startedAt = performance.now();
    const process = spawn(WORKERD, ["serve", "--experimental", config], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let errors = "";
    process.stderr?.on("data", (chunk: Buffer) => {
      errors = (errors + chunk).slice(-4_000);
    });
    try {
      await answers(port, process, () => errors);
    } catch (error) {
      process.kill("SIGKILL");
      throw error;
    }
    return new Workerd(port, performance.now() - startedAt, process);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Sends one GET, whatever its `Host` is; resolves to the status. */
  async get(path: string, headers: Record<string, string>): Promise<number> {
    const { statusCode, body } = await request(`${this.url}${path}`, { headers });
    await body.dump();
    return statusCode;
  }

  /** Resident memory in MiB, or `undefined` where the system does not report it. */
  memoryMib(): number | undefined {
    const match = /VmRSS:\s+(\d+) kB/.exec(this.#proc("status"));
    return match === null ? undefined : Number(match[1]) / 1024;
  }

  /** Processor time used so far in seconds, or `undefined` where the system does not report it. */
  cpuSeconds(): number | undefined {
    // Fields 14 and 15, in hundredths of a second; the second field may contain spaces.
    const fields = this.#proc("stat")
      .replace(/^.*\) /, "")
      .split(" ");
    return fields.length < 13 ? undefined : (Number(fields[11]) + Number(fields[12])) / 100;
  }

  #proc(file: string): string {
    try {
      return readFileSync(`/proc/${this.#process.pid}/${file}`, "utf8");
    } catch {
      return "";
    }
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = once(this.#process, "exit");
    this.#process.kill("SIGTERM");
    const killer = setTimeout(() => this.#process.kill("SIGKILL"), 3_000);
    await exited;
    clearTimeout(killer);
  }
}

function capnp(options: WorkerdOptions, port: number): string {
  const text = (value: unknown) => JSON.stringify(String(value));
  const bindings = [
    ...Object.entries(options.vars ?? {}).map(([name, value]) =>
      typeof value === "string"
        ? `(name = ${text(name)}, text = ${text(value)})`
        : `(name = ${text(name)}, json = ${text(JSON.stringify(value))})`,
    ),
    ...Object.keys(options.services ?? {}).map((name) => `(name = ${text(name)}, service = ${text(name)})`),
    ...Object.entries(options.durableObjects ?? {}).map(
      ([name, className]) => `(name = ${text(name)}, durableObjectNamespace = ${text(className)})`,
    ),
  ];
  const namespaces = Object.values(options.durableObjects ?? {}).map(
    (className) => `(className = ${text(className)}, uniqueKey = ${text(className)}, enableSql = true)`,
  );
  const objects =
    namespaces.length === 0
      ? ""
      : `durableObjectNamespaces = [${namespaces.join(", ")}], durableObjectStorage = (localDisk = "objects"),`;
  const modules = ["worker.js", ...Object.keys(options.modules ?? {})].map(
    (name) => `(name = ${text(name)}, esModule = embed ${text(name)})`,
  );
  const origin = options.origin ?? "127.0.0.1:9";
  const services = Object.entries(options.services ?? {}).map(
    ([name, address]) => `(name = ${text(name)}, external = (address = ${text(address)}, http = ())),`,
  );
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    (name = "origin", external = (address = ${text(origin)}, http = ())),
    ${services.join("\n    ")}
    (name = "objects", disk = (path = ${text(join(options.folder, "objects"))}, writable = true)),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (cfBlobHeader = ${text(CF_HEADER)}, forwardedProtoHeader = ${text(SCHEME_HEADER)}), service = "main")],
);
const main :Workerd.Worker = (
  modules = [${modules.join(", ")}],
  compatibilityDate = ${text(options.compatibilityDate)},
  compatibilityFlags = [${options.compatibilityFlags.map(text).join(", ")}],
  globalOutbound = "origin",
  ${objects}
  bindings = [${bindings.join(", ")}],
);
`;
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== "object" || address === null) throw new Error("no free port");
  return address.port;
}

async function answers(port: number, process: ChildProcess, errors: () => string): Promise<void> {
  const deadline = performance.now() + 15_000;
  for (;;) {
    if (process.exitCode !== null) throw new Error(`workerd ended: ${errors()}`);
    try {
      await (await fetch(`http://127.0.0.1:${port}/`, { redirect: "manual" })).arrayBuffer();
      return;
    } catch (error) {
      if (performance.now() > deadline)
        throw new Error(`workerd does not answer: ${errors()}`, { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}
