// No I/O. No clock.

/**
 * - `failed`: the gate can be gone round, or refuses whom it should not.
 * - `warning`: nothing is wrong now, or the doctor cannot judge it: a person should look.
 * - `unknown`: it could not be read. Never a pass.
 */
export type CheckStatus = "ok" | "failed" | "warning" | "unknown";

/** What the doctor says of one thing. */
export interface Check {
  /** A name for programs, such as `route-fails-closed`. */
  id: string;
  status: CheckStatus;
  /** What was found. One line, lower case, no full stop. */
  reason: string;
  /** What to do about it; `null` when there is nothing to do. */
  remedy: string | null;
}

export const passed = (id: string, reason: string): Check => ({ id, status: "ok", reason, remedy: null });
export const failedCheck = (id: string, reason: string, remedy: string): Check => ({
  id,
  status: "failed",
  reason,
  remedy,
});
export const warned = (id: string, reason: string, remedy: string): Check => ({
  id,
  status: "warning",
  reason,
  remedy,
});
export const unread = (id: string, reason: string, remedy: string): Check => ({
  id,
  status: "unknown",
  reason,
  remedy,
});

/** A thing that was asked for: known, or why it is not. */
export type Fact<T> =
  | { known: true; value: T }
  /** `reason` and `remedy` are those of the check that needed it. */
  | { known: false; reason: string; remedy: string };

export const knownFact = <T>(value: T): Fact<T> => ({ known: true, value });
export const unknownFact = (
  reason: string,
  remedy: string,
): { known: false; reason: string; remedy: string } => ({
  known: false,
  reason,
  remedy,
});

/** The check of one fact: `unknown` without it. */
export function checkFact<T>(id: string, fact: Fact<T>, judge: (value: T) => Check): Check {
  return fact.known ? judge(fact.value) : unread(id, fact.reason, fact.remedy);
}

/** The worst of several findings on one thing, all their reasons in one line each worth its place. */
const GRAVITY: Record<CheckStatus, number> = { ok: 0, unknown: 1, warning: 2, failed: 3 };

export function worst(checks: readonly Check[]): CheckStatus {
  return checks.reduce<CheckStatus>(
    (found, { status }) => (GRAVITY[status] > GRAVITY[found] ? status : found),
    "ok",
  );
}

/** `a`, `a and b`, `a, b and c` */
export function listed(words: readonly string[]): string {
  const last = words.at(-1) ?? "";
  return words.length < 2 ? last : `${words.slice(0, -1).join(", ")} and ${last}`;
}
