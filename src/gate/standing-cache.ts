// No I/O. No clock.
import { BoundedMap } from "../domain/bounded-map.ts";
import type { Fingerprint } from "../domain/fingerprint.ts";
import type { UserId } from "../domain/user.ts";
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

/**
 * How old a standing that refuses may be, in milliseconds, whatever the delay: remembering a refusal lets
 * nobody in, and an enrolment takes effect within this time.
 */
export const NEGATIVE_MEMORY_MS = 2_000;

/** The same for a revoked device: that is final. */
export const REVOKED_MEMORY_MS = 30_000;

/**
 * The registry is asked about a lost device on each of its requests, so the questions are limited: to this number, and
 * one more for each of these times that has passed. Its token calls have as many of their own: they are all that phones
 * obey, and icons must not use them up. Beyond that it is `unavailable`, which neither lets in nor wipes.
 */
export const LOST_QUESTIONS_MAX = 20;
export const LOST_QUESTION_EVERY_MS = 15_000;

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
  /** Its place in the order in which requests came and questions were asked. */
  place: number;
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
  /** The questions that are left about a lost device, and when they were counted. */
  lost: Record<RequestKind, { left: number; at: number }> | undefined;
}

/** What is asked for: a token, of Bitwarden's server, or anything else. */
export type RequestKind = "token" | "other";

/**
 * What one isolate remembers of the registry's word. Times are milliseconds since the epoch and
 * come in as `now`.
 *
 * The promise: a request that arrives later than `delayMs` after a revocation was acknowledged is
 * not let in on memory. So ages count from when a question was *asked*, an answer may serve only
 * requests that arrive less than `delayMs` after that, and a question on its way may be shared
 * under the same rule. With a delay of 0, no question is shared, and only refusals are remembered.
 *
 * Also, `lost`, whose answer may wipe, is never used for a request that came after the question was asked:
 * the device may have been found in between.
 */
export class StandingCache {
  readonly #delayMs: number;
  /** In the order of the last question: the first is the one to forget. */
  readonly #memories: BoundedMap<Fingerprint, Memory>;
  #place = 0;

  constructor(delayMs: number, maxEntries = MAX_REMEMBERED) {
    this.#delayMs = delayMs;
    this.#memories = new BoundedMap(maxEntries);
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
    kind: RequestKind = "other",
  ): Standing | Promise<Standing> {
    const memory = this.#memories.get(fingerprint);
    if (memory?.standing !== undefined) {
      const age = now - memory.askedAt;
      const life = this.#lifeOf(memory.standing);
      if (age >= 0 && age < life) {
        if (isActive(memory.standing) && age >= life / 2 && now >= memory.refreshNotBefore) {
          void this.#question(fingerprint, now, ask, waitUntil, kind);
        }
        return memory.standing;
      }
    }
    return this.#ask(fingerprint, now, ask, waitUntil, kind);
  }

  /** The next request asks again. An answer that is on its way serves only those who wait for it already. */
  forget(fingerprint: Fingerprint): void {
    this.#memories.delete(fingerprint);
  }

  #lifeOf(standing: Standing): number {
    if (standing.kind !== "device") return NEGATIVE_MEMORY_MS;
    switch (standing.status) {
      case "active":
        return this.#delayMs;
      case "lost":
        // Asked about each time: it may be told to delete data, so never from memory.
        return 0;
      case "revoked":
        return REVOKED_MEMORY_MS;
      default:
        return NEGATIVE_MEMORY_MS;
    }
  }

  /** The answer for a request that comes now. */
  #ask(
    fingerprint: Fingerprint,
    now: number,
    ask: AskRegistry,
    waitUntil: WaitUntil,
    kind: RequestKind,
  ): Standing | Promise<Standing> {
    const cameAt = this.#place++;
    const first = this.#question(fingerprint, now, ask, waitUntil, kind);
    if (first === undefined) return UNAVAILABLE;
    if (first.place > cameAt) return first.answer;
    // It was asked before this request came. All who waited for it may share the next question, which is
    // asked after they came.
    return first.answer.then((standing) => {
      if (!isLost(standing)) return standing;
      const second = this.#question(fingerprint, now, ask, waitUntil, kind, cameAt);
      return second?.answer ?? UNAVAILABLE;
    });
  }

  /**
   * Joins a question under way that is young enough and was asked after `place`; otherwise asks. `undefined`:
   * there were too many questions about this lost device.
   */
  #question(
    fingerprint: Fingerprint,
    now: number,
    ask: AskRegistry,
    waitUntil: WaitUntil,
    kind: RequestKind,
    place = -1,
  ): Question | undefined {
    const memory = this.#memories.get(fingerprint) ?? this.#newMemory(fingerprint);
    const open = memory.question;
    const shareMs = Math.min(this.#delayMs, SHARE_MAX_MS);
    const isShared = open !== undefined && open.place > place;
    if (isShared && now >= open.askedAt && now - open.askedAt < shareMs) return open;
    if (!mayAsk(memory, now, kind)) return undefined;

    const question: Question = {
      askedAt: now,
      place: this.#place++,
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
    return question;
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
    const memory: Memory = {
      user: undefined,
      standing: undefined,
      askedAt: 0,
      question: undefined,
      refreshNotBefore: 0,
      lost: undefined,
    };
    this.#memories.set(fingerprint, memory);
    return memory;
  }
}

/** Counts a question about a device that was lost when it was last asked about. */
function mayAsk(memory: Memory, now: number, kind: RequestKind): boolean {
  if (memory.standing === undefined || !isLost(memory.standing)) {
    memory.lost = undefined;
    return true;
  }
  const all = { left: LOST_QUESTIONS_MAX, at: now };
  memory.lost ??= { token: all, other: all };
  const { left, at } = memory.lost[kind];
  const more = Math.max(0, now - at) / LOST_QUESTION_EVERY_MS;
  const available = Math.min(LOST_QUESTIONS_MAX, left + more);
  const mayBe = available >= 1;
  // Requests that waited for an answer come late; a clock that was set back starts again.
  const isLate = now < at && at - now < LOST_QUESTION_EVERY_MS;
  memory.lost[kind] = { left: mayBe ? available - 1 : available, at: isLate ? at : now };
  return mayBe;
}

const UNAVAILABLE: Standing = { kind: "unavailable" };

function isActive(standing: Standing): boolean {
  return standing.kind === "device" && standing.status === "active";
}

function isLost(standing: Standing): boolean {
  return standing.kind === "device" && standing.status === "lost";
}
