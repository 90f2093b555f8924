#!/usr/bin/env node
import { existsSync } from "node:fs";
import { join } from "node:path";
import { CommanderError } from "commander";
import type { Edge } from "./edge/edge.ts";
import { logText } from "./edge/log-text.ts";
import {
  callersFolder,
  isInClone,
  readOptions,
  type StartSettings,
  shownFrom,
} from "./edge/start-options.ts";
import { welcome } from "./edge/welcome.ts";
import type { ChosenProvider } from "./issuer/choose.ts";
import { DEPLOYMENT_FOLDER } from "./package.ts";
import type { HomeCloudflare } from "./stand-in/at-home.ts";
import { failed, report } from "./terminal/failure.ts";
import { printable } from "./terminal/text.ts";

/** The process that started this one; it changes when that process ends. */
const PARENT = process.ppid;

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
    // Miniflare's own listeners end the process immediately, with the server and the lock left behind.
    process.removeAllListeners(signal);
    process.once(signal, () => {
      edge.stop().then(
        () => process.exit(0),
        (error: unknown) => process.exit(report(error)),
      );
    });
  }
}

/** How long the printed link signs in. */
const LINK_MINUTES = 15;

async function main(words: readonly string[]): Promise<void> {
  // A reader that has seen enough (`| head`) is no error.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit(0);
  });
  await startGate(readOptions(words, process.env));
}

/** Runs the gate on this machine until a signal ends it, and prints what to try. */
export async function startGate(options: StartSettings): Promise<void> {
  const { chooseProvider } = await import("./issuer/choose.ts");
  const startProvider = await chooseProvider(options.provider, options.vars, process.env);
  const isFirst = !existsSync(join(options.stateDir, "ca.pem"));
  process.stderr.write(`${isFirst ? "making certificates, starting" : "starting"} the Worker …\n`);
  // Wrangler reads our wrangler.toml, and would keep a log of that in the home folder.
  process.env.WRANGLER_WRITE_LOGS ??= "false";
  // Wrangler and the runtime take a second to load: not for a help text.
  const { startEdge } = await import("./edge/edge.ts");
  const { enrolDemoDevices, whyItRefuses } = await import("./edge/first-start.ts");
  const { startHomeCloudflare } = await import("./stand-in/at-home.ts");
  const cloudflare = Promise.withResolvers<HomeCloudflare>();
  const chosen: { provider?: ChosenProvider } = {};
  const edge = await startEdge({
    ...options,
    async startSignIn(door) {
      chosen.provider = await startProvider(door);
      return chosen.provider;
    },
    async startSigner(authority, paths) {
      const started = await startHomeCloudflare(authority, paths);
      cloudflare.resolve(started);
      return started;
    },
    onWorkerLog: (line) => console.log(`${time()} ${logText(line)}`),
    onError: (error) => console.error(`${time()} edge: ${printable(String(error))}`),
  });
  stopOnSignal(edge);
  stopWithNpm();
  if (chosen.provider === undefined && typeof options.provider === "object") {
    await edge.stop();
    throw failed("nobody can sign in without an ADMIN_HOST", "add --var ADMIN_HOST=latchkey.localhost");
  }
  // It goes on running, to show how a misconfigured gate refuses.
  const problem =
    (await whyItRefuses(edge)) ?? (await enrolDemoDevices(edge).catch((error: unknown) => error));
  if (problem !== undefined) {
    report(problem);
    return;
  }
  const folder = callersFolder(process.env);
  const text = welcome({
    edge,
    app: options.origin ?? "the demo app",
    cloudflareUrl: (await cloudflare.promise).url,
    signInLink: edge.signInLink(LINK_MINUTES * 60_000),
    linkMinutes: LINK_MINUTES,
    passwords: chosen.provider?.passwords,
    clone: isInClone(folder) ? "this folder" : DEPLOYMENT_FOLDER,
    show: (path) => shownFrom(folder, path),
  });
  console.log(text);
  console.log(`ready ${edge.url(edge.appHost)}`);
}

function time(): string {
  return new Date().toTimeString().slice(0, 8);
}

if (import.meta.main) {
  try {
    await main(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof CommanderError && error.exitCode === 0)) process.exit(report(error));
  }
}
