// What the gate adds to a request, compared with bare forwarding and with the usual 20 lines.
import { join } from "node:path";
import autocannon from "autocannon";
import { buildDeployedWorker } from "./deployed-worker.ts";
import {
  browserOf,
  DURABLE_OBJECTS,
  enrol,
  fingerprint,
  gateVars,
  HOST,
  headersOf,
} from "./gate-under-test.ts";
import { measureOwnTime, type OwnTimeRow } from "./own-time.ts";
import { signIn } from "./sign-in.ts";
import { median, rotated, spread } from "./statistics.ts";
import { Workerd } from "./workerd.ts";
import { BARE, bundleWorker, compatibility, TWENTY_LINES, TWENTY_LINES_AND_A_LOG } from "./workers.ts";

const CONNECTIONS = 16;
const ROUND_SECONDS = 2;

export interface SpeedOptions {
  folder: string;
  rounds: number;
  /** Requests in a row for the memory; 0 leaves it out. */
  soak: number;
  progress(text: string): void;
}

interface Round {
  requestsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
  /** Processor time of workerd, in microseconds per request; `null` where the system does not report it. */
  cpuUs: number | null;
}

export interface SpeedRow extends Round {
  name: string;
  /** Half the distance between the quartiles, as a part of the median. */
  spread: number;
  /** Requests per second, relative to the row that it is compared with. */
  ratio: number;
  cpuRatio: number | null;
  comparedWith: string;
}

export interface SpeedResult {
  rows: SpeedRow[];
  ownTime: OwnTimeRow[];
  memoryMib: { after: string; mib: number }[];
}

interface Contender {
  name: string;
  worker: Workerd;
  certificate: string | undefined;
  /** The cookie of a browser that is signed in. */
  signedIn?: string;
  status: number;
  comparedWith: string;
}

export async function measureSpeed({ folder, rounds, soak, progress }: SpeedOptions): Promise<SpeedResult> {
  const running: Workerd[] = [];
  const start = async (name: string, code: string, more: object = {}) => {
    const worker = await Workerd.start({ folder: join(folder, name), code, ...compatibility(), ...more });
    running.push(worker);
    return worker;
  };
  try {
    progress("building the Worker");
    const { code } = buildDeployedWorker();
    const origin = {
      origin: `127.0.0.1:${(await start("origin", await bundleWorker("app-and-issuer.ts"))).port}`,
    };
    const gateAt = (name: string, delay: number) =>
      start(name, code, { ...origin, vars: gateVars(delay), durableObjects: DURABLE_OBJECTS });
    const [bare, twenty] = [await start("bare", BARE, origin), await start("twenty", TWENTY_LINES, origin)];
    const logging = await start("logging", TWENTY_LINES_AND_A_LOG, origin);
    const [warm, strict] = [await gateAt("warm", 10), await gateAt("strict", 0)];
    const phone = fingerprint(1);
    for (const gate of [warm, strict]) await enrol(gate, "alice", "phone", phone);
    const signedIn = await signIn(browserOf(warm), HOST, { subject: "1", email: "alice@example.com" });

    const passing = { certificate: phone, status: 200, comparedWith: "bare" };
    const refused = { certificate: undefined, status: 404, comparedWith: "20 lines, refusing" };
    const contenders: Contender[] = [
      { ...passing, name: "bare", worker: bare },
      { ...passing, name: "20 lines", worker: twenty },
      { ...passing, name: "gate, warm", worker: warm },
      { ...passing, name: "gate, signed-in browser", worker: warm, certificate: undefined, signedIn },
      { ...passing, name: "gate, delay 0", worker: strict },
      { ...refused, name: "20 lines, refusing", worker: twenty },
      { ...refused, name: "20 lines and a log, refusing", worker: logging },
      { ...refused, name: "gate, no certificate", worker: warm },
      { ...refused, name: "gate, unknown device", worker: warm, certificate: fingerprint(2) },
    ];
    const results = new Map(contenders.map(({ name }) => [name, [] as Round[]]));
    for (const contender of contenders) await load(contender, 1);
    for (let round = 1; round <= rounds; round++) {
      progress(`round ${round} of ${rounds}`);
      for (const contender of rotated(contenders, round)) {
        results.get(contender.name)?.push(await load(contender, ROUND_SECONDS));
      }
    }
    progress("the gate's own time");
    const ownTime = await measureOwnTime(code, { folder, rounds });
    const memoryMib = soak > 0 ? await measureMemory(warm, phone, soak, progress) : [];
    return {
      rows: contenders.map(({ name, comparedWith }) => toRow(name, comparedWith, results)),
      ownTime,
      memoryMib,
    };
  } finally {
    await Promise.all(running.map((worker) => worker.stop()));
  }
}

