import jsQR from "jsqr";
import { describe, expect, it } from "vitest";
import { qrCode } from "../../../src/pages/html/qr-code.ts";

const LINK = "https://vault.example.com/.latchkey/enrol#0123456789ABCDEFGHJKMNPQRS";

/** Pixels of a module's side: a decoder wants more than one. */
const SCALE = 4;

/** The modules that a path fills: it is made of squares alone. */
function squares(path: string): ReadonlySet<string> {
  expect(path).toMatch(/^(M\d+ \d+h1v1h-1z)+$/);
  return new Set([...path.matchAll(/M(\d+ \d+)/g)].map(([, corner = ""]) => corner));
}

/** Reads the code as a camera does: off the pixels that a browser makes of the SVG. */
function read(svg: string): string | undefined {
  const [, box = "", path = ""] = /viewBox="([^"]+)".*<path d="([^"]+)" fill="black"/.exec(svg) ?? [];
  const [left = 0, top = 0, width = 0, height = 0] = box.split(" ").map(Number);
  const dark = squares(path);
  const pixels = new Uint8ClampedArray(width * height * SCALE * SCALE * 4).fill(255);
  for (let y = 0; y < height * SCALE; y++) {
    for (let x = 0; x < width * SCALE; x++) {
      const corner = `${left + Math.floor(x / SCALE)} ${top + Math.floor(y / SCALE)}`;
      const at = (y * width * SCALE + x) * 4;
      if (dark.has(corner)) pixels.fill(0, at, at + 3);
    }
  }
  return jsQR(pixels, width * SCALE, height * SCALE, { inversionAttempts: "dontInvert" })?.data;
}

describe("a QR code on a page", () => {
  it.each([
    ["a link", LINK],
    ["a link to a port", LINK.replace(".com/", ".com:8443/")],
    ["a link to the longest host", LINK.replace("vault.example", `${"a".repeat(63)}.`.repeat(3))],
    ["what looks like markup", `https://vault.example.com/"><script>&amp;'`],
  ])("of %s is read back by a decoder", async (_, text) => {
    expect(read(String(await qrCode(text)))).toBe(text);
  });

  it("is black on white with a light margin, whatever the page's colours are", async () => {
    const svg = String(await qrCode(LINK));
    const [, side] = /^<svg viewBox="-2 -2 (\d+) \1" /.exec(svg) ?? [];
    expect(svg).toContain(`<rect x="-2" y="-2" width="${side}" height="${side}" fill="white"/>`);
  });
});
