// A plan of a restore as lines of text.
import type { PersonReason, RestoreReason } from "../../src/domain/restore-plan.ts";
import { plural, printable, shellWord } from "../terminal/text.ts";
import type { Difference, LogDifference, PeopleDifference, UserDifference } from "./plan.ts";

const REASONS: Record<RestoreReason, string> = {
  "revoked-since": "it is revoked now",
  "forgotten-since": "it was revoked and forgotten since",
  "shut-out-since": "it is shut out now",
  "found-since": "it was lost then, and its vault is not deleted again",
  "name-taken": "another device has its name",
  "fingerprint-taken": "another device has its certificate",
  "too-many-credentials": "it would have more than two certificates",
  "no-credential": "each of its certificates would be retired",
};

/** Those that `--resurrect` lets in again. */
const NAMEABLE: ReadonlySet<RestoreReason | null> = new Set([
  "revoked-since",
  "forgotten-since",
  "shut-out-since",
]);

/** What a restore does, or did: one line for each thing that is not the same. */
export function differenceLines(difference: Difference): string[] {
  const { users, devices, tokens, people, unknownCertificates, logs, left } = difference;
  return [
    ...users.added.map((user) => `+ user ${user}`),
    ...users.renamed.map((user) => `~ user ${user} gets the name back`),
    ...peopleLines(people),
    ...devices.flatMap(userLines),
    ...tokens.flatMap(({ user, name, outcome, reason }) => {
      const label = `token ${printable(`${user ?? "*"}/${name}`)}`;
      if (outcome === "added") return [`+ ${label}: anyone who has it can use it again`];
      return reason === null ? [] : [`  ${label} stays away: ${TOKEN_REASONS[reason]}`];
    }),
    ...(unknownCertificates.length === 0
      ? []
      : [`+ ${plural(unknownCertificates.length, "unknown certificate")}`]),
    ...logs.flatMap(logLines),
    ...left.map((user) => `  user ${user} is not in the backup, and is left alone`),
  ];
}

function peopleLines({ owners, notOwners, emails, identities }: PeopleDifference): string[] {
  return [
    ...owners.map((user) => `+ user ${user} becomes an owner`),
    ...notOwners.map((user) => `  user ${user} was an owner and stays a member`),
    ...emails.map(({ user, email, reason }) => {
      const address = printable(email);
      if (reason === null) return `+ address ${address} names ${user}`;
      return `  address ${address} of ${user} stays away: ${PERSON_REASONS[reason]}`;
    }),
    ...identities.map(({ user, label, reason }) => {
      const identity = printable(label);
      if (reason === null) return `+ ${identity} signs in as ${user}`;
      return `  ${identity} does not sign in as ${user}: ${PERSON_REASONS[reason]}`;
    }),
  ];
}

const PERSON_REASONS: Record<PersonReason, string> = {
  "revoked-since": "it was taken away since",
  "unknown-user": "the user is not there",
  taken: "it belongs to another user now",
};

const TOKEN_REASONS = {
  "revoked-since": "it was revoked since",
  expired: "it has expired",
  "unknown-user": "its user is not there",
  "name-taken": "another token has its name",
};

/** How many devices already match the backup. */
export function sameDevices({ devices }: Difference): number {
  return devices.reduce(
    (sum, user) => sum + user.devices.filter(({ outcome }) => outcome === "same").length,
    0,
  );
}

/** As far as it is shown: before and after the restore. */
type ShownDevice = Omit<UserDifference["devices"][number], "fingerprints">;
type ShownUser = Pick<UserDifference, "user" | "left"> & { devices: ShownDevice[] };

export function userLines({ user, devices, left }: ShownUser): string[] {
  return [
    ...devices.flatMap((device) => deviceLine(user, device)),
    ...left.map(({ name }) => `  ${printable(`${user}/${name}`)} is not in the backup, and is left alone`),
  ];
}

function deviceLine(user: string, device: ShownDevice): string[] {
  const { id, name, outcome, reason, changes, before, status } = device;
  const label = printable(`${user}/${name}`);
  const why = reason === null ? "" : REASONS[reason];
  switch (outcome) {
    case "same":
      return [];
    case "added":
      return [`+ ${label}, ${status}`];
    case "changed": {
      const what = changes.map((change) => (change === "status" ? `${before} -> ${status}` : change));
      return [`~ ${label}: ${what.join(", ")}`];
    }
    case "kept": {
      const hint = NAMEABLE.has(reason) ? `; --resurrect ${shellWord(`${user}/${name}`)} restores it` : "";
      return [`  ${label} stays ${before ?? "away"}: ${why}${hint}`];
    }
    case "conflict":
      return [`! ${label} cannot be restored: ${why} (id ${printable(id)})`];
  }
}

function logLines({ user, state, lines }: LogDifference): string[] {
  const log = `of the ${user === null ? "directory's audit log" : `audit log of ${user}`}`;
  if (state === "taken") return [`+ ${plural(lines, "line")} ${log}`];
  return state === "closed"
    ? [`  ${plural(lines, "line")} ${log} stay in the file: the registry's log has its own`]
    : [];
}
