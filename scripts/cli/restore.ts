import { type Backup, readBackup } from "../backup/backup-file.ts";
import { compare, type Difference, isEmpty } from "../backup/difference.ts";
import { differenceLines, sameDevices, userLines } from "../backup/difference-view.ts";
import { deviceInBackup } from "../backup/named-device.ts";
import { type RestoreResult, restore } from "../backup/restore.ts";
import { failed } from "../terminal/failure.ts";
import { excerpt, plural } from "../terminal/text.ts";
import { timeWithHint } from "../terminal/time.ts";
import type { AddCommand } from "./command/session.ts";

interface RestoreOptions {
  dryRun?: boolean;
  resurrect?: string[];
}

export const addRestore: AddCommand = (program, open) => {
  program
    .command("restore")
    .summary("bring the registry back to what a backup says")
    .description(
      [
        "Bring the registry back to what a backup says: shows what would change, asks, and does it. What was added",
        "since stays. A device that was revoked, or shut out otherwise, since the backup stays so unless it is named.",
      ].join(" "),
    )
    .argument("<file>", "what latchkey backup wrote")
    .option("--dry-run", "show what would change, and change nothing")
    .option(
      "--resurrect <device>",
      "let this device in again, though it was shut out since: USER/NAME or id; may be given again",
      (device: string, others: string[] = []) => [...others, device],
    )
    .addHelpText(
      "after",
      `
If a restore was interrupted, run it again: nothing is done twice. Audit logs
are taken over only into an empty registry, and then show which lines are not
its own.

Examples:
  latchkey restore latchkey-backup.json --dry-run
  latchkey restore latchkey-backup.json --resurrect alice/pixel-9`,
    )
    .action(async (path: string, options: RestoreOptions) => {
      const { output, now, ...session } = open();
      const { backup, json } = await readBackup(path);
      const resurrect = new Set((options.resurrect ?? []).map((device) => deviceInBackup(backup, device).id));
      const api = await session.api();
      const difference = await compare(api, backup, resurrect, now());
      const about = [
        `backup of ${excerpt(backup.source)}, made ${timeWithHint(backup.createdAt, now())}: ${plural(backup.users.length, "user")}, ${plural(countDevices(backup), "device")}`,
        ...differenceLines(difference),
        `${plural(sameDevices(difference), "device")} as in the backup already`,
      ];
      const nothing = isEmpty(difference);
      if (nothing || options.dryRun === true) {
        output.object({ done: false, difference });
        output.lines(...about, nothing ? "there is nothing to restore" : "nothing was changed: --dry-run");
        return;
      }
      output.lines(...about);
      await session.confirm(`Restore this into ${api.origin}?`);
      const result = await restore(api, json, difference, resurrect);
      output.object({ done: true, ...result });
      output.lines("", ...summary(result), ...keptUnforeseen(result, difference));
      refuseConflicts(result);
    });
};

function countDevices({ users }: Backup): number {
  return users.reduce((sum, { devices }) => sum + devices.length, 0);
}

function summary({ directory, users, logs }: RestoreResult): string[] {
  const count = (outcome: string) =>
    users.reduce((sum, user) => sum + user.devices.filter((device) => device.outcome === outcome).length, 0);
  const tokens = directory.tokens.filter(({ outcome }) => outcome === "added").length;
  const done = [
    plural(directory.added.length + directory.renamed.length, "user"),
    plural(count("added") + count("changed"), "device"),
    plural(tokens, "token"),
    plural(directory.unknownCertificates.length, "waiting certificate"),
  ];
  const cut = logs.filter(({ isClosed }) => isClosed);
  return [
    `restored ${done.join(", ")}; each is in the audit log`,
    // Isolates ask for the list of such tokens every ten minutes: see src/auth/keyed-secrets.ts.
    ...(tokens > 0 ? ["restored tokens work everywhere within 10 minutes"] : []),
    ...cut.map(
      ({ user, lines }) =>
        `the ${user === null ? "directory's audit log" : `audit log of ${user}`} got a line of its own meanwhile: it has ${plural(lines, "line")} of the backup's`,
    ),
  ];
}

/**
 * The log of a user who was deleted cannot be read: which of their devices were forgotten, the registry alone
 * knows, and tells when it is asked to restore them.
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

/** After all others were restored: what could not be is a failure. */
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
