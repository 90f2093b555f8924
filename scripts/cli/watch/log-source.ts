// Where the log of refusals comes from: wrangler tail, a local edge, or the standard input.
import { spawn } from "node:child_process";
import { type FileHandle, open, stat } from "node:fs/promises";
import { join } from "node:path";
import { addAbortSignal, type Readable } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import { setTimeout } from "node:timers/promises";
import { wranglerProgram } from "../../cloudflare/wrangler.ts";
import { WORKER_LOG } from "../../edge/state/worker-log.ts";
import { orMissing } from "../../files.ts";
import { DEPLOYMENT_FOLDER } from "../../package.ts";
import { errorCode, failed, misuse } from "../../terminal/failure.ts";
import { printable } from "../../terminal/text.ts";
import { LogReader } from "./log-reader.ts";

/** A log's JSON objects until it ends, or until `signal` ends it with an error. */
export interface LogSource {
  /** As in `following NAME`. */
  name: string;
  entries(signal: AbortSignal): AsyncIterable<object>;
}

export const standardInput: LogSource = {
  name: "the standard input",
  entries: (signal) => objectsIn(textOf(addAbortSignal(signal, process.stdin))),
};

/** `wrangler tail` of the Worker of the deployment folder, with the owner's own sign-in. */
export const wranglerTail: LogSource = {
  name: "wrangler tail",
  async *entries(signal) {
    const tail = spawn(process.execPath, [wranglerProgram(), "tail", "--format", "json"], {
      cwd: DEPLOYMENT_FOLDER,
      // Its messages about signing in are for the person who is watching.
      stdio: ["ignore", "pipe", "inherit"],
    });
    const ended = new Promise<number | null>((resolve) => {
      tail.once("error", () => resolve(null));
      tail.once("exit", resolve);
    });
    // On a terminal Ctrl-C has reached it already; it ends the tail at Cloudflare, too.
    const stop = () => tail.kill("SIGTERM");
    signal.addEventListener("abort", stop);
    try {
      yield* objectsIn(textOf(tail.stdout));
      if ((await ended) !== 0 && !signal.aborted) {
        throw failed("wrangler tail ended", "sign in with npx wrangler login, and deploy the Worker first");
      }
    } finally {
      signal.removeEventListener("abort", stop);
      stop();
    }
  },
};

/** The log of the local edge with this state folder, from now on, across restarts of the edge. */
export async function edgeLog(stateDir: string): Promise<LogSource> {
  const path = join(stateDir, WORKER_LOG);
  const file = await openIfThere(path);
  if (file === undefined) {
    throw misuse(
      `there is no ${printable(path)}`,
      "start the local edge first (npm start), or name its state folder",
    );
  }
  const { size } = await file.stat();
  return { name: path, entries: (signal) => objectsIn(follow(path, { file, position: size }, signal)) };
}

/** How often to look at the file: not every file system reports changes. */
const LOOK_EVERY_MS = 250;

/**
 * What is appended to a file after a position. If the file is replaced or truncated, the new content is read from the
 * beginning, and nothing of the old content is missed. Ends with the signal's error.
 */
async function* follow(
  path: string,
  from: { file: FileHandle; position: number },
  signal: AbortSignal,
): AsyncGenerator<string> {
  let { file, position } = from;
  try {
    let isReplaced = false;
    const decoder = new StringDecoder("utf8");
    const buffer = Buffer.alloc(64 * 1024);
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
      position += bytesRead;
      if (bytesRead > 0) {
        yield decoder.write(buffer.subarray(0, bytesRead));
      } else if (isReplaced) {
        const next = await openIfThere(path);
        if (next !== undefined) {
          await file.close();
          file = next;
          position = 0;
          yield `${decoder.end()}\n`;
        }
        isReplaced = false;
      } else if ((await file.stat()).size < position) {
        position = 0;
        yield `${decoder.end()}\n`;
      } else {
        isReplaced = await isAnother(path, file);
        // The end of the old file is read before it is left.
        if (!isReplaced) await setTimeout(LOOK_EVERY_MS, undefined, { signal });
      }
      signal.throwIfAborted();
    }
  } finally {
    await file.close();
  }
}

/** Whether the path leads to another file now; not if it leads nowhere. */
async function isAnother(path: string, file: FileHandle): Promise<boolean> {
  const [there, ours] = await Promise.all([orMissing(stat(path)), file.stat()]);
  return there !== undefined && (there.ino !== ours.ino || there.dev !== ours.dev);
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await orMissing(open(path));
  } catch (error) {
    throw failed(
      `${printable(path)} cannot be read (${errorCode(error) ?? String(error)})`,
      "follow it as the user who started the local edge",
    );
  }
}

/** Whole characters, wherever the bytes were split. */
async function* textOf(stream: Readable): AsyncGenerator<string> {
  for await (const chunk of stream.setEncoding("utf8")) yield chunk as string;
}

async function* objectsIn(pieces: AsyncIterable<string>): AsyncGenerator<object> {
  const reader = new LogReader();
  for await (const piece of pieces) yield* reader.read(piece);
  yield* reader.end();
}
