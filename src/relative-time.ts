// No I/O. No clock.

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

/** `3 minutes ago`, `in 89 days`, `just now`; empty for what is no time. */
export function relativeTime(iso: string, now: number): string {
  const seconds = (Date.parse(iso) - now) / SECOND_MS;
  if (Number.isNaN(seconds)) return "";
  for (const [unit, size] of UNITS) {
    if (Math.abs(seconds) >= size) return RELATIVE.format(Math.trunc(seconds / size), unit);
  }
  return seconds > 0 ? "in less than a minute" : "just now";
}
