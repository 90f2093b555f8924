import { stripVTControlCharacters } from "node:util";
import jsQR from "jsqr";

/** Pixels of a module's side: a decoder wants more than one. */
const SCALE = 4;

/** Light and dark, of the row above and the row below, by the character that draws both. */
const HALVES: Record<string, readonly [boolean, boolean]> = {
  "█": [true, true],
  "▀": [true, false],
  "▄": [false, true],
  " ": [false, false],
};

/** Reads a QR code as a camera does: off the black and white that the lines make on a terminal. */
export function readQrCode(lines: readonly string[]): string | undefined {
  const rows = lines.flatMap((line) => {
    const halves = [...stripVTControlCharacters(line)].map(
      (character) => HALVES[character] ?? [false, false],
    );
    return [halves.map(([upper]) => upper), halves.map(([, lower]) => lower)];
  });
  const width = (rows[0]?.length ?? 0) * SCALE;
  const height = rows.length * SCALE;
  const pixels = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const light = rows[Math.floor(y / SCALE)]?.[Math.floor(x / SCALE)] === true;
      pixels.fill(light ? 255 : 0, (y * width + x) * 4, (y * width + x) * 4 + 3);
    }
  }
  return jsQR(pixels, width, height, { inversionAttempts: "dontInvert" })?.data;
}
