import { readFile, stat } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { errorCode, type Failure, misuse } from "./failure.ts";
import { printable } from "./text.ts";

/** No certificate, token or bundle comes near this; a larger file is a wrong file. */
const MAX_FILE_BYTES = 1024 * 1024;

/** Reads a small file that the caller named; `-` is the standard input. `what` it is goes into errors. */
export async function readSmallFile(path: string, what: string): Promise<Buffer> {
  if (path === "-") return buffer(process.stdin);
  try {
    const { size } = await stat(path);
    if (size > MAX_FILE_BYTES) {
      throw misuse(`${printable(path)} is too large for ${what}`, "check that the path names the right file");
    }
    return await readFile(path);
  } catch (error) {
    throw fileFailure(error, path, what);
  }
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
