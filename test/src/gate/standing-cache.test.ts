import { describe, expect, it, vi } from "vitest";
import { type CredentialKey, fingerprintOf, keyOf } from "../../../src/domain/credential-key.ts";
import type { Standing } from "../../../src/domain/device.ts";
import { DEVICE_STATUSES } from "../../../src/domain/device.ts";
import type { UserId } from "../../../src/domain/user.ts";
import {
  type Asker,
  GONE_MEMORY_MS,
  LOST_QUESTION_EVERY_MS,
  LOST_QUESTIONS_MAX,
  MAX_REMEMBERED,
  NEGATIVE_MEMORY_MS,
  REVOKED_MEMORY_MS,
  type StandingAnswer,
  StandingCache,
} from "../../../src/gate/standing-cache.ts";
import { certificateKey, standingOf } from "../fixtures.ts";

const DELAY = 10_000;
const START = Date.UTC(2026, 10, 24, 12);
const PHONE = certificateKey(1);
const ALICE = "alice" as UserId;
const BOB = "bob" as UserId;

const ACTIVE: Standing = standingOf("active");
const REVOKED: Standing = standingOf("revoked");
const UNKNOWN: Standing = { kind: "unknown" };
const UNAVAILABLE: Standing = { kind: "unavailable" };

interface Asked {
  key: CredentialKey;
  rememberedUser: UserId | undefined;
  /** Lets the registry answer; resolves when the cache has taken note. */
  answer(standing: Standing, user?: UserId): Promise<void>;
  fail(): Promise<void>;
}

/** A cache with a clock that is set by hand, and a registry that answers when told to. */
class Stand {
  now = START;
  readonly asked: Asked[] = [];
  readonly kept: Promise<unknown>[] = [];
  readonly cache: StandingCache<Asker>;

  constructor(delayMs = DELAY, maxEntries?: number) {
    this.cache = new StandingCache(
      delayMs,
      ({ shown }, _, rememberedUser) => this.#ask(shown.key, rememberedUser),
      maxEntries,
    );
  }

  /** A request arrives, `after` milliseconds later than the last. */
  request(after = 0, of = PHONE): Standing | Promise<Standing> {
    this.now += after;
    return this.cache.standing(this.asker(of), this.now);
  }

  /** The question that was asked last, of which there are `count` by now. */
  question(count: number): Asked {
    expect(this.asked).toHaveLength(count);
    const last = this.asked.at(-1);
    if (last === undefined) throw new Error("nothing was asked");
    return last;
  }

  /** Asks now, and has the answer at once. */
  async learn(standing: Standing, of = PHONE, user: UserId | undefined = ALICE): Promise<void> {
    const before = this.asked.length;
    const answer = this.request(0, of);
    await this.question(before + 1).answer(standing, user);
    expect(await answer).toEqual(standing);
  }

  /** Until the cache has taken note of what was answered. */
  async settled(): Promise<void> {
    for (let n = 0; n < 6; n++) await Promise.resolve();
  }

  asker(key: CredentialKey, method = "GET", pathname = "/"): Asker {
    const ctx = { waitUntil: (promise: Promise<unknown>) => void this.kept.push(promise) };
    return { shown: { key }, method, pathname, ctx };
  }

  #ask(of: CredentialKey, rememberedUser: UserId | undefined): Promise<StandingAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<StandingAnswer>();
    const settled = () => this.settled();
    this.asked.push({
      key: of,
      rememberedUser,
      answer: (standing, user = ALICE) => {
        resolve({ standing, user });
        return settled();
      },
      fail: () => {
        reject(new Error("over the limit"));
        return settled();
      },
    });
    return promise;
  }
}

