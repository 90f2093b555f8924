// Restores a backup, after its plan was shown and agreed to.
import type { RestoredAudit, RestoredDirectory } from "../../src/contract/backup.ts";
import type { Api } from "../client/api.ts";
import type { BackupJson } from "./backup-file.ts";
import { type BackupUser, chunks, restoreDirectory, restoreUser, userIdOf } from "./parts.ts";
import type { Difference, UserDifference } from "./plan.ts";

/** What was done, by the registry's own word. */
export interface RestoreResult {
  directory: RestoredDirectory;
  users: UserDifference[];
  logs: LogResult[];
}

type LogResult = { user: string | null } & RestoredAudit;

/**
 * Restores each log before the registry writes to it, and users before their devices and tokens. Each request is one
 * transaction and can be repeated, so a restore that was interrupted is simply run again.
 */
export async function restore(
  api: Api,
  json: BackupJson,
  difference: Difference,
  resurrect: ReadonlySet<string>,
): Promise<RestoreResult> {
  const logs = await restoreLog(api, undefined, json.audit, difference);
  const directory = await restoreDirectory(api, json, false);
  const users: UserDifference[] = [];
  for (const part of json.users) {
    logs.push(...(await restoreLog(api, part, part.audit, difference)));
    users.push(await restoreUser(api, json, part, resurrect, false));
  }
  return { directory, users, logs };
}

/** A log that has lines of its own stays as it is; one that gets some in the meantime keeps what it has by then. */
async function restoreLog(
  api: Api,
  of: BackupUser | undefined,
  entries: BackupJson["audit"],
  { logs }: Difference,
): Promise<LogResult[]> {
  const user = of === undefined ? undefined : userIdOf(of);
  if (logs.find((log) => log.user === (user ?? null))?.state !== "taken") return [];
  let done: RestoredAudit | undefined;
  for (const some of chunks(entries)) {
    done = await api.restoreAudit(user, some);
    if (done.isClosed) break;
  }
  return done === undefined ? [] : [{ user: user ?? null, ...done }];
}
