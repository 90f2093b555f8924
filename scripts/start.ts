#!/usr/bin/env node
import { relative } from "node:path";
import { Command, CommanderError, Option } from "commander";
import { misuse } from "./commands/shared/failure.ts";
import { misuseFromCommander } from "./commands/shared/misuse.ts";
import { report } from "./commands/shared/report.ts";
import { printable } from "./commands/shared/text.ts";
import { DEFAULT_COUNTRY } from "./edge/cloudflare.ts";
import type { Edge, EdgeOptions } from "./edge/edge.ts";
import { logText } from "./edge/log-text.ts";
import { parseOrigin } from "./edge/origin.ts";
import { welcome } from "./edge/welcome.ts";

/** The process that started this one; it changes when that process ends. */
const PARENT = process.ppid;

const DEFAULT_PORT = "8443";
const DEFAULT_STATE = ".latchkey";

const USAGE = `
The state folder holds a certificate authority for this machine, the server's and three
devices' certificates, the admin token and the registry. It is made on the first start.

Examples:
  npm start
  npm start -- --origin http://127.0.0.1:8123
  npm start -- --port 9443 --state /tmp/gate --var REVOCATION_DELAY_SECONDS=0
  npm start -- --var 'APPS={"app.localhost":{"countries":["CH"]}}' --country US`;

interface Options {
  port: string;
  state: string;
  origin?: string;
  country: string;
  latency: string;
  var?: Record<string, unknown>;
}

function createProgram(): Command {
  return new Command("npm start --")
    .description("Run the gate on this machine, behind a local edge with real client certificates.")
    .usage("[options]")
    .helpOption("-h, --help", "print this help")
    .addOption(
      withDefault("--port <port>", "where to listen, on 127.0.0.1; 0 takes a free one", DEFAULT_PORT),
    )
    .addOption(withDefault("--state <folder>", "the state folder", DEFAULT_STATE))
    .option("--origin <url>", "the app behind the gate, instead of the demo app")
    .option("--var <name=value>", "a variable instead of wrangler.toml's; JSON is read; repeatable", addVar)
    .addOption(withDefault("--country <code>", "where all clients seem to be", DEFAULT_COUNTRY))
    .addOption(
      withDefault(
        "--latency <ms>",
        "delay each call to the registry and its answer by 0 to this many milliseconds, as between distant machines",
        "0",
      ),
    )
    .allowExcessArguments(false)
    .addHelpText("after", USAGE)
    .configureOutput({ outputError: () => undefined })
    .showHelpAfterError(false)
    .exitOverride();
}

/** Commander would show the default in quotes. */
function withDefault(flags: string, description: string, value: string): Option {
  return new Option(flags, description).default(value, value);
}

/** `NAME=VALUE`; a value that is JSON is what it says, everything else is a text. */
function addVar(text: string, vars: Record<string, unknown> = {}): Record<string, unknown> {
  const [, name, value] = /^([A-Za-z_]\w*)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) {
    throw misuse("--var is not NAME=VALUE", "such as --var REVOCATION_DELAY_SECONDS=0");
  }
  if (name === "ADMIN_TOKEN") {
    throw misuse(
      "a token is not given as an argument: other users of this machine would see it",
      "the state folder holds it, in the file admin-token",
    );
  }
  return { ...vars, [name]: parseValue(value) };
}

function parseValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65_535))
    throw misuse(`--port '${printable(text)}' is not a port`, "give a number up to 65535");
  return port;
}

function parseCountry(text: string): string {
  if (!/^[A-Z][A-Z0-9]$/.test(text)) {
    throw misuse(`--country '${printable(text)}' is not a code`, "give two capital letters, such as CH");
  }
  return text;
}

/** Latency between any two places is below a second. */
function parseLatency(text: string): number {
  const latency = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  if (!(latency <= 1_000)) {
    throw misuse(`--latency '${printable(text)}' is not a latency`, "give milliseconds, 0 to 1000");
  }
  return latency;
}

/** How often to look whether npm is still there, in milliseconds. */
const LOOK_MS = 500;

/** npm runs this in a shell, which does not pass on the signal that ends npm: it just ends, too. */
function stopWithNpm(): void {
  if (process.env.npm_lifecycle_event === undefined) return;
  const timer = setInterval(() => {
    if (process.ppid === PARENT) return;
    clearInterval(timer);
    process.kill(process.pid, "SIGTERM");
  }, LOOK_MS).unref();
}

/** Ends the process with 0 once everything has stopped. A second signal does not wait. */
function stopOnSignal(edge: Edge): void {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    // Miniflare's own listeners end the process at once, with the server and the lock left behind.
    process.removeAllListeners(signal);
    process.once(signal, () => {
      edge.stop().then(
        () => process.exit(0),
        (error: unknown) => process.exit(report(error)),
      );
    });
  }
}

/** The options as the edge takes them. Throws `Failure` for misuse. */
function readOptions(words: readonly string[]): EdgeOptions {
  const {
    port,
    state,
    origin,
    country,
    latency,
    var: vars,
  } = createProgram().parse(words, { from: "user" }).opts<Options>();
  if (origin !== undefined) parseOrigin(origin);
  return {
    port: parsePort(port),
    stateDir: state,
    vars: vars ?? {},
    country: parseCountry(country),
    latencyMs: parseLatency(latency),
    ...(origin === undefined ? {} : { origin }),
  };
}

async function main(words: readonly string[]): Promise<void> {
  // A reader that has seen enough (`| head`) is no error.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit(0);
  });
  const options = readOptions(words);
  // Wrangler and the runtime take a second to load: not for a help text.
  const { startEdge } = await import("./edge/edge.ts");
  const { enrolDemoDevices } = await import("./edge/first-start.ts");
  const edge = await startEdge({
    ...options,
    onWorkerLog: (line) => console.log(`${time()} ${logText(line)}`),
    onError: (error) => console.error(`${time()} edge: ${printable(String(error))}`),
  });
  stopOnSignal(edge);
  stopWithNpm();
  await enrolDemoDevices(edge).catch((error: unknown) => {
    // A Worker that refuses everything, for example because of a --var, still shows what it does.
    report(error);
  });
  console.log(welcome(edge, options.origin ?? "the demo app", pathFromHere));
  console.log(`ready ${edge.url(edge.appHost)}`);
}

/** As short as it can be typed from here. */
function pathFromHere(path: string): string {
  const fromHere = relative("", path);
  return fromHere.startsWith("..") ? path : fromHere || ".";
}

function time(): string {
  return new Date().toTimeString().slice(0, 8);
}

function failureOf(error: unknown): unknown {
  if (!(error instanceof CommanderError)) return error;
  const { message, hint } = misuseFromCommander(error, createProgram());
  return misuse(message, hint.startsWith("did you mean") ? hint : "see npm start -- --help");
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof CommanderError && error.exitCode === 0)) process.exit(report(failureOf(error)));
}
