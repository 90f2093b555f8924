// A QR code as a picture in the page.
import { generate } from "lean-qr/nano";
import { type Html, html } from "./html.ts";

/** The light margin around the code, in modules, which separates it from a dark page. */
const BORDER = 2;

/** A QR code, black on white in dark mode, too: many cameras do not read the inverse. */
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
