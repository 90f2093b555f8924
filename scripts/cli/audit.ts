// The audit log: who changed what.
import type { AuditEntry } from "../../src/contract/answers.ts";
import { relativeTime } from "../../src/domain/general/relative-time.ts";
import type { UserId } from "../../src/domain/user.ts";
import { type LoggedEntry, readEverything } from "../client/all-logs.ts";
import { misuse } from "../terminal/failure.ts";
import type { Output } from "../terminal/output.ts";
import type { Cell } from "../terminal/table.ts";
import { parseJson, plural, printable, shortenIds } from "../terminal/text.ts";
import { localTime } from "../terminal/time.ts";
import { numberOption, userArgument } from "./command/arguments.ts";
import type { AddCommand } from "./command/command.ts";
import { from } from "./devices/view.ts";

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 100_000;

/** The longest text to search for, as the API takes it. */
const MAX_SEARCH = 100;

interface AuditOptions {
  directory?: boolean;
  limit: string;
  before?: string;
  search?: string;
}

export const addAudit: AddCommand = (program) => {
  program
    .command("audit")
    .summary("show who changed what, newest first")
    .description(
      "Show who changed what, when and from where, newest first: everything, or only one user's devices.",
    )
    .argument("[user]", "the user's id; all logs when left out")
    .option("--directory", "only the directory's log: users, tokens, sign-ins and unknown certificates")
    .option("--limit <n>", "how many entries", String(DEFAULT_LIMIT))
    .option("--search <text>", "only entries that contain this text, in any case")
    .option("--before <cursor>", "with a user or --directory: continue an earlier list from its 'next'")
    .notes(`
Ids and fingerprints are shown by their first 8 digits; --json has all of them.

Examples:
  latchkey audit
  latchkey audit alice --search revoke
  latchkey audit --directory --limit 200 --json`)
    .run(async ({ output, now, connect }, text: string | undefined, options: AuditOptions) => {
      const user = text === undefined ? undefined : userArgument(text);
      const limit = numberOption("--limit", options.limit, MAX_LIMIT, "entries");
      if (options.search !== undefined) checkSearch(options.search);
      const isOneLog = checkLog(user, options);
      const api = await connect();
      const { entries, next } = isOneLog
        ? await api.audit(user, limit, options.before, options.search)
        : await readEverything(api, limit, options.search);
      output.object({ entries, next });
      output.table(
        ["TIME", "ACT", "TARGET", "OUTCOME", "ACTOR", "FROM", "DETAIL"],
        entries.map((entry) => row(entry, user, output, now())),
        options.search === undefined
          ? "nothing has been changed yet"
          : `nothing contains '${printable(options.search)}'`,
        { below: 2 },
      );
      if (next === null) return;
      const older = isOneLog ? `older ones: --before ${printable(next)}` : "more: --limit";
      output.lines("", `${plural(entries.length, "entry", "entries")}; ${older}`);
    });
};

/** Whether a single log is wanted. Only a single log can be continued. */
function checkLog(user: UserId | undefined, { directory = false, before }: AuditOptions): boolean {
  if (user !== undefined && directory) {
    throw misuse("give a user or --directory, not both", "leave one of the two out");
  }
  const isOneLog = user !== undefined || directory;
  if (before === undefined || isOneLog) return isOneLog;
  throw misuse("--before continues only a single log", "name a user, or add --directory");
}

function checkSearch(text: string): void {
  if (text.length >= 1 && text.length <= MAX_SEARCH) return;
  throw misuse(
    `--search takes 1 to ${MAX_SEARCH} characters`,
    "give a part of what the entry shows, such as revoke or a device's name",
  );
}

function row(entry: LoggedEntry, user: UserId | undefined, output: Output, now: number): Cell[] {
  const time = localTime(entry.at, true);
  const restored = entry.restored === true ? ", from a backup" : "";
  const isUsual = entry.outcome === "done" && restored === "";
  const outcome = entry.outcome === "done" ? entry.outcome : output.style("yellow", printable(entry.outcome));
  return [
    { full: `${time} (${relativeTime(entry.at, now)})`, short: time },
    printable(entry.act),
    target(entry, user),
    { full: `${outcome}${restored}`, short: isUsual ? "" : `${outcome}${restored}` },
    printable(entry.actor),
    from(entry),
    detail(entry),
  ];
}

/** A user's log names devices; the directory's names users, fingerprints and ids. */
function target({ target, user: log }: LoggedEntry, user: UserId | undefined): string {
  if (target === null) return "";
  const owner = log ?? user;
  if (owner === undefined) return shortenIds(printable(target.id));
  const name = target.name ?? target.id;
  return shortenIds(printable(log === owner ? `${log}/${name}` : name));
}

function detail(entry: AuditEntry): string {
  return Object.entries(entry.detail ?? {})
    .map(([key, value]) => shortenIds(printable(`${key}: ${value === null ? "none" : readable(value)}`)))
    .join(", ");
}

/** A time as the rest of the line shows it, and a list without its JSON; anything else as it is. */
function readable(value: string): string {
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value)) return localTime(value);
  const list = value.startsWith("[") ? parseJson(value) : undefined;
  return Array.isArray(list) ? list.join(" ") : value;
}
