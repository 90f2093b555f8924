// No I/O. No clock.

/**
 * Credentials that this isolate asks the directory about for strangers: in all, and for one network, an hour.
 * Each may write three rows: ten isolates under attack all day write some 29,000 of the day's 100,000.
 */
export const QUESTIONS_AN_HOUR = 40;
export const QUESTIONS_A_NETWORK = 10;

const HOUR_MS = 60 * 60_000;

/**
 * Bounds what strangers cost. Whoever presents credentials that may be right has to be looked up in the
 * directory; those that turn out wrong are counted here, in the isolate's memory, and past the bound
 * nothing is looked up any more until the hour is over. Right ones cost nothing. The `ADMIN_TOKEN` is
 * compared without the directory, so that no stranger can lock its owner out by using the budget up.
 */
export class StrangerBudget {
  readonly #inAll: number;
  readonly #each: number;
  #begunAt = Number.NEGATIVE_INFINITY;
  #spent = 0;
  readonly #byKey = new Map<string, number>();

  constructor(inAll = QUESTIONS_AN_HOUR, each = QUESTIONS_A_NETWORK) {
    this.#inAll = inAll;
    this.#each = each;
  }

  /** Whether one more question may be asked, at `now` (milliseconds since the epoch). */
  allows(key: string, now: number): boolean {
    // A clock that was set back begins anew, too.
    if (now < this.#begunAt || now - this.#begunAt >= HOUR_MS) {
      this.#begunAt = now;
      this.#spent = 0;
      this.#byKey.clear();
    }
    return this.#spent < this.#inAll && (this.#byKey.get(key) ?? 0) < this.#each;
  }

  /** Before the question, so that many at a time cost no more. `key`: a network, or a certificate. */
  spend(key: string): void {
    this.#add(key, 1);
  }

  /** After a right answer, or none for a fault of ours. */
  giveBack(key: string): void {
    this.#add(key, -1);
  }

  #add(key: string, count: number): void {
    this.#spent = Math.max(0, this.#spent + count);
    this.#byKey.set(key, Math.max(0, (this.#byKey.get(key) ?? 0) + count));
  }

  /** Until when the next question must wait, in milliseconds from `now`. */
  retryAfterMs(now: number): number {
    return Math.max(0, this.#begunAt + HOUR_MS - now);
  }
}