describe("what was never asked", () => {
  it("is asked for, and the answer waits for the registry", async () => {
    const stand = new Stand();
    const standing = stand.request();
    expect(standing).toBeInstanceOf(Promise);
    const question = stand.question(1);
    expect(question).toMatchObject({ key: PHONE, rememberedUser: undefined });
    await question.answer(ACTIVE);
    expect(await standing).toEqual(ACTIVE);
  });

  it("keeps the runtime awake until it is answered, also when the registry fails", async () => {
    const stand = new Stand();
    const standing = stand.request();
    expect(stand.kept).toHaveLength(1);
    const done = vi.fn();
    void stand.kept[0]?.then(done);
    await Promise.resolve();
    expect(done).not.toHaveBeenCalled();
    await stand.question(1).fail();
    await stand.kept[0];
    expect(await standing).toEqual(UNAVAILABLE);
  });
});

describe("an active device is remembered", () => {
  it("and let in at once, without a promise, while the answer is young", async () => {
    const stand = new Stand();
    await stand.learn(ACTIVE);
    expect(stand.request()).toEqual(ACTIVE);
    expect(stand.request(DELAY / 2 - 1)).toEqual(ACTIVE);
    expect(stand.asked).toHaveLength(1);
    expect(stand.kept).toHaveLength(1);
  });

  it("and asked for behind the answer from half the delay on", async () => {
    const stand = new Stand();
    await stand.learn(ACTIVE);
    expect(stand.request(DELAY / 2)).toEqual(ACTIVE);
    const refresh = stand.question(2);
    expect(stand.kept).toHaveLength(2);
    expect(stand.request(1), "while one question is on its way").toEqual(ACTIVE);
    stand.question(2);
    await refresh.answer(REVOKED);
    expect(stand.request(1)).toEqual(REVOKED);
  });

  it("for longer, when the refresh says so again", async () => {
    const stand = new Stand();
    await stand.learn(ACTIVE);
    for (let round = 2; round <= 5; round++) {
      expect(stand.request(DELAY / 2)).toEqual(ACTIVE);
      await stand.question(round).answer(ACTIVE);
    }
  });

  it("until the delay ends, and not a millisecond longer", async () => {
    const stand = new Stand();
    await stand.learn(ACTIVE);
    expect(stand.request(DELAY - 1)).toEqual(ACTIVE);
    await stand.question(2).fail();
    const standing = stand.request(1);
    expect(standing).toBeInstanceOf(Promise);
    await stand.question(3).answer(REVOKED);
    expect(await standing).toEqual(REVOKED);
  });

  it("from when it was asked, not from when the answer came", async () => {
    const stand = new Stand();
    const first = stand.request();
    stand.now += DELAY - 1;
    await stand.question(1).answer(ACTIVE);
    expect(await first).toEqual(ACTIVE);
    expect(stand.request()).toEqual(ACTIVE);
    await stand.question(2).fail();
    expect(
      stand.request(1),
      "its answer is a millisecond old, its question as old as the delay",
    ).toBeInstanceOf(Promise);
  });

  it("each for itself", async () => {
    const stand = new Stand();
    await stand.learn(ACTIVE, certificateKey(1));
    await stand.learn(REVOKED, certificateKey(2));
    expect(stand.request(0, certificateKey(1))).toEqual(ACTIVE);
    expect(stand.request(0, certificateKey(2))).toEqual(REVOKED);
    expect(stand.request(0, certificateKey(3))).toBeInstanceOf(Promise);
  });
});

describe("with a delay of 0", () => {
  it("every request asks, at the same millisecond too", async () => {
    const stand = new Stand(0);
    for (let count = 1; count <= 3; count++) {
      const standing = stand.request();
      expect(standing).toBeInstanceOf(Promise);
      await stand.question(count).answer(ACTIVE);
      expect(await standing).toEqual(ACTIVE);
    }
  });

  it("no question is shared, and each request gets its own answer", async () => {
    const stand = new Stand(0);
    const first = stand.request();
    const second = stand.request();
    expect(stand.asked).toHaveLength(2);
    await stand.asked[1]?.answer(REVOKED);
    await stand.asked[0]?.answer(ACTIVE);
    expect(await first).toEqual(ACTIVE);
    expect(await second).toEqual(REVOKED);
  });

  it("strangers are remembered all the same, since that lets nobody in, and so is the mapping", async () => {
    const stand = new Stand(0);
    await stand.learn(UNKNOWN, PHONE, BOB);
    expect(stand.request(NEGATIVE_MEMORY_MS - 1)).toEqual(UNKNOWN);
    expect(stand.request(1)).toBeInstanceOf(Promise);
    expect(stand.question(2).rememberedUser).toBe(BOB);
  });
});

