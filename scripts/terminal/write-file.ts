import { randomBytes } from "node:crypto";
import { link, open, readFile, rename, rm } from "node:fs/promises";

/** Readable by the owner alone: keys and tokens. */
export const SECRET_MODE = 0o600;
export const PUBLIC_MODE = 0o644;
export const FOLDER_MODE = 0o700;

/** The end of the names of files that are being written; one that stays is left from a crash. */
export const UNFINISHED_SUFFIX = ".unfinished";

/**
 * Writes a file so that it is there whole or not at all, crash or not: beside its place, flushed to
 * the disk, then renamed. The mode holds from the first byte.
 */
export async function writeWhole(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  await rename(await writeBeside(path, content, mode), path);
}

/** The same for a file that must be new: one that is there is never replaced (`EEXIST`). */
export async function writeNew(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  const unfinished = await writeBeside(path, content, mode);
  try {
    // Unlike a rename, a second name for it fails where the name is taken.
    await link(unfinished, path);
  } finally {
    await rm(unfinished, { force: true });
  }
}

/** Returns the name of the file that is whole and not yet in its place. */
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

/** A text file's content, or `undefined` when there is no such file. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
