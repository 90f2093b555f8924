// No I/O. No clock.
import { encode, renderUnicodeCompact } from "uqr";

/** The light margin, in modules, so that a terminal's dark surface does not run into the code. */
const BORDER = 2;

// The colour cube's black and white: unlike the 16 named colours, no theme of a terminal changes them.
const WHITE_ON_BLACK = "\u001b[38;5;231;48;5;16m";
const RESET = "\u001b[0m";

/**
 * A text as a QR code for a terminal, two rows a line. It brings its own black and white, since in the
 * terminal's colours it would be inverted on every second one, and many cameras do not read that.
 */
export function qrCode(text: string): { lines: string[]; columns: number } {
  const rows = renderUnicodeCompact(text, { border: BORDER }).split("\n");
  // A code has an odd number of rows: the last line is the margin, and half of it would stay dark.
  rows.push((rows.pop() ?? "").replaceAll("▀", "█"));
  return {
    lines: rows.map((row) => `${WHITE_ON_BLACK}${row}${RESET}`),
    columns: encode(text, { border: BORDER }).size,
  };
}
