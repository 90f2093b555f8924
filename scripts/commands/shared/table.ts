// No I/O. No clock.
import { stripVTControlCharacters } from "node:util";
import Table from "cli-table3";

const NO_BORDERS = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: "",
  "left-mid": "",
  mid: "",
  "mid-mid": "",
  right: "",
  "right-mid": "",
  middle: "  ",
} as const;

/**
 * Aligned columns without borders. Where they are wider than the terminal, each row becomes a block
 * of `COLUMN  value` lines instead, so that nothing is ever cut off.
 */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  columns: number,
  bold: (text: string) => string = (text) => text,
): string[] {
  const lines = grid([head.map(bold), ...rows]);
  // Every line is as wide as the first, and that one is plain ASCII: as wide as it is long.
  if (stripVTControlCharacters(lines[0] ?? "").length <= columns) return trimmed(lines);
  return rows.flatMap((row, index) => [
    ...(index === 0 ? [] : [""]),
    ...aligned(head.flatMap((label, column) => (row[column] ? [[bold(label), row[column]]] : []))),
  ]);
}

/** `label  value` lines for one thing; what has no value is left out. */
export function facts(pairs: readonly (readonly [string, string | null])[]): string[] {
  return aligned(pairs.flatMap(([label, value]) => (value === null || value === "" ? [] : [[label, value]])));
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  return trimmed(grid(rows));
}

function trimmed(lines: readonly string[]): string[] {
  return lines.map((line) => line.trimEnd());
}

function grid(rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  const cells = new Table({
    chars: NO_BORDERS,
    style: { "padding-left": 0, "padding-right": 0, head: [], border: [] },
  });
  cells.push(...rows.map((row) => [...row]));
  return cells.toString().split("\n");
}
