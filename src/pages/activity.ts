import { must } from "../api/handler.ts";
import { readQuery } from "../api/input.ts";
import { registryProblem } from "../api/problem.ts";
import { representAudit } from "../api/represent.ts";
import { ApiError } from "../contract/api-error.ts";
import { PATHS } from "../contract/paths.ts";
import { AuditQuery } from "../contract/requests.ts";
import type { UserRecord } from "../domain/records.ts";
import { parseUserId, type UserId } from "../domain/user.ts";
import { visibleUsers } from "./all.ts";
import { type Line, sentence } from "./audit-sentence.ts";
import type { PageContext, PageHandler } from "./context.ts";
import { csvLine } from "./csv.ts";
import { possessive } from "./device-view.ts";
import { type Html, html } from "./html/html.ts";
import { layout, person } from "./html/layout.ts";
import { clockOnly, date } from "./html/times.ts";

/** Lines on one page, of one log or of all together. */
const LINES = 100;
/**
 * Lines of one read while a log is exported, and how many reads one export makes: each is two calls, and a
 * Worker of the free plan makes 50 for a request.
 */
const EXPORT_STEP = 500;
const EXPORT_READS_MAX = 18;

/** Which log: a user's, the directory's, or all of them together. */
type Log = { kind: "user"; user: UserId } | { kind: "directory" } | { kind: "all" };

/** The audit log, newest first, searched by what is typed. */
export const activity: PageHandler = async (_, context) => {
  const { url, principal } = context;
  const { users, isWhole } = await visibleUsers(context.registry, principal);
  const { before = null, search } = readFilter(url);
  const log = logOf(context, isWhole);
  const { lines, next } = await read(context, log, users, search, before);
  return layout(
    { title: "Activity", principal, current: PATHS.activity },
    html`<p>Who changed what. Visits and refusals are not here: <code>latchkey watch</code> shows those.</p>
${filterForm(context, log, users, isWhole, search)}
${lines.length === 0 ? html`<p>${search === undefined ? "Nothing yet" : "No matches"}${next === null ? "" : " in the lines that were searched"}.</p>` : list(lines, context)}
${
  next === null
    ? ""
    : log.kind === "all"
      ? html`<p>There is more: choose one log to see older lines.</p>`
      : html`<p><a href="${link(PATHS.activity, log, search, next)}">Older</a></p>`
}
<p><a href="${link(PATHS.activityCsv, log, search, null)}" download>Download as CSV</a></p>`,
  );
};

/** The same as a file for spreadsheets, written while it is read. */
export const activityCsv: PageHandler = async (_, context) => {
  const { users, isWhole } = await visibleUsers(context.registry, context.principal);
  const { search } = readFilter(context.url);
  const log = logOf(context, isWhole);
  if (log.kind === "user" && (await context.registry.user(log.user)) === null) {
    throw registryProblem({ code: "unknown-user" });
  }
  return new Response(streamOf(csv(context, log, users, search)), {
    headers: {
      "Content-Type": "text/csv; charset=utf-8",
      "Content-Disposition": 'attachment; filename="latchkey-activity.csv"',
      "Cache-Control": "no-store",
      "X-Content-Type-Options": "nosniff",
    },
  });
};

function streamOf(texts: AsyncGenerator<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await texts.next();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(value));
    },
  });
}

/** An empty search is none. */
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

function logName(log: Log): string {
  return log.kind === "user" ? `user:${log.user}` : log.kind === "directory" ? "directory" : "";
}

function logsOf(users: readonly UserRecord[]): Log[] {
  return [{ kind: "directory" }, ...users.map(({ id }): Log => ({ kind: "user", user: id }))];
}

async function read(
  context: PageContext,
  log: Log,
  users: readonly UserRecord[],
  search: string | undefined,
  before: number | null,
  limit = LINES,
): Promise<{ lines: Line[]; next: string | null }> {
  const { registry } = context;
  if (log.kind !== "all") {
    const { items, next } =
      log.kind === "user"
        ? must(await registry.userAudit(log.user, limit, before, search))
        : await registry.directoryAudit(limit, before, search);
    const name = log.kind === "user" ? log.user : "";
    return { lines: items.map((each) => ({ ...representAudit(each), log: name })), next };
  }
  const pages = await Promise.all(
    logsOf(users).map((each) => readIfThere(context, each, users, search, limit)),
  );
  const lines = pages
    .flatMap((page) => page.lines)
    .filter((line) => !isTwin(line))
    .sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : b.id - a.id));
  // All of them together have no cursor: it only says that there is more.
  const isWhole = lines.length <= limit && pages.every(({ next }) => next === null);
  return { lines: lines.slice(0, limit), next: isWhole ? null : "older" };
}

