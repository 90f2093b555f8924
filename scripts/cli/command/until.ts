// A future time as people write it: what every --until takes.
import { misuse } from "../../terminal/failure.ts";
import { printable } from "../../terminal/text.ts";
import { parseDuration } from "./arguments.ts";

/** The furthest time, in seconds from now: ten years, as the API has it. */
const MAX_SECONDS = 3650 * 24 * 3600;

/** For the help of commands with `--until`. */
export const UNTIL_HELP = `--until takes a date (2026-12-24), a date and time (2026-12-24T18:00), a time
(18:00), a weekday (sunday) or a time span (3d, 12h, 90m). A date or a weekday
means the end of that day, in this machine's time zone.`;

const FORMS =
  "write a date (2026-12-24), a date and time (2026-12-24T18:00), a time (18:00), a weekday (sunday) or a time span (3d, 12h)";

/** `2026-12-24`, then perhaps a time of day, which is local unless it says otherwise (ISO 8601). */
const DATE = /^(\d{4})-(\d\d)-(\d\d)(T\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d)?)?$/;
const TIME = /^([01]?\d|2[0-3]):([0-5]\d)$/;
const WEEKDAYS = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const SHORTEST_WEEKDAY = 3;

/** The time that an option names, in milliseconds since 1970: within the next ten years. Anything else is misuse. */
export function untilOption(text: string, now: number, option = "--until"): number {
  const written = `${option} '${printable(text)}'`;
  const until = parseUntil(text.toLowerCase(), now);
  if (until === undefined) throw misuse(`${written} is not a time`, FORMS);
  if (until <= now || until > now + MAX_SECONDS * 1000) {
    throw misuse(
      `${written} is in the past, or more than ten years away`,
      "give a time within the next ten years",
    );
  }
  return until;
}

function parseUntil(text: string, now: number): number | undefined {
  const seconds = parseDuration(text);
  if (seconds !== undefined) return now + seconds * 1000;
  return onDate(text) ?? atTime(text, new Date(now)) ?? onWeekday(text, new Date(now));
}

function onDate(text: string): number | undefined {
  const [, year = "", month = "", day = "", time] = DATE.exec(text.toUpperCase()) ?? [];
  const date = new Date(Number(year), Number(month) - 1, Number(day));
  // JavaScript takes 2026-02-30 for the second of March.
  if (year === "" || date.getMonth() !== Number(month) - 1 || date.getDate() !== Number(day)) {
    return undefined;
  }
  if (time === undefined) return endOf(date, 0);
  const parsed = Date.parse(text.toUpperCase());
  return Number.isNaN(parsed) ? undefined : parsed;
}

/** When a clock shows this time next. */
function atTime(text: string, now: Date): number | undefined {
  const [, hours, minutes] = TIME.exec(text) ?? [];
  if (hours === undefined) return undefined;
  const on = (days: number) =>
    new Date(
      now.getFullYear(),
      now.getMonth(),
      now.getDate() + days,
      Number(hours),
      Number(minutes),
    ).getTime();
  return on(0) > now.getTime() ? on(0) : on(1);
}

/** The end of the next day of this name, which may be today. */
function onWeekday(text: string, now: Date): number | undefined {
  if (text.length < SHORTEST_WEEKDAY) return undefined;
  const wanted = WEEKDAYS.findIndex((name) => name.startsWith(text));
  return wanted === -1 ? undefined : endOf(now, (wanted - now.getDay() + 7) % 7);
}

/** The midnight that ends the day `days` after this date. By the calendar, since a day when the clocks change doesn't have 24 hours. */
function endOf(date: Date, days: number): number {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() + days + 1).getTime();
}
