// The form of a value without its content, for a report without names.
import { fieldOf, type Sight } from "./sight.ts";

const VERDICT = /^(?:[01]|NONE|SUCCESS|FAILED(?::[a-zA-Z' ]{1,80})?)$/;
const VERDICT_FIELDS: ReadonlySet<string> = new Set(["certPresented", "certVerified", "certRevoked"]);
const DATE_FIELDS: ReadonlySet<string> = new Set(["certNotBefore", "certNotAfter"]);
const NAME_FIELD = /DN(?:RFC2253|Legacy)?$/;

/** The form of a field of `tlsClientAuth`. */
export function formOf(name: string, value: unknown): string {
  if (value === undefined) return "absent";
  if (value === null) return "null";
  if (typeof value === "boolean") return String(value);
  if (typeof value !== "string") return typeof value;
  if (value === "") return "empty";
  if (VERDICT_FIELDS.has(name) && VERDICT.test(value)) return value;
  if (DATE_FIELDS.has(name)) return shapeOf(value);
  if (NAME_FIELD.test(name)) return `attributes ${attributesOf(value).join(" ")}`;
  if (/^:[A-Za-z0-9+/]+={0,2}:$/.test(value)) return "byte sequence of RFC 9440";
  if (/^[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2})+$/.test(value)) return `${caseOf(value)} hex with colons`;
  if (/^[0-9a-fA-F]+$/.test(value)) return `${caseOf(value)} hex, ${value.length} digits`;
  return `text of ${value.length} characters`;
}

/** The form of one of Cloudflare's ids. */
export function idFormOf(id: string): string {
  if (/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id)) return "UUID with hyphens";
  return formOf("id", id);
}

/** `Dec 22 19:39:00 2018 GMT` becomes `Aaa 99 99:99:99 9999 AAA`. */
function shapeOf(text: string): string {
  return text
    .slice(0, 40)
    .replace(/\p{Lu}/gu, "A")
    .replace(/\p{Ll}/gu, "a")
    .replace(/\d/g, "9")
    .replace(/[^Aa9 :,.+/-]/g, "?");
}

/** The types of a distinguished name's attributes, in their order. */
function attributesOf(name: string): string[] {
  const known = /(?:^|[,/+]\s*)(CN|O|OU|C|L|ST|emailAddress)=/g;
  return [...name.matchAll(known)].map(([, type = ""]) => type);
}

function caseOf(hex: string): string {
  if (hex === hex.toLowerCase()) return hex === hex.toUpperCase() ? "digits-only" : "lower-case";
  return hex === hex.toUpperCase() ? "upper-case" : "mixed-case";
}

/** The form of every field. Fields that are not in Cloudflare's documentation are counted, not shown. */
export function formsOf({ tlsClientAuth }: Sight): Record<string, string> {
  const forms: Record<string, string> = {};
  let others = 0;
  for (const [name, value] of Object.entries(tlsClientAuth ?? {})) {
    if (/^cert[A-Za-z0-9]{1,40}$/.test(name)) forms[name] = formOf(name, value);
    else others += 1;
  }
  return { ...forms, ...(others === 0 ? {} : { otherFields: String(others) }) };
}

/** The verdict on a certificate in one line, such as `presented 1, verified SUCCESS, revoked 0`. */
export function verdictOf(sight: Sight): string {
  const field = (name: string) => formOf(name, fieldOf(sight, name));
  return `presented ${field("certPresented")}, verified ${field("certVerified")}, revoked ${field("certRevoked")}`;
}
