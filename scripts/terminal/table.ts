// Tables and lists of facts that fit the terminal.
import Table from "cli-table3";
import stringWidth from "string-width";

/** Between two columns. */
const GAP = "  ";

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
  const withBoldHead = ([first = [], ...others]: string[][]) => [first.map(bold), ...others];
  const shown = shortened(cells, columns);
  if (totalWidth(shown) <= columns) return grid(withBoldHead(shown));
  if (below > 0) {
    const upper = shortened(
      cells.map((row) => row.slice(0, row.length - below)),
      columns,
    );
    const widths = narrowed(upper, columns);
    if (widths !== undefined) {
      return withBoldHead(upper).flatMap((row, index) => [
        ...grid([row], widths),
        ...belowLines(rows[index - 1] ?? [], below, columns),
      ]);
    }
  }
  const widths = narrowed(shown, columns);
  if (widths !== undefined) return grid(withBoldHead(shown), widths);
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

/**
 * Short texts in as few columns as possible, beginning where they save the most. Empty columns are removed. There may be
 * thousands of rows, so every text is measured once.
 */
function shortened(cells: readonly (readonly Cell[])[], columns: number): string[][] {
  const long = cells.map((row) => row.map(full));
  const longest = columnWidths(long);
  if (sumOf(longest) <= columns) return long;
  const brief = cells.map((row) => row.map(short));
  const briefest = widthsUnlessEmpty(brief, columnWidths(brief));
  // What each column takes; an empty one nothing, not even a gap.
  const chosen = widthsUnlessEmpty(long, longest);
  const savings = longest.map((width, column) => ({ column, saved: width - (briefest[column] ?? 0) }));
  const isBrief = new Set<number>();
  for (const { column } of savings.filter(({ saved }) => saved > 0).sort((a, b) => b.saved - a.saved)) {
    isBrief.add(column);
    chosen[column] = briefest[column];
    if (sumOf(chosen) <= columns) break;
  }
  return long.map((row, index) =>
    row
      .map((text, column) => (isBrief.has(column) ? (brief[index]?.[column] ?? "") : text))
      .filter((_, column) => chosen[column] !== undefined),
  );
}

/** `undefined` for a column without a text below its head. */
function widthsUnlessEmpty(
  rows: readonly (readonly string[])[],
  widths: readonly number[],
): (number | undefined)[] {
  return widths.map((width, column) =>
    rows.some((row, index) => index > 0 && row[column] !== "") ? width : undefined,
  );
}

/** What moved below a row: indented, on as many lines as it needs. */
function belowLines(row: readonly Cell[], below: number, columns: number): string[] {
  const texts = row
    .slice(-below)
    .map(full)
    .filter((text) => text !== "");
  return texts.length === 0 ? [] : wrap(`${GAP.repeat(2)}${texts.join("; ")}`, columns);
}

/** Widths that fit, no column narrower than its longest word; `undefined` if none do. The widest column gives first. */
function narrowed(rows: readonly (readonly string[])[], columns: number): number[] | undefined {
  const widths = columnWidths(rows);
  const least = columnWidths(rows, longestWord);
  while (sumOf(widths) > columns) {
    const [widest] = widths
      .map((width, column) => ({ column, width }))
      .filter(({ column, width }) => width > (least[column] ?? 0))
      .sort((a, b) => b.width - a.width);
    if (widest === undefined) return undefined;
    widths[widest.column] = widest.width - 1;
  }
  return widths;
}

function columnWidths(rows: readonly (readonly string[])[], measure = (text: string) => stringWidth(text)) {
  return (rows[0] ?? []).map((_, column) => largest(rows.map((row) => measure(row[column] ?? ""))));
}

function longestWord(text: string): number {
  return largest(text.split(" ").map((word) => stringWidth(word)));
}

/** Unlike `Math.max`, of any number of values. */
function largest(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), 0);
}

function totalWidth(rows: readonly (readonly string[])[]): number {
  return sumOf(columnWidths(rows));
}

/** Of columns and the gaps between them; a width that is `undefined` is no column. */
function sumOf(widths: readonly (number | undefined)[]): number {
  const shown = widths.flatMap((width) => width ?? []);
  return shown.reduce((sum, width) => sum + width, GAP.length * Math.max(0, shown.length - 1));
}

/** `label  value` lines for one thing, without those that have no value. Long values take several lines. */
export function facts(
  pairs: readonly (readonly [string, string | null])[],
  columns = Number.POSITIVE_INFINITY,
): string[] {
  const rows = pairs.flatMap(([label, value]) => (value === null || value === "" ? [] : [[label, value]]));
  return grid(rows, totalWidth(rows) <= columns ? undefined : narrowed(rows, columns));
}

/** A command to copy, as hints and results name it. */
const COMMAND = /\b(?:npx|latchkey) [^;:,]+/g;
/** Stands for a space where no line may end. */
const NO_BREAK = "\ue000";

/** One line of prose as several, indented like it. Words and commands to copy stay whole. */
export function wrap(line: string, columns: number): string[] {
  if (stringWidth(line) <= columns) return [line];
  const text = line.trimStart();
  const indent = line.slice(0, -text.length);
  const room = columns - indent.length;
  const glued = text.replace(COMMAND, (command) =>
    stringWidth(command) <= room ? command.replaceAll(" ", NO_BREAK) : command,
  );
  const lines = wrapped([glued], [Math.max(room, longestWord(glued))]);
  return lines.map((each) => `${indent}${each.replaceAll(NO_BREAK, " ")}`.trimEnd());
}

/** The rows as lines; cells that are longer than their column continue on the next line. */
function grid(rows: readonly (readonly string[])[], widths = columnWidths(rows)): string[] {
  const lines = rows.flatMap((row) => {
    const room = row.map((text, column) => (widths[column] ?? 0) - stringWidth(text));
    if (room.some((left) => left < 0)) return wrapped(row, widths);
    return [row.map((text, column) => text + " ".repeat(room[column] ?? 0)).join(GAP)];
  });
  return lines.map((line) => line.trimEnd());
}

function wrapped(row: readonly string[], widths: number[]): string[] {
  const cells = new Table({
    // No border is drawn: those that are not named here are.
    chars: Object.fromEntries(BORDERS.map((name) => [name, name === "middle" ? GAP : ""])),
    style: { "padding-left": 0, "padding-right": 0, head: [], border: [] },
    colWidths: widths,
    wordWrap: true,
  });
  cells.push([...row]);
  return cells.toString().split("\n");
}

/** As cli-table3 calls them. */
const BORDERS = [
  ...["top", "bottom", "left", "mid", "right"].flatMap((side) => [side, `${side}-mid`]),
  ...["top-left", "top-right", "bottom-left", "bottom-right", "middle"],
];
