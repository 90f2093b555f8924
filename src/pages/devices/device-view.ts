// How a device is shown, and what can be done with it.

import type { Device } from "../../contract/answers.ts";
import { devicePath, PATHS } from "../../contract/paths.ts";
import { type Need, permits } from "../../contract/permissions.ts";
import { signedInUntil } from "../../domain/browser.ts";
import { CREDENTIAL_WORDS } from "../../domain/credential-key.ts";
import { EXPIRES_SOON_MS, relativeTime } from "../../domain/general/relative-time.ts";
import { NO_LIMITS } from "../../domain/limits.ts";
import { beyondReach } from "../../domain/request/beyond-limits.ts";
import { type Html, html } from "../html/html.ts";
import type { PageContext } from "../html/page-context.ts";
import { ago, at, clockOnly, onDate } from "../html/times.ts";
import { capital } from "../html/words.ts";
import { wipeLine } from "./loss.ts";

/** What can be done with a device on its pages; `approve` and `forget` among them. */
export type DeviceAct = "suspend" | "reinstate" | "lost" | "revoke" | "approve" | "forget";

export const ACT_LABELS: Record<DeviceAct, string> = {
  suspend: "Suspend",
  reinstate: "Let back in",
  lost: "Lost…",
  revoke: "Revoke…",
  approve: "Approve",
  forget: "Forget",
};

/** What each act takes, as in the API's table. */
const ACT_NEEDS: Record<DeviceAct, Need> = {
  suspend: "shut-out",
  reinstate: "devices",
  lost: "shut-out",
  revoke: "shut-out",
  approve: "root",
  forget: "devices",
};

/** The acts that a device's status allows, from the easiest to undo to the final one. */
const ACTS: Record<Device["status"], readonly DeviceAct[]> = {
  pending: ["approve", "revoke"],
  active: ["suspend", "lost", "revoke"],
  suspended: ["reinstate", "lost", "revoke"],
  lost: ["reinstate", "revoke"],
  revoked: ["forget"],
};

/** What the person who is signed in can do with a device now. */
export function actsOf(device: Device, context: PageContext): DeviceAct[] {
  return ACTS[device.status].filter((act) => may(context, ACT_NEEDS[act], device));
}

/** Whether the person who is signed in may do something that needs this with a device. */
export function may({ principal }: PageContext, need: Need, { user }: Device): boolean {
  return permits(principal, need, { user: user as typeof principal.user });
}

export const BACK_TO_DEVICES: Html = html`<p class="back"><a href="${PATHS.devices}">← All devices</a></p>`;

/** A device in two or three lines. */
export function deviceLines(device: Device, context: PageContext): Html[] {
  const { now, timeZone } = context;
  return [
    lastSeenLine(device, context),
    ...(device.kind === "browser"
      ? browserLines(device, now, timeZone)
      : [...limitLines(device, now, timeZone), ...expiryLines(device, now, timeZone)]),
    ...(device.status === "lost" ? [wipeLine(device, context)] : []),
  ];
}

function lastSeenLine(device: Device, context: PageContext): Html {
  const { lastSeen, status, kind } = device;
  const { now, timeZone } = context;
  if (lastSeen === null) {
    const isToInstall = status === "active" && kind !== "browser";
    return html`<p>Never seen${isToInstall ? `: is its ${CREDENTIAL_WORDS[kind]} installed?` : ""}</p>`;
  }
  const { at, app, country } = lastSeen;
  const refused = wasRefused(device, lastSeen, context) ? " (refused)" : "";
  const where = isBarredFrom(device, lastSeen) ? ", where it isn’t let in" : "";
  return html`<p>Seen${refused} ${ago(at, now, timeZone)}, ${app}${country === null ? "" : `, ${country}`}${where}</p>`;
}

type Seen = NonNullable<Device["lastSeen"]>;

