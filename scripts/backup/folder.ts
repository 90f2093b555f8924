// A folder of backups, for one a night: their names, and which of them are deleted when a new one is there.
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { errorCode, Failure, failed } from "../terminal/failure.ts";
import { printable } from "../terminal/text.ts";
import { readBackup } from "./backup-file.ts";

/** `latchkey-backup-20261124T020103Z.json`: sorting by name sorts by time. */
export function backupName(now: number): string {
  const time = new Date(now).toISOString().replace(/\.\d+/, "").replaceAll(/[-:]/g, "");
  return `latchkey-backup-${time}.json`;
}

const NAME = /^latchkey-backup-\d{8}T\d{6}Z\.json$/;

/** What became of the earlier backups. */
export interface Pruned {
  deleted: string[];
  /** Files with a backup's name that cannot be read as one: they are never deleted, and never count. */
  unreadable: string[];
  /** Backups whose names are later than the new one's: a clock was wrong. They are never deleted, and never count. */
  later: string[];
  /** Nothing was deleted, since the new backup has no users and an earlier one has. */
  spared: boolean;
}

/**
 * Deletes the oldest backups in a folder, so that `keep` are left with the new one, named `latest`. Only files count, and
 * only they are deleted, that have a backup's name and are whole backups of the same gate. The new one is read back first:
 * if it is damaged, nothing is deleted. Nor is anything if the registry seems to have been emptied, or else such backups
 * would push out the last one that has something in it.
 */
export async function prune(folder: string, latest: string, keep: number): Promise<Pruned> {
  const { source, users } = await readBack(folder, latest);
  const unreadable: string[] = [];
  const later: string[] = [];
  const earlier: { name: string; isEmpty: boolean }[] = [];
  for (const name of (await readdir(folder)).filter((name) => NAME.test(name) && name !== latest)) {
    const found = await wholeBackup(join(folder, name));
    if (found === undefined) unreadable.push(name);
    else if (found.source !== source) continue;
    // Counted, those of a clock that was ahead would push out each night's backup until that time has come.
    else if (name > latest) later.push(name);
    else earlier.push({ name, isEmpty: found.users.length === 0 });
  }
  const newestFirst = earlier.sort((a, b) => b.name.localeCompare(a.name));
  const surplus = newestFirst.slice(keep - 1).map(({ name }) => name);
  const spared = surplus.length > 0 && users.length === 0 && earlier.some(({ isEmpty }) => !isEmpty);
  const deleted = spared ? [] : surplus;
  for (const name of deleted) await remove(join(folder, name));
  return { deleted, unreadable, later, spared };
}

/** A gate that is newer than this command may have put something into it that this command does not know. */
async function readBack(folder: string, latest: string) {
  try {
    return (await readBackup(join(folder, latest))).backup;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw failed(
      `the new backup is written, but cannot be read back: ${error.message}`,
      "no earlier one was deleted; if the gate is newer than this command, update the command",
      error.list,
    );
  }
}

async function wholeBackup(path: string) {
  try {
    return (await readBackup(path)).backup;
  } catch (error) {
    if (error instanceof Failure) return undefined;
    throw error;
  }
}

async function remove(path: string): Promise<void> {
  try {
    await rm(path, { force: true });
  } catch (error) {
    throw failed(
      `the new backup is written, but ${printable(path)} cannot be deleted (${errorCode(error)})`,
      "check who may write to the folder",
    );
  }
}
