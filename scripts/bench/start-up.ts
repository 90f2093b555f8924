// How long the Worker takes to start, beside a bare one.
import { join } from "node:path";
import { buildDeployedWorker } from "./deployed-worker.ts";
import { DURABLE_OBJECTS, gateVars } from "./gate-under-test.ts";
import { mean, median } from "./statistics.ts";
import { Workerd } from "./workerd.ts";
import { BARE, compatibility, ORIGIN } from "./workers.ts";

const ROUNDS = 15;

interface Start {
  /** From the start of the process to its first answer, in milliseconds. */
  ms: number;
  /** Processor time of the process until then, in milliseconds; `null` where the system does not report it. */
  cpuMs: number | null;
}

export interface StartUpResult {
  bare: Start;
  gate: Start;
  /** How much longer the gate takes than the bare Worker of the same round. */
  over: Start;
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
  const bares: Start[] = [];
  const gates: Start[] = [];
  try {
    for (let round = 1; round <= ROUNDS; round++) {
      progress(`start ${round} of ${ROUNDS}`);
      bares.push(await start(join(folder, `bare-${round}`), { code: BARE, origin }));
      gates.push(await start(join(folder, `gate-${round}`), gate));
    }
  } finally {
    await app.stop();
  }
  const overs = gates.map((gate, round) => difference(gate, bares[round]));
  return {
    ...{ bare: middle(bares), gate: middle(gates), over: middle(overs) },
    ...{ rounds: ROUNDS, kib, gzippedKib },
  };
}

async function start(folder: string, worker: { code: string; origin: string }): Promise<Start> {
  const running = await Workerd.start({ folder, ...worker, ...compatibility() });
  const cpuSeconds = running.cpuSeconds();
  await running.stop();
  return { ms: running.startMs, cpuMs: cpuSeconds === undefined ? null : cpuSeconds * 1000 };
}

function difference(one: Start, other: Start | undefined): Start {
  const cpuMs =
    one.cpuMs === null || other === undefined || other.cpuMs === null ? null : one.cpuMs - other.cpuMs;
  return { ms: one.ms - (other?.ms ?? Number.NaN), cpuMs };
}

/** The system counts processor time in steps of 10 ms: its mean says more than its median. */
function middle(starts: Start[]): Start {
  const cpuMs = starts.flatMap((each) => each.cpuMs ?? []);
  return { ms: median(starts.map(({ ms }) => ms)), cpuMs: cpuMs.length === 0 ? null : mean(cpuMs) };
}
