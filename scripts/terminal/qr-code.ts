// QR codes for terminals.
import { generate } from "lean-qr/nano";
import type { Output } from "./output.ts";

/** The light margin, in modules, which keeps a dark terminal from running into the code. */
const BORDER = 2;

// Black and white of the colour cube: unlike the 16 named colours, no theme changes them.
const WHITE_ON_BLACK = "\u001b[38;5;231;48;5;16m";
/** Two rows of modules, by whether the upper and the lower one are dark. */
const HALVES = { light: { light: "█", dark: "▀" }, dark: { light: "▄", dark: " " } };
const RESET = "\u001b[0m";

/**
 * A text as a QR code, two rows per line. It brings its own black and white: in the terminal's colours it would be
 * inverted on every second terminal, and many cameras cannot read that.
 */
export function qrCode(text: string): { lines: string[]; columns: number } {
  const code = generate(text);
  const columns = code.size + 2 * BORDER;
  const shade = (x: number, y: number) => (code.get(x - BORDER, y - BORDER) ? "dark" : "light");
  // A code has an odd number of rows: the last line is margin, and so is what lies below it.
  const lines = Array.from({ length: Math.ceil(columns / 2) }, (_, line) => {
    const halves = Array.from(
      { length: columns },
      (_, x) => HALVES[shade(x, 2 * line)][shade(x, 2 * line + 1)],
    );
    return `${WHITE_ON_BLACK}${halves.join("")}${RESET}`;
  });
  return { lines, columns };
}

/**
 * Draws a link: on a terminal that is wide enough, or wherever it is `wanted`. Last, so that a small screen shows all of
 * it.
 */
export function drawQrCode(link: string, output: Output, wanted: boolean | undefined): void {
  if (!(wanted ?? output.drawable !== undefined)) return;
  const { lines, columns } = qrCode(link);
  if (output.drawable !== undefined && output.drawable < columns) {
    output.lines("", `the QR code needs a terminal of ${columns} columns`);
    return;
  }
  output.lines("", ...lines);
}
