import { Failure } from "../../terminal/failure.ts";
import { CloudflareFailure } from "../client/failure.ts";
import { PERMISSIONS, TOKENS_PAGE } from "../client/permissions.ts";
import { type Fact, knownFact, unknownFact } from "./check.ts";

/**
 * Asks, and says why there is no answer. A missing permission is named with its page: it makes the check
 * unknown, and is never a pass. A token that is not accepted at all, and faults of our own, are thrown.
 */
export async function readFact<T>(ask: () => Promise<T>): Promise<Fact<T>> {
  try {
    return knownFact(await ask());
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (error instanceof CloudflareFailure && error.problem.kind === "token") throw error;
    if (error instanceof CloudflareFailure && error.problem.kind === "permission") {
      const { grant } = PERMISSIONS[error.problem.permission];
      return unknownFact(
        `the token lacks the permission ${grant}`,
        `grant it to the token at ${TOKENS_PAGE}, and run the doctor again`,
      );
    }
    return unknownFact(error.message, error.hint);
  }
}