/** Whether it was certainly refused then. An isolate may have let it in from memory within the revocation delay. */
function wasRefused(
  { status, statusSince, expiresAt }: Device,
  { at }: Seen,
  { revocationDelayMs }: PageContext,
): boolean {
  if (status === "pending") return true;
  const seenAt = Date.parse(at) - revocationDelayMs;
  const isAfter = (iso: string | null) => iso !== null && seenAt >= Date.parse(iso);
  return isAfter(expiresAt) || (status !== "active" && isAfter(statusSince));
}

/** Whether its limits keep it out of where it was seen. They may be younger than that, so it may have been let in. */
function isBarredFrom({ apps, countries }: Device, { app, country }: Seen): boolean {
  return beyondReach({ ...NO_LIMITS, apps, countries }, app, country, 0) !== undefined;
}

/** All of a device's limits in words, even if there are none. */
export function limitList(device: Device, { now, timeZone }: PageContext): Html {
  const { kind, apps, countries, paths, expiresAt } = device;
  return html`<dl>
<dt>Apps</dt><dd>${apps === null ? "Every app" : `Only ${apps.join(", ")}`}${kind === "browser" ? ", and whatever its person signs in to next" : ""}</dd>
${kind === "feed" ? html`<dt>Paths</dt><dd>Only ${(paths ?? []).join(", ")}, read-only</dd>` : ""}
<dt>Countries</dt><dd>${countries === null ? "From anywhere" : `Only from ${countries.join(", ")}`}</dd>
<dt>Let in until</dt><dd>${expiresAt === null ? `No time limit${kind === "browser" ? " while it is used" : ""}` : at(expiresAt, now, timeZone)}</dd>
</dl>`;
}

/** What the device is limited to, if it is. */
function limitLines(
  { kind, apps, countries, paths, expiresAt }: Device,
  now: number,
  timeZone: string,
): Html[] {
  const shows = kind === "certificate" ? [] : [`Shows a ${CREDENTIAL_WORDS[kind]}`];
  const where = [
    ...shows,
    ...(apps === null ? [] : [`only ${apps.join(", ")}`]),
    ...(paths === null ? [] : [`only ${paths.join(", ")}`]),
    ...(countries === null ? [] : [`only from ${countries.join(", ")}`]),
  ];
  const lines = where.length === 0 ? [] : [html`<p>${capital(where.join("; "))}</p>`];
  if (expiresAt === null) return lines;
  const [left, time] = [Date.parse(expiresAt) - now, onDate(expiresAt, now, timeZone)];
  if (left <= 0) return [...lines, html`<p class="expired">Let in until ${time}: it is now refused</p>`];
  return [...lines, html`<p${left < EXPIRES_SOON_MS ? html` class="soon"` : ""}>Let in until ${time}</p>`];
}

/** A browser has nothing to renew: it stays signed in while it is used, and its person can sign in again. */
function browserLines(device: Device, now: number, timeZone: string): Html[] {
  const { apps, countries } = device;
  const where = [
    ...(apps === null ? [] : [`on ${apps.join(", ")}`]),
    ...(countries === null ? [] : [`only from ${countries.join(", ")}`]),
  ];
  return [html`<p>Browser, signed in ${where.join("; ")}</p>`, ...signedInLines(device, now, timeZone)];
}

function signedInLines(device: Device, now: number, timeZone: string): Html[] {
  const { until, isExtended } = signedInUntil(device);
  if (until === null || device.status === "revoked") return [];
  if (Date.parse(until) <= now) {
    return [html`<p>Signed out since ${onDate(until, now, timeZone)}. Its person can sign in again.</p>`];
  }
  // Being refused extends nothing.
  return isExtended && device.status === "active"
    ? [html`<p>Signed in until ${onDate(until, now, timeZone)}, and longer if it is used</p>`]
    : [html`<p>Signed in until ${at(until, now, timeZone)}</p>`];
}

