import type { AuditEntry } from "../../src/contract/answers.ts";
import type { UserId } from "../../src/domain/user.ts";
import { ofAllUsers } from "./all-users.ts";
import { orAbsent } from "./answer.ts";
import type { Api } from "./api.ts";

/** An entry of one of several logs: a user's, or the directory's (`null`). Without `user` if only one was read. */
export interface LoggedEntry extends AuditEntry {
  user?: string | null;
}

/**
 * The newest entries of every log that the credentials reach, newest first. All of them together have no cursor:
 * `next` only says that there is more.
 */
export async function readEverything(
  api: Api,
  limit: number,
  search: string | undefined,
): Promise<{ entries: LoggedEntry[]; next: string | null }> {
  let isMore = false;
  const read = async (user?: UserId): Promise<LoggedEntry[]> => {
    const { entries, next } = await api.audit(user, limit, undefined, search);
    isMore ||= next !== null;
    return entries.map((entry) => ({ ...entry, user: user ?? null }));
  };
  const [directory, users] = await Promise.all([
    // A user's own token does not reach the directory's log.
    orAbsent(read(undefined), "forbidden"),
    ofAllUsers(api, read),
  ]);
  const entries = [...(directory ?? []), ...users].sort((a, b) =>
    a.at < b.at ? 1 : a.at > b.at ? -1 : b.id - a.id,
  );
  isMore ||= entries.length > limit;
  return { entries: entries.slice(0, limit), next: isMore ? "older" : null };
}
