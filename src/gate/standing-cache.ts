// No I/O. No clock.
import type { Fingerprint } from "../registry/fingerprint.ts";
import type { UserId } from "../registry/user.ts";
import type { Standing } from "./decision.ts";

/** What the registry answered, and whose registry it was, for the next question. */
export interface StandingAnswer {
  standing: Standing;
  user: UserId | undefined;
}

/** Asks the registry. `rememberedUser` is a hint, which may be stale. */
export type AskRegistry = (
  fingerprint: Fingerprint,
  rememberedUser: UserId | undefined,
) => Promise<StandingAnswer>;

/** Keeps the runtime awake until a promise settles: `ctx.waitUntil`. */
export type WaitUntil = (promise: Promise<unknown>) => void;

/** How old a standing other than active and lost may be, in milliseconds: an enrolment shows at once. */
export const NEGATIVE_MEMORY_MS = 2_000;

/** Fingerprints that one isolate remembers: about 5 MB at most, of the isolate's 128. */
export const MAX_REMEMBERED = 10_000;

/**
 * A question on its way is shared no longer than this, in milliseconds: the runtime may have killed
 * whoever asked it, and then it is never answered.
 */
const SHARE_MAX_MS = 10_000;

/** After a refresh that failed, the next one waits this long, in milliseconds. */
const REFRESH_PAUSE_MS = 1_000;

interface Question {
  askedAt: number;
  answer: Promise<Standing>;
}

interface Memory {
  /** The mapping fingerprint -> user: kept for long, since that user's registry is the judge. */
  user: UserId | undefined;
  standing: Standing | undefined;
  /** When the question was asked that `standing` answers: its truth is at least that young. */
  askedAt: number;
  question: Question | undefined;
  refreshNotBefore: number;
}

/**
 * What one isolate remembers of the registry's word. Times are milliseconds since the epoch and
 * come in as `now`.
 *
 * The promise: a request that arrives later than `delayMs` after a revocation was acknowledged is
 * not let in on memory. So ages count from when a question was *asked*, an answer may serve only
 * requests that arrive less than `delayMs` after that, and a question on its way may be shared
 * under the same rule. With a delay of 0, nothing is remembered or shared but the mapping.
 */
export class StandingCache {
  readonly #delayMs: number;
  readonly #maxEntries: number;
  /** In the order of the last question: the first is the one to forget. */
  readonly #memories = new Map<Fingerprint, Memory>();

  constructor(delayMs: number, maxEntries = MAX_REMEMBERED) {
    this.#delayMs = delayMs;
    this.#maxEntries = maxEntries;
  }

  get size(): number {
    return this.#memories.size;
  }

  /**
   * The standing from memory alone, when nothing is to be asked: the way of nearly every request.
   * It says the same as `standing` would, which is to be called when this is `undefined`.
   */
  recall(fingerprint: Fingerprint, now: number): Standing | undefined {
    const memory = this.#memories.get(fingerprint);
    const standing = memory?.standing;
    if (memory === undefined || standing === undefined) return undefined;
    const age = now - memory.askedAt;
    const life = this.#lifeOf(standing);
    return age >= 0 && age < (isActive(standing) ? life / 2 : life) ? standing : undefined;
  }

  /**
   * The standing of a verified certificate: from memory while young (at once, without a promise),
   * refreshed behind the answer past half the delay, asked for past the delay. Never rejects: a
   * registry that fails is the standing `unavailable`, which is not remembered.
   */
  standing(
    fingerprint: Fingerprint,
    now: number,
    ask: AskRegistry,
    waitUntil: WaitUntil,
  ): Standing | Promise<Standing> {
    const memory = this.#memories.get(fingerprint);
    if (memory?.standing !== undefined) {
      const age = now - memory.askedAt;
      const life = this.#lifeOf(memory.standing);
      if (age >= 0 && age < life) {
        if (isActive(memory.standing) && age >= life / 2 && now >= memory.refreshNotBefore) {
          void this.#ask(fingerprint, now, ask, waitUntil);
        }
        return memory.standing;
      }
    }
    return this.#ask(fingerprint, now, ask, waitUntil);
  }

  /** The next request asks again. An answer that is on its way serves only those who wait for it already. */
  forget(fingerprint: Fingerprint): void {
    this.#memories.delete(fingerprint);
  }

  /** A lost device is asked about each time: it may be told to delete data, so never from memory. */
  #lifeOf(standing: Standing): number {
    if (isActive(standing)) return this.#delayMs;
    return isLost(standing) ? 0 : Math.min(NEGATIVE_MEMORY_MS, this.#delayMs);
  }

  /** Asks, or joins a question on its way that is young enough. */
  #ask(fingerprint: Fingerprint, now: number, ask: AskRegistry, waitUntil: WaitUntil): Promise<Standing> {
    const memory = this.#memories.get(fingerprint) ?? this.#newMemory(fingerprint);
    const open = memory.question;
    const shareMs = Math.min(this.#delayMs, SHARE_MAX_MS);
    if (open !== undefined && now >= open.askedAt && now - open.askedAt < shareMs) return open.answer;

    const question: Question = {
      askedAt: now,
      answer: ask(fingerprint, memory.user).then(
        (answer) => {
          this.#remember(fingerprint, memory, question, answer);
          return answer.standing;
        },
        (): Standing => {
          if (memory.question === question) memory.question = undefined;
          memory.refreshNotBefore = now + REFRESH_PAUSE_MS;
          return UNAVAILABLE;
        },
      ),
    };
    memory.question = question;
    // Others may wait for this answer: it must not die with the request that asked.
    waitUntil(question.answer);
    return question.answer;
  }

  #remember(fingerprint: Fingerprint, memory: Memory, question: Question, answer: StandingAnswer): void {
    // Forgotten meanwhile, and perhaps remembered anew: this answer is for those who wait for it only.
    if (this.#memories.get(fingerprint) !== memory) return;
    if (memory.question === question) memory.question = undefined;
    // A slow answer must not overwrite that of a later question.
    if (memory.standing !== undefined && question.askedAt < memory.askedAt) return;
    memory.standing = answer.standing;
    memory.user = answer.user;
    memory.askedAt = question.askedAt;
    // To the end of the queue.
    this.#memories.delete(fingerprint);
    this.#memories.set(fingerprint, memory);
  }

  #newMemory(fingerprint: Fingerprint): Memory {
    if (this.#memories.size >= this.#maxEntries) {
      const [oldest] = this.#memories.keys();
      if (oldest !== undefined) this.#memories.delete(oldest);
    }
    const memory: Memory = {
      user: undefined,
      standing: undefined,
      askedAt: 0,
      question: undefined,
      refreshNotBefore: 0,
    };
    this.#memories.set(fingerprint, memory);
    return memory;
  }
}

const UNAVAILABLE: Standing = { kind: "unavailable" };

function isActive(standing: Standing): boolean {
  return standing.kind === "device" && standing.status === "active";
}

function isLost(standing: Standing): boolean {
  return standing.kind === "device" && standing.status === "lost";
}
