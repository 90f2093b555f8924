// Times as a terminal shows them. `now` is in milliseconds since 1970.
import { relativeTime } from "../../src/domain/general/relative-time.ts";
import type { Cell } from "./table.ts";
import { printable } from "./text.ts";

/** `2026-11-24 02:01` in local time, with seconds if asked. Unparseable times are shown as they are. */
export function localTime(iso: string, withSeconds = false): string {
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return printable(iso);
  const two = (value: number) => String(value).padStart(2, "0");
  const date = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  const clock = `${two(time.getHours())}:${two(time.getMinutes())}`;
  return `${date} ${clock}${withSeconds ? `:${two(time.getSeconds())}` : ""}`;
}

/** The units of a short hint, largest first, in seconds. */
const SHORT_UNITS = [
  ["y", 365 * 24 * 3600],
  ["mo", 30 * 24 * 3600],
  ["d", 24 * 3600],
  ["h", 3600],
  ["m", 60],
] as const;

/** `3m` ago, `in 89d`: for tables in narrow terminals. Future times are rounded, past ones cut. */
export function shortTime(iso: string, now: number): string {
  const seconds = (Date.parse(iso) - now) / 1000;
  if (Number.isNaN(seconds)) return printable(iso);
  const isAhead = seconds > 0;
  for (const [unit, size] of SHORT_UNITS) {
    const units = Math.abs(seconds) / size;
    // Up to 90 days are shown in days.
    if (units < (unit === "mo" ? 3 : 1)) continue;
    return isAhead ? `in ${Math.round(units)}${unit}` : `${Math.trunc(units)}${unit}`;
  }
  return isAhead ? "in <1m" : "now";
}

/** A relative time for a cell of a table. */
export function timeCell(iso: string, now: number): Cell {
  return { full: relativeTime(iso, now), short: shortTime(iso, now) };
}

/** `2026-11-24 02:01 (3 minutes ago)` */
export function timeWithHint(iso: string, now: number): string {
  const hint = relativeTime(iso, now);
  return hint === "" ? localTime(iso) : `${localTime(iso)} (${hint})`;
}
