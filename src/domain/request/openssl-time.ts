// The times of certificates, as OpenSSL writes them.
import { BoundedMap } from "../general/bounded-map.ts";

const OPENSSL_TIME = /^([A-Z][a-z]{2}) {1,2}(\d{1,2}) (\d{2}):(\d{2}):(\d{2}) (\d{4}) GMT$/;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** Texts that one isolate remembers: a household's certificates have a few, each on every request. */
const MAX_REMEMBERED = 1_000;
const remembered = new BoundedMap<string, number>(MAX_REMEMBERED);

/**
 * Reads OpenSSL's text of a time, `Dec 22 19:39:00 2018 GMT` (one-digit days may be
 * double-spaced), as milliseconds since the epoch. Days that no calendar has are `undefined`.
 */
export function parseOpenSslTime(value: unknown): number | undefined {
  if (typeof value !== "string") return undefined;
  const known = remembered.get(value);
  if (known !== undefined) return known;
  const time = parse(value);
  if (time === undefined) return undefined;
  remembered.set(value, time);
  return time;
}

function parse(text: string): number | undefined {
  const match = OPENSSL_TIME.exec(text);
  if (match === null) return undefined;
  const month = MONTHS.indexOf(match[1] ?? "");
  const [day, hour, minute, second, year] = [match[2], match[3], match[4], match[5], match[6]].map(Number);
  if (day === undefined || hour === undefined || minute === undefined) return undefined;
  if (second === undefined || year === undefined || month === -1) return undefined;
  const date = new Date(Date.UTC(year, month, day, hour, minute, second));
  // Date.UTC carries over: the 31st of February is in March, hour 25 is tomorrow.
  const same =
    date.getUTCFullYear() === year &&
    date.getUTCMonth() === month &&
    date.getUTCDate() === day &&
    date.getUTCHours() === hour &&
    date.getUTCMinutes() === minute &&
    date.getUTCSeconds() === second;
  return same ? date.getTime() : undefined;
}
