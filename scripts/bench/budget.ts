// npm run budget: what a day of a household, and a day of strangers, cost of the free plan's limits.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { table } from "../commands/shared/table.ts";
import { type DayOptions, type DayResult, type DayScenario, makeDay } from "./budget/day.ts";
import {
  brokenBounds,
  type Cost,
  STRANGER_KINDS,
  STRANGERS_SHARE,
  type StrangersOptions,
  type StrangersResult,
} from "./budget/strangers.ts";
import { lineChart } from "./chart.ts";
import { liveStrangersDay } from "./strangers.ts";
import { Workerd } from "./workerd.ts";
import { bundleWorker, compatibility } from "./workers.ts";

/** Per day and account; developers.cloudflare.com/durable-objects/platform/pricing. */
const FREE_PLAN = { objectRequests: 100_000, read: 5_000_000, written: 100_000 } as const;
const DELAYS_SECONDS = [0, 1, 2, 5, 10, 20, 30, 60];
const DEFAULT_DELAY_SECONDS = 10;
const DAY_HOURS = 24;

interface Row extends DayResult {
  delaySeconds: number;
}

const program = new Command("npm run budget --")
  .description(
    "Simulate one day with the real standing cache, registry client and Durable Objects, on a virtual clock; and a day of strangers with the whole Worker. Exits with 1 if strangers cost too much, or keep people from anything.",
  )
  .option("--devices <n>", "devices of the household", whole, 8)
  .option("--users <n>", "users whose devices they are", whole, 3)
  .option("--requests <n>", "requests of the devices on that day", whole, 20_000)
  .option("--isolates <n>", "isolates that they come to", whole, 12)
  .option("--scanner <n>", "requests without a certificate", whole, 50_000)
  .option("--stranger <n>", "requests with a verified certificate that nobody enrolled", whole, 1_000)
  .option("--anonymous <n>", "requests from strangers, of every kind, on a day of their own", whole, 100_000)
  .option("--anonymous-isolates <n>", "isolates that these requests come to", whole, 10)
  .option("--networks <n>", "networks that these requests come from", whole, 65_536)
  .option("--seed <n>", "another day of the same kind", whole, 1)
  .option("--out <folder>", "where budget.json and budget.svg go", "docs/performance")
  .parse();
interface Options extends DayOptions {
  users: number;
  anonymous: number;
  anonymousIsolates: number;
  networks: number;
  out: string;
}
const { users, anonymous, anonymousIsolates, networks, out, ...options } = program.opts<Options>();
const strangersOptions: StrangersOptions = {
  ...{ requests: anonymous, hours: DAY_HOURS, isolates: anonymousIsolates, networks, seed: options.seed },
};

function whole(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It is not a whole number.");
}

const folder = mkdtempSync(join(tmpdir(), "latchkey-budget-"));
const worker = await Workerd.start({
  folder,
  code: await bundleWorker("household.ts"),
  durableObjects: { USER_REGISTRY: "UserRegistry", DIRECTORY: "Directory" },
  ...compatibility(),
});
try {
  const events = makeDay(options);
  const rows: Row[] = [];
  for (const [index, delaySeconds] of DELAYS_SECONDS.entries()) {
    process.stderr.write(`living a day with a delay of ${delaySeconds} s ...\n`);
    const scenario: DayScenario = {
      ...{ name: `d${delaySeconds}`, seed: index + 1, users, devices: options.devices },
      ...{ isolates: options.isolates, delayMs: delaySeconds * 1000, events },
    };
    const response = await fetch(worker.url, { method: "POST", body: JSON.stringify(scenario) });
    if (!response.ok) throw new Error(await response.text());
    rows.push({ delaySeconds, ...((await response.json()) as DayResult) });
  }
  process.stderr.write(`simulating a day with ${anonymous} requests from strangers ...\n`);
  const strangers = await liveStrangersDay(strangersOptions);
  show(rows);
  showStrangers(strangers);
  mkdirSync(out, { recursive: true });
  const report = {
    options: { users, ...options },
    rows,
    strangers: { options: strangersOptions, ...strangers },
  };
  writeFileSync(join(out, "budget.json"), `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(join(out, "budget.svg"), chart(rows));
  process.stderr.write(`written: ${join(out, "budget.json")}, ${join(out, "budget.svg")}\n`);
} finally {
  await worker.stop();
  rmSync(folder, { recursive: true, force: true });
}

function share(value: number, limit: number): string {
  return `${value} (${((100 * value) / limit).toFixed(1)} %)`;
}

/** The strangers' table; the exit code is 1 when a bound is broken. */
function showStrangers(result: StrangersResult): void {
  const { kinds, logLines, people } = result;
  const cost = (name: string, { requests, objectRequests, read, written }: Cost) => [
    ...[name, String(requests)],
    ...[share(objectRequests, FREE_PLAN.objectRequests), share(read, FREE_PLAN.read)],
    share(written, FREE_PLAN.written),
  ];
  const lines = table(
    ["STRANGERS", "REQUESTS", "OBJECT REQUESTS", "ROWS READ", "ROWS WRITTEN"],
    [...STRANGER_KINDS.map((kind) => cost(kind, kinds[kind])), cost("all together", result)],
    Number.POSITIVE_INFINITY,
  );
  const { requests, isolates } = strangersOptions;
  console.log(
    [
      "",
      `${requests} requests from strangers, ${isolates} isolates, ${networks} networks; ${logLines} lines in the log`,
      ...["", ...lines, ""],
      ...Object.entries(people).map(([what, could]) => `afterwards, ${what}: ${could ? "yes" : "NO"}`),
    ].join("\n"),
  );
  for (const broken of brokenBounds(result, FREE_PLAN)) {
    console.error(`latchkey: strangers must stay below ${100 * STRANGERS_SHARE} % of each limit: ${broken}`);
    process.exitCode = 1;
  }
}

function show(rows: Row[]): void {
  const lines = table(
    ["DELAY", "LET IN", "OBJECT REQUESTS", "ROWS READ", "ROWS WRITTEN"],
    rows.map(({ delaySeconds, allowed, objectRequests, read, written }) => [
      `${delaySeconds} s${delaySeconds === DEFAULT_DELAY_SECONDS ? " (default)" : ""}`,
      String(allowed),
      share(objectRequests, FREE_PLAN.objectRequests),
      share(read, FREE_PLAN.read),
      share(written, FREE_PLAN.written),
    ]),
    Number.POSITIVE_INFINITY,
  );
  const { devices, requests, isolates, scanner, stranger } = options;
  console.log(
    [
      `${devices} devices, ${requests} requests, ${isolates} isolates; ${scanner} requests without a certificate, ${stranger} with a stranger's; shares of the free plan's day`,
      "",
      ...lines,
    ].join("\n"),
  );
}

function chart(rows: Row[]): string {
  return lineChart({
    title: "Durable Object requests of a day, by REVOCATION_DELAY_SECONDS",
    x: rows.map(({ delaySeconds }) => ({ label: `${delaySeconds} s` })),
    y: rows.map(({ objectRequests }) => objectRequests),
    limit: { value: FREE_PLAN.objectRequests / 10, label: "10 % of the free plan" },
  });
}
