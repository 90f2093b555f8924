// No I/O. No clock.

/** One page of a list; `next` is the cursor of the next page, or `null` on the last one. */
export interface Page<T> {
  items: T[];
  next: string | null;
}

/** Makes a page out of up to `limit + 1` items: the one too many only tells that more follow. */
export function pageOf<T>(items: T[], limit: number, cursorOf: (item: T) => string): Page<T> {
  const page = items.slice(0, limit);
  const last = page.at(-1);
  return { items: page, next: items.length > limit && last !== undefined ? cursorOf(last) : null };
}
