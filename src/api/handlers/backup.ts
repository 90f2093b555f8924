import type * as v from "valibot";
import { ApiError } from "../../contract/api-error.ts";
import {
  type BackupAnswer,
  RESTORE_MAX_BODY_BYTES,
  RestoreAuditRequest,
  RestoreDirectoryRequest,
  type RestoredAudit,
  type RestoredDirectory,
  type RestoredUser,
  RestoreUserRequest,
} from "../../contract/backup.ts";
import { body, type Handler, json, must, userParam } from "../handler.ts";
import { representBackup } from "../represent.ts";

// What a backup takes besides the lists of the API, and how it is restored: users, tokens and waiting
// certificates first, then one user after the other.

export const showBackup: Handler = async (_, { backups }) => {
  return json<v.InferOutput<typeof BackupAnswer>>(representBackup(await backups.directory()));
};

export const restoreDirectory: Handler = async (request, { backups, by }) => {
  const wanted = await body(request, RestoreDirectoryRequest, RESTORE_MAX_BODY_BYTES);
  const { users, tokens, unknownCertificates } = await backups.restoreDirectory(by, wanted);
  return json<v.InferOutput<typeof RestoredDirectory>>({ ...users, tokens, unknownCertificates });
};

export const restoreUser: Handler = async (request, { backups, by }) => {
  const user = userParam(request);
  const wanted = await body(request, RestoreUserRequest, RESTORE_MAX_BODY_BYTES);
  const foreign = wanted.devices.findIndex((device) => device.user !== user);
  if (foreign !== -1) {
    const message = `the device is not ${user}'s`;
    throw new ApiError("invalid-fields", message, {
      errors: [{ path: `devices.${foreign}.user`, message }],
    });
  }
  return json<v.InferOutput<typeof RestoredUser>>(must(await backups.restoreUser(by, user, wanted)));
};

export const restoreAudit: Handler = async (request, { backups }) => {
  const { entries } = await body(request, RestoreAuditRequest, RESTORE_MAX_BODY_BYTES);
  return json<v.InferOutput<typeof RestoredAudit>>(await backups.restoreDirectoryAudit(plain(entries)));
};

export const restoreUserAudit: Handler = async (request, { backups }) => {
  const user = userParam(request);
  const { entries } = await body(request, RestoreAuditRequest, RESTORE_MAX_BODY_BYTES);
  return json<v.InferOutput<typeof RestoredAudit>>(
    must(await backups.restoreUserAudit(user, plain(entries))),
  );
};

/** Whether a line had come from an earlier backup is of no matter: it is a backup's now. */
function plain(entries: v.InferOutput<typeof RestoreAuditRequest>["entries"]) {
  return entries.map(({ restored: _, ...entry }) => entry);
}
