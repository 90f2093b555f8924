// Tables and lists of facts that fit the terminal.
import Table from "cli-table3";
import stringWidth from "string-width";

/** Between two columns. */
const GAP = "  ";

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
  middle: GAP,
} as const;

/** One text, or a short one as well, for when the table would be too wide. */
export type Cell = string | { full: string; short: string };

export interface Layout {
  bold?: (text: string) => string;
  /** How many of the last columns may move below their row if the terminal is too narrow. */
  below?: number;
}

/**
 * Aligned columns without borders. If they are wider than the terminal, short texts replace the full ones, column by
 * column; then the last columns move below, as far as they may; then long cells take several lines. If that is not
 * enough, each row becomes a block of `COLUMN  value` lines. Nothing is ever cut off.
 */
export function table(
  head: readonly Cell[],
  rows: readonly (readonly Cell[])[],
  columns: number,
  { bold = (text) => text, below = 0 }: Layout = {},
): string[] {
  const cells = [head, ...rows];
  const shown = shortened(cells, columns);
  const [first = [], ...others] = shown;
  if (totalWidth(shown) <= columns) return trimmed(grid([first.map(bold), ...others]));
  if (below > 0) {
    const upper = shortened(
      cells.map((row) => row.slice(0, row.length - below)),
      columns,
    );
    const widths = narrowed(upper, columns);
    if (widths !== undefined) {
      return upper.flatMap((row, index) => [
        ...trimmed(grid([index === 0 ? row.map(bold) : row], widths)),
        ...belowLines(rows[index - 1], below, columns),
      ]);
    }
  }
  const widths = narrowed(shown, columns);
  if (widths !== undefined) return trimmed(grid([first.map(bold), ...others], widths));
  return rows.flatMap((row, index) => [
    ...(index === 0 ? [] : [""]),
    ...facts(
      head.map((label, column) => [bold(full(label)), full(row[column] ?? "")] as const),
      columns,
    ),
  ]);
}

const full = (cell: Cell) => (typeof cell === "string" ? cell : cell.full);
const short = (cell: Cell) => (typeof cell === "string" ? cell : cell.short);

/** Short texts in as few columns as possible, beginning where they save the most. Empty columns are removed. */
function shortened(cells: readonly (readonly Cell[])[], columns: number): string[][] {
  let shown = cells.map((row) => row.map(full));
  if (totalWidth(shown) <= columns) return shown;
  const longest = columnWidths(shown);
  const briefest = columnWidths(cells.map((row) => row.map(short)));
  const savings = longest.map((width, column) => {
    const isEmpty = cells.slice(1).every((row) => short(row[column] ?? "") === "");
    return { column, saved: width - (isEmpty ? 0 : (briefest[column] ?? 0)) };
  });
  for (const { column } of savings.filter(({ saved }) => saved > 0).sort((a, b) => b.saved - a.saved)) {
    shown = shown.map((row, index) => row.with(column, short(cells[index]?.[column] ?? "")));
    if (totalWidth(withoutEmpty(shown)) <= columns) break;
  }
  return withoutEmpty(shown);
}

function withoutEmpty(rows: readonly (readonly string[])[]): string[][] {
  const isEmpty = (column: number) => rows.slice(1).every((row) => row[column] === "");
  return rows.map((row) => row.filter((_, column) => !isEmpty(column)));
}

/** What moved below a row: indented, on as many lines as it needs. */
function belowLines(row: readonly Cell[] | undefined, below: number, columns: number): string[] {
  const indent = GAP.repeat(2);
  const texts = (row ?? []).slice(-below).map(full);
  const lines: string[] = [];
  for (const word of texts
    .filter((text) => text !== "")
    .join("; ")
    .split(" ")) {
    const line = `${lines.at(-1) ?? indent} ${word}`;
    if (lines.length === 0 || stringWidth(line) > columns) lines.push(`${indent}${word}`);
    else lines[lines.length - 1] = line;
  }
  return lines.filter((line) => line !== indent);
}

/** Widths that fit, no column narrower than its longest word; `undefined` if none do. The widest column gives first. */
function narrowed(rows: readonly (readonly string[])[], columns: number): number[] | undefined {
  const widths = columnWidths(rows);
  const least = columnWidths(rows, (text) => Math.max(...text.split(" ").map(stringWidth)));
  const sum = () => widths.reduce((total, width) => total + width, GAP.length * (widths.length - 1));
  while (sum() > columns) {
    const [widest] = widths
      .map((width, column) => ({ column, width }))
      .filter(({ column, width }) => width > (least[column] ?? 0))
      .sort((a, b) => b.width - a.width);
    if (widest === undefined) return undefined;
    widths[widest.column] = widest.width - 1;
  }
  return widths;
}

function columnWidths(
  rows: readonly (readonly string[])[],
  measure = (text: string) => stringWidth(text),
): number[] {
  return (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => measure(row[column] ?? ""))));
}

function totalWidth(rows: readonly (readonly string[])[]): number {
  const widths = columnWidths(rows);
  return widths.reduce((sum, width) => sum + width, GAP.length * Math.max(0, widths.length - 1));
}

/** `label  value` lines for one thing, without those that have no value. Long values take several lines. */
export function facts(
  pairs: readonly (readonly [string, string | null])[],
  columns = Number.POSITIVE_INFINITY,
): string[] {
  const rows = pairs.flatMap(([label, value]) => (value === null || value === "" ? [] : [[label, value]]));
  return trimmed(grid(rows, totalWidth(rows) <= columns ? undefined : narrowed(rows, columns)));
}

function trimmed(lines: readonly string[]): string[] {
  return lines.map((line) => line.trimEnd());
}

/** With `widths`, longer cells continue on the next line. */
function grid(rows: readonly (readonly string[])[], widths?: number[]): string[] {
  if (rows.length === 0) return [];
  const cells = new Table({
    chars: NO_BORDERS,
    style: { "padding-left": 0, "padding-right": 0, head: [], border: [] },
    ...(widths === undefined ? {} : { colWidths: widths, wordWrap: true }),
  });
  cells.push(...rows.map((row) => [...row]));
  return cells.toString().split("\n");
}
