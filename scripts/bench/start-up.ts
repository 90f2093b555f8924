// How long the Worker takes to start, beside a bare one.
import { join } from "node:path";
import { buildDeployedWorker } from "../deployed-worker.ts";
import { DURABLE_OBJECTS, gateVars } from "./gate-under-test.ts";
import { median } from "./statistics.ts";
import { Workerd } from "./workerd.ts";
import { BARE, compatibility, ORIGIN } from "./workers.ts";

const ROUNDS = 15;

export interface StartUpResult {
  /** From the start of the process to its first answer, in milliseconds; medians. */
  bareMs: number;
  gateMs: number;
  /** The median of what the gate took longer than the bare Worker of the same round. */
  overMs: number;
  rounds: number;
  kib: number;
  gzippedKib: number;
}

/** Starts both in turn, each in a new process. */
export async function measureStartUp(
  folder: string,
  progress: (text: string) => void,
): Promise<StartUpResult> {
  progress("building the Worker");
  const { code, kib, gzippedKib } = buildDeployedWorker();
  const app = await Workerd.start({ folder: join(folder, "app"), code: ORIGIN, ...compatibility() });
  const origin = `127.0.0.1:${app.port}`;
  const gate = { code, origin, vars: gateVars(10), durableObjects: DURABLE_OBJECTS };
  const bareMs: number[] = [];
  const gateMs: number[] = [];
  try {
    for (let round = 1; round <= ROUNDS; round++) {
      progress(`start ${round} of ${ROUNDS}`);
      bareMs.push(await startMs(join(folder, `bare-${round}`), { code: BARE, origin }));
      gateMs.push(await startMs(join(folder, `gate-${round}`), gate));
    }
  } finally {
    await app.stop();
  }
  const over = gateMs.map((ms, index) => ms - (bareMs[index] ?? Number.NaN));
  return {
    bareMs: median(bareMs),
    gateMs: median(gateMs),
    overMs: median(over),
    rounds: ROUNDS,
    kib,
    gzippedKib,
  };
}

async function startMs(folder: string, worker: { code: string; origin: string }): Promise<number> {
  const running = await Workerd.start({ folder, ...worker, ...compatibility() });
  await running.stop();
  return running.startMs;
}
