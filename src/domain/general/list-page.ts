// A slice of a list that is given out piece by piece.

/** `next` is the cursor of the next slice, or `null` on the last one. */
export interface ListPage<T> {
  items: T[];
  next: string | null;
}

/** Makes a slice of up to `limit + 1` items: the extra one only shows that more follow. */
export function pageOf<T>(items: T[], limit: number, cursorOf: (item: T) => string): ListPage<T> {
  const page = items.slice(0, limit);
  const last = page.at(-1);
  return { items: page, next: items.length > limit && last !== undefined ? cursorOf(last) : null };
}
