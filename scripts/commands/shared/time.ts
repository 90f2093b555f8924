// No I/O. No clock: `now` is a parameter, in milliseconds since 1970.
import { relativeTime } from "../../../src/relative-time.ts";
import { printable } from "./text.ts";

/** `2026-11-24 02:01` in local time, with seconds if asked. What is no time is shown as it came. */
export function localTime(iso: string, withSeconds = false): string {
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return printable(iso);
  const two = (value: number) => String(value).padStart(2, "0");
  const date = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  const clock = `${two(time.getHours())}:${two(time.getMinutes())}`;
  return `${date} ${clock}${withSeconds ? `:${two(time.getSeconds())}` : ""}`;
}

/** `2026-11-24 02:01 (3 minutes ago)` */
export function timeWithHint(iso: string, now: number): string {
  const hint = relativeTime(iso, now);
  return hint === "" ? localTime(iso) : `${localTime(iso)} (${hint})`;
}
