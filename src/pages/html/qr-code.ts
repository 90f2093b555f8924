// No I/O. No clock.
import { generate } from "lean-qr/nano";
import { type Html, html } from "./html.ts";

/** The light margin, in modules, so that a dark page does not run into the code. */
const BORDER = 2;

/** A text as a QR code: black on white in the dark as well, since many cameras do not read the inverse. */
export function qrCode(text: string): Html {
  const code = generate(text);
  const side = code.size + 2 * BORDER;
  return html`<svg viewBox="${-BORDER} ${-BORDER} ${side} ${side}" shape-rendering="crispEdges"><rect x="${-BORDER}" y="${-BORDER}" width="${side}" height="${side}" fill="white"/><path d="${darkModules(code)}" fill="black"/></svg>`;
}

/** A square for each dark module, as an SVG path. */
function darkModules({ size, get }: ReturnType<typeof generate>): string {
  let path = "";
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      if (get(x, y)) path += `M${x} ${y}h1v1h-1z`;
    }
  }
  return path;
}
