import { ShortMemory } from "../domain/general/bounded-map.ts";

/**
 * How long a secret that is nobody's is not looked up again, in milliseconds. What has ended does not come back: a
 * restore never brings back a revoked token, and a token that it does bring was made by another registry, so it failed
 * the check and is not remembered here.
 */
export const DEAD_MS = 60 * 60_000;
const MAX_ENTRIES = 1_000;

/**
 * Remembers secrets of ours that have ended: a revoked token, a used code, an ended session. Replaying one
 * costs one question an hour. Valid secrets are not remembered: they are looked up every time. One lives as
 * long as its isolate.
 */
export class DeadSecrets {
  readonly #now: () => number;
  readonly #waitUntil: (work: Promise<unknown>) => void;
  readonly #dead = new ShortMemory<string, true>(DEAD_MS, MAX_ENTRIES);
  /** Questions under way. */
  readonly #asked = new Map<string, Promise<void>>();

  constructor(now: () => number, waitUntil: (work: Promise<unknown>) => void) {
    this.#now = now;
    this.#waitUntil = waitUntil;
  }

  /** What `ask` finds; `null`: nothing, now or within the last hour. Rejects as `ask` does. */
  async unlessDead<T>(secret: string, ask: () => Promise<T | null>): Promise<T | null> {
    // If the first of several at the same time finds nothing, that holds for all of them. What it finds is for itself
    // only: whoever comes after an acknowledged revocation must ask again.
    const first = this.#asked.get(secret);
    if (first !== undefined) await first;
    if (this.has(secret)) return null;
    const answer = ask().then((found) => {
      if (found === null) this.note(secret);
      return found;
    });
    const settled: Promise<void> = answer
      .then(
        () => undefined,
        () => undefined,
      )
      .then(() => {
        if (this.#asked.get(secret) === settled) this.#asked.delete(secret);
      });
    this.#asked.set(secret, settled);
    // Other requests wait for it: it must not end with the one that asked.
    this.#waitUntil(settled);
    return answer;
  }

  /** Whether it is known to be nobody's. */
  has(secret: string): boolean {
    return this.#dead.get(secret, this.#now()) !== undefined;
  }

  /** From now on it is nobody's. */
  note(secret: string): void {
    this.#dead.set(secret, true, this.#now());
  }
}