function expiryLines({ credentials, status, kind }: Device, now: number, timeZone: string): Html[] {
  const living = credentials.filter(({ retiredAt }) => retiredAt === null);
  const word = CREDENTIAL_WORDS[kind];
  return living.flatMap(({ fingerprint, notAfter, replaces, retiredAt }) => {
    if (notAfter === null || retiredAt !== null || status === "revoked") return [];
    const left = Date.parse(notAfter) - now;
    const time = onDate(notAfter, now, timeZone);
    const isOld = living.some((other) => other.replaces === fingerprint);
    const which = isOld ? `Old ${word}` : replaces === null ? capital(word) : `New ${word}`;
    const refusedBy = kind === "certificate" ? "Cloudflare refuses it" : "it is refused";
    if (left <= 0) return [html`<p class="expired">${which} expired ${time}: ${refusedBy}</p>`];
    return [html`<p${left < EXPIRES_SOON_MS ? html` class="soon"` : ""}>${which} expires ${time}</p>`];
  });
}

/** The status; `expired` for a device that is active, but refused all the same. A browser has merely signed out. */
export function statusBadge(device: Device, { now }: Pick<PageContext, "now">): Html {
  const isOver = isExpired(device, now);
  if (isOver && device.kind === "browser") return html`<span class="status">signed out</span>`;
  const shown = isOver ? "expired" : device.status;
  return html`<span class="status ${shown}">${shown}</span>`;
}

/** Whether an active device's time is up, or all of its credentials have expired. */
export function isExpired({ status, expiresAt, credentials }: Device, now: number): boolean {
  const isPast = (iso: string | null) => iso !== null && Date.parse(iso) <= now;
  const living = credentials.filter(({ retiredAt }) => retiredAt === null);
  return status === "active" && (isPast(expiresAt) || living.every(({ notAfter }) => isPast(notAfter)));
}

/** Links to the pages that ask for confirmation. */
export function actLinks(device: Device, acts: readonly DeviceAct[]): Html {
  if (acts.length === 0) return html``;
  return html`<ul class="acts">${acts.map(
    (act) =>
      html`<li><a class="button ${act}" href="${devicePath(device, act)}">${ACT_LABELS[act]}<span class="unseen"> ${device.name}</span></a></li>`,
  )}</ul>`;
}

/** For how long the top of the page shows the last change of the status, in milliseconds. */
const NEWS_MS = 2 * 60_000;

/**
 * What the last change of the status means, and when it holds everywhere: an isolate remembers `active` no longer than
 * the revocation delay. Nothing if the change was long ago, or the device is refused all the same.
 */
export function newsOf(device: Device, context: PageContext): Html | undefined {
  const { status, statusSince } = device;
  const since = Date.parse(statusSince);
  if (context.now - since > NEWS_MS + context.revocationDelayMs) return undefined;
  if (isExpired(device, context.now)) return undefined;
  const time = (ms: number) => clockOnly(ms, context.timeZone);
  if (status === "active" || status === "pending") {
    const said =
      status === "active" ? "Allowed everywhere within seconds of that time." : "It is waiting for approval.";
    return html`<p class="message" role="status">${status === "active" ? "Active" : "Enrolled"} since ${time(since)}. ${said}</p>`;
  }
  const forgottenAt = since + context.revocationDelayMs;
  const isForgotten = context.now >= forgottenAt;
  return html`<p class="message" role="status">${capital(status)} at ${time(since)}. ${
    isForgotten
      ? html`It has been blocked everywhere since ${time(forgottenAt)}.`
      : html`Some Cloudflare locations may still let it in until <strong>${time(forgottenAt)}</strong>, ${relativeSeconds(forgottenAt - context.now)} from now.`
  }</p>`;
}

function relativeSeconds(ms: number): string {
  const seconds = Math.max(1, Math.ceil(ms / 1000));
  if (seconds < 60) return `${seconds} ${seconds === 1 ? "second" : "seconds"}`;
  return relativeTime(new Date(ms).toISOString(), 0).replace(/^in /, "");
}
