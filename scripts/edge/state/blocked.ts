import { FINGERPRINT_HINT, type Fingerprint, parseFingerprint } from "../../../src/domain/fingerprint.ts";
import { readIfThere } from "../../files.ts";

export const BLOCKED_TEMPLATE = `# Fingerprints (SHA-256) of certificates that are refused everywhere, whatever the registry says: the
# Worker's variable BLOCKED. One per line; read on every request. To write it:
#   npm exec --no -- latchkey block alice/alice-phone --edge <this folder>
# The fingerprint of a file:  openssl x509 -in devices/alice-laptop.pem -noout -fingerprint -sha256
`;

/** A line of a `blocked.txt` without its comment: a fingerprint, something else, or nothing. */
export function blockedEntry(
  line: string,
): { text: string; fingerprint: Fingerprint | undefined } | undefined {
  const text = line.replace(/#.*/, "").trim();
  return text === "" ? undefined : { text, fingerprint: parseFingerprint(text) };
}

/** The entries of a `blocked.txt`, and what is wrong with those that are no fingerprints. */
export function parseBlocked(text: string): { entries: string[]; problems: string[] } {
  const entries: string[] = [];
  const problems: string[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    const entry = blockedEntry(line);
    if (entry === undefined) continue;
    const { text: written, fingerprint } = entry;
    if (fingerprint === undefined) problems.push(`blocked.txt, line ${index + 1}: ${FINGERPRINT_HINT}`);
    entries.push(fingerprint ?? written);
  }
  return { entries, problems };
}

/** The block list of a state folder, as the Worker gets it. */
export class BlockList {
  readonly #path: string;
  readonly #variable: unknown;
  readonly #onProblem: (problem: Error) => void;
  #text: string | undefined;
  #value: unknown;

  /** `variable`: of `BLOCKED` without the file. */
  constructor(path: string, variable: unknown, onProblem: (problem: Error) => void) {
    this.#path = path;
    this.#variable = variable;
    this.#onProblem = onProblem;
  }

  /**
   * The value of `BLOCKED`; `undefined` when the file adds nothing to the variable. Reads the file on each
   * call: it is small, and what was written a moment ago counts. A line that is not a fingerprint is reported
   * once and passed on as it is: the Worker then refuses everything, rather than let a blocked device in.
   */
  async value(): Promise<unknown> {
    const text = (await readIfThere(this.#path)) ?? "";
    if (text !== this.#text) {
      const { entries, problems } = parseBlocked(text);
      this.#text = text;
      this.#value = this.#with(entries);
      for (const problem of problems) {
        this.#onProblem(new Error(`${problem}; until it is corrected, everything is refused`));
      }
    }
    return this.#value;
  }

  #with(entries: readonly string[]): unknown {
    if (entries.length === 0) return undefined;
    const variable = this.#variable;
    if (variable === undefined || variable === "") return entries.join(",");
    // One that is no list is the Worker's to refuse.
    return typeof variable === "string" ? [variable, ...entries].join(",") : variable;
  }
}
