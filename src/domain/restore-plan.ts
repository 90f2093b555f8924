// The words of a restore: what becomes of each device and token of a backup, and why. A registry plans it; its API and
// the command line show it.

import type { CredentialKey } from "./credential-key.ts";
import type { DeviceStatus } from "./device.ts";

/**
 * `added`: it is not in the registry, and will be; `changed`: it is, and becomes as in the backup; `same`;
 * `kept`: it stays as it is, since a restore gives access to nobody who was shut out since, and wipes no device;
 * `conflict`: it cannot become as in the backup, and stays as it is.
 */
export const RESTORE_OUTCOMES = ["added", "changed", "same", "kept", "conflict"] as const;
export type RestoreOutcome = (typeof RESTORE_OUTCOMES)[number];

/** Why a device is kept, or what it conflicts with. */
export const RESTORE_REASONS = [
  /** It is revoked now: it is let in again only by name. */
  "revoked-since",
  /** It was revoked and forgotten since the backup: the same. */
  "forgotten-since",
  /** It is suspended, lost or waiting now, and was not: the same. */
  "shut-out-since",
  /** It was lost then and is not now: it is not told to delete its data. */
  "found-since",
  "name-taken",
  /** Another device, of this or another user, has one of its credentials. */
  "fingerprint-taken",
  "too-many-credentials",
  /** Every credential that it would have is retired. */
  "no-credential",
] as const;
export type RestoreReason = (typeof RESTORE_REASONS)[number];

export const RESTORE_CHANGES = ["name", "note", "status", "credentials"] as const;
export type RestoreChange = (typeof RESTORE_CHANGES)[number];

/** What becomes of one device of the backup. */
export interface PlannedDevice {
  id: string;
  name: string;
  outcome: RestoreOutcome;
  reason: RestoreReason | null;
  changes: RestoreChange[];
  /** Now; `null` = it is not in the registry. */
  before: DeviceStatus | null;
  /** Afterwards. */
  status: DeviceStatus | null;
  /** Credentials that are added to the registry. */
  keys: CredentialKey[];
}

/** `kept-out`: the token has ended, or cannot be as it was; a restore does not bring it back. */
export const TOKEN_OUTCOMES = ["added", "same", "kept-out"] as const;
export const TOKEN_REASONS = ["revoked-since", "expired", "unknown-user", "name-taken"] as const;

/** Why an address or an identity is kept out; `taken`: it is somebody else's. */
export const PERSON_REASONS = ["revoked-since", "unknown-user", "taken"] as const;
export type PersonReason = (typeof PERSON_REASONS)[number];

/** What becomes of the people of a backup. */
export interface PlannedPeople {
  /** Ids of users who become owners, and of those who were owners and stay members. */
  owners: string[];
  notOwners: string[];
  /** Addresses that don't name their user yet. */
  emails: {
    user: string;
    email: string;
    outcome: Exclude<(typeof TOKEN_OUTCOMES)[number], "same">;
    reason: PersonReason | null;
  }[];
  identities: { id: string; outcome: (typeof TOKEN_OUTCOMES)[number]; reason: PersonReason | null }[];
}

/** What becomes of one token of a backup. */
export interface PlannedToken {
  id: string;
  outcome: (typeof TOKEN_OUTCOMES)[number];
  reason: (typeof TOKEN_REASONS)[number] | null;
}