async function load(
  { name, worker, certificate, signedIn, status }: Contender,
  seconds: number,
): Promise<Round> {
  const before = worker.cpuSeconds();
  const result = await autocannon({
    url: `${worker.url}/api/items?page=1`,
    connections: CONNECTIONS,
    duration: seconds,
    headers: headersOf(certificate, signedIn),
  });
  const other = Object.keys(result.statusCodeStats ?? {}).filter((code) => code !== String(status));
  if (result.errors > 0 || other.length > 0) throw new Error(`${name} answered ${other.join(", ")}`);
  const after = worker.cpuSeconds();
  const cpu =
    before === undefined || after === undefined ? null : ((after - before) * 1e6) / result.requests.total;
  return {
    requestsPerSecond: result.requests.average,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    cpuUs: cpu,
  };
}

function toRow(name: string, comparedWith: string, results: Map<string, Round[]>): SpeedRow {
  const rounds = results.get(name) ?? [];
  const floor = results.get(comparedWith) ?? [];
  const of = (list: Round[], field: keyof Round) => list.map((round) => round[field] ?? Number.NaN);
  const cpuUs = median(of(rounds, "cpuUs"));
  // One ratio per round, since the machine's speed changes between rounds.
  const ratios = rounds.map(
    (round, index) => round.requestsPerSecond / (floor[index]?.requestsPerSecond ?? Number.NaN),
  );
  const cpuRatios = rounds.map(
    (round, index) => (floor[index]?.cpuUs ?? Number.NaN) / (round.cpuUs ?? Number.NaN),
  );
  return {
    name,
    comparedWith,
    requestsPerSecond: median(of(rounds, "requestsPerSecond")),
    spread: spread(ratios),
    p50Ms: median(of(rounds, "p50Ms")),
    p99Ms: median(of(rounds, "p99Ms")),
    cpuUs: Number.isNaN(cpuUs) ? null : cpuUs,
    ratio: median(ratios),
    cpuRatio: Number.isNaN(cpuUs) ? null : median(cpuRatios),
  };
}

/** Resident memory after many requests, and after many distinct certificates. */
async function measureMemory(gate: Workerd, phone: string, soak: number, progress: SpeedOptions["progress"]) {
  const memory: SpeedResult["memoryMib"] = [];
  const note = (after: string) => memory.push({ after, mib: gate.memoryMib() ?? Number.NaN });
  note("the rounds above");
  progress(`${soak} requests in a row`);
  await autocannon({ url: gate.url, connections: CONNECTIONS, amount: soak, headers: headersOf(phone) });
  note(`${soak} requests`);
  for (const [from, to] of [
    [0, 10_000],
    [10_000, 20_000],
    [20_000, 40_000],
  ] as const) {
    progress(`distinct fingerprints, ${from} to ${to}`);
    let next = 1_000_000 + from;
    await autocannon({
      url: gate.url,
      connections: CONNECTIONS,
      amount: to - from,
      requests: [{ setupRequest: (request) => ({ ...request, headers: headersOf(fingerprint(next++)) }) }],
    });
    note(`${to} distinct fingerprints`);
  }
  return memory;
}
