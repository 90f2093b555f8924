// The rules of this program's terminal interface:
//
// - The standard output is for results: lines for people or, with --json, JSON for programs, never both. A secret goes
//   nowhere else.
// - Everything else (errors, hints, progress, questions) goes to the standard error. Messages begin with "latchkey: ",
//   hints with "hint: ".
// - Messages begin in lower case and have no full stop. They say what is wrong; the hint says what to do, with a command
//   to copy where there is one.
// - Whatever comes from elsewhere (a file, the API, the command line) passes through `printable` first: no text can move
//   the cursor or break a line. JSON is escaped for the same reason.
// - Colours and widths are for terminals only. A table that is too wide gets shorter, then taller; nothing is cut off.
// - Questions come last, when everything that can be checked has been, and only if somebody is there to answer.
import { styleText } from "node:util";
import type { DeviceStatus } from "../../src/domain/device.ts";
import { type Cell, facts, type Layout, table, wrap } from "./table.ts";
import { printable, printableJson } from "./text.ts";

type Style = Parameters<typeof styleText>[0];

const STATUS_STYLE: Record<DeviceStatus, Style> = {
  pending: "cyan",
  active: "green",
  suspended: "yellow",
  lost: "magenta",
  revoked: "red",
};

/** What a command prints: an object for programs (`--json`), or lines for people; never both. */
export interface Output {
  readonly json: boolean;
  /** The API's own object; with `--json` only. */
  object(value: unknown): void;
  /** For people only, and so are the next three. The texts are printable already. */
  lines(...lines: string[]): void;
  /** Lines to copy, which stay whole in a terminal that is narrower. */
  whole(...lines: string[]): void;
  table(head: readonly Cell[], rows: readonly (readonly Cell[])[], whenEmpty: string, layout?: Layout): void;
  facts(pairs: readonly (readonly [string, string | null])[]): void;
  /** On the standard error, for people: what accompanies a secret that is the whole output. */
  aside(...lines: string[]): void;
  /** The columns of the terminal, or `undefined` if the output cannot draw. */
  readonly drawable: number | undefined;
  status(status: DeviceStatus): string;
  style(style: Style, text: string): string;
}

export function createOutput(stream: NodeJS.WriteStream, json: boolean): Output {
  // `styleText` leaves the text alone unless the stream is a terminal with colours and NO_COLOR is unset.
  const style = (format: Style, text: string) => styleText(format, text, { stream });
  // Some terminals do not know their width, and say 0.
  const columns = (stream.isTTY && stream.columns) || Number.POSITIVE_INFINITY;
  const lines = (...texts: string[]) => {
    const shown = texts.flatMap((text) => wrap(text, columns));
    if (!json && shown.length > 0) stream.write(`${shown.join("\n")}\n`);
  };
  return {
    json,
    object(value) {
      if (json) stream.write(`${printableJson(value)}\n`);
    },
    lines,
    whole(...texts) {
      if (!json && texts.length > 0) stream.write(`${texts.join("\n")}\n`);
    },
    table(head, rows, whenEmpty, layout) {
      if (rows.length === 0) lines(whenEmpty);
      else lines(...table(head, rows, columns, { bold: (text) => style("bold", text), ...layout }));
    },
    facts(pairs) {
      lines(
        ...facts(
          pairs.map(([label, value]) => [style("bold", label), value]),
          columns,
        ),
      );
    },
    aside(...texts) {
      if (!json) for (const text of texts) progress(text);
    },
    drawable: stream.isTTY && process.env.TERM !== "dumb" ? columns : undefined,
    status: (status) => style(STATUS_STYLE[status] ?? "reset", printable(status)),
    style,
  };
}

/** Says what is being done, or anything else that is not the result, in one line. */
export function progress(line: string): void {
  process.stderr.write(`latchkey: ${printable(line)}\n`);
}

/** Something that nobody asked for and somebody should know, with what to do about it. */
export function notice(line: string, hint: string): void {
  progress(line);
  process.stderr.write(`hint: ${printable(hint)}\n`);
}
