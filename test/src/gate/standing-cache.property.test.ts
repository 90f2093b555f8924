import fc from "fast-check";
import { expect, it } from "vitest";
import { fingerprintOf } from "../../../src/domain/credential-key.ts";
import type { Standing } from "../../../src/domain/device.ts";
import { type Asker, type StandingAnswer, StandingCache } from "../../../src/gate/standing-cache.ts";
import { certificateKey, standingOf } from "../fixtures.ts";

const RUNS = 1_500;
const DEVICES = 2;

/** One step of a story; `which` chooses among the open questions, whatever their number. */
type Step =
  | { do: "advance"; tenths: number }
  | { do: "request"; device: number }
  | { do: "revoke" | "lose" | "reinstate"; device: number }
  | { do: "read" | "answer" | "fail"; which: number };

const device = fc.nat(DEVICES - 1);
const which = fc.nat(9);
const step: fc.Arbitrary<Step> = fc.oneof(
  // In tenths of the delay: steps that hit half the delay and its end exactly, and pass them.
  {
    arbitrary: fc.record({ do: fc.constant("advance"), tenths: fc.constantFrom(1, 2, 4, 5, 10) }),
    weight: 4,
  },
  { arbitrary: fc.record({ do: fc.constant("request"), device }), weight: 8 },
  { arbitrary: fc.record({ do: fc.constant("revoke"), device }), weight: 2 },
  { arbitrary: fc.record({ do: fc.constant("lose"), device }), weight: 3 },
  { arbitrary: fc.record({ do: fc.constant("reinstate"), device }), weight: 3 },
  { arbitrary: fc.record({ do: fc.constant("read"), which }), weight: 3 },
  { arbitrary: fc.record({ do: fc.constant("answer"), which }), weight: 6 },
  { arbitrary: fc.record({ do: fc.constant("fail"), which }), weight: 1 },
) as fc.Arbitrary<Step>;

interface Question {
  device: number;
  /** What the registry read, once it has: the answer may arrive much later. */
  read: Standing | undefined;
  settle: { resolve: (answer: StandingAnswer) => void; reject: (error: Error) => void };
}

interface Arrival {
  device: number;
  at: number;
  /** Times at which the device stopped to be active; the last one counts if it holds. */
  revokedAt: number | undefined;
  answer: Standing | undefined;
  /** Whether it was active at any moment since the request came. */
  activeSince: boolean;
  /** Whether it was lost at any moment since the request came. */
  lostSince: boolean;
}

/** Runs a story against a cache and a registry whose truth is known, and returns what was answered. */
async function tell(delayMs: number, maxEntries: number, story: Step[]): Promise<Arrival[]> {
  /** When it was revoked or lost; `undefined` = it is active. */
  const revokedAt: (number | undefined)[] = Array.from({ length: DEVICES });
  const isLost = Array.from({ length: DEVICES }, () => false);
  const questions: Question[] = [];
  const arrivals: Arrival[] = [];
  let now = Date.UTC(2026, 10, 24, 12);

  const truth = (of: number): Standing =>
    standingOf(revokedAt[of] === undefined ? "active" : isLost[of] ? "lost" : "revoked");
  const ask = ({ shown: { key } }: Asker) => {
    const { promise, ...settle } = Promise.withResolvers<StandingAnswer>();
    questions.push({ device: Number.parseInt(fingerprintOf(key), 16), read: undefined, settle });
    return promise;
  };
  const cache = new StandingCache(delayMs, ask, maxEntries);
  const take = (index: number): Question | undefined =>
    questions.splice(questions.length === 0 ? 0 : index % questions.length, 1)[0];
  const answer = (question: Question | undefined) =>
    question?.settle.resolve({ standing: question.read ?? truth(question.device), user: undefined });

  const on: { [K in Step["do"]]: (step: Extract<Step, { do: K }>) => unknown } = {
    advance: ({ tenths }) => {
      now += (tenths * (delayMs || 100)) / 10;
    },
    revoke: ({ device }) => {
      revokedAt[device] ??= now;
      isLost[device] = false;
    },
    lose: ({ device }) => {
      revokedAt[device] ??= now;
      isLost[device] = true;
      for (const arrival of arrivals) if (arrival.device === device) arrival.lostSince ||= !arrival.answer;
    },
    reinstate: ({ device }) => {
      revokedAt[device] = undefined;
      isLost[device] = false;
      for (const arrival of arrivals) if (arrival.device === device) arrival.activeSince ||= !arrival.answer;
    },
    request: ({ device }) => {
      const at = {
        device,
        at: now,
        revokedAt: revokedAt[device],
        activeSince: revokedAt[device] === undefined,
        lostSince: isLost[device] === true,
      };
      const arrival: Arrival = { ...at, answer: undefined };
      arrivals.push(arrival);
      const standing = cache.standing(askerOf(device), now);
      if (standing instanceof Promise) {
        void standing.then((late) => {
          arrival.answer = late;
        });
      } else arrival.answer = standing;
    },
    read: ({ which }) => {
      const question = questions[questions.length === 0 ? 0 : which % questions.length];
      if (question !== undefined) question.read ??= truth(question.device);
    },
    answer: ({ which }) => answer(take(which)),
    fail: ({ which }) => take(which)?.settle.reject(new Error("over the limit")),
  };

  for (const step of story) {
    (on[step.do] as (step: Step) => unknown)(step);
    await microtasks();
  }
  for (let open = take(0); open !== undefined; open = take(0)) {
    answer(open);
    // Whoever shared it may ask again.
    await microtasks();
  }
  return arrivals;
}

const askerOf = (device: number): Asker => ({
  ...{ shown: { key: certificateKey(device) }, method: "GET", pathname: "/" },
  ctx: { waitUntil: () => {} },
});

async function microtasks(): Promise<void> {
  for (let n = 0; n < 10; n++) await Promise.resolve();
}

const isActive = (standing: Standing | undefined) =>
  standing?.kind === "device" && standing.status === "active";

const isWiped = (standing: Standing | undefined) => standing?.kind === "device" && standing.status === "lost";

it("lets nobody in who comes later than the delay after a revocation, and wipes nobody who comes after the end of a loss, in any order of events", async () => {
  let letIn = 0;
  let letInOnMemory = 0;
  let keptOut = 0;
  let wiped = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(0, 10, 1_000, 10_000),
      fc.integer({ min: 1, max: 3 }),
      fc.array(step, { minLength: 10, maxLength: 60, size: "max" }),
      async (delayMs, maxEntries, story) => {
        for (const { at, revokedAt, activeSince, lostSince, answer } of await tell(
          delayMs,
          maxEntries,
          story,
        )) {
          expect(answer, "every request is answered once the registry is").toBeDefined();
          const late = revokedAt !== undefined && at - revokedAt >= delayMs && !activeSince;
          if (late) expect(isActive(answer)).toBe(false);
          if (isWiped(answer)) expect(lostSince, "lost at some moment since it came").toBe(true);
          if (isWiped(answer)) wiped++;
          if (late) keptOut++;
          else if (isActive(answer)) letIn++;
          if (isActive(answer) && !activeSince) letInOnMemory++;
        }
      },
    ),
    { numRuns: RUNS },
  );
  // Else the property would say little: each kind was seen, also those let in within the delay.
  expect(letIn).toBeGreaterThan(RUNS);
  expect(letInOnMemory).toBeGreaterThan(RUNS / 20);
  expect(keptOut).toBeGreaterThan(RUNS / 2);
  expect(wiped).toBeGreaterThan(RUNS / 2);
});
