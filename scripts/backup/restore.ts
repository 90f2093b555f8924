import type * as v from "valibot";
import {
  RESTORE_MAX_BODY_BYTES,
  type RestoredAudit,
  type RestoredDirectory,
  type RestoredUser,
} from "../../src/contract/backup.ts";
import { parseUserId, type UserId } from "../../src/domain/user.ts";
import type { Api } from "../client/api.ts";
import type { BackupJson } from "./backup-file.ts";
import type { Difference } from "./difference.ts";

/** Of a body, so much is kept for what is around the list. */
const ENVELOPE_BYTES = 16 * 1024;

/** What was done, by the registry's own word. */
export interface RestoreResult {
  directory: v.InferOutput<typeof RestoredDirectory>;
  users: ({ user: UserId } & v.InferOutput<typeof RestoredUser>)[];
  logs: ({ user: UserId | null } & v.InferOutput<typeof RestoredAudit>)[];
}

/**
 * Restores a backup: the logs before their first own line, users before their devices and tokens. Each request is
 * one transaction and can be repeated, so that a restore that was interrupted is run again.
 */
export async function restore(
  api: Api,
  json: BackupJson,
  difference: Difference,
  resurrect: ReadonlySet<string>,
): Promise<RestoreResult> {
  const madeAt = json.createdAt;
  const result: RestoreResult = {
    directory: { added: [], renamed: [], tokens: [], unknownCertificates: [] },
    users: [],
    logs: [],
  };
  await restoreLog(api, undefined, json.audit, difference, result);
  const users = json.users.map(({ id, name, createdAt }) => ({ id, name, createdAt }));
  const none = { users: [], tokens: [], unknownCertificates: [] };
  for (const part of [
    ...chunks(users).map((some) => ({ ...none, users: some })),
    // After the users whose they are.
    ...chunks(json.tokens).map((some) => ({ ...none, tokens: some })),
    ...chunks(json.unknownCertificates).map((some) => ({ ...none, unknownCertificates: some })),
  ]) {
    const done = await api.restoreDirectory({ madeAt, ...part });
    for (const key of ["added", "renamed", "tokens", "unknownCertificates"] as const) {
      (result.directory[key] as unknown[]).push(...done[key]);
    }
  }
  for (const { id, devices, audit } of json.users) {
    const user = parseUserId(id);
    if (user === undefined) throw new Error("a user's id was checked when the file was read");
    await restoreLog(api, user, audit, difference, result);
    const done: RestoreResult["users"][number] = { user, devices: [], left: [] };
    // A user without devices, too, has a registry that may have to be opened.
    for (const some of devices.length === 0 ? [[]] : chunks(devices)) {
      const ids = some.map((device) => device.id).filter((device) => resurrect.has(device));
      const answer = await api.restoreUser(user, { madeAt, devices: some, resurrect: ids });
      done.devices.push(...answer.devices);
      done.left = answer.left.filter((left) => !devices.some((device) => device.id === left.id));
    }
    result.users.push(done);
  }
  return result;
}

/** A log that has lines of its own is left alone; one that gets some meanwhile keeps what it has by then. */
async function restoreLog(
  api: Api,
  user: UserId | undefined,
  entries: BackupJson["audit"],
  { logs }: Difference,
  result: RestoreResult,
): Promise<void> {
  if (logs.find((log) => log.user === (user ?? null))?.state !== "taken") return;
  let done: v.InferOutput<typeof RestoredAudit> | undefined;
  for (const some of chunks(entries)) {
    done = await api.restoreAudit(user, some);
    if (done.isClosed) break;
  }
  if (done !== undefined) result.logs.push({ user: user ?? null, ...done });
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
