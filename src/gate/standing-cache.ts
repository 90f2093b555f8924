// What one isolate remembers of the registry's answers, and when it asks again.

import { type CredentialKey, kindOf } from "../domain/credential-key.ts";
import type { Standing } from "../domain/device.ts";
import { BoundedMap } from "../domain/general/bounded-map.ts";
import type { UserId } from "../domain/user.ts";
import type { Background } from "../visit.ts";
import { isTokenCall, type Refused } from "./answers.ts";

/** A request with a credential that the registry can be asked about. */
export interface Asker extends Refused {
  shown: { key: CredentialKey };
  ctx: Background;
}

/** What the registry answered, and whose registry it was, for the next question. */
export interface StandingAnswer {
  standing: Standing;
  user: UserId | undefined;
}

/** Asks the registry. `rememberedUser` is a hint, which may be stale. */
export type AskRegistry<A extends Asker> = (
  asker: A,
  now: number,
  rememberedUser: UserId | undefined,
) => Promise<StandingAnswer>;

/**
 * How old a standing that refuses may be, in milliseconds, whatever the delay: remembering a refusal lets
 * nobody in, and an enrolment takes effect within this time.
 */
export const NEGATIVE_MEMORY_MS = 2_000;

/** The same for a revoked device, which stays revoked. */
export const REVOKED_MEMORY_MS = 30_000;

/**
 * The same for a token or a feed's secret that no device has. It was made together with its device, which has been
 * forgotten, so only a restore can make it good again.
 */
export const GONE_MEMORY_MS = 10 * 60_000;

/**
 * The registry is asked about a lost device on each of its requests, so the questions are limited: this many at first,
 * and one more each time this period has passed. Token calls have a limit of their own: phones obey nothing else, and
 * icons must not use it up. Beyond the limit the standing is `unavailable`, which neither lets in nor wipes.
 */
export const LOST_QUESTIONS_MAX = 20;
export const LOST_QUESTION_EVERY_MS = 15_000;

/** Credentials that one isolate remembers: about 5 MB at most, of the isolate's 128. */
export const MAX_REMEMBERED = 10_000;

/**
 * A question under way is shared no longer than this, in milliseconds: the runtime may have killed the request
 * that asked it, and then it is never answered.
 */
const SHARE_MAX_MS = 10_000;

/** How long to wait after a refresh that failed, in milliseconds. */
const REFRESH_PAUSE_MS = 1_000;

interface Question {
  askedAt: number;
  /** Its place in the order in which requests came and questions were asked. */
  place: number;
  answer: Promise<Standing>;
}

interface Memory {
  /** Whose credential it is. Kept for as long as the entry, since that user's registry is the judge. */
  user: UserId | undefined;
  standing: Standing | undefined;
  /** When the question that `standing` answers was asked: it was true then or later. */
  askedAt: number;
  question: Question | undefined;
  refreshNotBefore: number;
  /** How many questions about a lost device are left, and when they were counted: for token calls and the rest. */
  lost: Record<"token" | "other", { left: number; at: number }> | undefined;
}

/**
 * What one isolate remembers of the registry's answers. Times (`now`) are milliseconds since the epoch.
 *
 * The promise: a request that arrives later than `delayMs` after a revocation was acknowledged is not let in from
 * memory. So ages count from when a question was *asked*, an answer serves only requests that arrive less than
 * `delayMs` after that, and a question under way is shared under the same rule. With a delay of 0, no question is
 * shared, and only refusals are remembered.
 *
 * Also, `lost`, whose answer may wipe, is never used for a request that came after the question was asked:
 * the device may have been found in between.
 */
export class StandingCache<A extends Asker> {
  readonly #delayMs: number;
  readonly #askRegistry: AskRegistry<A>;
  /** In the order of the last question: the first is the one to forget. */
  readonly #memories: BoundedMap<CredentialKey, Memory>;
  #place = 0;

  constructor(delayMs: number, askRegistry: AskRegistry<A>, maxEntries = MAX_REMEMBERED) {
    this.#delayMs = delayMs;
    this.#askRegistry = askRegistry;
    this.#memories = new BoundedMap(maxEntries);
  }

  get size(): number {
    return this.#memories.size;
  }

