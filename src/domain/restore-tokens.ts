// No I/O. No clock.
import type { TokenRecord } from "./credential.ts";
import type { UserId } from "./user.ts";

/** `kept-out`: the token has ended, or cannot be as it was; a restore does not bring it back. */
export const TOKEN_OUTCOMES = ["added", "same", "kept-out"] as const;
export const TOKEN_REASONS = ["revoked-since", "expired", "unknown-user", "name-taken"] as const;

/** What becomes of one token of a backup. */
export interface PlannedToken {
  id: string;
  outcome: (typeof TOKEN_OUTCOMES)[number];
  reason: (typeof TOKEN_REASONS)[number] | null;
}

export interface TokenFacts {
  present: readonly TokenRecord[];
  /** Ids of tokens that were revoked. */
  revoked: ReadonlySet<string>;
  /** When users were deleted last, by their id: their tokens ended then. Milliseconds since the epoch. */
  deletedAt: ReadonlyMap<string, number>;
  /** Those who are there. */
  users: ReadonlySet<UserId>;
  now: number;
}

/** In the order of the backup: once a token is added, later ones cannot have its name. */
export function planTokens(wanted: readonly TokenRecord[], facts: TokenFacts): PlannedToken[] {
  const present = [...facts.present];
  return wanted.map((token) => {
    if (present.some(({ id }) => id === token.id)) {
      return { id: token.id, outcome: "same", reason: null };
    }
    const reason = reasonAgainst(token, { ...facts, present });
    if (reason === null) present.push(token);
    return { id: token.id, outcome: reason === null ? "added" : "kept-out", reason };
  });
}

function reasonAgainst(token: TokenRecord, facts: TokenFacts): PlannedToken["reason"] {
  const { id, user, name, expiresAt, createdAt } = token;
  if (expiresAt !== null && expiresAt <= facts.now) return "expired";
  const deletedAt = user === null ? undefined : facts.deletedAt.get(user);
  const isOver = deletedAt !== undefined && deletedAt >= createdAt;
  if (facts.revoked.has(id) || isOver) return "revoked-since";
  if (user !== null && !facts.users.has(user)) return "unknown-user";
  return facts.present.some((each) => each.user === user && each.name === name) ? "name-taken" : null;
}
