import { link, readFile, rename, rm, writeFile } from "node:fs/promises";
import { failed } from "../commands/shared/failure.ts";

/** Folders that this process holds: its own number in a lock file is otherwise from an earlier life. */
const held = new Set<string>();

let attempts = 0;

/**
 * Takes a state folder for this process: two edges on one registry would each believe to be the only
 * one. A lock whose process is gone is taken over. Returns what gives the folder back.
 *
 * The lock appears whole or not at all (a file that is written first, then linked), and a stale one is
 * moved away before it is judged, so that of several who come at once exactly one gets the folder.
 */
export async function lockFolder(path: string): Promise<() => Promise<void>> {
  attempts += 1;
  const own = `${path}.${process.pid}.${attempts}`;
  await writeFile(own, `${process.pid}\n`);
  try {
    while (!(await linked(own, path))) {
      const holder = await holderOf(path);
      if (holder !== undefined) {
        throw failed(
          `another edge uses this state folder (process ${holder})`,
          `stop it, or give this one a folder of its own with --state; if there is none, delete ${path}`,
        );
      }
      await moveStale(path, `${own}.stale`);
    }
  } finally {
    await rm(own, { force: true });
  }
  held.add(path);
  return async () => {
    held.delete(path);
    await rm(path, { force: true });
  };
}

/** Whether the lock is ours now: a link is made by one only. */
async function linked(own: string, path: string): Promise<boolean> {
  try {
    await link(own, path);
    // Before anybody else in this process can ask: its number alone does not tell them apart.
    held.add(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** Moves a stale lock away. If it was a new one by the time that it moved, it is put back. */
async function moveStale(path: string, away: string): Promise<void> {
  try {
    await rename(path, away);
  } catch (error) {
    // Somebody else was quicker.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  if ((await holderOf(away, path)) !== undefined) await link(away, path).catch(() => undefined);
  await rm(away, { force: true });
}

/** The living process that holds the lock `path`, if any, as the file says. */
async function holderOf(file: string, path = file): Promise<number | undefined> {
  const pid = Number(await readFile(file, "utf8").catch(() => ""));
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  if (pid === process.pid) return held.has(path) ? pid : undefined;
  try {
    process.kill(pid, 0);
    return pid;
  } catch (error) {
    // EPERM: it lives, and belongs to somebody else.
    return (error as NodeJS.ErrnoException).code === "EPERM" ? pid : undefined;
  }
}
