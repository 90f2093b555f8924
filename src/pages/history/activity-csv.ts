// The audit log as a file for spreadsheets, written while it is read.
import { must } from "../../api/handler.ts";
import type { PageContext } from "../html/page-context.ts";
import { type Line, type Lines, type Log, logsOf, readLines, type Wanted, wantedOf } from "./audit-lines.ts";

/**
 * How many lines an export reads at once, and how often: each read is two calls, and on the free plan a Worker may make 50
 * per request.
 */
const EXPORT_STEP = 500;
const EXPORT_READS_MAX = 18;

const COLUMNS = "time,log,line,actor,act,outcome,target,target id,ip,country,detail".split(",");

export async function activityCsv(context: PageContext): Promise<Response> {
  const wanted = await wantedOf(context);
  const { log } = wanted;
  if (log.kind === "user") must(await context.registry.ofUser(log.user));
  return new Response(streamOf(csv(context, wanted)), {
    headers: {
      "Content-Type": "text/csv; charset=utf-8",
      "Content-Disposition": 'attachment; filename="latchkey-activity.csv"',
      "Cache-Control": "no-store",
      "X-Content-Type-Options": "nosniff",
    },
  });
}

async function* csv(context: PageContext, { log, users, search }: Wanted): AsyncGenerator<string> {
  yield csvLine(COLUMNS);
  const logs: Log[] = log.kind === "all" ? logsOf(users) : [log];
  let reads = 0;
  for (const each of logs) {
    let before: number | null = null;
    do {
      const read: Lines = await readLines(context, { log: each, users, search, before }, EXPORT_STEP);
      for (const line of read.lines) yield csvOf(line);
      reads += 1;
      before = read.next === null ? null : Number(read.next);
    } while (before !== null && reads < EXPORT_READS_MAX);
    if (before !== null || (reads >= EXPORT_READS_MAX && each !== logs.at(-1))) {
      yield csvLine(["there is more: search, or export the logs one by one"]);
      return;
    }
  }
}

function csvOf({ at: time, log, id, actor, act, outcome, target, ip, country, detail }: Line): string {
  const details = Object.entries(detail).map(([key, value]) => `${key}: ${value ?? ""}`);
  return csvLine([
    ...[time, log === "" ? "directory" : log, String(id), actor, act, outcome],
    ...[target?.name ?? "", target?.id ?? "", ip ?? "", country ?? "", details.join("; ")],
  ]);
}

/** A spreadsheet would run a cell that begins so (owasp.org/www-community/attacks/CSV_Injection). */
const FORMULA = /^[=+\-@\t\r]/;

/** One line of CSV (RFC 4180): every cell in quotes, and none that a spreadsheet would take for a formula. */
export function csvLine(cells: readonly string[]): string {
  const quoted = cells.map((cell) => {
    const text = FORMULA.test(cell) ? `'${cell}` : cell;
    return `"${text.replaceAll('"', '""')}"`;
  });
  return `${quoted.join(",")}\r\n`;
}

function streamOf(parts: AsyncGenerator<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await parts.next();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(value));
    },
  });
}
