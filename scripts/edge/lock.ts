import { open, readFile, rm } from "node:fs/promises";
import { failed } from "../commands/shared/failure.ts";

/** Folders that this process holds: its own number in a lock file is otherwise from an earlier life. */
const held = new Set<string>();

/**
 * Takes a state folder for this process: two edges on one registry would each believe to be the only
 * one. A lock whose process is gone is taken over. Returns what gives the folder back.
 */
export async function lockFolder(path: string): Promise<() => Promise<void>> {
  while (true) {
    try {
      const file = await open(path, "wx");
      try {
        await file.writeFile(`${process.pid}\n`);
      } finally {
        await file.close();
      }
      held.add(path);
      return async () => {
        held.delete(path);
        await rm(path, { force: true });
      };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const holder = await holderOf(path);
    if (holder !== undefined) {
      throw failed(
        `another edge uses this state folder (process ${holder})`,
        `stop it, or give this one a folder of its own with --state; if there is none, delete ${path}`,
      );
    }
    await rm(path, { force: true });
  }
}

/** The living process that holds the lock, if any. */
async function holderOf(path: string): Promise<number | undefined> {
  const pid = Number(await readFile(path, "utf8").catch(() => ""));
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
