import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import { errorCode, type Failure, misuse } from "./failure.ts";
import { printable } from "./text.ts";

/** No certificate, token or bundle comes near this; a larger file is a wrong file. */
const MAX_FILE_BYTES = 1024 * 1024;

/** Reads a small file that the caller named; `-` is the standard input. `what` it is goes into errors. */
export async function readSmallFile(path: string, what: string): Promise<Buffer> {
  let bytes: Buffer | undefined;
  try {
    bytes = await readAtMost(path === "-" ? process.stdin : createReadStream(path), MAX_FILE_BYTES);
  } catch (error) {
    throw fileFailure(error, path, what);
  }
  if (bytes !== undefined) return bytes;
  const shown = path === "-" ? "the standard input" : printable(path);
  throw misuse(`${shown} is too large for ${what}`, "check that the path names the right file");
}

/**
 * What a stream holds; `undefined` if it is more than that. Its size is not trusted: a device file says 0,
 * and never ends.
 */
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
