// JSON in one form only, and the checksum of a backup over it.
import { createHash } from "node:crypto";

/** A backup has eight. */
const MAX_LEVELS = 64;

/**
 * Members sorted by name, no spaces: RFC 8785, as far as a backup needs it, which has only strings, whole numbers,
 * booleans and null. Throws a `RangeError` for anything nested deeper than a backup ever is.
 */
export function canonicalJson(value: unknown, levels = MAX_LEVELS): string {
  if (levels === 0) throw new RangeError("nested too deeply");
  if (Array.isArray(value)) return `[${value.map((each) => canonicalJson(each, levels - 1)).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member, levels - 1)}`);
  return `{${members.join(",")}}`;
}

/** `sha256:` and 64 hex digits, over the canonical form. It detects damage, not forgery: anyone can compute it. */
export function checksumOf(value: unknown): string {
  return `sha256:${createHash("sha256").update(canonicalJson(value)).digest("hex")}`;
}
