// Which apps behind this gate have trouble with a certificate, for commands that make or enrol one.
import { certificateHints } from "../../../src/domain/apps/hints.ts";
import { Failure } from "../../terminal/failure.ts";
import type { Session } from "./session.ts";

/** One line per app, of this host only if one is given. None if the gate does not answer: a missing hint must not fail a command. */
export async function appHints({ connect }: Pick<Session, "connect">, host?: string): Promise<string[]> {
  try {
    const { apps } = await (await connect()).me();
    return certificateHints(host === undefined ? apps : apps.filter((app) => app.host === host));
  } catch (error) {
    if (error instanceof Failure) return [];
    throw error;
  }
}
