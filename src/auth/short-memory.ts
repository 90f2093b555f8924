// No I/O. No clock.

/** Remembers a few answers for a short time, so that whoever asks quickly again costs nothing. */
export class ShortMemory<K, V> {
  readonly #lifeMs: number;
  readonly #max: number;
  readonly #values = new Map<K, { value: V; at: number }>();

  constructor(lifeMs: number, max: number) {
    this.#lifeMs = lifeMs;
    this.#max = max;
  }

  /** `undefined`: not remembered, or too old at `now` (milliseconds since the epoch). */
  get(key: K, now: number): V | undefined {
    const known = this.#values.get(key);
    const age = known === undefined ? Number.NaN : now - known.at;
    return age >= 0 && age < this.#lifeMs ? known?.value : undefined;
  }

  set(key: K, value: V, now: number): void {
    if (this.#values.size >= this.#max && !this.#values.has(key)) {
      const [oldest] = this.#values.keys();
      if (oldest !== undefined) this.#values.delete(oldest);
    }
    this.#values.set(key, { value, at: now });
  }

  delete(key: K): void {
    this.#values.delete(key);
  }
}
