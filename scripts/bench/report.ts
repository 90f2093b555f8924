// The report of the bench, as Markdown.
import type { GrowthRow } from "./growth.ts";
import type { RevocationRow } from "./revocation.ts";
import type { SpeedResult } from "./speed.ts";
import type { StartUpResult } from "./start-up.ts";
import { median, quantile } from "./statistics.ts";

/** A Markdown table with aligned columns: readable in a terminal and in docs/. */
function markdown(head: string[], rows: string[][]): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? "").length)),
  );
  const line = (cells: string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}

export function startUpReport({ bare, gate, over, rounds, kib, gzippedKib }: StartUpResult): string {
  const row = (name: string, { ms, cpuMs }: typeof bare) => [
    ...[name, ms.toFixed(0), cpuMs === null ? "-" : cpuMs.toFixed(0)],
  ];
  const table = markdown(
    ["from the process to the first answer", "ms", "CPU ms"],
    [
      row("a bare Worker", bare),
      row("the gate", gate),
      row("more than the bare Worker of the same round", over),
    ],
  );
  return `${table}\n\n${rounds} starts of each. The gate's bundle: ${kib.toFixed(1)} KiB, gzipped ${gzippedKib.toFixed(1)} KiB.`;
}

export function speedReport({ rows, ownTime, memoryMib }: SpeedResult): string {
  const percent = (value: number) => `±${(value * 100).toFixed(1)} %`;
  const table = markdown(
    ["", "requests/s", "p50 ms", "p99 ms", "CPU µs", "compared with", "ratio", "spread", "CPU ratio"],
    rows.map((row) => [
      row.name,
      row.requestsPerSecond.toFixed(0),
      row.p50Ms.toFixed(1),
      row.p99Ms.toFixed(1),
      row.cpuUs?.toFixed(0) ?? "-",
      row.comparedWith,
      row.ratio.toFixed(2),
      percent(row.spread),
      row.cpuRatio?.toFixed(2) ?? "-",
    ]),
  );
  const own = markdown(
    ["own time in a tight loop, fetch stubbed", "CPU µs", "spread"],
    ownTime.map((row) => [row.name, row.us.toFixed(1), percent(row.spread)]),
  );
  const memory = markdown(
    ["memory of workerd after", "MiB"],
    memoryMib.map(({ after, mib }) => [after, mib.toFixed(0)]),
  );
  return [table, ...(ownTime.length > 0 ? [own] : []), ...(memoryMib.length > 0 ? [memory] : [])].join(
    "\n\n",
  );
}

export function growthReport(rows: GrowthRow[]): string {
  return markdown(
    ["object", "call", "devices", "µs", "rows read", "rows written"],
    rows.map(({ object, operation, devices, us, read, written }) => [
      object,
      operation,
      String(devices),
      us.toFixed(0),
      read.toFixed(1),
      written.toFixed(1),
    ]),
  );
}

export function revocationReport(rows: RevocationRow[]): string {
  const ms = (value: number) => `${value.toFixed(0)} ms`;
  return markdown(
    ["delay", "trials", "median", "90 %", "maximum", "within the promise"],
    rows.map(({ delaySeconds, trials, lastAllowedMs }) => [
      `${delaySeconds} s`,
      String(trials),
      ms(median(lastAllowedMs)),
      ms(quantile(lastAllowedMs, 0.9)),
      ms(Math.max(...lastAllowedMs)),
      Math.max(...lastAllowedMs) <= delaySeconds * 1000 ? "yes" : "NO",
    ]),
  );
}