  /**
   * The standing of a credential: from memory while young (without a promise: nearly every request),
   * refreshed behind the answer past half the delay, asked for past the delay. Never rejects: a registry that fails
   * is the standing `unavailable`, which is not remembered.
   */
  standing(asker: A, now: number): Standing | Promise<Standing> {
    const memory = this.#memories.get(asker.shown.key);
    const standing = memory?.standing;
    if (memory === undefined || standing === undefined) return this.#ask(asker, now);
    const age = now - memory.askedAt;
    const life = this.#lifeOf(standing, asker.shown.key);
    // Written so that an age that is no number asks.
    if (!(age >= 0 && age < life)) return this.#ask(asker, now);
    if (age >= life / 2 && isActive(standing) && now >= memory.refreshNotBefore) this.#question(asker, now);
    return standing;
  }

  /** The next request asks again. An answer under way serves only those who already wait for it. */
  forget(key: CredentialKey): void {
    this.#memories.delete(key);
  }

  #lifeOf(standing: Standing, key: CredentialKey): number {
    if (standing.kind === "unknown" && kindOf(key) !== "certificate") return GONE_MEMORY_MS;
    if (standing.kind !== "device") return NEGATIVE_MEMORY_MS;
    switch (standing.status) {
      case "active":
        return this.#delayMs;
      case "lost":
        // The answer may make it delete data, so it is asked about each time.
        return 0;
      case "revoked":
        return REVOKED_MEMORY_MS;
      default:
        return NEGATIVE_MEMORY_MS;
    }
  }

  /** The answer for a request that arrives now. */
  #ask(asker: A, now: number): Standing | Promise<Standing> {
    const cameAt = this.#place++;
    const first = this.#question(asker, now);
    if (first === undefined) return UNAVAILABLE;
    if (first.place > cameAt) return first.answer;
    // It was asked before this request came. All who waited for it may share the next question, which is asked
    // after they came.
    return first.answer.then((standing) => {
      if (!isLost(standing)) return standing;
      return this.#question(asker, now, cameAt)?.answer ?? UNAVAILABLE;
    });
  }

  /**
   * Joins a question under way that is young enough and was asked after `place`; otherwise asks. `undefined`: too
   * many questions about this lost device.
   */
  #question(asker: A, now: number, place = -1): Question | undefined {
    const { key } = asker.shown;
    const memory = this.#memories.get(key) ?? this.#newMemory(key);
    const open = memory.question;
    const shareMs = Math.min(this.#delayMs, SHARE_MAX_MS);
    const isShared = open !== undefined && open.place > place;
    if (isShared && now >= open.askedAt && now - open.askedAt < shareMs) return open;
    if (!mayAsk(memory, now, asker)) return undefined;

    const question: Question = {
      askedAt: now,
      place: this.#place++,
      answer: this.#askRegistry(asker, now, memory.user).then(
        (answer) => {
          this.#remember(key, memory, question, answer);
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
    asker.ctx.waitUntil(question.answer);
    return question;
  }

  #remember(key: CredentialKey, memory: Memory, question: Question, answer: StandingAnswer): void {
    // Forgotten meanwhile, and perhaps remembered again: this answer is only for those who wait for it.
    if (this.#memories.get(key) !== memory) return;
    if (memory.question === question) memory.question = undefined;
    // A slow answer must not overwrite that of a later question.
    if (memory.standing !== undefined && question.askedAt < memory.askedAt) return;
    memory.standing = answer.standing;
    memory.user = answer.user;
    memory.askedAt = question.askedAt;
    // To the end of the queue.
    this.#memories.delete(key);
    this.#memories.set(key, memory);
  }

  #newMemory(key: CredentialKey): Memory {
    const memory: Memory = {
      user: undefined,
      standing: undefined,
      askedAt: 0,
      question: undefined,
      refreshNotBefore: 0,
      lost: undefined,
    };
    this.#memories.set(key, memory);
    return memory;
  }
}

/** Counts a question about a device that was lost when it was last asked about. */
function mayAsk(memory: Memory, now: number, asker: Refused): boolean {
  if (memory.standing === undefined || !isLost(memory.standing)) {
    memory.lost = undefined;
    return true;
  }
  const all = { left: LOST_QUESTIONS_MAX, at: now };
  memory.lost ??= { token: all, other: all };
  const kind = isTokenCall(asker) ? "token" : "other";
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
