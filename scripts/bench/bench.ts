// npm run bench: what the gate costs, as ratios in one run.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { Command, Option } from "commander";
import { measureGrowth } from "./growth.ts";
import { growthReport, revocationReport, speedReport, startUpReport } from "./report.ts";
import { measureRevocation } from "./revocation.ts";
import { measureSpeed } from "./speed.ts";
import { measureStartUp } from "./start-up.ts";

const program = new Command("npm run bench --")
  .description("Measure the gate in raw workerd: on loopback only, bounded in count and time.")
  .argument("[what]", "start-up, speed, growth, revocation, or all of them but revocation", "default")
  .addOption(new Option("--rounds <n>", "rounds of the speed table").default(5).argParser(whole))
  .addOption(
    new Option("--soak <n>", "requests in a row before memory is read").default(1_000_000).argParser(whole),
  )
  .addOption(new Option("--trials <n>", "revocations for each delay").default(100).argParser(whole))
  .option(
    "--out <folder>",
    "where the results go, as JSON and Markdown; docs/performance has those of the documentation",
    "dist/performance",
  )
  .parse();
const { rounds, soak, trials, out } = program.opts<{
  rounds: number;
  soak: number;
  trials: number;
  out: string;
}>();
const what = program.args[0] ?? "default";
const DELAYS_SECONDS = [0, 1, 10];

function whole(text: string): number {
  if (/^\d{1,8}$/.test(text)) return Number(text);
  return program.error(`'${text}' is not a whole number`, { exitCode: 2 });
}

type Part = "start-up" | "speed" | "growth" | "revocation";
const PARTS: Record<Part, () => Promise<[data: unknown, text: string]>> = {
  async "start-up"() {
    const result = await measureStartUp(folder, progress);
    return [result, startUpReport(result)];
  },
  async speed() {
    const result = await measureSpeed({ folder, rounds, soak, progress });
    return [result, speedReport(result)];
  },
  async growth() {
    const rows = await measureGrowth(progress);
    return [rows, growthReport(rows)];
  },
  async revocation() {
    const rows = await measureRevocation({ folder, trials, delays: DELAYS_SECONDS }, progress);
    return [rows, revocationReport(rows)];
  },
};
const all = Object.keys(PARTS) as Part[];
const chosen =
  what === "default"
    ? all.filter((part) => part !== "revocation")
    : what === "all"
      ? all
      : all.filter((part) => part === what);
if (chosen.length === 0) program.error(`there is no '${what}': ${all.join(", ")}, all`, { exitCode: 2 });

const progress = (text: string) => process.stderr.write(`${text} ...\n`);
const folder = mkdtempSync(join(tmpdir(), "latchkey-bench-"));
const machine = `${cpus().length} cores (${cpus()[0]?.model.trim() ?? "unknown"}), ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform}`;
try {
  for (const part of chosen) {
    const [data, text] = await PARTS[part]();
    console.log(`\n${text}`);
    mkdirSync(out, { recursive: true });
    const measuredAt = new Date().toISOString();
    writeFileSync(join(out, `${part}.json`), `${JSON.stringify({ measuredAt, machine, data }, null, 2)}\n`);
    writeFileSync(
      join(out, `${part}.md`),
      `<!-- npm run bench -- ${part}, ${measuredAt}, ${machine} -->\n\n${text}\n`,
    );
    progress(`written: ${join(out, part)}.json and .md`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
