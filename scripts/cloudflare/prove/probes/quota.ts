import { type Answer, openConnection } from "../connection.ts";
import { type Finding, type Probe, reachOf, type Scene } from "../probe.ts";
import { secondsSince, waitFor } from "../waiting.ts";
import { describe } from "./handshake.ts";
import { setFailureMode } from "./routes.ts";

/** The free plan's day, and some more. A paid plan has no such limit: then nothing is seen. */
const MAX_REQUESTS = 110_000;
const MAX_SECONDS = 60 * 60;
const CONNECTIONS = 20;
const CHANGES_WITHIN_SECONDS = 120;

/** Uses up the day's requests of the whole account: asked for by name only. */
export const quota: Probe = {
  id: "quota",
  title: "use up the day's requests, and see what is answered then",
  question: "What is answered over the day's limit by a route that fails closed, and by one that fails open?",
  needs: ["route-answers"],
  async run(scene) {
    if (!scene.options.exhaustQuota) return { outcome: "skipped", reason: "--exhaust-quota was not given" };
    const start = performance.now();
    const { requests, refusal } = await exhaust(scene, start);
    if (refusal === undefined) {
      return {
        outcome: "not-seen",
        reason: "the Worker answered to the end: no such limit, or not within the requests of this probe",
        measurements: { requests, seconds: secondsSince(start) },
      };
    }
    return overTheLimit(scene, requests, refusal, start);
  },
};

async function overTheLimit(
  scene: Scene,
  requests: number,
  refusal: Answer,
  start: number,
): Promise<Finding> {
  const closed = describe(refusal);
  const seconds = secondsSince(start);
  await setFailureMode(scene, true);
  const changed = await waitFor(scene.signal, CHANGES_WITHIN_SECONDS, async () => {
    const answer = describe(await askAnew(scene));
    return answer === closed ? undefined : answer;
  });
  return {
    outcome: refusal.kind === "other" && refusal.code === 1027 ? "seen" : "differs",
    measurements: {
      requests,
      seconds,
      failingClosed: closed,
      failingOpen: changed?.value ?? "the same",
      failingOpenAfterSeconds: changed?.seconds ?? null,
    },
  };
}

/** Asks over a few connections until something else than the Worker answers twice in a row. */
async function exhaust(scene: Scene, start: number): Promise<{ requests: number; refusal?: Answer }> {
  let requests = 0;
  let refusal: Answer | undefined;
  const isOver = () => refusal !== undefined || requests >= MAX_REQUESTS || secondsSince(start) > MAX_SECONDS;
  const askMany = async () => {
    while (!isOver()) {
      const connection = await openConnection(reachOf(scene));
      try {
        let isOpen = true;
        while (isOpen && !isOver()) {
          requests += 1;
          if (requests % 5000 === 0) scene.progress(`${requests} requests so far`);
          const answer = await connection.ask();
          // A connection that has ended is replaced.
          isOpen = answer.kind !== "silence";
          if (answer.kind === "other" && isSame(answer, await askAnew(scene))) refusal ??= answer;
        }
      } finally {
        connection.close();
      }
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, askMany));
  return refusal === undefined ? { requests } : { requests, refusal };
}

async function askAnew(scene: Scene): Promise<Answer> {
  const connection = await openConnection(reachOf(scene));
  try {
    return await connection.ask();
  } finally {
    connection.close();
  }
}

function isSame(one: Answer, other: Answer): boolean {
  return describe(one) === describe(other);
}
