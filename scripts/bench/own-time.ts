// The gate's own time for a request, in a tight loop inside workerd with `fetch` stubbed: steadier than any ratio,
// since neither the network nor a load generator plays a part.
import { createHmac } from "node:crypto";
import { join } from "node:path";
import { fingerprint, gateVars, HOST, headersOf } from "./gate-under-test.ts";
import { SIGN_IN } from "./sign-in.ts";
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
  "loop and stub": { shows: "certificate", call: "stub(request)" },
  "gate, allowing": { shows: "certificate", call: "gate.fetch(request, env, ctx)" },
  "gate, allowing a signed-in browser": { shows: "cookie", call: "gate.fetch(request, env, ctx)" },
  "20 lines, allowing": { shows: "certificate", call: "twenty.fetch(request)" },
  "gate, refusing": { shows: "nothing", call: "gate.fetch(request, env, ctx)" },
  "20 lines, refusing": { shows: "nothing", call: "twenty.fetch(request)" },
} as const;
type Name = keyof typeof CALLS;
const NAMES = Object.keys(CALLS) as Name[];

/** The key of the check that secrets carry, in hex: what the stubbed directory answers. */
const CHECK_KEY = "0".repeat(64);

/** The cookie of a browser that is signed in at `HOST`, as auth/keyed-secrets.ts makes it. */
function browserCookie(): string {
  const body = `lkb_${"A".repeat(43)}`;
  const signed = `latchkey browser ${SIGN_IN.issuer} ${SIGN_IN.clientId} ${HOST} ${body}`;
  const check = createHmac("sha256", Buffer.from(CHECK_KEY, "hex")).update(signed).digest("base64url");
  return `__Host-latchkey-app=${body}${check.slice(0, 22)}`;
}

const LOOP = `
import gate from "gate.js";
import twenty from "twenty.js";
const active = { status: "active", name: "phone", since: 0 };
const limits = { kind: "browser", apps: [${JSON.stringify(HOST)}], countries: null, expiresAt: null, paths: null };
const object = {
  resolve: async () => "alice",
  standing: async (key) => (key.startsWith("sess:") ? { ...active, limits, validUntil: Date.now() + 1e9 } : active),
  credentialCheck: async () => ({ key: ${JSON.stringify(CHECK_KEY)}, exempt: [] }),
};
const objects = { getByName: () => object };
const env = {
  ...${JSON.stringify(gateVars(3600))},
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
  const { shows } = CALLS[name];
  const headers = headersOf(
    shows === "certificate" ? fingerprint(1) : undefined,
    shows === "cookie" ? browserCookie() : undefined,
  );
  const expected = name.endsWith("refusing") ? 404 : 200;
  const before = worker.cpuSeconds() ?? Number.NaN;
  const status = await worker.get(`/api/items?loop=${NAMES.indexOf(name)},${TIMES}`, headers);
  if (status !== expected) throw new Error(`${name} answered ${status}`);
  return (((worker.cpuSeconds() ?? Number.NaN) - before) * 1e6) / TIMES;
}
