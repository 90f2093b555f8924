import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { SECRET_MODE } from "../../files.ts";
import { printable } from "../../terminal/text.ts";

/** In the state folder. `latchkey watch --edge` follows it. */
export const WORKER_LOG = "worker.log";

/** A larger log starts again: it is for following, not for keeping. */
const MAX_BYTES = 5_000_000;

/**
 * The Worker's lines in a file, one per line as the Worker wrote them. Each start makes a new file, so that a reader
 * of the old one notices the change. Lines are written immediately: they are few and short, and should survive a crash.
 */
export class WorkerLog {
  readonly #path: string;
  readonly #maxBytes: number;
  readonly #onError: (error: unknown) => void;
  #file: number | undefined;
  #bytes = 0;

  constructor(path: string, onError: (error: unknown) => void, maxBytes = MAX_BYTES) {
    this.#path = path;
    this.#onError = onError;
    this.#maxBytes = maxBytes;
    this.#startAgain();
  }

  write(message: string): void {
    if (this.#file === undefined) return;
    // Our own lines are JSON, which has no line breaks; the runtime's may be anything.
    const line = Buffer.from(
      `${message.startsWith("{") ? message.replaceAll("\n", " ") : printable(message)}\n`,
    );
    try {
      if (this.#bytes > 0 && this.#bytes + line.length > this.#maxBytes) this.#startAgain();
      if (this.#file !== undefined) writeSync(this.#file, line);
      this.#bytes += line.length;
    } catch (error) {
      this.#giveUp(error);
    }
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #startAgain(): void {
    this.close();
    try {
      rmSync(this.#path, { force: true });
      this.#file = openSync(this.#path, "ax", SECRET_MODE);
      this.#bytes = 0;
    } catch (error) {
      this.#giveUp(error);
    }
  }

  /** A full disk stops the log, not the gate. */
  #giveUp(error: unknown): void {
    this.close();
    this.#onError(error);
  }
}
