// What is known of a program that was refused because it showed no certificate.
import { certificateHint, rowOfProgram } from "../../../src/domain/apps/hints.ts";
import type { RefusalGroup } from "./refusal-log.ts";

/** One hint per app for as long as the command runs: the same sentence again tells nobody anything. */
export class Hints {
  readonly #given = new Set<string>();

  of({ reason, client }: Pick<RefusalGroup, "reason" | "client">): string | undefined {
    if (reason !== "no-certificate") return undefined;
    const row = rowOfProgram(client);
    if (row === undefined || this.#given.has(row.name)) return undefined;
    this.#given.add(row.name);
    return [certificateHint(row), ...row.notes.filter((note) => note.includes("certificate"))].join(" ");
  }
}
