// Writing a backup.
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import envPaths from "env-paths";
import { escapedJson } from "../../src/domain/general/escaped-json.ts";
import { backupText, ownFolder, refuseExisting, writeBackup } from "../backup/backup-file.ts";
import { takeBackup } from "../backup/snapshot.ts";
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
    .option(
      "--out <file>",
      "where to write it; - is the standard output (default: a new file in your backup folder)",
    )
    .notes(`
Without --out the file goes to a folder of your own, outside any repository, and
its path is printed:
${backupFolder().replace(homedir(), "~")}

Not included: invitations, sessions, notifications on their way, and the tokens
themselves, which are stored nowhere. The file lets nobody in, but shows who has
which device, and when and from where it was used.

Examples:
  latchkey backup
  latchkey backup --out ~/backups/latchkey-november.json
  latchkey restore ~/backups/latchkey-november.json --dry-run`)
    .run(async ({ output, now, connect }, options: { out?: string }) => {
      const path = options.out ?? (await ownBackupPath(now()));
      if (path !== "-") await refuseExisting(path);
      const content = await takeBackup(await connect(), now());
      if (path === "-") {
        process.stdout.write(escapedJson(backupText(content)));
        return;
      }
      await writeBackup(path, content);
      const { users, tokens, unknownCertificates, createdAt } = content;
      const devices = users.reduce((sum, user) => sum + user.devices.length, 0);
      output.object({
        file: path,
        createdAt,
        users: users.length,
        devices,
        tokens: tokens.length,
        unknownCertificates: unknownCertificates.length,
      });
      output.lines(
        `wrote ${printable(path)}: ${plural(users.length, "user")}, ${plural(devices, "device")}, ${plural(tokens.length, "token")}, ${plural(unknownCertificates.length, "unknown certificate")}`,
      );
    });
};

/** Writes a backup into the user's own folder before something else is done. `url` is the gate's, if nobody says. */
export async function backUp(session: Session, url: string): Promise<void> {
  const path = await ownBackupPath(session.now());
  await writeBackup(path, await takeBackup(await session.connect(url), session.now()));
  progress(`the registry is backed up in ${printable(path)}`);
}

/** A new file in the user's own backup folder. */
async function ownBackupPath(now: number): Promise<string> {
  return join(await ownFolder(backupFolder()), defaultName(now));
}

/** In the user's own data folder, out of git's reach; on Linux `XDG_DATA_HOME` moves it. */
function backupFolder(): string {
  const { data } = envPaths("latchkey", { suffix: "" });
  // A relative path there is to be ignored (specifications.freedesktop.org/basedir), and env-paths takes it.
  return join(isAbsolute(data) ? data : join(homedir(), ".local", "share", "latchkey"), "backups");
}

/** `latchkey-backup-20261124T020103Z.json`: sorting by name sorts by time. */
function defaultName(now: number): string {
  const time = new Date(now).toISOString().replace(/\.\d+/, "").replaceAll(/[-:]/g, "");
  return `latchkey-backup-${time}.json`;
}
