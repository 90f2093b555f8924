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
import type { PlannedPeople } from "../../domain/restore-plan.ts";
import { body, type Handler, json, must, registryOfUser, userParam } from "../handler.ts";
import { representBackup, representRestored } from "../represent.ts";

// What a backup takes besides the lists of the API, and how it is restored: users, tokens and unknown certificates
// first, then one user after the other.

export const showBackup: Handler = async (_, { directory }) => {
  const backup = await directory.ask((directory) => directory.backup());
  return json<BackupAnswer>(representBackup(backup));
};

/** During a deploy, the directory may still be an older one, which restores none. */
const NO_PEOPLE: PlannedPeople = { owners: [], notOwners: [], emails: [], identities: [] };

export const restoreDirectory: Handler = async (request, { directory, by }) => {
  const { dryRun, ...wanted } = await body(request, RestoreDirectoryRequest, RESTORE_MAX_BODY_BYTES);
  const { users, tokens, unknownCertificates, people } = await directory.ask((directory) =>
    dryRun ? directory.planRestore(wanted, by.at) : directory.restore(by, wanted),
  );
  return json<RestoredDirectory>({ ...users, tokens, unknownCertificates, ...(people ?? NO_PEOPLE) });
};

export const restoreUser: Handler = async (request, { backups, by }) => {
  const user = userParam(request);
  const { dryRun, ...wanted } = await body(request, RestoreUserRequest, RESTORE_MAX_BODY_BYTES);
  const foreign = wanted.devices.findIndex((device) => device.user !== user);
  if (foreign !== -1) {
    const message = `the device is not ${user}'s`;
    throw new ApiError("invalid-fields", message, {
      errors: [{ path: `devices.${foreign}.user`, message }],
    });
  }
  const restored = dryRun
    ? await backups.planUser(by, user, wanted)
    : must(await backups.restoreUser(by, user, wanted));
  return json<RestoredUser>(representRestored(restored));
};

export const restoreAudit: Handler = async (request, { directory }) => {
  const { entries } = await body(request, RestoreAuditRequest, RESTORE_MAX_BODY_BYTES);
  const restored = await directory.ask((directory) => directory.restoreAudit(plain(entries)));
  return json<RestoredAudit>(restored);
};

export const restoreUserAudit: Handler = async (request, context) => {
  const { entries } = await body(request, RestoreAuditRequest, RESTORE_MAX_BODY_BYTES);
  const { ask } = await registryOfUser(request, context);
  const restored = await ask((user) => user.restoreAudit(plain(entries)));
  return json<RestoredAudit>(restored);
};

/** Whether a line came from an earlier backup does not matter: it comes from this one now. */
function plain(entries: v.InferOutput<typeof RestoreAuditRequest>["entries"]) {
  return entries.map(({ restored: _, ...entry }) => entry);
}
