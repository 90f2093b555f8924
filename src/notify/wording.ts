// The words that notifications share.
import type { UserId } from "../domain/user.ts";
import type { Device } from "./event.ts";

/** Strings that strangers choose are cut to this, in characters. */
const FOREIGN_MAX_CHARACTERS = 100;

export function iso(time: number): string {
  return new Date(time).toISOString();
}

/** Keeps the rest of a record out of the notification. */
export function pick({ id, name }: Device): Device {
  return { id, name };
}

/** A command about a device, by its id: a shell might misread its name. */
export function command(verb: string, user: UserId, { id }: Device): string {
  return `latchkey ${verb} ${user}/${id}`;
}

/** What anybody can write, as one short line that is never cut within a character. */
export function printable(text: string): string {
  const plain = [...text.toWellFormed().replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ")];
  return plain.length <= FOREIGN_MAX_CHARACTERS
    ? plain.join("")
    : `${plain.slice(0, FOREIGN_MAX_CHARACTERS).join("")}…`;
}

/** A place as Cloudflare reports it, in words: `T1` is Tor; `XX` and `null` are unknown. */
export function placeName(country: string | null): string {
  if (country === "T1") return "Tor";
  return country === null || country === "XX" ? "an unknown country" : country;
}