describe("a question on its way", () => {
  it("is shared by those who come meanwhile", async () => {
    const stand = new Stand();
    const standings = [stand.request(), stand.request(), stand.request(DELAY - 1)];
    const question = stand.question(1);
    expect(stand.kept, "one promise keeps the runtime awake").toHaveLength(1);
    await question.answer(ACTIVE);
    expect(await Promise.all(standings)).toEqual([ACTIVE, ACTIVE, ACTIVE]);
  });

  it("is not shared by who comes when it is as old as the delay", async () => {
    const stand = new Stand();
    const early = stand.request();
    const late = stand.request(DELAY);
    const [slow, quick] = [stand.asked[0], stand.question(2)];
    await quick.answer(REVOKED);
    await slow?.answer(ACTIVE);
    expect(await late).toEqual(REVOKED);
    expect(await early).toEqual(ACTIVE);
  });

  it("about another certificate is another question", () => {
    const stand = new Stand();
    void stand.request(0, certificateKey(1));
    void stand.request(0, certificateKey(2));
    expect(stand.asked.map((asked) => asked.key)).toEqual([certificateKey(1), certificateKey(2)]);
  });

  it("that fails, fails for all who share it, and the next asks anew", async () => {
    const stand = new Stand();
    const standings = [stand.request(), stand.request()];
    await stand.question(1).fail();
    expect(await Promise.all(standings)).toEqual([UNAVAILABLE, UNAVAILABLE]);
    const next = stand.request();
    await stand.question(2).answer(ACTIVE);
    expect(await next).toEqual(ACTIVE);
  });

  it("from the future, when the clock was set back, is not shared", async () => {
    const stand = new Stand();
    void stand.request();
    void stand.request(-1);
    stand.question(2);
  });
});

describe("a slow answer", () => {
  it("does not overwrite that of a later question", async () => {
    const stand = new Stand();
    void stand.request();
    void stand.request(DELAY);
    const [slow, quick] = [stand.asked[0], stand.question(2)];
    await quick.answer(REVOKED);
    await slow?.answer(ACTIVE, BOB);
    expect(stand.request()).toEqual(REVOKED);
    expect(stand.request(1)).toEqual(REVOKED);
    void stand.request(REVOKED_MEMORY_MS);
    expect(stand.question(3).rememberedUser).toBe(ALICE);
  });

  it("does not end the sharing of a later question", async () => {
    const stand = new Stand();
    void stand.request();
    void stand.request(DELAY);
    await stand.asked[0]?.answer(ACTIVE);
    const shared = stand.request(1);
    await stand.question(2).answer(REVOKED);
    expect(await shared).toEqual(REVOKED);
  });

  it("that failed ends neither the sharing nor the memory of a later one", async () => {
    const stand = new Stand();
    void stand.request();
    void stand.request(DELAY);
    await stand.asked[0]?.fail();
    void stand.request(1);
    await stand.question(2).answer(ACTIVE);
    expect(stand.request(1)).toEqual(ACTIVE);
  });
});

