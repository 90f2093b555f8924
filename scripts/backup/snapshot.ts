import type { AuditEntry, Device, User } from "../../src/contract/answers.ts";
import { parseUserId, type UserId } from "../../src/domain/user.ts";
import { ProblemFailure } from "../client/answer.ts";
import type { Api } from "../client/api.ts";
import { failed } from "../terminal/failure.ts";
import { type BackupJson, FORMAT, VERSION } from "./backup-file.ts";

/** How often a part that was changed while it was read is read again. */
const MAX_TRIES = 5;

const ALL = Number.MAX_SAFE_INTEGER;

/** How many lines may be added while a part is read and still be looked through. */
const NEW_LINES_MAX = 100;

/**
 * Reads everything that a backup holds. Every change of a part writes a line of its audit log in the same
 * transaction: a log without a new change before and after proves that what was read between belongs together.
 */
export async function takeBackup(api: Api, now: number): Promise<BackupJson> {
  const directory = await steady(api, undefined, async () => ({
    users: await api.users(),
    ...(await api.backup()),
  }));
  const users: BackupJson["users"] = [];
  for (const user of directory.value.users) {
    const part = await readUser(api, user);
    if (part !== undefined) users.push(part);
  }
  return {
    format: FORMAT,
    version: VERSION,
    createdAt: new Date(now).toISOString(),
    source: api.origin,
    users,
    tokens: directory.value.tokens,
    unknownCertificates: directory.value.unknownCertificates,
    identities: directory.value.identities,
    audit: directory.audit,
  };
}

/** `undefined`: removed since the users were listed. */
async function readUser(
  api: Api,
  { id, name, createdAt, role, emails }: User,
): Promise<BackupJson["users"][number] | undefined> {
  const user = parseUserId(id);
  if (user === undefined) return undefined;
  try {
    const { audit, value } = await steady(api, user, () => api.devices(user));
    return { id, name, createdAt, role, emails, devices: value as BackupDevices, audit };
  } catch (error) {
    if (error instanceof ProblemFailure && error.code === "unknown-user") return undefined;
    throw error;
  }
}

type BackupDevices = BackupJson["users"][number]["devices"] & Device[];

/** Reads a part and its audit log, oldest line first, until both belong together. */
async function steady<T>(
  api: Api,
  user: UserId | undefined,
  read: () => Promise<T>,
): Promise<{ value: T; audit: BackupJson["audit"] }> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const { entries } = await api.audit(user, ALL, undefined);
    const value = await read();
    const last = entries[0]?.id ?? 0;
    const since = (await api.audit(user, NEW_LINES_MAX, undefined)).entries.filter(({ id }) => id > last);
    if (since.length < NEW_LINES_MAX && !since.some(isChange)) {
      // Acts that only a newer gate knows are kept; reading the file checks them.
      return { value, audit: entries.reverse() as BackupJson["audit"] };
    }
  }
  throw failed(
    `${user === undefined ? "the list of users" : `the devices of ${user}`} changes while it is read`,
    "try again in a moment",
  );
}

/** Whether a backup would differ: sign-ins, sign-outs and refused attempts change nothing that it holds. */
function isChange({ act, outcome }: AuditEntry): boolean {
  return outcome === "done" && act !== "sign-in" && act !== "sign-out";
}
