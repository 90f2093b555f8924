// npm run chaos: kills the running gate again and again, and compares its state with what it acknowledged.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Command } from "commander";
import { table } from "../terminal/table.ts";
import { Chance } from "./chance.ts";
import { Gate } from "./gate.ts";
import { Household } from "./household.ts";
import { RACES, raceName, runRaces } from "./races.ts";

interface Options {
  seed: number;
  minutes: number;
  latency: number;
}

/** It is killed after 0 to this many acknowledged changes, or after this many milliseconds. */
const MOST_CHANGES = 120;
const LONGEST_LIFE_MS = 10_000;
/** How often their number is checked: rarely enough for a kill to hit any part of a change. */
const LOOK_MS = 7;
const PEOPLE = 4;
const COLUMNS = 120;

const program = new Command("npm run chaos --")
  .description(
    "Kill the running gate under concurrent writers, and compare everything with what it acknowledged.",
  )
  .enablePositionalOptions();

common(program)
  .option("--kills <n>", "how often it is killed", whole, 200)
  .action((options: Options & { kills: number }) => run(options, kills));

common(program.command("races").description("Delete, add and enrol for one user, all at the same moment."))
  .option("--rounds <n>", "rounds of each kind", whole, 400)
  .action((options: Options & { rounds: number }) => run(options, races));

await program.parseAsync();

function common(command: Command): Command {
  return command
    .option("--seed <n>", "make the same random choices again", whole, Date.now() % 1e9)
    .option("--minutes <n>", "stop after this long, whatever is left", whole, 30)
    .option(
      "--latency <ms>",
      "milliseconds between the Worker and its objects, each way: 0 to this",
      whole,
      40,
    );
}

function whole(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  return program.error(`'${text}' is not a whole number`, { exitCode: 2 });
}

interface Scene {
  gate: Gate;
  chance: Chance;
  isOver: () => boolean;
}

/** Runs with a gate and a state folder of its own, and removes both. */
async function run<T extends Options>(
  options: T,
  work: (scene: Scene, options: T) => Promise<readonly string[]>,
): Promise<void> {
  const stateDir = mkdtempSync(join(tmpdir(), "latchkey-chaos-"));
  const gate = new Gate(stateDir, options.latency);
  let isStopped = false;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      isStopped = true;
    });
  }
  const end = Date.now() + options.minutes * 60_000;
  say(`seed ${options.seed}, latency ${options.latency} ms`);
  try {
    await gate.start();
    const chance = new Chance(options.seed);
    const violations = await work({ gate, chance, isOver: () => isStopped || Date.now() > end }, options);
    for (const violation of violations) console.log(violation);
    console.log(violations.length === 0 ? "no violations" : `${violations.length} violations`);
    if (violations.length > 0) process.exitCode = 1;
  } finally {
    await gate.kill();
    rmSync(stateDir, { recursive: true, force: true });
  }
}

async function kills(
  { gate, chance, isOver }: Scene,
  options: { kills: number },
): Promise<readonly string[]> {
  const household = new Household(gate, chance, PEOPLE);
  let killed = 0;
  while (killed < options.kills && !isOver()) {
    let isDead = false;
    const living = household.live(() => isDead || household.violations.length > 0);
    const enough = household.tally.acknowledged + chance.number(MOST_CHANGES);
    const latest = Date.now() + LONGEST_LIFE_MS;
    while (household.tally.acknowledged < enough && Date.now() < latest) await sleep(LOOK_MS);
    await gate.kill();
    isDead = true;
    await living;
    killed += 1;
    await gate.start();
    await household.compare();
    const { acknowledged, underWay, visits } = household.tally;
    say(`kill ${killed}: ${acknowledged} acknowledged, ${underWay} under way, ${visits} visits`);
    if (household.violations.length > 0) break;
  }
  const { operations, acknowledged, underWay, visits, auditLines } = household.tally;
  const row = [killed, operations, acknowledged, underWay, auditLines, visits, household.violations.length];
  const head = ["kills", "operations", "acknowledged", "under way", "audit lines", "visits", "violations"];
  console.log(table(head, [row.map(String)], COLUMNS).join("\n"));
  return household.violations;
}

async function races(
  { gate, chance, isOver }: Scene,
  options: { rounds: number },
): Promise<readonly string[]> {
  const rows: string[][] = [];
  const all: string[] = [];
  for (const race of RACES) {
    const { rounds, violations } = await runRaces(gate, chance, race, options.rounds, isOver);
    say(`${raceName(race)}: ${rounds} rounds, ${violations.length} violations`);
    rows.push([raceName(race), String(rounds), String(violations.length)]);
    all.push(...violations);
  }
  console.log(table(["at the same time", "rounds", "violations"], rows, COLUMNS).join("\n"));
  return all;
}

function say(text: string): void {
  console.error(`${new Date().toTimeString().slice(0, 8)} ${text}`);
}