describe("who may not pass", () => {
  const negatives: Standing[] = [
    UNKNOWN,
    ...DEVICE_STATUSES.filter((status) => !["active", "lost", "revoked"].includes(status)).map((status) =>
      standingOf(status),
    ),
  ];

  it.each(negatives)("is remembered for two seconds, and not refreshed meanwhile: %o", async (standing) => {
    const stand = new Stand();
    await stand.learn(standing);
    expect(stand.request(NEGATIVE_MEMORY_MS - 1)).toEqual(standing);
    stand.question(1);
    const asked = stand.request(1);
    await stand.question(2).answer(ACTIVE);
    expect(await asked).toEqual(ACTIVE);
    expect(stand.request()).toEqual(ACTIVE);
  });

  it("is remembered for no more than two seconds, whatever the delay", async () => {
    expect(NEGATIVE_MEMORY_MS).toBe(2_000);
    const stand = new Stand(3_600_000);
    await stand.learn(UNKNOWN);
    expect(stand.request(2_000)).toBeInstanceOf(Promise);
  });

  it.each(["token", "feed"] as const)(
    "is remembered for ten minutes if it is a %s that no device has",
    async (kind) => {
      const gone = keyOf(kind, fingerprintOf(PHONE));
      const stand = new Stand(0);
      await stand.learn(UNKNOWN, gone);
      expect(stand.request(GONE_MEMORY_MS - 1, gone)).toEqual(UNKNOWN);
      expect(stand.request(1, gone)).toBeInstanceOf(Promise);
    },
  );

  it.each([0, 500, 3_600_000])(
    "is remembered for 30 s once it is revoked, which is final: delay %i",
    async (delay) => {
      const stand = new Stand(delay);
      await stand.learn(REVOKED);
      expect(stand.request(REVOKED_MEMORY_MS - 1)).toEqual(REVOKED);
      expect(stand.request(1)).toBeInstanceOf(Promise);
      stand.question(2);
    },
  );

  it("is remembered from when it was asked, too", async () => {
    const stand = new Stand();
    void stand.request();
    stand.now += NEGATIVE_MEMORY_MS;
    await stand.question(1).answer(UNKNOWN);
    expect(stand.request()).toBeInstanceOf(Promise);
  });
});

describe("a lost device", () => {
  const LOST = standingOf("lost");

  it("is not remembered: a phone that was found is not told to wipe from memory", async () => {
    const stand = new Stand();
    await stand.learn(LOST);
    const [asked, shared] = [stand.request(), stand.request()];
    await stand.question(2).answer(ACTIVE);
    expect([await asked, await shared]).toEqual([ACTIVE, ACTIVE]);
    expect(stand.request()).toEqual(ACTIVE);
  });

  it("is not told to wipe by a question asked before it came: those who waited share the next one", async () => {
    const stand = new Stand();
    const first = stand.request();
    const later = [stand.request(), stand.request(300)];
    await stand.question(1).answer(LOST);
    expect(await first, "its own question").toEqual(LOST);
    await stand.settled();
    await stand.question(2).answer(ACTIVE);
    expect(await Promise.all(later)).toEqual([ACTIVE, ACTIVE]);
  });

  it("is told to wipe by the next question, if it is still lost", async () => {
    const stand = new Stand();
    void stand.request();
    const later = stand.request();
    await stand.question(1).answer(LOST);
    await stand.settled();
    const after = stand.request();
    await stand.question(2).answer(LOST);
    expect(await later).toEqual(LOST);
    await stand.settled();
    await stand.question(3).answer(ACTIVE);
    expect(await after, "came after the second one was asked").toEqual(ACTIVE);
  });

  it("is told to wipe only by its own question, even with a delay of 0", async () => {
    const stand = new Stand(0);
    const standings = [stand.request(), stand.request()];
    await stand.asked[0]?.answer(LOST);
    await stand.asked[1]?.answer(ACTIVE);
    expect(await Promise.all(standings)).toEqual([LOST, ACTIVE]);
  });

  it("that floods is asked about 20 times, then every 15 seconds, and is else neither let in nor told to wipe", async () => {
    const stand = new Stand();
    await stand.learn(LOST);
    for (let count = 2; count <= LOST_QUESTIONS_MAX + 1; count++) {
      const standing = stand.request(1);
      await stand.question(count).answer(LOST);
      expect(await standing).toEqual(LOST);
    }
    for (let n = 0; n < 100; n++) expect(await stand.request(1)).toEqual(UNAVAILABLE);
    const again = stand.request(LOST_QUESTION_EVERY_MS - 100);
    await stand.question(LOST_QUESTIONS_MAX + 2).answer(LOST);
    expect(await again).toEqual(LOST);
    expect(await stand.request(LOST_QUESTION_EVERY_MS - 100)).toEqual(UNAVAILABLE);
    const next = stand.request(100);
    await stand.question(LOST_QUESTIONS_MAX + 3).answer(ACTIVE);
    expect(await next, "found meanwhile").toEqual(ACTIVE);
    expect(stand.request(1)).toEqual(ACTIVE);
  });

  it("is asked about again every 15 seconds after the clock was set back, too", async () => {
    const stand = new Stand();
    await stand.learn(LOST);
    for (let count = 2; count <= LOST_QUESTIONS_MAX + 1; count++) {
      void stand.request(1);
      await stand.question(count).answer(LOST);
    }
    expect(await stand.request(-3_600_000)).toEqual(UNAVAILABLE);
    const next = stand.request(LOST_QUESTION_EVERY_MS);
    await stand.question(LOST_QUESTIONS_MAX + 2).answer(ACTIVE);
    expect(await next).toEqual(ACTIVE);
  });

  it("of another certificate has a number of its own", async () => {
    const stand = new Stand();
    await stand.learn(LOST);
    for (let n = 0; n <= LOST_QUESTIONS_MAX; n++) void stand.request(stand.asked.length > 0 ? DELAY : 0);
    const other = stand.request(0, certificateKey(2));
    expect(other).toBeInstanceOf(Promise);
    expect(stand.asked.at(-1)?.key).toBe(certificateKey(2));
  });
});

