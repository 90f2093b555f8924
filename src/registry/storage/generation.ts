// What ensures that a certificate belongs to one user, and that every device's user exists, however late a
// call arrives:
//
// The directory has one clock, whose time never repeats and never goes back (`DirectoryClock`). A user's
// *generation* is the time of the last PUT or restore of that user; a *claim* has the time at which it was granted,
// and its user's generation; a removal and a forgetting have the time at which they began. They end
// everything that was granted up to that time, and nothing that was granted later:
//
// - the directory removes a user whose generation is not later than the removal;
// - a user's registry opens for a generation that is later than what it has seen, and closes for a removal that is
//   not earlier; claims of an older generation, or from before the last forgetting, are stale there.

/**
 * How long a claim entitles its user to an enrolment, in milliseconds: shorter than `CLAIM_ABANDONED_MS`,
 * with a margin for two machines' clocks.
 */
export const CLAIM_VALID_MS = 30_000;

/**
 * The age in milliseconds at which a claim with no device behind it counts as abandoned: its enrolment was
 * interrupted and can no longer be completed.
 */
export const CLAIM_ABANDONED_MS = 2 * 60_000;

/** A fingerprint granted to a user by the directory. */
export interface Claim {
  /** The directory's time, and so unique. Milliseconds since the epoch. */
  claimedAt: number;
  /** The user's, when the claim was granted. */
  generation: number;
}

/**
 * The claim is no longer valid: it is too old, or was overtaken by a PUT of its user or by a forgetting.
 * Clients never see this: the Worker claims and writes once more.
 */
export type StaleClaim = { code: "stale-claim" };

/**
 * The value, which must be a time of the directory. Throws at anything else: while a new version is rolled out, an
 * older Worker may call without it, and nothing may be opened, closed or enrolled on its word.
 */
export function directoryTime(value: number): number {
  if (!Number.isSafeInteger(value)) throw new TypeError("the call brings no time of the directory");
  return value;
}
