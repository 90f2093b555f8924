// No I/O. No clock: `now` is a parameter, in milliseconds since 1970.
import { printable } from "./text.ts";

const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "always" });
const SECOND_MS = 1000;

/** The units of a hint, largest first, in seconds. */
const UNITS = [
  ["year", 365 * 24 * 3600],
  ["month", 30 * 24 * 3600],
  ["day", 24 * 3600],
  ["hour", 3600],
  ["minute", 60],
] as const;

/** `2026-11-24 02:01` in local time, with seconds if asked. What is no time is shown as it came. */
export function localTime(iso: string, withSeconds = false): string {
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return printable(iso);
  const two = (value: number) => String(value).padStart(2, "0");
  const date = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  const clock = `${two(time.getHours())}:${two(time.getMinutes())}`;
  return `${date} ${clock}${withSeconds ? `:${two(time.getSeconds())}` : ""}`;
}

/** `3 minutes ago`, `in 89 days`, `just now`; empty for what is no time. */
export function relativeTime(iso: string, now: number): string {
  const seconds = (Date.parse(iso) - now) / SECOND_MS;
  if (Number.isNaN(seconds)) return "";
  for (const [unit, size] of UNITS) {
    if (Math.abs(seconds) >= size) return RELATIVE.format(Math.trunc(seconds / size), unit);
  }
  return seconds > 0 ? "in less than a minute" : "just now";
}

/** `2026-11-24 02:01 (3 minutes ago)` */
export function timeWithHint(iso: string, now: number): string {
  const hint = relativeTime(iso, now);
  return hint === "" ? localTime(iso) : `${localTime(iso)} (${hint})`;
}
