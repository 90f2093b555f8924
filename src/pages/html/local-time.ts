// Times as people type them into a form: in their own time zone, to the minute.

import { DAY_MS } from "../../domain/general/relative-time.ts";

const LOCAL = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2})(?::\d{2}(?:\.\d+)?)?$/;

/** As `<input type="datetime-local">` takes it: `2026-11-25T14:02`. */
export function toLocalTime(ms: number, timeZone: string): string {
  const { year, month, day, hour, minute } = partsOf(ms, timeZone);
  return `${year}-${month}-${day}T${hour}:${minute}`;
}

/**
 * The time that such an input sent, or a text field that a browser shows instead: milliseconds since the epoch. In an hour
 * that the clocks skip, it is as if they had not changed yet; in an hour that they repeat, the first one is meant.
 * `undefined`: this is not a time.
 */
export function fromLocalTime(text: string, timeZone: string): number | undefined {
  const local = text.trim().replace(" ", "T");
  const [, ...digits] = LOCAL.exec(local) ?? [];
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0] = digits.map(Number);
  const asUtc = Date.UTC(year, month - 1, day, hour, minute);
  const written = new Date(asUtc).toISOString().slice(0, 16);
  // The 31st of April, or the 25th hour, would become another time.
  if (digits.length === 0 || !local.startsWith(written)) return undefined;
  // The clocks are never changed twice within two days, so one of these offsets is right.
  const candidates = [-1, 1].map((days) => asUtc - offsetAt(asUtc + days * DAY_MS, timeZone));
  return candidates.find((ms) => toLocalTime(ms, timeZone) === written) ?? candidates[0];
}

/** How far the zone's clocks are ahead of UTC at a time, in milliseconds. */
function offsetAt(ms: number, timeZone: string): number {
  const { year, month, day, hour, minute } = partsOf(ms, timeZone);
  const minutes = Math.floor(ms / 60_000) * 60_000;
  return Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute)) - minutes;
}

function partsOf(ms: number, timeZone: string) {
  const parts = new Intl.DateTimeFormat("en-GB", {
    ...{ year: "numeric", month: "2-digit", day: "2-digit" },
    ...{ hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
    timeZone,
  }).formatToParts(ms);
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.find((each) => each.type === type)?.value ?? "";
  const [year, month, day] = [part("year"), part("month"), part("day")];
  return { year, month, day, hour: part("hour"), minute: part("minute") };
}
