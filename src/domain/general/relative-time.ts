// Times as people read them, the same on the pages, on the command line and in messages.

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;
const YEAR_MS = 365 * DAY_MS;
const MONTH_MS = YEAR_MS / 12;

/**
 * A certificate that expires within this many days is worth a colour and a warning: time enough to make the
 * next one and carry it to a phone.
 */
export const EXPIRES_SOON_DAYS = 30;
export const EXPIRES_SOON_MS = EXPIRES_SOON_DAYS * DAY_MS;

const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "always" });

/** `3 minutes ago`, `in 89 days`, `in 1 h 59 min`, `just now`; empty for a time that cannot be parsed. */
export function relativeTime(iso: string, now: number): string {
  const ms = Date.parse(iso) - now;
  if (Number.isNaN(ms)) return "";
  return ms > 0 ? ahead(ms) : past(-ms);
}

/** The past is cut: what is `2 hours ago` is at least two hours old. */
function past(ms: number): string {
  const ago = (unit: Intl.RelativeTimeFormatUnit, size: number) =>
    RELATIVE.format(-Math.floor(ms / size), unit);
  if (ms < MINUTE_MS) return "just now";
  if (ms < HOUR_MS) return ago("minute", MINUTE_MS);
  if (ms < DAY_MS) return ago("hour", HOUR_MS);
  if (ms < 3 * MONTH_MS) return ago("day", DAY_MS);
  if (ms < YEAR_MS) return ago("month", MONTH_MS);
  return ago("year", YEAR_MS);
}

/**
 * The future is rounded, so that a link that was made for 24 hours says so. Fewer than ten hours, days or years
 * are given with minutes, hours or months.
 */
function ahead(ms: number): string {
  const [minutes, hours, days, months] = [MINUTE_MS, HOUR_MS, DAY_MS, MONTH_MS].map((size) =>
    Math.round(ms / size),
  ) as [number, number, number, number];
  if (ms < MINUTE_MS) return "in less than a minute";
  if (minutes < 60) return RELATIVE.format(minutes, "minute");
  if (minutes < 10 * 60) return both(minutes, 60, "hour", "h", "min");
  if (hours < 48) return RELATIVE.format(hours, "hour");
  if (hours < 10 * 24) return both(hours, 24, "day", "d", "h");
  if (days <= 90) return RELATIVE.format(days, "day");
  if (months < 24) return RELATIVE.format(months, "month");
  if (months < 10 * 12) return both(months, 12, "year", "y", "mo");
  return RELATIVE.format(Math.round(ms / YEAR_MS), "year");
}

/** `in 1 h 59 min`, and `in 2 hours` when that is all. */
function both(
  count: number,
  perUnit: number,
  unit: "hour" | "day" | "year",
  large: string,
  small: string,
): string {
  const [whole, rest] = [Math.floor(count / perUnit), count % perUnit];
  return rest === 0 ? RELATIVE.format(whole, unit) : `in ${whole} ${large} ${rest} ${small}`;
}
