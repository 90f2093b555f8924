// Restoring a backup: what would change is shown first.
import { existsSync } from "node:fs";
import { type Backup, readBackup } from "../backup/backup-file.ts";
import { differenceLines, sameDevices, userLines } from "../backup/difference-view.ts";
import { deviceInBackup } from "../backup/named-device.ts";
import { type Difference, isEmpty, planRestore } from "../backup/plan.ts";
import { type RestoreResult, restore } from "../backup/restore.ts";
import { LATCHKEY } from "../terminal/called-as.ts";
import { failed, misuse } from "../terminal/failure.ts";
import { excerpt, plural, printable, shellWord } from "../terminal/text.ts";
import { timeWithHint } from "../terminal/time.ts";
import type { AddCommand } from "./command/command.ts";
import { looksLikeDevice } from "./command/device-reference.ts";

interface RestoreOptions {
  dryRun?: boolean;
  resurrect?: string[];
}

export const addRestore: AddCommand = (program) => {
  program
    .command("restore")
    .summary("restore the registry from a backup")
    .description(
      "Restore the registry from a backup: shows what would change, asks, and does it. Anything added since then stays. A device that was revoked or otherwise shut out since then stays so unless it is named.",
    )
    .argument("<file>", "a file that latchkey backup wrote")
    .option("--dry-run", "show what would change, and change nothing")
    .option(
      "--resurrect <device>",
      "let this device back in although it was shut out since: USER/NAME or id; may be repeated",
      (device: string, others: string[] = []) => [...others, device],
    )
    .notes(`
If a restore was interrupted, run it again: nothing is done twice. Audit logs
are restored only into an empty registry, and then show which lines are not its
own.

Examples:
  latchkey restore latchkey-backup.json --dry-run
  latchkey restore latchkey-backup.json --resurrect alice/pixel-9`)
    .run(async ({ output, now, connect, confirm }, path: string, options: RestoreOptions) => {
      refuseDevice(path);
      const { backup, json } = await readBackup(path);
      const resurrect = new Set((options.resurrect ?? []).map((device) => deviceInBackup(backup, device).id));
      const api = await connect();
      const difference = await planRestore(api, json, resurrect);
      const about = [
        `backup of ${excerpt(backup.source)}, made ${timeWithHint(backup.createdAt, now())}: ${plural(backup.users.length, "user")}, ${plural(countDevices(backup), "device")}`,
        ...differenceLines(difference),
        `${plural(sameDevices(difference), "device already matches", "devices already match")} the backup`,
      ];
      const nothing = isEmpty(difference);
      if (nothing || options.dryRun === true) {
        output.object({ done: false, difference });
        output.lines(...about, nothing ? "there is nothing to restore" : "nothing was changed: --dry-run");
        return;
      }
      output.lines(...about);
      await confirm(`Restore this into ${api.origin}?`);
      const result = await restore(api, json, difference, resurrect);
      output.object({ done: true, ...result });
      output.lines("", ...summary(result), ...keptUnforeseen(result, difference));
      refuseConflicts(result);
    });
};

/** To let a device back in is another command's work. */
function refuseDevice(path: string): void {
  if (!looksLikeDevice(path) || path.endsWith(".json") || existsSync(path)) return;
  throw misuse(
    `there is no backup file ${printable(path)}`,
    `to let a device back in: ${LATCHKEY} reinstate ${shellWord(path)}`,
  );
}

function countDevices({ users }: Backup): number {
  return users.reduce((sum, { devices }) => sum + devices.length, 0);
}

function summary({ directory, users, logs }: RestoreResult): string[] {
  const count = (outcome: string) =>
    users.reduce((sum, user) => sum + user.devices.filter((device) => device.outcome === outcome).length, 0);
  const tokens = directory.tokens.filter(({ outcome }) => outcome === "added").length;
  const bound = directory.identities.filter(({ outcome }) => outcome === "added").length;
  const done = [
    plural(directory.added.length + directory.renamed.length, "user"),
    plural(count("added") + count("changed"), "device"),
    plural(tokens, "token"),
    plural(directory.unknownCertificates.length, "unknown certificate"),
    ...(bound === 0 ? [] : [plural(bound, "identity", "identities")]),
  ];
  const cut = logs.filter(({ isClosed }) => isClosed);
  return [
    `restored ${done.join(", ")}; each is in the audit log`,
    // Isolates ask for the list of such tokens every ten minutes: see src/auth/keyed-secrets.ts.
    ...(tokens > 0 ? ["restored tokens work everywhere within 10 minutes"] : []),
    ...cut.map(
      ({ user, lines }) =>
        `the ${user === null ? "directory's audit log" : `audit log of ${user}`} gained a line of its own in the meantime: it has ${plural(lines, "line")} of the backup's`,
    ),
  ];
}

/**
 * A dry run does not ask the registry of a user who was deleted: only the restore itself finds out which of their
 * devices were forgotten.
 */
function keptUnforeseen({ users }: RestoreResult, difference: Difference): string[] {
  const foreseen = new Set(
    difference.devices.flatMap(({ devices }) =>
      devices.filter(({ outcome }) => outcome === "kept").map(({ id }) => id),
    ),
  );
  return users.flatMap(({ user, devices }) =>
    userLines({
      user,
      devices: devices.filter(({ id, outcome }) => outcome === "kept" && !foreseen.has(id)),
      left: [],
    }),
  );
}

/** Once all others are restored, a device that could not be is a failure. */
function refuseConflicts({ users }: RestoreResult): void {
  const conflicts = users.map((user) => ({
    ...user,
    devices: user.devices.filter(({ outcome }) => outcome === "conflict"),
    left: [],
  }));
  const lines = conflicts.flatMap(userLines);
  if (lines.length === 0) return;
  throw failed(
    `${plural(lines.length, "device")} of the backup could not be restored; all others were`,
    "rename, or revoke and forget, what is in the way, and run this again",
    lines,
  );
}
