import { type ChildProcess, spawn } from "node:child_process";
import { createReadStream, existsSync, watch } from "node:fs";
import { stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { failed, misuse } from "./failure.ts";

/** Where lines of the log come from: read until the end, or until `signal` says so. */
export type LogSource = (signal: AbortSignal) => AsyncIterable<string>;

/** What the local edge writes into its state folder. */
export const EDGE_LOG = "worker.log";

export const standardInput: LogSource = (signal) =>
  createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY, signal });

/** `wrangler tail` of the deployed Worker, with the owner's own sign-in. */
export const wranglerTail: LogSource = async function* (signal) {
  const require = createRequire(import.meta.url);
  const wrangler = join(dirname(require.resolve("wrangler/package.json")), "bin", "wrangler.js");
  const tail: ChildProcess = spawn(process.execPath, [wrangler, "tail", "--format", "json"], {
    stdio: ["ignore", "pipe", "inherit"],
    signal,
  });
  const ended = new Promise<number | null>((resolve) => {
    tail.once("error", () => resolve(1));
    tail.once("exit", resolve);
  });
  if (tail.stdout !== null) yield* jsonObjects(createInterface({ input: tail.stdout }));
  if ((await ended) !== 0 && !signal.aborted) {
    throw failed("wrangler tail ended", "sign in with npx wrangler login, and deploy the Worker first");
  }
};

/** wrangler prints one object over many lines when it writes to a terminal, on one when it does not. */
async function* jsonObjects(lines: AsyncIterable<string>): AsyncIterable<string> {
  let open = "";
  for await (const line of lines) {
    open += line;
    try {
      JSON.parse(open);
    } catch {
      // Not whole yet; what can never become an object is dropped.
      if (!open.trimStart().startsWith("{")) open = "";
      continue;
    }
    yield open;
    open = "";
  }
}

/** The log of the local edge with this state folder: from now on, as it grows, also after restarts. */
export function edgeLog(stateDir: string): LogSource {
  const file = join(stateDir, EDGE_LOG);
  if (!existsSync(file)) {
    throw misuse(`there is no ${file}`, "start the local edge first (npm start), or name its state folder");
  }
  return async function* (signal) {
    let position = (await stat(file)).size;
    let rest = "";
    for (;;) {
      const changed = nextChange(file, signal);
      const { size } = await stat(file);
      // A new start of the edge begins the file anew.
      if (size < position) position = 0;
      if (size > position) {
        for await (const chunk of createReadStream(file, {
          start: position,
          end: size - 1,
          encoding: "utf8",
        })) {
          const lines = (rest + chunk).split("\n");
          rest = lines.pop() ?? "";
          yield* lines;
        }
        position = size;
        continue;
      }
      await changed;
      if (signal.aborted) return;
    }
  };
}

function nextChange(file: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const watcher = watch(file, () => done());
    const done = () => {
      watcher.close();
      signal.removeEventListener("abort", done);
      resolve();
    };
    watcher.once("error", done);
    signal.addEventListener("abort", done);
  });
}
