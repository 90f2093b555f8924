// What a restore of a backup does to one user's devices: planned here, for a dry run as for the restore itself.

import { type CredentialKey, kindOf } from "../../../domain/credential-key.ts";
import { deviceNameKey } from "../../../domain/device.ts";
import type { DeviceRecord } from "../../../domain/records.ts";
import type {
  PlannedDevice,
  RestoreChange,
  RestoreOutcome,
  RestoreReason,
} from "../../../domain/restore-plan.ts";
import { CREDENTIALS_MAX, livingCredentials, retiredSince } from "../../../domain/retirement.ts";

/** What the plan depends on, besides the backup. */
export interface RestoreInput {
  /** The user's devices now, in the order of their enrolment. */
  present: readonly DeviceRecord[];
  /** What has ended: the ids of forgotten devices, and `ID FINGERPRINT` of retired credentials. */
  ended: ReadonlySet<string>;
  /** Ids of devices that may be let in again. */
  resurrect: ReadonlySet<string>;
  /** Whether this user may have a key that none of the user's devices has. */
  mayHave: (key: CredentialKey) => boolean;
  /** Milliseconds since the epoch. */
  now: number;
}

/** Where a device stands in the plan, and how it is afterwards. */
export interface Step {
  planned: PlannedDevice;
  /** As in the backup, with what it keeps of the present one; `undefined` = it is left as it is. */
  after: DeviceRecord | undefined;
}

/** In the order of the backup: a name that one device gives up is free for the next one. */
export function planRestore(wanted: readonly DeviceRecord[], input: RestoreInput): Step[] {
  const devices = new Map(input.present.map((device) => [device.id, device]));
  return wanted.map((device) => {
    const step = planDevice(device, [...devices.values()], input);
    if (step.after !== undefined) devices.set(device.id, step.after);
    return step;
  });
}

/** Devices that are in the registry and not in the backup: a restore leaves them alone. */
export function leftAlone(wanted: readonly DeviceRecord[], present: readonly DeviceRecord[]): DeviceRecord[] {
  const ids = new Set(wanted.map(({ id }) => id));
  return present.filter(({ id }) => !ids.has(id));
}

function planDevice(wanted: DeviceRecord, devices: DeviceRecord[], input: RestoreInput): Step {
  const { id, name } = wanted;
  const present = devices.find((device) => device.id === id);
  const others = devices.filter((device) => device.id !== id);
  const before = present?.status ?? null;
  const stays = (outcome: RestoreOutcome, reason: RestoreReason | null): Step => ({
    planned: { id, name, outcome, reason, changes: [], before, status: before, keys: [] },
    after: undefined,
  });

  const reason = keptBecause(wanted, present, input);
  if (reason !== undefined) return stays("kept", reason);
  const after = present === undefined ? missing(wanted, input) : merged(wanted, present, input);
  const conflict = conflictOf(after, present, others, input);
  if (conflict !== undefined) return stays("conflict", conflict);

  const changes = present === undefined ? [] : changesBetween(present, after, input.now);
  if (present !== undefined && changes.length === 0) return stays("same", null);
  const planned: PlannedDevice = {
    ...{ id, name, changes, before, reason: null },
    outcome: present === undefined ? "added" : "changed",
    status: after.status,
    keys: newKeys(after, present),
  };
  return { planned, after };
}

/** Access that was taken away since the backup is given back only to a device that was named. */
function keptBecause(
  wanted: DeviceRecord,
  present: DeviceRecord | undefined,
  { ended, resurrect }: RestoreInput,
): RestoreReason | undefined {
  const isNamed = resurrect.has(wanted.id);
  if (present === undefined) {
    if (!ended.has(wanted.id) || wanted.status === "revoked") return undefined;
    if (!isNamed) return "forgotten-since";
    return wanted.status === "lost" ? "found-since" : undefined;
  }
  if (wanted.status === present.status || wanted.status === "revoked") return undefined;
  if (present.status !== "active" && !isNamed) {
    return present.status === "revoked" ? "revoked-since" : "shut-out-since";
  }
  return wanted.status === "lost" ? "found-since" : undefined;
}

/** A device that is not there comes as in the backup, without the credentials that were retired since. */
function missing(wanted: DeviceRecord, { ended, now }: RestoreInput): DeviceRecord {
  const credentials = wanted.credentials.map((credential) =>
    credential.retiredAt === null && ended.has(`${wanted.id} ${credential.key}`)
      ? { ...credential, retiredAt: now }
      : credential,
  );
  return { ...wanted, credentials };
}

/** A device that is there becomes as in the backup, and keeps what it has got since. */
function merged(wanted: DeviceRecord, present: DeviceRecord, { now }: RestoreInput): DeviceRecord {
  // A device that was approved since the backup does not have to wait again.
  const isApproved = wanted.status === "pending" && present.status === "active";
  const credentials = present.credentials.map((credential) => {
    const then = wanted.credentials.find(({ key }) => key === credential.key);
    const retiredAt = retiredSince(credential, now) ?? (then === undefined ? null : retiredSince(then, now));
    return { ...credential, retiredAt };
  });
  // None of another kind: a token would open every app that the device's certificate does.
  const lacking = wanted.credentials.filter(
    ({ key }) => kindOf(key) === present.kind && !present.credentials.some((each) => each.key === key),
  );
  return {
    ...present,
    name: wanted.name,
    note: wanted.note,
    status: isApproved ? present.status : wanted.status,
    statusReason:
      wanted.status === present.status || isApproved ? present.statusReason : (wanted.statusReason ?? null),
    credentials: [...credentials, ...lacking],
  };
}

function conflictOf(
  after: DeviceRecord,
  present: DeviceRecord | undefined,
  others: readonly DeviceRecord[],
  { mayHave, now }: RestoreInput,
): RestoreReason | undefined {
  const key = deviceNameKey(after.name);
  const hasNamesake = others.some(({ name, status }) => status !== "revoked" && deviceNameKey(name) === key);
  if (after.status !== "revoked" && hasNamesake) return "name-taken";
  const living = livingCredentials(after, now);
  if (living.length === 0) return "no-credential";
  if (living.length > CREDENTIALS_MAX) return "too-many-credentials";
  // Last, so that no key is asked for and granted for a device with some other conflict.
  const isTaken = newKeys(after, present).some(
    (key) => !mayHave(key) || others.some(({ credentials }) => credentials.some((each) => each.key === key)),
  );
  return isTaken ? "fingerprint-taken" : undefined;
}

function changesBetween(present: DeviceRecord, after: DeviceRecord, now: number): RestoreChange[] {
  // A date that passed meanwhile is no change of the restore's.
  const isRetired = after.credentials.some(
    ({ key, retiredAt }) =>
      retiredAt !== null &&
      present.credentials.some((each) => each.key === key && retiredSince(each, now) === null),
  );
  return [
    ...(present.name === after.name ? [] : (["name"] as const)),
    ...(present.note === after.note ? [] : (["note"] as const)),
    ...(present.status === after.status ? [] : (["status"] as const)),
    ...(isRetired || newKeys(after, present).length > 0 ? (["credentials"] as const) : []),
  ];
}

function newKeys(after: DeviceRecord, present: DeviceRecord | undefined): CredentialKey[] {
  const had = new Set((present?.credentials ?? []).map(({ key }) => key));
  return after.credentials.map(({ key }) => key).filter((each) => !had.has(each));
}
