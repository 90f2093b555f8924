// Sends a backup to the API in parts, each of which fits into one request: to be restored, or only to be planned.
import {
  RESTORE_MAX_BODY_BYTES,
  type RestoredDirectory,
  type RestoredUser,
} from "../../src/contract/backup.ts";
import { parseUserId, type UserId } from "../../src/domain/user.ts";
import type { Api } from "../client/api.ts";
import type { BackupJson } from "./backup-file.ts";

/** What a request needs around its list. */
const ENVELOPE_BYTES = 16 * 1024;

export type BackupUser = BackupJson["users"][number];

export function userIdOf({ id }: BackupUser): UserId {
  const user = parseUserId(id);
  if (user === undefined) throw new Error("a user's id was checked when the file was read");
  return user;
}

/**
 * Users first, then tokens and identities, each part with the users whose they are: for a dry run, they are not there
 * yet.
 */
export async function restoreDirectory(
  api: Api,
  { createdAt: madeAt, users, tokens, unknownCertificates, identities = [] }: BackupJson,
  dryRun: boolean,
): Promise<RestoredDirectory> {
  const people = users.map(({ devices: _, audit: __, ...user }) => user);
  const userOf = (of: string | null) => people.find(({ id }) => id === of);
  const withUser = tokens.map((token) => ({ token, user: userOf(token.user) }));
  const bound = identities.map((identity) => ({ identity, user: userOf(identity.user) }));
  const none = { madeAt, users: [], tokens: [], unknownCertificates: [], dryRun };
  const [added, renamed] = [new Set<string>(), new Set<string>()];
  const result: RestoredDirectory = {
    ...{ added: [], renamed: [], tokens: [], unknownCertificates: [] },
    ...{ owners: [], notOwners: [], emails: [], identities: [] },
  };
  for (const some of chunks(people)) {
    const { owners, notOwners, emails, ...done } = await api.restoreDirectory({ ...none, users: some });
    result.owners.push(...owners);
    result.notOwners.push(...notOwners);
    result.emails.push(...emails);
    for (const id of done.added) added.add(id);
    for (const id of done.renamed) renamed.add(id);
  }
  for (const part of [
    ...chunks(withUser).map((some) => ({
      ...none,
      users: [...new Set(some.flatMap(({ user }) => user ?? []))],
      tokens: some.map(({ token }) => token),
    })),
    ...chunks(bound).map((some) => ({
      ...none,
      users: [...new Set(some.flatMap(({ user }) => user ?? []))],
      identities: some.map(({ identity }) => identity),
    })),
    ...chunks(unknownCertificates).map((some) => ({ ...none, unknownCertificates: some })),
  ]) {
    const done = await api.restoreDirectory(part);
    result.tokens.push(...done.tokens);
    result.identities.push(...done.identities);
    result.unknownCertificates.push(...done.unknownCertificates);
  }
  return { ...result, added: [...added], renamed: [...renamed] };
}

/**
 * Devices of one user. A dry run plans each part by itself: a name that a device of another part gives up still counts
 * as taken there.
 */
export async function restoreUser(
  api: Api,
  { createdAt: madeAt }: BackupJson,
  part: BackupUser,
  resurrect: ReadonlySet<string>,
  dryRun: boolean,
): Promise<{ user: string } & RestoredUser> {
  const [user, { devices }] = [userIdOf(part), part];
  const result: RestoredUser = { devices: [], left: [] };
  // A user without devices, too, has a registry that may have to be opened.
  for (const some of devices.length === 0 ? [[]] : chunks(devices)) {
    const ids = some.map(({ id }) => id).filter((id) => resurrect.has(id));
    const answer = await api.restoreUser(user, { madeAt, devices: some, resurrect: ids, dryRun });
    result.devices.push(...answer.devices);
    result.left = answer.left.filter((left) => !devices.some(({ id }) => id === left.id));
  }
  return { user, ...result };
}

/** Splits a list so that each part fits into one request; an empty list has no part. */
export function chunks<T>(items: readonly T[], maxBytes = RESTORE_MAX_BODY_BYTES - ENVELOPE_BYTES): T[][] {
  const parts: T[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const item of items) {
    const size = Buffer.byteLength(JSON.stringify(item)) + 1;
    if (bytes + size > maxBytes) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)?.push(item);
    bytes += size;
  }
  return parts;
}
