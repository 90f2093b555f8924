import { setTimeout as delay } from "node:timers/promises";
import type { Device } from "../../src/control/contract.ts";
import type { UserId } from "../../src/registry/user.ts";
import { ProblemFailure } from "../commands/shared/answer.ts";
import type { Api } from "../commands/shared/api.ts";
import { Failure } from "../commands/shared/failure.ts";
import { withAftermath } from "./aftermath.ts";

/** Enrolling the same certificate again changes nothing, so it may be repeated when no answer came. */
const PAUSES_MS = [1000, 2000];

export interface Enrolment {
  user: UserId;
  name: string;
  /** PEM. */
  certificate: string;
  note: string | undefined;
}

/** Enrols a certificate that was just signed. A failure says when the device may be enrolled all the same. */
export async function enrolSigned(api: Api, { user, name, certificate, note }: Enrolment): Promise<Device> {
  for (let attempt = 0; ; attempt++) {
    try {
      const request = { name, certificate, ...(note === undefined ? {} : { note }) };
      return (await api.enrol(user, request)).value;
    } catch (error) {
      if (isRefused(error)) throw error;
      const pause = PAUSES_MS[attempt];
      if (pause !== undefined) {
        await delay(pause);
        continue;
      }
      throw withAftermath(error, [
        `it is not known whether ${user}/${name} was enrolled: should latchkey devices ${user} list it, revoke and forget it`,
      ]);
    }
  }
}

/** The gate said no, and why: nothing was enrolled. */
function isRefused(error: unknown): boolean {
  if (!(error instanceof Failure)) return true;
  return (
    error instanceof ProblemFailure &&
    error.code !== "registry-unavailable" &&
    error.code !== "internal-error"
  );
}
