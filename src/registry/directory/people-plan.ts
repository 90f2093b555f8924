// What a restore of a backup does to people: who becomes an owner again, whom addresses name, whose identities are whose.
import type { EmailAddress, IdentityRecord } from "../../domain/person.ts";
import type { UserRecord } from "../../domain/records.ts";
import type { PersonReason, PlannedPeople } from "../../domain/restore-plan.ts";
import type { UserId } from "../../domain/user.ts";

/** What is known here. Times are milliseconds since the epoch. */
export interface PeopleInput {
  userOf(id: UserId): UserRecord | undefined;
  /** Whom an address names; `null`: nobody. */
  ofEmail(email: EmailAddress): UserId | null;
  /** The identity that somebody has, if somebody has it. */
  find(identity: IdentityRecord): IdentityRecord | undefined;
  /** When users were deleted last, by their id: all that they had ended then. */
  deletedAt: ReadonlyMap<string, number>;
  /** Whether this address was taken from this user. */
  isTakenFrom(user: UserId, email: EmailAddress): boolean;
  isUnbound(identity: IdentityRecord): boolean;
}

/**
 * Nobody loses an address or an identity to somebody else, and nothing comes back that was taken away since. A user who
 * is here keeps their role.
 */
export function planPeople(
  users: readonly UserRecord[],
  identities: readonly IdentityRecord[],
  input: PeopleInput,
): PlannedPeople {
  const plan: PlannedPeople = { owners: [], notOwners: [], emails: [], identities: [] };
  const isOver = (user: UserId, since: number) => (input.deletedAt.get(user) ?? -1) >= since;
  const named = new Map<EmailAddress, UserId>();
  for (const { id, createdAt, role, emails } of users) {
    const present = input.userOf(id);
    const hasEnded = isOver(id, createdAt);
    if (role === "owner" && present?.role !== "owner") {
      (present === undefined && !hasEnded ? plan.owners : plan.notOwners).push(id);
    }
    for (const email of emails) {
      const owner = named.get(email) ?? input.ofEmail(email);
      if (owner === id) continue;
      const isRevoked = hasEnded || input.isTakenFrom(id, email);
      const reason = isRevoked ? "revoked-since" : owner === null ? null : "taken";
      plan.emails.push({ user: id, email, outcome: reason === null ? "added" : "kept-out", reason });
      if (reason === null) named.set(email, id);
    }
  }
  const ids = new Set(users.map(({ id }) => id));
  const taken = new Set<string>();
  const reasonAgainst = (identity: IdentityRecord): PersonReason | null => {
    const { user, boundAt } = identity;
    if (input.isUnbound(identity) || isOver(user, boundAt)) return "revoked-since";
    if (!ids.has(user) && input.userOf(user) === undefined) return "unknown-user";
    return input.find(identity) !== undefined || taken.has(keyOf(identity)) ? "taken" : null;
  };
  for (const identity of identities) {
    const { id } = identity;
    if (input.find(identity)?.user === identity.user) {
      plan.identities.push({ id, outcome: "same", reason: null });
      continue;
    }
    const reason = reasonAgainst(identity);
    if (reason === null) taken.add(keyOf(identity));
    plan.identities.push({ id, outcome: reason === null ? "added" : "kept-out", reason });
  }
  return plan;
}

function keyOf({ issuer, subject }: IdentityRecord): string {
  return JSON.stringify([issuer, subject]);
}
