// An answer that is kept in the isolate for a while.

/** How long to wait after a failed question, in milliseconds. */
const PAUSE_MS = 10_000;

export interface KeptEffects {
  now: () => number;
  /** Lets what a request has begun go on after its answer. */
  waitUntil: (work: Promise<unknown>) => void;
}

/** Keeps what `ask` answers. Concurrent callers share one question; after a failure, nobody asks for a while. */
export class Kept<T> {
  readonly #ask: () => Promise<T>;
  readonly #keepMs: number;
  readonly #effects: KeptEffects;
  #answer: { value: T; at: number } | undefined;
  #failure: { error: unknown; at: number } | undefined;
  #question: Promise<T> | undefined;

  constructor(ask: () => Promise<T>, keepMs: number, effects: KeptEffects) {
    this.#ask = ask;
    this.#keepMs = keepMs;
    this.#effects = effects;
  }

  /** What was answered at most `keepMs` ago. Throws what `ask` throws, and again while nobody asks. */
  async get(): Promise<T> {
    const { now, waitUntil } = this.#effects;
    if (this.#answer !== undefined && now() - this.#answer.at < this.#keepMs) return this.#answer.value;
    if (this.#question !== undefined) return this.#question;
    if (this.#failure !== undefined && now() - this.#failure.at < PAUSE_MS) throw this.#failure.error;
    const question = this.#learn().finally(() => {
      this.#question = undefined;
    });
    this.#question = question;
    // Other requests wait for it: it must not end with the one that asked.
    waitUntil(question.catch(() => undefined));
    return question;
  }

  async #learn(): Promise<T> {
    const { now } = this.#effects;
    try {
      const value = await this.#ask();
      this.#answer = { value, at: now() };
      this.#failure = undefined;
      return value;
    } catch (error) {
      this.#failure = { error, at: now() };
      throw error;
    }
  }
}
