// The audit log, newest first, by day, searched by what is typed.
import { PATHS } from "../../contract/paths.ts";
import { type Html, html } from "../html/html.ts";
import { layout, person } from "../html/layout.ts";
import type { PageContext } from "../html/page-context.ts";
import { clockOnly, date } from "../html/times.ts";
import { capital, possessive } from "../html/words.ts";
import { type Line, type Log, readLines, type Wanted, wantedOf } from "./audit-lines.ts";
import { sentence } from "./audit-sentence.ts";

export async function activity(context: PageContext): Promise<Html> {
  const wanted = await wantedOf(context);
  const { log, search } = wanted;
  const { lines, next } = await readLines(context, wanted);
  return layout(
    { title: "Activity", principal: context.principal, current: PATHS.activity },
    html`<p>Who changed what. Visits and refusals are not here: <code>latchkey watch</code> shows those.</p>
${filterForm(context, wanted)}
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
}

function logName(log: Log): string {
  return log.kind === "user" ? `user:${log.user}` : log.kind === "directory" ? "directory" : "";
}

function link(path: string, log: Log, search: string | undefined, before: string | null): string {
  const query = new URLSearchParams();
  if (log.kind !== "all") query.set("log", logName(log));
  if (search !== undefined) query.set("search", search);
  if (before !== null) query.set("before", before);
  return query.size === 0 ? path : `${path}?${query}`;
}

function filterForm({ principal }: PageContext, { log, users, isWhole, search }: Wanted): Html {
  const option = (value: string, label: string) =>
    html`<option value="${value}"${logName(log) === value ? html` selected` : ""}>${label}</option>`;
  return html`<form method="get" action="${PATHS.activity}" role="search" class="filter">
${
  principal.user !== null
    ? ""
    : html`<p><label for="log">Show</label><select id="log" name="log">${isWhole ? option("", "Everything") : ""}${option("directory", "Users, sign-ins, tokens, certificates")}${users.map(({ id, name }) => option(`user:${id}`, `${capital(possessive(name ?? id))} devices`))}</select></p>`
}
<p><label for="search">Search</label><input id="search" name="search" type="search" value="${search ?? ""}" maxlength="100"></p>
<p><button>Search</button></p>
</form>`;
}

/** A heading for each day, in the reader's time zone. */
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
  return html`<li><p>${sentence(line, timeZone)}</p>
<p class="hint"><time datetime="${time}">${clockOnly(Date.parse(time), timeZone)}</time>, by ${person(actor)}${from}${restored === true ? ", from a backup" : ""}</p>
<details class="hint"><summary>Details<span class="unseen"> of line ${line.id}</span></summary><dl>${fields(line).map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl></details></li>`;
}

/** The line's fields, as programs read them. */
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
