import { printable } from "./text.ts";

/** Says on the standard error what is done next: the standard output is for results. */
export function progress(line: string): void {
  process.stderr.write(`${printable(line)}\n`);
}
