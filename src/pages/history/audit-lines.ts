// Reads the audit logs: one user's, the directory's, or all of them together.
import { must } from "../../api/handler.ts";
import { readQuery } from "../../api/input.ts";
import { registryProblem } from "../../api/problem.ts";
import { representAudit } from "../../api/represent.ts";
import type { AuditEntry } from "../../contract/answers.ts";
import { ApiError } from "../../contract/api-error.ts";
import { AuditQuery } from "../../contract/requests.ts";
import type { UserRecord } from "../../domain/records.ts";
import { parseUserId, type UserId } from "../../domain/user.ts";
import { type PageContext, visibleUsers } from "../html/page-context.ts";

/** Lines on one page, of one log or of all together. */
const LINES = 100;

/** Which log. */
export type Log = { kind: "user"; user: UserId } | { kind: "directory" } | { kind: "all" };

/** A line of an audit log, and whose log it stands in: a user's id, or empty for the directory's. */
export interface Line extends AuditEntry {
  log: string;
}

/** Lines, newest first, and where to go on. */
export interface Lines {
  lines: Line[];
  next: string | null;
}

/** What a page's address asks for: which log, of which users, and what is searched for in it. */
export interface Wanted {
  log: Log;
  /** The users whom the reader may see, and whether one page can read all their logs. */
  users: readonly UserRecord[];
  isWhole: boolean;
  search: string | undefined;
  before: number | null;
}

export async function wantedOf(context: PageContext): Promise<Wanted> {
  const { users, isWhole } = await visibleUsers(context);
  const { before = null, search } = readFilter(context.url);
  return { log: logOf(context, isWhole), users, isWhole, search, before };
}

/** An empty search field searches for nothing. */
function readFilter(url: URL) {
  const cleaned = new URL(url);
  if ((cleaned.searchParams.get("search") ?? "").trim() === "") cleaned.searchParams.delete("search");
  return readQuery(cleaned, AuditQuery);
}

function logOf({ url, principal }: PageContext, isWhole: boolean): Log {
  const wanted = url.searchParams.get("log") ?? "";
  if (principal.user !== null) return { kind: "user", user: principal.user };
  if (wanted === "directory" || (wanted === "" && !isWhole)) return { kind: "directory" };
  if (wanted === "") return { kind: "all" };
  const user = parseUserId(wanted.replace(/^user:/, ""));
  if (user === undefined) throw registryProblem({ code: "unknown-user" });
  return { kind: "user", user };
}

export function logsOf(users: readonly UserRecord[]): Log[] {
  return [{ kind: "directory" }, ...users.map(({ id }): Log => ({ kind: "user", user: id }))];
}

type Asked = Pick<Wanted, "log" | "users" | "search" | "before">;

export async function readLines(
  context: PageContext,
  { log, users, search, before }: Asked,
  limit = LINES,
): Promise<Lines> {
  const { registry, directory } = context;
  if (log.kind !== "all") {
    const { items, next } =
      log.kind === "user"
        ? await must(await registry.ofUser(log.user)).ask((user) => user.audit(limit, before, search))
        : await directory.ask((directory) => directory.audit(limit, before, search));
    const name = log.kind === "user" ? log.user : "";
    return { lines: items.map((each) => ({ ...representAudit(each), log: name })), next };
  }
  const lists = await Promise.all(
    logsOf(users).map((each) => readIfThere(context, { log: each, users, search, before: null }, limit)),
  );
  const lines = lists
    .flatMap((list) => list.lines)
    .filter((line) => !isTwin(line))
    .sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : b.id - a.id));
  // All logs together have no cursor: it only says that there is more.
  const isWhole = lines.length <= limit && lists.every(({ next }) => next === null);
  return { lines: lines.slice(0, limit), next: isWhole ? null : "older" };
}

/** The directory's log and the user's own both say that a user was added or removed: once is enough. */
function isTwin({ log, act, outcome, target }: Line): boolean {
  const isOfUser = act === "create-user" || act === "delete-user";
  return log !== "" && target === null && isOfUser && outcome === "done";
}

/** A user who has been removed since the list was made has no log. */
async function readIfThere(context: PageContext, asked: Asked, limit: number): Promise<Lines> {
  try {
    return await readLines(context, asked, limit);
  } catch (error) {
    if (error instanceof ApiError && error.code === "unknown-user") return { lines: [], next: null };
    throw error;
  }
}