/** That a user was added or removed stands in the directory's log and in the user's own: once is enough. */
function isTwin({ log, act, outcome, target }: Line): boolean {
  const isOfUser = act === "create-user" || act === "delete-user";
  return log !== "" && target === null && isOfUser && outcome === "done";
}

/** A user removed since the list was made has no log. */
async function readIfThere(
  context: PageContext,
  log: Log,
  users: readonly UserRecord[],
  search: string | undefined,
  limit: number,
): Promise<{ lines: Line[]; next: string | null }> {
  try {
    return await read(context, log, users, search, null, limit);
  } catch (error) {
    if (error instanceof ApiError && error.code === "unknown-user") return { lines: [], next: null };
    throw error;
  }
}

async function* csv(
  context: PageContext,
  log: Log,
  users: readonly UserRecord[],
  search: string | undefined,
): AsyncGenerator<string> {
  yield csvLine([
    "time",
    "log",
    "line",
    "actor",
    "act",
    "outcome",
    "target",
    "target id",
    "ip",
    "country",
    "detail",
  ]);
  const logs = log.kind === "all" ? logsOf(users) : [log];
  let reads = 0;
  for (const each of logs) {
    let before: number | null = null;
    do {
      const page: { lines: Line[]; next: string | null } = await read(
        context,
        each,
        users,
        search,
        before,
        EXPORT_STEP,
      );
      for (const line of page.lines) yield csvOf(line);
      reads += 1;
      before = page.next === null ? null : Number(page.next);
    } while (before !== null && reads < EXPORT_READS_MAX);
    if (before !== null || (reads >= EXPORT_READS_MAX && each !== logs.at(-1))) {
      yield csvLine(["there is more: search, or export the logs one by one"]);
      return;
    }
  }
}

function csvOf({ at: time, log, id, actor, act, outcome, target, ip, country, detail }: Line): string {
  const facts = Object.entries(detail).map(([key, value]) => `${key}: ${value ?? ""}`);
  return csvLine([
    ...[time, log === "" ? "directory" : log, String(id), actor, act, outcome],
    ...[target?.name ?? "", target?.id ?? "", ip ?? "", country ?? "", facts.join("; ")],
  ]);
}

function link(path: string, log: Log, search: string | undefined, before: string | null): string {
  const query = new URLSearchParams();
  if (log.kind !== "all") query.set("log", logName(log));
  if (search !== undefined) query.set("search", search);
  if (before !== null) query.set("before", before);
  return query.size === 0 ? path : `${path}?${query}`;
}

function filterForm(
  { principal }: PageContext,
  log: Log,
  users: readonly UserRecord[],
  isWhole: boolean,
  search: string | undefined,
): Html {
  const option = (value: string, label: string) =>
    html`<option value="${value}"${logName(log) === value ? html` selected` : ""}>${label}</option>`;
  return html`<form method="get" action="${PATHS.activity}" role="search" class="filter">
${
  principal.user !== null
    ? ""
    : html`<p><label for="log">Show</label><select id="log" name="log">${isWhole ? option("", "Everything") : ""}${option("directory", "Users, sign-ins, tokens, certificates")}${users.map(({ id, name }) => option(`user:${id}`, `${possessive(name ?? id)} devices`))}</select></p>`
}
<p><label for="search">Search</label><input id="search" name="search" type="search" value="${search ?? ""}" maxlength="100"></p>
<p><button>Search</button></p>
</form>`;
}

/** A heading for each day, as the reader's clock has it. */
function list(lines: readonly Line[], context: PageContext): Html {
  const { timeZone } = context;
  const days = Map.groupBy(lines, ({ at: time }) => date(time, timeZone));
  return html`${[...days].map(
    ([day, of]) =>
      html`<section><h2>${day}</h2><ul class="log">${of.map((line) => entry(line, context))}</ul></section>`,
  )}`;
}

function entry(line: Line, { timeZone }: PageContext): Html {
  const { actor, at: time, country, restored } = line;
  const from = country === null ? "" : `, from ${country}`;
  return html`<li><p>${sentence(line)}</p>
<p class="hint"><time datetime="${time}">${clockOnly(Date.parse(time), timeZone)}</time>, by ${person(actor)}${from}${restored === true ? ", from a backup" : ""}</p>
<details class="hint"><summary>Details<span class="unseen"> of line ${line.id}</span></summary><dl>${fields(line).map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl></details></li>`;
}

/** What the line has for programs. */
function fields({ act, actor, outcome, target, ip, detail }: Line): [string, string][] {
  const all: [string, string | null][] = [
    ["act", act],
    ["actor", actor],
    ["outcome", outcome],
    ["target", target?.id ?? null],
    ["address", ip],
    ...Object.entries(detail),
  ];
  return all.flatMap(([name, value]) => (value === null || value === "" ? [] : [[name, value]]));
}
