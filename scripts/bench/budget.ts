// npm run budget: what a day of a household, and a day of strangers, cost of the free plan's limits.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { table } from "../terminal/table.ts";
import { type DayOptions, type DayResult, type DayScenario, makeDay } from "./budget/day.ts";
import {
  brokenBounds,
  type Cost,
  STRANGER_KINDS,
  STRANGERS_SHARE,
  type StrangersOptions,
  type StrangersResult,
} from "./budget/strangers.ts";
import { barChart } from "./chart.ts";
import { DURABLE_OBJECTS } from "./gate-under-test.ts";
import { liveStrangersDay } from "./strangers.ts";
import { order, withWorker } from "./workers.ts";

/** Per day and account; developers.cloudflare.com/workers/platform/pricing and /durable-objects/platform/pricing. */
const FREE_PLAN = {
  workerRequests: 100_000,
  objectRequests: 100_000,
  read: 5_000_000,
  written: 100_000,
} as const;
/** The share of each limit that the default delay must stay below; Worker requests do not depend on the delay. */
const GOAL_SHARE = 0.1;
const DELAYS_SECONDS = [0, 1, 2, 5, 10, 20, 30, 60];
const DEFAULT_DELAY_SECONDS = 10;
const DAY_HOURS = 24;
/** Ignored by git, unlike the documentation's. */
const OUT = "dist/performance";

type Row = DayResult & { delaySeconds: number };

const program = new Command("npm run budget --")
  .description(
    "Simulate one day with the real standing cache, registry client and Durable Objects, on a virtual clock; and a day of strangers with the whole Worker. Exits with 1 if strangers cost too much, or stop people from doing anything.",
  )
  .option("--devices <n>", "devices of the household", whole, 8)
  .option("--browsers <n>", "how many of them are signed-in browsers", whole, 2)
  .option("--users <n>", "users whose devices they are", whole, 3)
  .option("--requests <n>", "the devices' requests on that day", whole, 20_000)
  .option("--isolates <n>", "isolates that receive them", whole, 12)
  .option("--scanner <n>", "requests without a certificate", whole, 50_000)
  .option("--stranger <n>", "requests with a verified certificate that nobody enrolled", whole, 1_000)
  .option("--anonymous <n>", "requests from strangers, of every kind, on a day of their own", whole, 100_000)
  .option("--anonymous-isolates <n>", "isolates that receive these requests", whole, 10)
  .option("--networks <n>", "networks that these requests come from", whole, 65_536)
  .option("--seed <n>", "another day of the same kind", whole, 1)
  .option(
    "--out <folder>",
    "where budget.json and budget.svg go; docs/performance has those of the documentation",
    OUT,
  )
  .parse();
interface Options extends DayOptions {
  users: number;
  browsers: number;
  anonymous: number;
  anonymousIsolates: number;
  networks: number;
  out: string;
}
const { users, browsers, anonymous, anonymousIsolates, networks, out, ...options } = program.opts<Options>();
const { seed } = options;
const strangersOptions: StrangersOptions = {
  ...{ requests: anonymous, hours: DAY_HOURS, isolates: anonymousIsolates, networks, seed },
};

function whole(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It is not a whole number.");
}

const events = makeDay(options);
const rows = await withWorker("household.ts", DURABLE_OBJECTS, async (worker) => {
  const found: Row[] = [];
  for (const [index, delaySeconds] of DELAYS_SECONDS.entries()) {
    process.stderr.write(`simulating a day with a delay of ${delaySeconds} s ...\n`);
    const day: DayScenario = {
      ...{ name: `d${delaySeconds}`, seed: index + 1, users, devices: options.devices, browsers },
      ...{ isolates: options.isolates, delayMs: delaySeconds * 1000, events },
    };
    const result = await order<DayResult>(worker, "/", { method: "POST", body: JSON.stringify(day) });
    found.push({ delaySeconds, ...result });
  }
  return found;
});
process.stderr.write(`simulating a day with ${count(anonymous)} requests from strangers ...\n`);
const strangers = await liveStrangersDay(strangersOptions);
show(rows);
showStrangers(strangers);
mkdirSync(out, { recursive: true });
const report = {
  options: { users, browsers, ...options },
  rows,
  strangers: { options: strangersOptions, ...strangers },
};
writeFileSync(join(out, "budget.json"), `${JSON.stringify(report, null, 2)}\n`);
writeFileSync(join(out, "budget.svg"), chart(rows));
process.stderr.write(`written: ${join(out, "budget.json")}, ${join(out, "budget.svg")}\n`);

