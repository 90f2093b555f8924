// What a restore of a backup would do, by the registry's own plan. Only reads.
import type { RestoredDirectory, RestoredUser } from "../../src/contract/backup.ts";
import type { PersonReason, PlannedToken } from "../../src/domain/restore-plan.ts";
import type { Api } from "../client/api.ts";
import type { BackupJson } from "./backup-file.ts";
import { type BackupUser, restoreDirectory, restoreUser, userIdOf } from "./parts.ts";

export interface Difference {
  users: { added: string[]; renamed: string[] };
  devices: UserDifference[];
  tokens: (PlannedToken & { user: string | null; name: string })[];
  people: PeopleDifference;
  /** Fingerprints of unknown certificates that are listed again. */
  unknownCertificates: string[];
  logs: LogDifference[];
  /** Users who are in the registry and not in the backup: nothing is done to them. */
  left: string[];
}

/** Who signs in with the identity provider, and as whom. */
export interface PeopleDifference {
  /** Ids of users who become owners, and of those who were owners and stay members. */
  owners: string[];
  notOwners: string[];
  emails: { user: string; email: string; reason: PersonReason | null }[];
  /** Without those that are the same. */
  identities: { user: string; label: string; reason: PersonReason | null }[];
}

/** What becomes of one user's devices. */
export type UserDifference = { user: string } & RestoredUser;

/**
 * An audit log of the backup. `taken`: this number of its lines is taken over; `there`: the registry has them;
 * `closed`: the registry's log has lines of its own, and the backup's stay in the file.
 */
export interface LogDifference {
  /** `null`: the directory's. */
  user: string | null;
  state: "taken" | "there" | "closed";
  lines: number;
}

/** Asks the registry what a restore would do. `resurrect`: ids of devices. */
export async function planRestore(
  api: Api,
  json: BackupJson,
  resurrect: ReadonlySet<string>,
): Promise<Difference> {
  const present = new Set((await api.users()).map(({ id }) => id));
  const directory = await restoreDirectory(api, json, true);
  const { added, renamed, tokens, unknownCertificates, owners, notOwners, emails } = directory;
  const devices: UserDifference[] = [];
  const logs = [await compareLog(api, undefined, json.audit, true)];
  for (const part of json.users) {
    devices.push(await restoreUser(api, json, part, resurrect, true));
    logs.push(await compareLog(api, part, part.audit, present.has(part.id)));
  }
  const tokenOf = new Map(json.tokens.map((token) => [token.id, token]));
  return {
    users: { added, renamed },
    devices,
    tokens: tokens.map((planned) => {
      const { user = null, name = "" } = tokenOf.get(planned.id) ?? {};
      return { ...planned, user, name };
    }),
    people: { owners, notOwners, emails, identities: identityDifferences(json, directory) },
    unknownCertificates,
    logs: logs.filter(({ lines }) => lines > 0),
    left: [...present].filter((user) => !json.users.some(({ id }) => id === user)),
  };
}

/** Whether a restore would change anything. */
export function isEmpty(difference: Difference): boolean {
  const { users, devices, tokens, people, unknownCertificates, logs } = difference;
  return (
    people.owners.length === 0 &&
    [...people.emails, ...people.identities].every(({ reason }) => reason !== null) &&
    users.added.length + users.renamed.length + unknownCertificates.length === 0 &&
    devices.every((user) =>
      user.devices.every(({ outcome }) => outcome !== "added" && outcome !== "changed"),
    ) &&
    tokens.every(({ outcome }) => outcome !== "added") &&
    logs.every(({ state }) => state !== "taken")
  );
}

function identityDifferences(
  { identities = [] }: BackupJson,
  planned: RestoredDirectory,
): PeopleDifference["identities"] {
  const known = new Map(identities.map((identity) => [identity.id, identity]));
  return planned.identities.flatMap(({ id, outcome, reason }) => {
    const identity = known.get(id);
    if (outcome === "same" || identity === undefined) return [];
    const { user, email, subject, issuer } = identity;
    return [{ user, label: `${email ?? subject} at ${issuer}`, reason }];
  });
}

async function compareLog(
  api: Api,
  of: BackupUser | undefined,
  wanted: BackupJson["audit"],
  isThere: boolean,
): Promise<LogDifference> {
  const user = of === undefined ? undefined : userIdOf(of);
  const log = { user: user ?? null, lines: wanted.length };
  const last = wanted.at(-1);
  if (last === undefined) return { ...log, state: "there" };
  const newest = isThere ? (await api.audit(user, 1, undefined)).entries[0] : undefined;
  if (newest === undefined || (newest.restored === true && newest.id < last.id)) {
    const from = newest?.id ?? 0;
    return { ...log, lines: wanted.filter(({ id }) => id > from).length, state: "taken" };
  }
  const [same] = (await api.audit(user, 1, String(last.id + 1))).entries;
  const isSame =
    same?.id === last.id && same.act === last.act && same.actor === last.actor && same.at === last.at;
  return { ...log, state: isSame ? "there" : "closed" };
}
