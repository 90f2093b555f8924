import { type Answer, askOnce, openConnection } from "../connection.ts";
import { type Probe, reachOf, type Scene } from "../probe.ts";
import { secondsSince, waitFor } from "../waiting.ts";
import { describe } from "./handshake.ts";
import { setFailureMode } from "./routes.ts";

/** The free plan's day, and a few more. A paid plan has no such limit: then nothing is seen. */
const MAX_REQUESTS = 110_000;
const MAX_SECONDS = 60 * 60;
const CONNECTIONS = 20;
const CHANGES_WITHIN_SECONDS = 120;

/** Uses up the whole account's requests for the day: runs only with `--exhaust-quota`. */
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
    const failingClosed = describe(refusal);
    const seconds = secondsSince(start);
    await setFailureMode(scene, true);
    const changed = await waitFor(scene.signal, CHANGES_WITHIN_SECONDS, async () => {
      const answer = describe(await askOnce(reachOf(scene)));
      return answer === failingClosed ? undefined : answer;
    });
    return {
      outcome: refusal.kind === "other" && refusal.code === 1027 ? "seen" : "differs",
      measurements: {
        requests,
        seconds,
        failingClosed,
        failingOpen: changed?.value ?? "the same",
        failingOpenAfterSeconds: changed?.seconds ?? null,
      },
    };
  },
};

/** Sends requests on several connections until something other than the Worker answers twice in a row. */
async function exhaust(scene: Scene, start: number): Promise<{ requests: number; refusal?: Answer }> {
  const reach = reachOf(scene);
  let requests = 0;
  let refusal: Answer | undefined;
  const isOver = () => refusal !== undefined || requests >= MAX_REQUESTS || secondsSince(start) > MAX_SECONDS;
  const askMany = async () => {
    while (!isOver()) {
      const connection = await openConnection(reach);
      try {
        let isOpen = true;
        while (isOpen && !isOver()) {
          requests += 1;
          if (requests % 5000 === 0) scene.progress(`${requests} requests so far`);
          const answer = await connection.ask();
          // A connection that has ended is replaced.
          isOpen = answer.kind !== "silence";
          if (answer.kind === "other" && describe(answer) === describe(await askOnce(reach)))
            refusal ??= answer;
        }
      } finally {
        connection.close();
      }
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, askMany));
  return refusal === undefined ? { requests } : { requests, refusal };
}