function count(value: number): string {
  return value.toLocaleString("en-GB");
}

function share(value: number, limit: number): string {
  return `${count(value)} (${((100 * value) / limit).toFixed(1)} %)`;
}

/** What it cost, with the shares of the plan. */
function shares({ objectRequests, read, written }: Omit<Cost, "requests">): string[] {
  return [
    share(objectRequests, FREE_PLAN.objectRequests),
    share(read, FREE_PLAN.read),
    share(written, FREE_PLAN.written),
  ];
}

/** The strangers' table; the exit code is 1 when a bound is broken. */
function showStrangers(result: StrangersResult): void {
  const { kinds, logLines, people, signIn } = result;
  const cost = (name: string, of: Cost) => [
    ...[name, share(of.requests, FREE_PLAN.workerRequests)],
    ...shares(of),
  ];
  const lines = table(
    ["STRANGERS", "WORKER REQUESTS", "OBJECT REQUESTS", "ROWS READ", "ROWS WRITTEN"],
    [...STRANGER_KINDS.map((kind) => cost(kind, kinds[kind])), cost("total", result)],
    Number.POSITIVE_INFINITY,
  );
  const { requests, isolates } = strangersOptions;
  console.log(
    [
      "",
      `${count(requests)} requests from strangers, ${isolates} isolates, ${count(networks)} networks; ${count(logLines)} lines in the log`,
      ...["", ...lines, ""],
      `one more browser signs in: ${count(signIn.objectRequests)} object requests, ${count(signIn.read)} rows read, ${count(signIn.written)} rows written`,
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
    ["DELAY", "WORKER REQUESTS", "LET IN", "OBJECT REQUESTS", "ROWS READ", "ROWS WRITTEN"],
    rows.map((row) => [
      ...[delayLabel(row.delaySeconds), share(row.requests, FREE_PLAN.workerRequests), count(row.allowed)],
      ...shares(row),
    ]),
    Number.POSITIVE_INFINITY,
  );
  console.log(`${scenario()}; percentages are of the free plan's day\n\n${lines.join("\n")}`);
}

function delayLabel(seconds: number): string {
  return `${seconds} s${seconds === DEFAULT_DELAY_SECONDS ? " (default)" : ""}`;
}

function scenario(): string {
  const { devices, requests, scanner, stranger } = options;
  return `${devices} devices, ${browsers} of them signed-in browsers, with ${count(requests)} requests, and ${count(scanner + stranger)} requests from strangers`;
}

function chart(rows: Row[]): string {
  const bar = (label: string, value: number, limit: number) => ({
    ...{ label, value: share(value, limit), share: value / limit },
  });
  return barChart({
    title: "What a household's day uses of Cloudflare's free plan",
    subtitle: scenario(),
    groups: [
      {
        title: "Worker requests",
        bars: rows.slice(0, 1).map(({ requests }) => bar("any delay", requests, FREE_PLAN.workerRequests)),
      },
      {
        title: "Durable Object requests, by revocation delay",
        bars: rows.map(({ delaySeconds, objectRequests }) => ({
          ...bar(delayLabel(delaySeconds), objectRequests, FREE_PLAN.objectRequests),
          marked: delaySeconds === DEFAULT_DELAY_SECONDS,
        })),
        mark: {
          share: GOAL_SHARE,
          label: `${100 * GOAL_SHARE} % of the free plan: the default must stay below`,
        },
      },
    ],
    axis: `Part of the free plan's day: ${count(FREE_PLAN.workerRequests)} Worker requests, ${count(FREE_PLAN.objectRequests)} Durable Object requests`,
  });
}
