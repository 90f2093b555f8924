// No I/O. No clock.
import { failed, misuse } from "./failure.ts";
import { printable } from "./text.ts";

/** The fewest characters that may stand for an id. */
const PREFIX_MIN = 4;

/** The beginning of an id, as lists show it. */
export function shortId(id: string): string {
  return printable(id.slice(0, 8));
}

/** Whether a text may be an id or the beginning of one. */
export function isIdPrefix(text: string): boolean {
  return text.length >= PREFIX_MIN && text.length <= 36 && /^[0-9a-f-]+$/i.test(text);
}

/** How the things are called in errors, and how one is told from another. */
export interface Kind<T> {
  one: string;
  many: string;
  /** The command that lists them. */
  list: string;
  describe(thing: T): string;
}

/** The one thing whose id is the text, or alone begins with it. */
export function findById<T extends { id: string }>(things: readonly T[], text: string, kind: Kind<T>): T {
  if (!isIdPrefix(text)) {
    throw misuse(
      `'${printable(text)}' is not the id of ${article(kind.one)}`,
      `give the id, or at least its first ${PREFIX_MIN} characters; ${kind.list} lists them`,
    );
  }
  const prefix = text.toLowerCase();
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

function article(noun: string): string {
  return `${/^[aeiou]/.test(noun) ? "an" : "a"} ${noun}`;
}
