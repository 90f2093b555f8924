// No I/O. No clock.
//
// What a restore of a backup does to one user's devices: shared by the registry, which does it, and by the
// command line, which shows it first.
import { type DeviceStatus, deviceNameKey } from "./device.ts";
import type { Fingerprint } from "./fingerprint.ts";
import type { DeviceRecord } from "./records.ts";
import { CERTIFICATES_MAX, retiredSince } from "./retirement.ts";

/**
 * `added`: it is not in the registry, and will be; `changed`: it is, and becomes as in the backup; `same`;
 * `kept`: it stays as it is, since a restore gives nobody access who was shut out since, and tells no device
 * to delete its data; `conflict`: it cannot be as in the backup, and stays as it is.
 */
export const RESTORE_OUTCOMES = ["added", "changed", "same", "kept", "conflict"] as const;
export type RestoreOutcome = (typeof RESTORE_OUTCOMES)[number];

/** Why a device is kept, or what it conflicts with. */
export const RESTORE_REASONS = [
  /** It is revoked now: only by name is it let in again. */
  "revoked-since",
  /** It was revoked and forgotten since the backup: the same. */
  "forgotten-since",
  /** It is suspended, lost or waiting now, and was not: the same. */
  "shut-out-since",
  /** It was lost then and is not now: it is not told to delete its data. */
  "found-since",
  "name-taken",
  /** Another device, of this or another user, has one of its certificates. */
  "fingerprint-taken",
  "too-many-certificates",
  /** Every certificate that it would have is retired. */
  "no-certificate",
] as const;
export type RestoreReason = (typeof RESTORE_REASONS)[number];

export const RESTORE_CHANGES = ["name", "note", "status", "certificates"] as const;
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
  /** Certificates that the registry gets. */
  fingerprints: Fingerprint[];
}

