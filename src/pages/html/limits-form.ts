// The form fields for a device's limits, and reading what was typed into them.
import type { Apps } from "../../api/handler.ts";
import { mayHaveFeeds } from "../../api/limits.ts";
import type { Device } from "../../contract/answers.ts";
import { ApiError } from "../../contract/api-error.ts";
import type { DeviceKind } from "../../domain/credential-key.ts";
import { field } from "./forms.ts";
import { type Html, html } from "./html.ts";
import { fromLocalTime, toLocalTime } from "./local-time.ts";
import { knownTimeZone } from "./times.ts";

/** The fields as they are shown. */
export interface TypedLimits {
  /** Whether it can use every app; `undefined` if at least one must be named. */
  everyApp: boolean | undefined;
  apps: readonly string[];
  /** Codes, separated by spaces or commas; empty = from anywhere. */
  countries: string;
  /** As `toLocalTime` makes it; empty = no end. */
  until: string;
  timeZone: string;
}

/** The apps to choose from. */
export interface Choice {
  /** Hosts that the configuration names. */
  hosts: readonly string[];
  /** Whether any other host is an app, too. */
  takesOthers: boolean;
}

/** The apps to choose from, for a device of this kind. */
export function choiceOf(apps: Apps, kind: DeviceKind): Choice {
  // Nobody signs in at a host that the configuration doesn't name.
  if (kind === "browser")
    return { hosts: apps.hosts.filter((host) => apps.signsIn(host)), takesOthers: false };
  return {
    hosts: apps.hosts.filter((host) => kind !== "feed" || mayHaveFeeds(host, apps)),
    takesOthers: apps.profiles.some(({ host }) => host === "*"),
  };
}

type Limits = Pick<Device, "apps" | "countries" | "expiresAt">;

/** No limits, as fields. */
export function noLimits(timeZone: string): TypedLimits {
  return { everyApp: true, apps: [], countries: "", until: "", timeZone };
}

/** A device's limits as fields. A device without a certificate must name its apps. */
export function limitsAsTyped({ kind, apps, countries, expiresAt }: Device, timeZone: string): TypedLimits {
  return {
    everyApp: kind === "certificate" ? apps === null : undefined,
    apps: apps ?? [],
    countries: (countries ?? []).join(" "),
    until: expiresAt === null ? "" : toLocalTime(Date.parse(expiresAt), timeZone),
    timeZone,
  };
}

/** The fields of a form that was sent: times in it are in the time zone that it named. */
export function readTypedLimits(form: URLSearchParams): TypedLimits {
  const chosen = form.get("every-app");
  return {
    everyApp: chosen === null ? undefined : chosen === "yes",
    apps: [...new Set([...form.getAll("apps"), ...words(field(form, "other-apps"))])],
    countries: field(form, "countries"),
    until: field(form, "until"),
    timeZone: knownTimeZone(field(form, "zone")),
  };
}

/**
 * The limits that were typed, for the API's schema to check. Throws `invalid-fields` if they contradict each other: a
 * forgotten box must never let anybody in everywhere. `before`: the limits that the fields showed; if the time was left
 * alone, its seconds are kept.
 */
export function limitsOf(
  { everyApp, apps, countries, until, timeZone }: TypedLimits,
  before?: Limits,
): Limits {
  if (everyApp === true && apps.length > 0) throw wrong("choose either every app or some of them, not both");
  if (everyApp !== true && apps.length === 0) throw wrong("choose at least one app");
  const codes = words(countries).map((code) => code.toUpperCase());
  return {
    apps: everyApp === true ? null : [...apps],
    countries: codes.length === 0 ? null : codes,
    expiresAt: endOf(until, timeZone, before?.expiresAt ?? null),
  };
}

function endOf(until: string, timeZone: string, before: string | null): string | null {
  if (until === "") return null;
  if (before !== null && toLocalTime(Date.parse(before), timeZone) === until) return before;
  const ms = fromLocalTime(until, timeZone);
  if (ms === undefined) throw wrong("“Let in until” must be a date and a time, such as 2027-01-31 18:00");
  return new Date(ms).toISOString();
}

function wrong(message: string): ApiError {
  return new ApiError("invalid-fields", message);
}

/** Separated by spaces, commas or line breaks. */
function words(text: string): string[] {
  return text.split(/[\s,]+/).filter((word) => word !== "");
}

/** The paths that were typed. Not separated by commas, which a path can contain. */
export function pathsOf(text: string): string[] {
  return text.split(/\s+/).filter((path) => path !== "");
}

/** The fields themselves. */
export function limitFields(typed: TypedLimits, choice: Choice): Html {
  const { countries, until, timeZone } = typed;
  return html`${appFields(typed, choice)}
<p><label for="until">Let in until</label><input id="until" name="until" type="datetime-local" value="${until}" aria-describedby="until-hint"></p>
<p id="until-hint" class="hint">In the time zone ${timeZone}. Leave it empty for no time limit.</p>
<input type="hidden" name="zone" value="${timeZone}">
<p><label for="countries">Only from these countries</label><input id="countries" name="countries" value="${countries}" maxlength="200" autocapitalize="characters" autocomplete="off" spellcheck="false" aria-describedby="countries-hint"></p>
<p id="countries-hint" class="hint">Two-letter codes, such as CH DE. Leave it empty for any country.</p>`;
}

function appFields({ everyApp, apps }: TypedLimits, { hosts, takesOthers }: Choice): Html {
  const others = apps.filter((app) => !hosts.includes(app));
  return html`<fieldset><legend>Apps</legend>
${
  everyApp === undefined
    ? ""
    : html`<p>${everyAppRadio("yes", "Every app", everyApp)}</p>
<p>${everyAppRadio("no", "Only these:", !everyApp)}</p>`
}
${hosts.map(
  (host, index) =>
    html`<p><input type="checkbox" id="app-${index}" name="apps" value="${host}"${apps.includes(host) ? html` checked` : ""}><label for="app-${index}" class="inline">${host}</label></p>`,
)}
${
  takesOthers || others.length > 0
    ? html`<p><label for="other-apps">Other hosts</label><input id="other-apps" name="other-apps" value="${others.join(" ")}" autocapitalize="none" autocomplete="off" spellcheck="false" aria-describedby="other-apps-hint"></p>
<p id="other-apps-hint" class="hint">Hostnames, separated by spaces.</p>`
    : ""
}
</fieldset>`;
}

function everyAppRadio(value: "yes" | "no", label: string, isChosen: boolean): Html {
  const id = `every-app-${value}`;
  return html`<input type="radio" id="${id}" name="every-app" value="${value}"${isChosen ? html` checked` : ""}><label for="${id}" class="inline">${label}</label>`;
}

/** The field for a feed's paths. */
export function pathsField(typed: string): Html {
  return html`<p><label for="paths">Paths</label><textarea id="paths" name="paths" rows="3" required autocapitalize="none" spellcheck="false" aria-describedby="paths-hint">${typed}</textarea></p>
<p id="paths-hint" class="hint">One per line: the path to read, such as /calendar.ics, or /rss/* for everything below /rss/.</p>`;
}