describe("a registry that fails", () => {
  it("is unavailable, and that is not remembered", async () => {
    const stand = new Stand();
    const standing = stand.request();
    await stand.question(1).fail();
    expect(await standing).toEqual(UNAVAILABLE);
    const next = stand.request();
    await stand.question(2).answer(ACTIVE);
    expect(await next).toEqual(ACTIVE);
  });

  it("does not spoil a good memory until the delay ends, and is asked once a second", async () => {
    const stand = new Stand();
    await stand.learn(ACTIVE);
    expect(stand.request(DELAY / 2)).toEqual(ACTIVE);
    await stand.question(2).fail();
    expect(stand.request(999)).toEqual(ACTIVE);
    stand.question(2);
    expect(stand.request(1)).toEqual(ACTIVE);
    await stand.question(3).fail();
    expect(stand.request(999)).toEqual(ACTIVE);
    stand.question(3);

    stand.now = START + DELAY;
    const standing = stand.request();
    await stand.question(4).fail();
    expect(await standing).toEqual(UNAVAILABLE);
  });

  it("is asked without a pause once the memory is over", async () => {
    const stand = new Stand();
    for (let count = 1; count <= 3; count++) {
      const standing = stand.request();
      await stand.question(count).fail();
      expect(await standing).toEqual(UNAVAILABLE);
    }
  });

  it("keeps what is known of the mapping", async () => {
    const stand = new Stand();
    await stand.learn(ACTIVE, PHONE, BOB);
    void stand.request(DELAY);
    await stand.question(2).fail();
    void stand.request();
    expect(stand.question(3).rememberedUser).toBe(BOB);
  });
});

describe("the mapping to a user", () => {
  it("is remembered for long, and told with the question", async () => {
    const stand = new Stand();
    await stand.learn(ACTIVE, PHONE, BOB);
    void stand.request(24 * 3_600_000);
    expect(stand.question(2)).toMatchObject({ key: PHONE, rememberedUser: BOB });
  });

  it("is corrected by the next answer", async () => {
    const stand = new Stand(0);
    await stand.learn(ACTIVE, PHONE, BOB);
    void stand.request();
    await stand.question(2).answer(ACTIVE, ALICE);
    void stand.request();
    expect(stand.question(3).rememberedUser).toBe(ALICE);
  });
});