/** What the plan depends on, besides the backup. */
export interface RestoreFacts {
  /** The user's devices now, in the order of their enrolment. */
  present: readonly DeviceRecord[];
  /** Ids of devices that were forgotten, and `ID FINGERPRINT` of certificates that were retired: the audit log tells. */
  ended: ReadonlySet<string>;
  /** Ids of devices that may be let in again. */
  resurrect: ReadonlySet<string>;
  /** Whether this user may have a fingerprint that none of the user's devices has. */
  mayHave: (fingerprint: Fingerprint) => boolean;
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
export function planRestore(wanted: readonly DeviceRecord[], facts: RestoreFacts): Step[] {
  const devices = new Map(facts.present.map((device) => [device.id, device]));
  return wanted.map((device) => {
    const step = planDevice(device, [...devices.values()], facts);
    if (step.after !== undefined) devices.set(device.id, step.after);
    return step;
  });
}

/** Devices that are in the registry and not in the backup: a restore leaves them alone. */
export function leftAlone(wanted: readonly DeviceRecord[], present: readonly DeviceRecord[]): DeviceRecord[] {
  const ids = new Set(wanted.map(({ id }) => id));
  return present.filter(({ id }) => !ids.has(id));
}

function planDevice(wanted: DeviceRecord, devices: DeviceRecord[], facts: RestoreFacts): Step {
  const { id, name } = wanted;
  const present = devices.find((device) => device.id === id);
  const others = devices.filter((device) => device.id !== id);
  const before = present?.status ?? null;
  const stays = (outcome: RestoreOutcome, reason: RestoreReason | null): Step => ({
    planned: { id, name, outcome, reason, changes: [], before, status: before, fingerprints: [] },
    after: undefined,
  });

  const reason = keptBecause(wanted, present, facts);
  if (reason !== undefined) return stays("kept", reason);
  const after = present === undefined ? missing(wanted, facts) : merged(wanted, present, facts);
  const conflict = conflictOf(after, present, others, facts);
  if (conflict !== undefined) return stays("conflict", conflict);

  const changes = present === undefined ? [] : changesBetween(present, after);
  if (present !== undefined && changes.length === 0) return stays("same", null);
  const planned: PlannedDevice = {
    ...{ id, name, changes, before, reason: null },
    outcome: present === undefined ? "added" : "changed",
    status: after.status,
    fingerprints: newFingerprints(after, present),
  };
  return { planned, after };
}

/** Access that was taken since the backup is given again only to a device that was named. */
function keptBecause(
  wanted: DeviceRecord,
  present: DeviceRecord | undefined,
  { ended, resurrect }: RestoreFacts,
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

/** A device that is not there comes as in the backup, without the certificates that were retired since. */
function missing(wanted: DeviceRecord, { ended, now }: RestoreFacts): DeviceRecord {
  const certificates = wanted.certificates.map((certificate) =>
    certificate.retiredAt === null && ended.has(`${wanted.id} ${certificate.fingerprint}`)
      ? { ...certificate, retiredAt: now }
      : certificate,
  );
  return { ...wanted, certificates };
}

/** A device that is there becomes as in the backup, and keeps what it has got since. */
function merged(wanted: DeviceRecord, present: DeviceRecord, { now }: RestoreFacts): DeviceRecord {
  // Who was approved since the backup is not made to wait again.
  const isApproved = wanted.status === "pending" && present.status === "active";
  const certificates = present.certificates.map((certificate) => {
    const then = wanted.certificates.find(({ fingerprint }) => fingerprint === certificate.fingerprint);
    const retiredAt = retiredSince(certificate, now) ?? (then === undefined ? null : retiredSince(then, now));
    return { ...certificate, retiredAt };
  });
  const lacking = wanted.certificates.filter(
    ({ fingerprint }) => !present.certificates.some((each) => each.fingerprint === fingerprint),
  );
  return {
    ...present,
    name: wanted.name,
    note: wanted.note,
    status: isApproved ? present.status : wanted.status,
    statusReason:
      wanted.status === present.status || isApproved ? present.statusReason : (wanted.statusReason ?? null),
    certificates: [...certificates, ...lacking],
  };
}

function conflictOf(
  after: DeviceRecord,
  present: DeviceRecord | undefined,
  others: readonly DeviceRecord[],
  { mayHave, now }: RestoreFacts,
): RestoreReason | undefined {
  const key = deviceNameKey(after.name);
  const hasNamesake = others.some(({ name, status }) => status !== "revoked" && deviceNameKey(name) === key);
  if (after.status !== "revoked" && hasNamesake) return "name-taken";
  const living = after.certificates.filter((each) => retiredSince(each, now) === null);
  if (living.length === 0) return "no-certificate";
  if (living.length > CERTIFICATES_MAX) return "too-many-certificates";
  // Last: no fingerprint is asked for, and so none is granted, for a device that is in conflict otherwise.
  const isTaken = newFingerprints(after, present).some(
    (fingerprint) =>
      !mayHave(fingerprint) ||
      others.some(({ certificates }) => certificates.some((each) => each.fingerprint === fingerprint)),
  );
  return isTaken ? "fingerprint-taken" : undefined;
}

function changesBetween(present: DeviceRecord, after: DeviceRecord): RestoreChange[] {
  const isRetired = after.certificates.some(
    ({ fingerprint, retiredAt }) =>
      retiredAt !== null &&
      present.certificates.some((each) => each.fingerprint === fingerprint && each.retiredAt === null),
  );
  return [
    ...(present.name === after.name ? [] : (["name"] as const)),
    ...(present.note === after.note ? [] : (["note"] as const)),
    ...(present.status === after.status ? [] : (["status"] as const)),
    ...(isRetired || newFingerprints(after, present).length > 0 ? (["certificates"] as const) : []),
  ];
}

function newFingerprints(after: DeviceRecord, present: DeviceRecord | undefined): Fingerprint[] {
  const had = new Set((present?.certificates ?? []).map(({ fingerprint }) => fingerprint));
  return after.certificates.map(({ fingerprint }) => fingerprint).filter((each) => !had.has(each));
}
