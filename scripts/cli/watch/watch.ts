// Refusals live, grouped by the program that was refused.
import { Option } from "commander";
import { isLoopback } from "../../client/address.ts";
import { givenUrl } from "../../client/connection.ts";
import { readLogin } from "../../client/login-file.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { misuse } from "../../terminal/failure.ts";
import { type Output, progress } from "../../terminal/output.ts";
import { plural, printable } from "../../terminal/text.ts";
import { localTime } from "../../terminal/time.ts";
import { appOption, numberOption } from "../command/arguments.ts";
import type { AddCommand } from "../command/command.ts";
import type { Session } from "../command/session.ts";
import { Hints } from "./hints.ts";
import { edgeLog, type LogSource, standardInput, wranglerTail } from "./log-source.ts";
import { type RefusalGroup, RefusalGroups, refusalsIn } from "./refusal-log.ts";

const DEFAULT_MINUTES = 5;
const MAX_MINUTES = 1440;

/** How many kinds of refusals the table shows, the most frequent first. */
const TABLE_ROWS = 50;

interface WatchOptions {
  edge?: string;
  stdin?: boolean;
  app?: string;
  minutes: string;
}

export const addWatch: AddCommand = (program) => {
  program
    .command("watch")
    .summary("show refused requests live, grouped by program")
    .description(
      "Follow the log of refusals of the deployed Worker (wrangler tail) or of the local edge, grouped by app, reason, path and program. Ctrl-C ends it with a table, the only thing that it prints with --json.",
    )
    .addOption(
      new Option("--edge <folder>", "follow the local edge with this state folder").conflicts("stdin"),
    )
    .option("--stdin", "read the log from the standard input: its lines, or wrangler tail --format json")
    .option("--app <host>", "only this app")
    .option("--minutes <n>", "count the refusals of this many minutes", String(DEFAULT_MINUTES))
    .notes(`
Examples:
  latchkey watch
  latchkey watch --edge .latchkey
  npx wrangler tail --format json | latchkey watch --stdin`)
    .run(async (session, options: WatchOptions) => {
      const minutes = numberOption("--minutes", options.minutes, MAX_MINUTES, "minutes");
      const app = options.app === undefined ? undefined : appOption(options.app);
      const { output, now } = session;
      const source = await sourceOf(options, session);
      const groups = new RefusalGroups(minutes * 60_000);
      const hints = new Hints();
      const stop = new AbortController();
      for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
      const startedAt = now();
      progress(`following ${source.name}, Ctrl-C ends it`);
      try {
        for await (const entry of source.entries(stop.signal)) {
          for (const refusal of refusalsIn(entry)) {
            if (app !== undefined && refusal.app !== app) continue;
            const news = groups.add(refusal, now());
            if (news === undefined) continue;
            report(output, news, minutes);
            const hint = hints.of(news);
            if (hint !== undefined) progress(hint);
          }
        }
      } catch (error) {
        if (!stop.signal.aborted) throw error;
      }
      const isWholeWindow = now() - startedAt >= minutes * 60_000;
      const time = isWholeWindow
        ? `in the last ${plural(minutes, "minute")}`
        : `since ${localTime(new Date(startedAt).toISOString(), true).slice("2026-11-24 ".length)}`;
      showTable(output, groups.list(now()), minutes, time);
    });
};

async function sourceOf({ edge, stdin }: WatchOptions, session: Session): Promise<LogSource> {
  if (edge !== undefined) return edgeLog(edge);
  if (stdin === true) return standardInput;
  const url = URL.parse(givenUrl(session.options, session.environment) ?? (await readLogin())?.url ?? "");
  if (url !== null && isLoopback(url.hostname)) {
    throw misuse(
      `${printable(url.origin)} is a local edge, and wrangler tail shows only the log of the deployed Worker`,
      `name the edge's state folder: ${LATCHKEY} watch --edge .latchkey`,
    );
  }
  return wranglerTail;
}

/** `vault.example.com  Bitwarden Android icons: no certificate, 12 in 5 min (/icons)` */
function report(
  output: Output,
  { app, client, reason, pathPrefix, count }: RefusalGroup,
  minutes: number,
): void {
  output.lines(printable(`${app}  ${client}: ${words(reason)}, ${count} in ${minutes} min (${pathPrefix})`));
}

/** `time`: when they were refused, in words. */
function showTable(output: Output, groups: readonly RefusalGroup[], minutes: number, time: string): void {
  output.object({
    minutes,
    refusals: groups.map(({ firstAt, lastAt, ...group }) => ({
      ...group,
      firstAt: new Date(firstAt).toISOString(),
      lastAt: new Date(lastAt).toISOString(),
    })),
  });
  const total = groups.reduce((sum, { count }) => sum + count, 0);
  output.lines("", `${plural(total, "refusal")} ${time}`);
  const rows = groups
    .slice(0, TABLE_ROWS)
    .map(({ count, app, client, reason, pathPrefix }) =>
      [String(count), app, client, words(reason), pathPrefix].map(printable),
    );
  if (rows.length > 0) output.table(["COUNT", "APP", "PROGRAM", "REASON", "PATH"], rows, "");
  const rest = groups.length - rows.length;
  if (rest > 0) output.lines("", `and ${plural(rest, "more kind")} of refusals; --json has all of them`);
}

/** `no-certificate` reads better as words. */
function words(reason: string): string {
  return reason.replaceAll("-", " ");
}
