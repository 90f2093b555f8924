import { setTimeout as delay } from "node:timers/promises";
import type { Device } from "../../../src/contract/answers.ts";
import type { UserId } from "../../../src/domain/user.ts";
import { ProblemFailure } from "../../client/answer.ts";
import type { Api } from "../../client/api.ts";
import { Failure } from "../../terminal/failure.ts";
import { withAftermath } from "./aftermath.ts";

/** Before the second try, and before the third. */
const PAUSES_MS = [1000, 2000];

export interface Enrolment {
  user: UserId;
  name: string;
  /** PEM. */
  certificate: string;
  note: string | undefined;
  /** What the device is limited to, as the API takes it. */
  limits: Pick<Parameters<Api["enrol"]>[1], "apps" | "countries" | "expiresAt">;
}

/** Enrols a certificate that was just signed. A failure says when the device may be enrolled all the same. */
export function enrolSigned(api: Api, { user, name, certificate, note, limits }: Enrolment): Promise<Device> {
  const request = { name, certificate, ...limits, ...(note === undefined ? {} : { note }) };
  return registerSigned(
    async () => (await api.enrol(user, request)).value,
    `it is not known whether ${user}/${name} was enrolled: should latchkey devices ${user} list it, revoke and forget it`,
  );
}

/**
 * Tells the registry of a certificate that was just signed. The same certificate once more changes nothing
 * there, so `send` is repeated when no answer came; a failure in the end carries the line `unknown`.
 */
export async function registerSigned(send: () => Promise<Device>, unknown: string): Promise<Device> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await send();
    } catch (error) {
      if (isRefused(error)) throw error;
      const pause = PAUSES_MS[attempt];
      if (pause === undefined) throw withAftermath(error, [unknown]);
      await delay(pause);
    }
  }
}

/** The gate said no, and why: nothing was changed. */
export function isRefused(error: unknown): boolean {
  if (!(error instanceof Failure)) return true;
  return (
    error instanceof ProblemFailure &&
    error.code !== "registry-unavailable" &&
    error.code !== "internal-error"
  );
}
