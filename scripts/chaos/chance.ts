// Random choices, the same for the same seed.
import { seeded } from "../bench/budget/random.ts";

/** Random choices that a seed repeats. */
export class Chance {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = seeded(seed);
  }

  /** From 0 to below `limit`. */
  number(limit: number): number {
    return this.#random() * limit;
  }

  pick<T>(choices: readonly [T, ...T[]]): T {
    return choices[Math.floor(this.number(choices.length))] ?? choices[0];
  }

  happens(probability: number): boolean {
    return this.number(1) < probability;
  }
}
