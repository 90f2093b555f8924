// What a restore of a backup does to its tokens.
import type { TokenRecord } from "../../domain/credential.ts";
import type { PlannedToken } from "../../domain/restore-plan.ts";
import type { UserId } from "../../domain/user.ts";

export interface TokenInput {
  present: readonly TokenRecord[];
  /** When tokens were revoked, by their id. */
  revokedAt: ReadonlyMap<string, number>;
  /** When users were deleted last, by their id: their tokens ended then. Milliseconds since the epoch. */
  deletedAt: ReadonlyMap<string, number>;
  /** Users who exist by then. */
  users: ReadonlySet<UserId>;
  now: number;
}

/** In the order of the backup: once a token is added, later ones cannot have its name. */
export function planTokens(wanted: readonly TokenRecord[], input: TokenInput): PlannedToken[] {
  const present = [...input.present];
  return wanted.map((token) => {
    if (present.some(({ id }) => id === token.id)) {
      return { id: token.id, outcome: "same", reason: null };
    }
    const reason = reasonAgainst(token, { ...input, present });
    if (reason === null) present.push(token);
    return { id: token.id, outcome: reason === null ? "added" : "kept-out", reason };
  });
}

function reasonAgainst(token: TokenRecord, input: TokenInput): PlannedToken["reason"] {
  const { id, user, name, expiresAt, createdAt } = token;
  if (expiresAt !== null && expiresAt <= input.now) return "expired";
  const deletedAt = user === null ? undefined : input.deletedAt.get(user);
  const isOver = deletedAt !== undefined && deletedAt >= createdAt;
  if (input.revokedAt.has(id) || isOver) return "revoked-since";
  if (user !== null && !input.users.has(user)) return "unknown-user";
  return input.present.some((each) => each.user === user && each.name === name) ? "name-taken" : null;
}
