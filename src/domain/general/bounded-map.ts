// What one isolate remembers: bounded, since strangers choose much of it.

/** A `Map` that drops its oldest entry when it is full. */
export class BoundedMap<K, V> extends Map<K, V> {
  readonly #maxEntries: number;

  constructor(maxEntries: number) {
    super();
    this.#maxEntries = maxEntries;
  }

  override set(key: K, value: V): this {
    if (this.size >= this.#maxEntries && !this.has(key)) {
      for (const oldest of this.keys()) {
        this.delete(oldest);
        break;
      }
    }
    return super.set(key, value);
  }
}

/** Remembers answers for a short time, so that repeated questions cost nothing. */
export class ShortMemory<K, V> {
  readonly #lifeMs: number;
  readonly #values: BoundedMap<K, { value: V; at: number }>;

  constructor(lifeMs: number, maxEntries: number) {
    this.#lifeMs = lifeMs;
    this.#values = new BoundedMap(maxEntries);
  }

  /** `undefined`: not remembered, or too old at `now` (milliseconds since the epoch). */
  get(key: K, now: number): V | undefined {
    const known = this.#values.get(key);
    const age = known === undefined ? Number.NaN : now - known.at;
    return age >= 0 && age < this.#lifeMs ? known?.value : undefined;
  }

  set(key: K, value: V, now: number): void {
    this.#values.set(key, { value, at: now });
  }

  delete(key: K): void {
    this.#values.delete(key);
  }
}
