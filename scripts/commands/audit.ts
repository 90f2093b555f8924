import type { AuditEntry } from "../../src/control/contract.ts";
import type { UserId } from "../../src/registry/user.ts";
import { relativeTime } from "../../src/relative-time.ts";
import { withUnknownUser } from "./shared/answer.ts";
import type { Api } from "./shared/api.ts";
import { userArgument } from "./shared/arguments.ts";
import { from } from "./shared/device-view.ts";
import { misuse } from "./shared/failure.ts";
import type { AddCommand } from "./shared/session.ts";
import { plural, printable, shortenFingerprints } from "./shared/text.ts";
import { localTime } from "./shared/time.ts";

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 100_000;

/** The longest text to search for, as the API takes it. */
const MAX_SEARCH = 100;

interface AuditOptions {
  limit: string;
  before?: string;
  search?: string;
}

export const addAudit: AddCommand = (program, open) => {
  program
    .command("audit")
    .summary("show who changed what, newest first")
    .description(
      "Show who changed what, when and from where, newest first: a user's devices, or users and waiting certificates when no user is named.",
    )
    .argument("[user]", "the user's id; the directory's own log when left out")
    .option("--limit <n>", "how many entries", String(DEFAULT_LIMIT))
    .option("--search <text>", "those alone that hold this text, in any case")
    .option("--before <cursor>", "go on where an earlier list ended: its 'next'")
    .addHelpText(
      "after",
      `
Examples:
  latchkey audit alice
  latchkey audit alice --search revoke
  latchkey audit --limit 200 --json`,
    )
    .action(async (text: string | undefined, options: AuditOptions) => {
      const user = text === undefined ? undefined : userArgument(text);
      const limit = parseLimit(options.limit);
      if (options.search !== undefined) checkSearch(options.search);
      const { output, now, ...session } = open();
      const { entries, next } = await readAudit(await session.api(), user, limit, options);
      output.object({ entries, next });
      output.table(
        ["TIME", "ACT", "TARGET", "OUTCOME", "ACTOR", "FROM", "DETAIL"],
        entries.map((entry) => [
          `${localTime(entry.at, true)} (${relativeTime(entry.at, now())})`,
          printable(entry.act),
          target(entry, user),
          `${entry.outcome === "done" ? entry.outcome : output.style("yellow", printable(entry.outcome))}${entry.restored === true ? ", from a backup" : ""}`,
          printable(entry.actor),
          from(entry),
          detail(entry),
        ]),
        options.search === undefined
          ? "nothing was changed yet"
          : `nothing holds '${printable(options.search)}'`,
      );
      if (next !== null) {
        output.lines(
          "",
          `${plural(entries.length, "entry", "entries")}; older ones: --before ${printable(next)}`,
        );
      }
    });
};

async function readAudit(
  api: Api,
  user: UserId | undefined,
  limit: number,
  { before, search }: AuditOptions,
) {
  try {
    return await api.audit(user, limit, before, search);
  } catch (error) {
    throw user === undefined ? error : withUnknownUser(error, user);
  }
}

function parseLimit(text: string): number {
  const limit = Number(text);
  if (!/^\d+$/.test(text) || limit < 1 || limit > MAX_LIMIT) {
    throw misuse(`--limit '${printable(text)}' is not a number of entries`, `give 1 to ${MAX_LIMIT}`);
  }
  return limit;
}

function checkSearch(text: string): void {
  if (text.length >= 1 && text.length <= MAX_SEARCH) return;
  throw misuse(
    `--search takes a text of 1 to ${MAX_SEARCH} characters`,
    "give a part of what the entry shows, such as revoke or a device's name",
  );
}

/** A user's log is about devices, known by name; the directory's about users and fingerprints. */
function target({ target }: AuditEntry, user: UserId | undefined): string {
  if (target === null) return "";
  return shortenFingerprints(printable(user === undefined ? target.id : (target.name ?? target.id)));
}

function detail(entry: AuditEntry): string {
  return Object.entries(entry.detail ?? {})
    .map(([key, value]) => shortenFingerprints(printable(`${key}: ${value ?? "none"}`)))
    .join(", ");
}
