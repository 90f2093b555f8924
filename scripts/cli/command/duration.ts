// No I/O. No clock.
import { misuse } from "../../terminal/failure.ts";
import { plural, printable } from "../../terminal/text.ts";

/** The units that a time span is written in, largest first, in seconds. */
const UNITS = [
  ["d", "day", 24 * 3600],
  ["h", "hour", 3600],
  ["m", "minute", 60],
] as const;

const FORM = /^(\d{1,6})([dhm])$/;

/** `30d`, `12h`, `90m` in seconds; anything else is `undefined`. */
export function parseDuration(text: string): number | undefined {
  const [, number, unit] = FORM.exec(text) ?? [];
  const seconds = UNITS.find(([letter]) => letter === unit)?.[2];
  return seconds === undefined ? undefined : Number(number) * seconds;
}

/** `7 days`, in the largest unit that leaves no rest. */
export function durationText(seconds: number): string {
  const [, name, size] = UNITS.find(([, , size]) => seconds % size === 0) ?? ["s", "second", 1];
  return plural(seconds / size, name);
}

/** The seconds of an option's time span, both bounds allowed. `or`: what else the option takes, for the hint. */
export function durationOption(
  option: string,
  text: string,
  { min, max }: { min: number; max: number },
  or?: string,
): number {
  const seconds = parseDuration(text);
  if (seconds !== undefined && seconds >= min && seconds <= max) return seconds;
  const written = `${option} '${printable(text)}'`;
  const allowed = `${durationText(min)} to ${durationText(max)}${or === undefined ? "" : `, or ${or}`}`;
  throw seconds === undefined
    ? misuse(
        `${written} is not a time span`,
        `write a number and d, h or m, such as 30d, 12h or 90m: ${allowed}`,
      )
    : misuse(`${written} is too short or too long`, `give ${allowed}`);
}
