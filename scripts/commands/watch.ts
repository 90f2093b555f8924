import { Option } from "commander";
import { misuse } from "./shared/failure.ts";
import { edgeLog, type LogSource, standardInput, wranglerTail } from "./shared/log-source.ts";
import type { Output } from "./shared/output.ts";
import { type RefusalGroup, RefusalGroups, refusalsIn } from "./shared/refusal-log.ts";
import type { AddCommand } from "./shared/session.ts";
import { plural, printable } from "./shared/text.ts";

const WINDOW_MINUTES = 5;
/** A group that goes on is told again at its 10th refusal, its 100th, and so on. */
const TOLD_AGAIN_FACTOR = 10;

interface WatchOptions {
  edge?: string;
  stdin?: boolean;
  app?: string;
  minutes: string;
}

export const addWatch: AddCommand = (program, open) => {
  program
    .command("watch")
    .summary("follow the refusals, grouped: which program forgot its certificate?")
    .description(
      [
        "Follow the log of refusals of the deployed Worker (wrangler tail) or of the local edge, grouped by app,",
        "reason, place and program. Ctrl-C ends it with a table.",
      ].join("\n"),
    )
    .addOption(
      new Option("--edge <folder>", "follow the local edge with this state folder").conflicts("stdin"),
    )
    .option("--stdin", "read lines from the standard input: the log's own, or wrangler tail --format json")
    .option("--app <host>", "this app only")
    .option("--minutes <n>", "count the refusals of so many minutes", String(WINDOW_MINUTES))
    .addHelpText(
      "after",
      `
Examples:
  latchkey watch
  latchkey watch --edge .latchkey
  npx wrangler tail --format json | latchkey watch --stdin --app vault.example.com`,
    )
    .action(async (options: WatchOptions) => {
      const { output, now } = open();
      const minutes = minutesOf(options.minutes);
      const groups = new RefusalGroups(minutes * 60_000);
      const stop = new AbortController();
      process.once("SIGINT", () => stop.abort());
      try {
        for await (const line of sourceOf(options)(stop.signal)) {
          for (const refusal of refusalsIn(line)) {
            if (options.app !== undefined && refusal.app !== options.app) continue;
            const { group, isNew } = groups.add(refusal, now());
            if (isNew || isPowerOf(TOLD_AGAIN_FACTOR, group.count)) tell(output, group, minutes);
          }
        }
      } catch (error) {
        if (!stop.signal.aborted) throw error;
      }
      showTable(output, groups.list(now()), minutes);
    });
};

function sourceOf({ edge, stdin }: WatchOptions): LogSource {
  if (edge !== undefined) return edgeLog(edge);
  return stdin === true ? standardInput : wranglerTail;
}

function minutesOf(text: string): number {
  if (/^\d{1,4}$/.test(text) && Number(text) > 0) return Number(text);
  throw misuse(`'${printable(text)}' is not a number of minutes`, "give a whole number from 1 to 9999");
}

/** `vault.example.com  Bitwarden Android icons: no certificate, 12 in 5 min (/icons)` */
function tell(output: Output, group: RefusalGroup, minutes: number): void {
  const { app, client, reason, pathPrefix, count } = group;
  output.lines(printable(`${app}  ${client}: ${words(reason)}, ${count} in ${minutes} min (${pathPrefix})`));
}

function showTable(output: Output, groups: RefusalGroup[], minutes: number): void {
  output.object({
    minutes,
    refusals: groups.map(({ firstAt, lastAt, ...group }) => ({
      ...group,
      firstAt: new Date(firstAt).toISOString(),
      lastAt: new Date(lastAt).toISOString(),
    })),
  });
  const total = groups.reduce((sum, { count }) => sum + count, 0);
  output.lines("", `${plural(total, "refusal")} in the last ${plural(minutes, "minute")}`);
  const rows = groups.map(({ count, app, client, reason, pathPrefix }) =>
    [String(count), app, client, words(reason), pathPrefix].map(printable),
  );
  output.table(["COUNT", "APP", "PROGRAM", "REASON", "PATH"], rows, "none");
}

/** `no-certificate` reads better as words. */
function words(reason: string): string {
  return reason.replaceAll("-", " ");
}

function isPowerOf(base: number, count: number): boolean {
  let power = base;
  while (power < count) power *= base;
  return power === count;
}
