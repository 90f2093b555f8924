// What to do about a refusal: what is known of a program that showed no certificate, and of a device at its limits.
import { certificateHint, rowOfProgram } from "../../../src/domain/apps/hints.ts";
import type { AppRow } from "../../../src/domain/apps/row.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import type { RefusalGroup } from "./refusal-log.ts";

/** What the owner can do where a device is enrolled and let in elsewhere, or was until now. */
const BY_REASON: Readonly<Record<string, string>> = {
  "wrong-app": `wrong app: a device is limited to other apps, or its feed to other paths; to see or change what it reaches: ${LATCHKEY} limit DEVICE`,
  "device-expired": `device expired: the end that was set for a device has come; if it should go on: ${LATCHKEY} limit DEVICE --until WHEN`,
  "expired-credential": `expired credential: a device's token has expired; make the next one and put it into the program: ${LATCHKEY} rotate DEVICE`,
};

/** One hint per app and reason for as long as the command runs: the same sentence again tells nobody anything. */
export class Hints {
  readonly #given = new Set<string>();

  of({ reason, client }: Pick<RefusalGroup, "reason" | "client">): string | undefined {
    const row = reason === "no-certificate" ? rowOfProgram(client) : undefined;
    const hint = BY_REASON[reason] ?? (row && aboutApp(row));
    const about = row?.name ?? reason;
    if (hint === undefined || this.#given.has(about)) return undefined;
    this.#given.add(about);
    return hint;
  }
}

function aboutApp(row: AppRow): string {
  return [certificateHint(row), ...row.notes.filter((note) => note.includes("certificate"))].join(" ");
}
