import { BoundedMap } from "./bounded-map.ts";

/**
 * How often something may be done for each key: `max` times at first, and once more each time `everyMs` milliseconds have
 * passed. Beyond `keys` keys, the one that was used longest ago starts again.
 */
export class Budget<Key> {
  readonly #max: number;
  readonly #everyMs: number;
  /** When what was done so far is made up for. */
  readonly #usedUntil: BoundedMap<Key, number>;

  constructor(max: number, everyMs: number, keys: number) {
    this.#max = max;
    this.#everyMs = everyMs;
    this.#usedUntil = new BoundedMap(keys);
  }

  /** Counts one; `false`: it may not be done now, and is not counted. */
  take(key: Key, now: number): boolean {
    const latest = now + this.#max * this.#everyMs;
    // Not later, so that a clock that was set back keeps nobody waiting for long.
    const used = Math.min(Math.max(this.#usedUntil.get(key) ?? now, now), latest);
    const isFree = used + this.#everyMs <= latest;
    this.#usedUntil.set(key, isFree ? used + this.#everyMs : used);
    return isFree;
  }
}
