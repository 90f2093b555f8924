// Codes that people read off a screen or from paper, and type in.

/** In groups of four or five, as people read a code out, so that no group has only one character. */
export function groupedCode(code: string): string {
  const groups = Math.ceil(code.length / 5);
  const begins = Array.from({ length: groups }, (_, n) => Math.ceil((n * code.length) / groups));
  return begins.map((begin, n) => code.slice(begin, begins[n + 1])).join("-");
}
