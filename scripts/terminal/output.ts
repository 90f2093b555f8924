import { styleText } from "node:util";
import type { DeviceStatus } from "../../src/domain/device.ts";
import { type Cell, facts, type Layout, table } from "./table.ts";
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
  /** For people only, and so are the next ones. The texts are printable already. */
  lines(...lines: string[]): void;
  table(head: readonly Cell[], rows: readonly (readonly Cell[])[], whenEmpty: string, layout?: Layout): void;
  facts(pairs: readonly (readonly [string, string | null])[]): void;
  /** On the standard error: what goes beside a secret that is the whole output. */
  aside(...lines: string[]): void;
  /** The columns of the terminal, or `undefined` when the output is none that can draw. */
  readonly drawable: number | undefined;
  status(status: DeviceStatus): string;
  style(style: Style, text: string): string;
}

export function createOutput(stream: NodeJS.WriteStream, json: boolean): Output {
  // `styleText` leaves the text alone unless the stream is a terminal with colours and NO_COLOR is unset.
  const style = (format: Style, text: string) => styleText(format, text, { stream });
  // Some terminals do not know how wide they are, and say 0.
  const columns = (stream.isTTY && stream.columns) || Number.POSITIVE_INFINITY;
  const lines = (...texts: string[]) => {
    if (!json && texts.length > 0) stream.write(`${texts.join("\n")}\n`);
  };
  return {
    json,
    object(value) {
      if (json) stream.write(`${printableJson(value)}\n`);
    },
    lines,
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
      if (!json) process.stderr.write(texts.map((text) => `latchkey: ${text}\n`).join(""));
    },
    drawable: stream.isTTY && process.env.TERM !== "dumb" ? columns : undefined,
    status: (status) => style(STATUS_STYLE[status] ?? "reset", printable(status)),
    style,
  };
}
