// Files as every part of the scripts reads and writes them: small ones are read with a limit, and what is written is there
// whole or not at all.
import { randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { link, open, readFile, rename, rm } from "node:fs/promises";
import type { Readable } from "node:stream";
import { errorCode, type Failure, misuse } from "./terminal/failure.ts";
import { printable } from "./terminal/text.ts";

/** Readable only by the owner: keys and tokens. */
export const SECRET_MODE = 0o600;
export const PUBLIC_MODE = 0o644;
export const FOLDER_MODE = 0o700;

/** Ends the names of files that are being written; one that stays was left by a crash. */
export const UNFINISHED_SUFFIX = ".unfinished";

/**
 * Writes a file so that it is there whole or not at all, even after a crash: beside its place, flushed to the disk, then
 * renamed. The mode applies from the first byte.
 */
export async function writeWhole(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  await rename(await writeBeside(path, content, mode), path);
}

/** The same for a file that must be new: an existing one is never replaced (`EEXIST`). */
export async function writeNew(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  const unfinished = await writeBeside(path, content, mode);
  try {
    // Unlike a rename, a second name for it fails where the name is taken.
    await link(unfinished, path);
  } finally {
    await rm(unfinished, { force: true });
  }
}

/** Returns the name of the whole file, which is not in its place yet. */
async function writeBeside(path: string, content: string | Uint8Array, mode: number): Promise<string> {
  const unfinished = `${path}.${randomBytes(6).toString("hex")}${UNFINISHED_SUFFIX}`;
  const file = await open(unfinished, "wx", mode);
  try {
    await file.writeFile(content);
    await file.sync();
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  return unfinished;
}

/** What was read or opened, or `undefined` if there is no such file. */
export async function orMissing<T>(result: Promise<T>): Promise<T | undefined> {
  try {
    return await result;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** A text file's content, or `undefined` if there is no such file. */
export function readIfThere(path: string): Promise<string | undefined> {
  return orMissing(readFile(path, "utf8"));
}

/** No certificate, token or bundle comes near this; a larger file is the wrong one. */
const MAX_FILE_BYTES = 1024 * 1024;

/** Reads a small file that the caller named; `-` is the standard input. Errors say `what` it should be. */
export async function readSmallFile(path: string, what: string, maxBytes = MAX_FILE_BYTES): Promise<Buffer> {
  let bytes: Buffer | undefined;
  try {
    bytes = await readAtMost(path === "-" ? process.stdin : createReadStream(path), maxBytes);
  } catch (error) {
    throw fileFailure(error, path, what);
  }
  if (bytes !== undefined) return bytes;
  const shown = path === "-" ? "the standard input" : printable(path);
  throw misuse(`${shown} is too large for ${what}`, "check that the path names the right file");
}

/** What a stream holds; `undefined` if it is more than that. The file's size is not trusted: a device says 0 and never ends. */
export async function readAtMost(stream: Readable, maxBytes: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    size += chunk.length;
    // Leaving the loop closes the stream.
    if (size > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function fileFailure(error: unknown, path: string, what: string): Failure | unknown {
  const shown = printable(path);
  switch (errorCode(error)) {
    case "ENOENT":
    case "ENOTDIR":
      return misuse(`there is no file ${shown} to read ${what} from`, "check the path");
    case "EISDIR":
      return misuse(`${shown} is a folder, not ${what}`, "name the file inside it");
    case "EACCES":
    case "EPERM":
      return misuse(`${shown} may not be read by this user`, "check the owner and the mode of the file");
    default:
      return error;
  }
}
