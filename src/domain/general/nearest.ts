// What was probably meant by a mistyped word.

/** A word this short resembles half of all others. */
const TOO_SHORT = 3;
/** More changes than these, or than half the word, make it another word rather than a typing mistake. */
const MISTAKES_MAX = 2;

/** The candidates that resemble what was written: at most three, nearest first. */
export function nearest(written: string, candidates: readonly string[]): string[] {
  if (written.length <= TOO_SHORT) return [];
  const farthest = Math.min(MISTAKES_MAX, Math.ceil(written.length / 2) - 1);
  return candidates
    .map((candidate) => ({ candidate, distance: distance(written.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ distance }) => distance <= farthest)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 3)
    .map(({ candidate }) => candidate);
}

/** How many characters to add, drop, replace, or swap with the next one (optimal string alignment). */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swapped = isSwapped ? (before[j - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY;
      next.push(Math.min(replaced, swapped, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    before = row;
    row = next;
  }
  return row[b.length] ?? 0;
}
