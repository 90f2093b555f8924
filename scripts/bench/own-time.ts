// The gate's own time for a request, in a tight loop inside workerd with `fetch` stubbed: steadier than any ratio,
// since neither the network nor a load generator plays a part.
import { join } from "node:path";
import { ADMIN_TOKEN, fingerprint, HOST, headersOf } from "./gate-under-test.ts";
import { median, rotated, spread } from "./statistics.ts";
import { Workerd } from "./workerd.ts";
import { compatibility, TWENTY_LINES } from "./workers.ts";

const TIMES = 50_000;
/** Rounds are short: many of them make a steady figure. */
const ROUNDS_PER_ROUND = 4;

export interface OwnTimeRow {
  name: string;
  /** Processor time for a request in microseconds, without that of the loop. */
  us: number;
  /** Half the distance between the quartiles, as a part of the median. */
  spread: number;
}

/** What the loop calls. The first one measures the loop itself. */
const CALLS = {
  "loop and stub": { certificate: true, call: "stub(request)" },
  "gate, allowing": { certificate: true, call: "gate.fetch(request, env, ctx)" },
  "20 lines, allowing": { certificate: true, call: "twenty.fetch(request)" },
  "gate, refusing": { certificate: false, call: "gate.fetch(request, env, ctx)" },
  "20 lines, refusing": { certificate: false, call: "twenty.fetch(request)" },
} as const;
type Name = keyof typeof CALLS;
const NAMES = Object.keys(CALLS) as Name[];

const LOOP = `
import gate from "gate.js";
import twenty from "twenty.js";
const object = { standing: async () => ({ status: "active", name: "phone", since: 0 }), resolve: async () => "alice" };
const objects = { getByName: () => object };
const env = {
  APPS: { ${JSON.stringify(HOST)}: {} },
  REVOCATION_DELAY_SECONDS: 3600,
  ADMIN_TOKEN: ${JSON.stringify(ADMIN_TOKEN)},
  USER_REGISTRY: objects,
  DIRECTORY: objects,
};
let answer;
const stub = globalThis.fetch = async () => answer;
const calls = [${NAMES.map((name) => `(request, ctx) => ${CALLS[name].call}`).join(", ")}];
export default {
  async fetch(request, _, ctx) {
    const [which, times] = (new URL(request.url).searchParams.get("loop") ?? "0,0").split(",").map(Number);
    let last;
    answer = new Response("an app's answer");
    for (let n = 0; n < times; n++) last = await calls[which](request, ctx);
    return new Response(null, { status: last?.status ?? 200 });
  },
};
`;

/** Times of the Worker's code and of the usual 20 lines; empty if the system does not report processor times. */
export async function measureOwnTime(
  code: string,
  { folder, rounds }: { folder: string; rounds: number },
): Promise<OwnTimeRow[]> {
  const worker = await Workerd.start({
    ...{ folder: join(folder, "own-time"), code: LOOP, ...compatibility() },
    modules: { "gate.js": code, "twenty.js": TWENTY_LINES },
  });
  try {
    if (worker.cpuSeconds() === undefined) return [];
    const results = new Map(NAMES.map((name) => [name, [] as number[]]));
    for (const name of NAMES) await timeOf(worker, name);
    for (let round = 0; round < rounds * ROUNDS_PER_ROUND; round++) {
      const loop = await timeOf(worker, "loop and stub");
      for (const name of rotated(NAMES, round)) {
        const us = name === "loop and stub" ? loop : (await timeOf(worker, name)) - loop;
        results.get(name)?.push(us);
      }
    }
    return NAMES.map((name) => {
      const times = results.get(name) ?? [];
      return { name, us: median(times), spread: spread(times) };
    });
  } finally {
    await worker.stop();
  }
}

async function timeOf(worker: Workerd, name: Name): Promise<number> {
  const headers = headersOf(CALLS[name].certificate ? fingerprint(1) : undefined);
  const expected = name.endsWith("refusing") ? 404 : 200;
  const before = worker.cpuSeconds() ?? Number.NaN;
  const status = await worker.get(`/api/items?loop=${NAMES.indexOf(name)},${TIMES}`, headers);
  if (status !== expected) throw new Error(`${name} answered ${status}`);
  return (((worker.cpuSeconds() ?? Number.NaN) - before) * 1e6) / TIMES;
}
