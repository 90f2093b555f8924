// Times, in words and as the reader's clock shows them.
import { relativeTime } from "../../domain/general/relative-time.ts";
import { type Html, html } from "./html.ts";

/** The time zone that Cloudflare reports, if the runtime knows it: an unknown one must not break a page. */
export function knownTimeZone(name: string | null): string {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name ?? "UTC" }).resolvedOptions().timeZone;
  } catch {
    return "UTC";
  }
}

/** `25 Nov 2026, 14:02:13 CET` */
export function clockTime(ms: number, timeZone: string): string {
  return new Intl.DateTimeFormat("en-GB", {
    ...{ day: "numeric", month: "short", year: "numeric" },
    ...{ hour: "2-digit", minute: "2-digit", second: "2-digit" },
    timeZoneName: "short",
    timeZone,
  }).format(ms);
}

/** `25 Nov 2026` */
export function date(iso: string, timeZone: string): string {
  return new Intl.DateTimeFormat("en-GB", {
    ...{ day: "numeric", month: "short", year: "numeric" },
    timeZone,
  }).format(Date.parse(iso));
}

/** `14:02:13 CET` */
export function clockOnly(ms: number, timeZone: string): string {
  return new Intl.DateTimeFormat("en-GB", {
    ...{ hour: "2-digit", minute: "2-digit", second: "2-digit" },
    timeZoneName: "short",
    timeZone,
  }).format(ms);
}

/** `3 minutes ago`, with the exact time on hover. */
export function ago(iso: string, now: number, timeZone: string): Html {
  return html`<time datetime="${iso}" title="${clockTime(Date.parse(iso), timeZone)}">${relativeTime(iso, now)}</time>`;
}

/** `25 Nov 2026 (in 19 days)`, with the exact time on hover. */
export function onDate(iso: string, now: number, timeZone: string): Html {
  return html`<time datetime="${iso}" title="${clockTime(Date.parse(iso), timeZone)}">${date(iso, timeZone)}</time> (${relativeTime(iso, now)})`;
}

/** `25 Nov 2026, 14:02:13 CET (3 minutes ago)` */
export function at(iso: string, now: number, timeZone: string): Html {
  return html`<time datetime="${iso}">${clockTime(Date.parse(iso), timeZone)}</time> (${relativeTime(iso, now)})`;
}

/** `40 seconds`, `15 minutes`, rounded up. */
export function duration(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  if (seconds < 120) return `${seconds} ${seconds === 1 ? "second" : "seconds"}`;
  return `${Math.ceil(seconds / 60)} minutes`;
}
