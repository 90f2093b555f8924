// Writing a backup.
import { homedir } from "node:os";
import { basename, dirname, isAbsolute, join } from "node:path";
import envPaths from "env-paths";
import { escapedJson } from "../../src/domain/general/escaped-json.ts";
import { backupText, ownFolder, refuseExisting, writeBackup } from "../backup/backup-file.ts";
import { backupName, type Pruned, prune } from "../backup/folder.ts";
import { takeBackup } from "../backup/snapshot.ts";
import { parseAddress } from "../client/address.ts";
import { givenUrl } from "../client/connection.ts";
import type { LocalSettings } from "../cloudflare/client/wrangler-toml.ts";
import { misuse } from "../terminal/failure.ts";
import { progress } from "../terminal/output.ts";
import { plural, printable } from "../terminal/text.ts";
import type { AddCommand } from "./command/command.ts";
import type { Session } from "./command/session.ts";

export const addBackup: AddCommand = (program) => {
  program
    .command("backup")
    .summary("write everything in the registry into a file")
    .description(
      "Write everything in the registry into one file: users, devices with their certificates and notes, audit logs, unknown certificates, and tokens by their digests. Only its owner can read the file.",
    )
    .argument("[folder]", "where to write a new file, named by its time (default: your backup folder)")
    .option("--out <file>", "write this file instead; - is the standard output")
    .option("--keep <count>", "then delete this gate's oldest backups there, so that this many are left")
    .option("--quiet", "print nothing unless something is wrong")
    .notes(`
Your backup folder is your own, outside any repository:
${backupFolder().replace(homedir(), "~")}

--keep is for a backup every night. It counts and deletes only whole backups of
this gate that still have the names that this command gave them, and only after
the new one has been read back. If the registry suddenly has no users, it
deletes nothing.

Not included: invitations, sessions, notifications on their way, and the tokens
themselves, which are stored nowhere. The file lets nobody in, but shows who has
which device, and when and from where it was used.

Exit code 1: no backup was written, or an old one could not be deleted.

Examples:
  latchkey backup
  latchkey backup --quiet --keep 30 /var/backups/latchkey
  latchkey backup --out ~/backups/latchkey-november.json
  latchkey restore ~/backups/latchkey-november.json --dry-run`)
    .run(async ({ output, now, connect }, folder: string | undefined, options: BackupOptions) => {
      const keep = keepOf(options, folder);
      const path = options.out ?? (await newPath(now(), folder));
      if (path !== "-") await refuseExisting(path);
      const content = await takeBackup(await connect(), now());
      if (path === "-") {
        process.stdout.write(escapedJson(backupText(content)));
        return;
      }
      await writeBackup(path, content);
      const pruned = keep === undefined ? undefined : await prune(dirname(path), basename(path), keep);
      if (pruned !== undefined) warn(pruned);
      if (options.quiet === true) return;
      const { users, tokens, unknownCertificates, createdAt } = content;
      const devices = users.reduce((sum, user) => sum + user.devices.length, 0);
      output.object({
        file: path,
        createdAt,
        users: users.length,
        devices,
        tokens: tokens.length,
        unknownCertificates: unknownCertificates.length,
        ...(pruned === undefined ? {} : { deleted: pruned.deleted }),
      });
      output.lines(
        `wrote ${printable(path)}: ${plural(users.length, "user")}, ${plural(devices, "device")}, ${plural(tokens.length, "token")}, ${plural(unknownCertificates.length, "unknown certificate")}`,
        ...(pruned === undefined || pruned.deleted.length === 0
          ? []
          : [`deleted ${plural(pruned.deleted.length, "older backup")}`]),
      );
    });
};

interface BackupOptions {
  out?: string;
  keep?: string;
  quiet?: boolean;
}

/** How many backups are to be left in the folder; `undefined`: all of them. */
function keepOf({ out, keep }: BackupOptions, folder: string | undefined): number | undefined {
  if (out !== undefined && (folder !== undefined || keep !== undefined)) {
    throw misuse(
      `--out names a file, and ${folder === undefined ? "--keep is for" : "you also named"} a folder`,
      "give one, not both",
    );
  }
  if (keep === undefined) return undefined;
  if (/^[1-9]\d{0,4}$/.test(keep)) return Number(keep);
  throw misuse(`--keep '${printable(keep)}' is not a number of backups`, "give a whole number, 1 or more");
}

/** What somebody should look into although the backup was made. Not the result, so it is said with --quiet, too. */
function warn({ unreadable, later, spared }: Pruned): void {
  for (const name of unreadable)
    progress(`${name} is not a whole backup: it is left alone, and does not count`);
  for (const name of later)
    progress(`${name} is later than this backup, by its name: it is left alone, and does not count`);
  if (spared) {
    progress("this backup has no users and earlier ones have some, so no earlier one was deleted");
  }
}

/**
 * Writes a backup into the user's own folder before something else is done to the gate of this `wrangler.toml`. Whoever
 * tried out the local edge may still have its address in the environment: its backup would save nothing.
 */
export async function backUp(session: Session, { adminHost, hosts }: LocalSettings): Promise<void> {
  const names = [...(adminHost === undefined ? [] : [adminHost]), ...hosts.map(({ host }) => host)];
  const given = givenUrl(session.options, session.environment);
  if (given !== undefined && !names.includes(new URL(parseAddress(given)).hostname)) {
    throw misuse(
      `${printable(given)} is another gate than the one to back up, which is on ${printable(names[0] ?? "no host")}`,
      "unset LATCHKEY_URL, or leave out --url",
    );
  }
  const path = await newPath(session.now());
  const api = await session.connect(`https://${names[0]}`);
  await writeBackup(path, await takeBackup(api, session.now()));
  progress(`the registry is backed up in ${printable(path)}`);
}

/** A new file in a folder of backups: in the user's own, unless another is named. */
async function newPath(now: number, folder = backupFolder()): Promise<string> {
  return join(await ownFolder(folder), backupName(now));
}

/** In the user's own data folder, out of git's reach; on Linux `XDG_DATA_HOME` moves it. */
function backupFolder(): string {
  const { data } = envPaths("latchkey", { suffix: "" });
  // A relative path there is to be ignored (specifications.freedesktop.org/basedir), and env-paths takes it.
  return join(isAbsolute(data) ? data : join(homedir(), ".local", "share", "latchkey"), "backups");
}
