// How a command line names what has an id: by the id, or by its first characters, as lists show it.
import { failed, misuse } from "../../terminal/failure.ts";
import { printable } from "../../terminal/text.ts";

/** The fewest characters that may stand for an id. */
const PREFIX_MIN = 4;
/** A whole id is a UUID. */
const ID_CHARACTERS = 36;

/** The beginning of an id, as lists show it. */
export function shortId(id: string): string {
  return printable(id.slice(0, 8));
}

/** An id in lower case, or the beginning of one. */
export type IdPrefix = string & { readonly idPrefix: unique symbol };

/** Reads an id or the beginning of one; `undefined` for anything else. */
export function parseIdPrefix(text: string): IdPrefix | undefined {
  const isOne = text.length >= PREFIX_MIN && text.length <= ID_CHARACTERS && /^[0-9a-f-]+$/i.test(text);
  return isOne ? (text.toLowerCase() as IdPrefix) : undefined;
}

/** What the things are called in errors, and what distinguishes them. */
export interface Kind<T> {
  one: string;
  many: string;
  /** The command that lists them. */
  list: string;
  describe(thing: T): string;
}

/** A word that has to be an id, read before anything is sent. */
export function idArgument(text: string, { one, list }: Pick<Kind<never>, "one" | "list">): IdPrefix {
  const prefix = parseIdPrefix(text);
  if (prefix !== undefined) return prefix;
  throw misuse(
    `'${printable(text)}' is not the id of ${/^[aeiou]/.test(one) ? "an" : "a"} ${one}`,
    `give the id, or at least its first ${PREFIX_MIN} characters; ${list} lists them`,
  );
}

/** The thing with this id, or the only one whose id begins with it. */
export function findById<T extends { id: string }>(things: readonly T[], prefix: IdPrefix, kind: Kind<T>): T {
  const [found, ...others] = things.filter(({ id }) => id.startsWith(prefix));
  if (found === undefined) {
    throw failed(`the id of no ${kind.one} begins with ${prefix}`, `list them with: ${kind.list}`);
  }
  if (others.length > 0) {
    throw failed(
      `the ids of ${others.length + 1} ${kind.many} begin with ${prefix}`,
      "give more characters",
      [found, ...others].map((thing) => `${printable(thing.id)}  ${kind.describe(thing)}`),
    );
  }
  return found;
}