describe("a clock that is set back", () => {
  it("lets nobody in on a memory from the future", async () => {
    const stand = new Stand();
    await stand.learn(ACTIVE);
    const standing = stand.request(-1);
    await stand.question(2).answer(REVOKED);
    expect(await standing).toEqual(REVOKED);
  });

  it("does not stop the answers, and when it has caught up they are remembered again", async () => {
    const stand = new Stand();
    await stand.learn(ACTIVE);
    stand.now -= 3_600_000;
    const standing = stand.request();
    await stand.question(2).answer(ACTIVE);
    expect(await standing).toEqual(ACTIVE);
    stand.now = START + DELAY;
    await stand.learn(ACTIVE);
    expect(stand.request(1)).toEqual(ACTIVE);
  });
});

describe("the memory's size", () => {
  it("is bounded, and whoever was longest not asked about goes first", async () => {
    const stand = new Stand(DELAY, 3);
    for (const n of [1, 2, 3]) await stand.learn(ACTIVE, certificateKey(n));
    stand.now += DELAY;
    await stand.learn(ACTIVE, certificateKey(1));
    await stand.learn(ACTIVE, certificateKey(4));
    expect(stand.cache.size).toBe(3);
    const before = stand.asked.length;
    expect(stand.request(0, certificateKey(1)), "asked again, so kept").toEqual(ACTIVE);
    expect(stand.request(0, certificateKey(4))).toEqual(ACTIVE);
    expect(stand.asked).toHaveLength(before);
    void stand.request(0, certificateKey(2));
    expect(stand.question(before + 1).rememberedUser, "forgotten with its mapping").toBeUndefined();
  });

  it("holds against questions that are never answered", () => {
    const stand = new Stand(DELAY, 10);
    for (let n = 0; n < 100; n++) void stand.request(0, certificateKey(n));
    expect(stand.cache.size).toBe(10);
  });

  it("is ten thousand, unless told otherwise", () => {
    const stand = new Stand();
    for (let n = 0; n <= MAX_REMEMBERED; n++) void stand.request(0, certificateKey(n));
    expect(MAX_REMEMBERED).toBe(10_000);
    expect(stand.cache.size).toBe(MAX_REMEMBERED);
  });

  it("does not let an answer grow it whose question was forgotten", async () => {
    const stand = new Stand(DELAY, 1);
    const standing = stand.request(0, certificateKey(1));
    void stand.request(0, certificateKey(2));
    await stand.asked[0]?.answer(ACTIVE);
    expect(await standing, "who asked gets the answer").toEqual(ACTIVE);
    expect(stand.cache.size).toBe(1);
    expect(stand.request(0, certificateKey(1)), "and nobody after").toBeInstanceOf(Promise);
  });

  it("does not let a slow answer overwrite a later one, though it was forgotten in between", async () => {
    const stand = new Stand(DELAY, 1);
    void stand.request(0, certificateKey(1));
    void stand.request(1, certificateKey(2));
    await stand.learn(REVOKED, certificateKey(1));
    await stand.asked[0]?.answer(ACTIVE);
    expect(stand.request(1, certificateKey(1))).toEqual(REVOKED);
  });
});

describe("a credential that is forgotten", () => {
  it("is asked about at the next request, and no other is", async () => {
    const stand = new Stand();
    await stand.learn(UNKNOWN);
    await stand.learn(ACTIVE, certificateKey(2));
    stand.cache.forget(PHONE);
    await stand.learn(ACTIVE);
    expect(stand.request(0, certificateKey(2))).toEqual(ACTIVE);
  });

  it("is not remembered by the answer to a question that was asked before, nor shares it", async () => {
    const stand = new Stand();
    const before = stand.request();
    stand.cache.forget(PHONE);
    const after = stand.request(1);
    await stand.asked[0]?.answer(UNKNOWN);
    await stand.question(2).answer(ACTIVE);
    expect([await before, await after]).toEqual([UNKNOWN, ACTIVE]);
    expect(stand.request(1)).toEqual(ACTIVE);
  });
});
