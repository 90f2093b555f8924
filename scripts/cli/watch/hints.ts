// What to do about a refusal: hints about programs that showed no certificate, and about devices at their limits.
import { certificateHint, rowOfProgram } from "../../../src/domain/apps/hints.ts";
import { TOKEN_HEADER } from "../../../src/domain/apps/recipes.ts";
import type { AppRow } from "../../../src/domain/apps/row.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { INVALID_TOKEN, type RefusalGroup } from "./refusal-log.ts";

/** What the owner can do if a device is enrolled, but limited or expired, or if its token is not valid. */
const BY_REASON: Readonly<Record<string, string>> = {
  [INVALID_TOKEN]: `invalid token: a token was sent, but it is not valid here: check that it is complete, in the header ${TOKEN_HEADER} without quotes or Bearer (Basic only with basic = true)`,
  "wrong-app": `wrong app: the device is limited to other apps, or its feed to other paths; to see or change that: ${LATCHKEY} limit DEVICE`,
  "cross-site":
    "cross-site: a page of another host made a signed-in browser send something, or open a WebSocket; if the app needs that, its browser needs a certificate",
  "device-expired": `device expired: the device's time is up; to extend it (a browser's person signs in again): ${LATCHKEY} limit DEVICE --until WHEN`,
  "expired-credential": `expired credential: the device's token has expired; make a new one and enter it in the program: ${LATCHKEY} rotate DEVICE (a browser's person signs in again)`,
};

/** One hint per app and reason for as long as the command runs: repeating one would help nobody. */
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
