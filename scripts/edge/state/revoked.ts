import { readIfThere } from "../../files.ts";

export const REVOKED_TEMPLATE = `# Serial numbers of certificates that the edge reports as revoked (certRevoked: "1"), as Cloudflare
# does for a client certificate that was revoked there. One per line, in hex; read on every request.
# The serial of a file:  openssl x509 -in devices/alice-laptop.pem -noout -serial
`;

/** A serial number in one spelling: upper-case hex without colons and leading zeros. */
export function normaliseSerial(text: string): string {
  return text
    .replace(/^(serial=|0x)/i, "")
    .replaceAll(":", "")
    .toUpperCase()
    .replace(/^0+(?=.)/, "");
}

/** The serials of a `revoked.txt`. Throws on any other line, rather than let a revoked device in. */
export function parseRevoked(text: string): ReadonlySet<string> {
  const serials = new Set<string>();
  for (const [index, line] of text.split("\n").entries()) {
    const entry = line.replace(/#.*/, "").trim();
    if (entry === "") continue;
    const serial = normaliseSerial(entry);
    if (!/^[0-9A-F]+$/.test(serial)) {
      throw new Error(`revoked.txt, line ${index + 1}: '${entry}' is not a serial number in hex`);
    }
    serials.add(serial);
  }
  return serials;
}

/** Reads the file each time: it is small, and what was written a moment ago counts. */
export async function readRevoked(path: string): Promise<ReadonlySet<string>> {
  return parseRevoked((await readIfThere(path)) ?? "");
}
