// Restores of a backup's devices into one user's registry.
import { type CredentialKey, fingerprintOf } from "../../../domain/credential-key.ts";
import { err, ok, type Result } from "../../../domain/general/result.ts";
import type { DeviceRecord, RegistryError } from "../../../domain/records.ts";
import type { PlannedDevice } from "../../../domain/restore-plan.ts";
import { retiredSince } from "../../../domain/retirement.ts";
import { type Actor, writeAudit } from "../../storage/audit-log.ts";
import { endedAt } from "../../storage/ended.ts";
import type { Claim, StaleClaim } from "../../storage/generation.ts";
import type { BrowserTable } from "../tables/browser-table.ts";
import type { CredentialTable } from "../tables/credential-table.ts";
import type { DeviceTable } from "../tables/device-table.ts";
import type { RegistryState } from "../tables/registry-state.ts";
import { leftAlone, planRestore, type Step } from "./restore-plan.ts";

/** Devices of a backup that are to be restored for one user. */
export interface RestoreRequest {
  devices: DeviceRecord[];
  /** Ids of devices that may be let in again, though they were shut out since. */
  resurrect: string[];
  /** When the backup was made, for the audit log. Milliseconds since the epoch. */
  madeAt: number;
}

/** What becomes of them, and which devices the backup does not have. */
export interface Restored {
  devices: PlannedDevice[];
  left: { id: string; name: string }[];
}

export class Restores {
  readonly #sql: SqlStorage;
  readonly #devices: DeviceTable;
  readonly #credentials: CredentialTable;
  readonly #state: RegistryState;
  readonly #browsers: BrowserTable;

  constructor(
    sql: SqlStorage,
    devices: DeviceTable,
    credentials: CredentialTable,
    state: RegistryState,
    browsers: BrowserTable,
  ) {
    this.#browsers = browsers;
    this.#sql = sql;
    this.#devices = devices;
    this.#credentials = credentials;
    this.#state = state;
  }

  /**
   * What `restore` would do if the directory granted these keys to the user; without a list, all of them.
   * Writes nothing.
   */
  plan(request: RestoreRequest, now: number, granted?: readonly CredentialKey[]): Restored {
    const present = this.#devices.all();
    return restored(request, present, this.#steps(request, present, now, granted));
  }

  /**
   * Brings the user's devices to what the backup says of them (see restore-plan.ts), with the keys that the
   * directory granted on this claim, or later. Each change is audited; repeating changes nothing. Call it in a
   * transaction.
   */
  restore(
    by: Actor,
    request: RestoreRequest,
    granted: readonly CredentialKey[],
    claim: Claim,
  ): Result<Restored, RegistryError | StaleClaim> {
    const refusal = this.#state.refuseClaim(by, claim);
    if (refusal !== undefined) return err(refusal);
    const present = this.#devices.all();
    const steps = this.#steps(request, present, by.at, granted);
    for (const { planned, after } of steps) {
      if (after === undefined) continue;
      const before = present.find(({ id }) => id === planned.id);
      if (before === undefined) this.#devices.insert(signedOut(after, by.at));
      else this.#change(before, signedOut(after, by.at), by.at);
      if (after.kind === "browser" && before?.status !== after.status) {
        this.#noteLost(after, before === undefined ? after.statusSince : by.at);
      }
      this.#audit(by, request, planned, before, after);
    }
    return ok(restored(request, present, steps));
  }

  #steps(
    { devices, resurrect }: RestoreRequest,
    present: DeviceRecord[],
    now: number,
    granted: readonly CredentialKey[] | undefined,
  ): Step[] {
    const grants = new Set(granted);
    return planRestore(devices, {
      present,
      ended: new Set([...endedAt(this.#sql, "device").keys(), ...endedAt(this.#sql, "credential").keys()]),
      resurrect: new Set(resurrect),
      mayHave: (key) => granted === undefined || grants.has(key),
      now,
    });
  }

  #change(before: DeviceRecord, after: DeviceRecord, at: number): void {
    const isChanged = before.status !== after.status;
    this.#devices.change(before, { ...after, statusSince: isChanged ? at : before.statusSince });
    for (const credential of after.credentials) {
      const had = before.credentials.find(({ key }) => key === credential.key);
      if (had === undefined) this.#credentials.insert(after.id, credential);
      else if (retiredSince(had, at) !== credential.retiredAt) {
        this.#credentials.end(credential.key, credential.retiredAt);
      }
    }
  }

  /** As when somebody reports or finds it: see `BrowserTable`. */
  #noteLost({ id, status }: DeviceRecord, since: number): void {
    if (status === "lost") this.#browsers.setLost(id, since);
    if (status === "active") this.#browsers.setLost(id, null);
  }

  #audit(
    by: Actor,
    { resurrect, madeAt }: RestoreRequest,
    { id, outcome, changes, keys }: PlannedDevice,
    before: DeviceRecord | undefined,
    after: DeviceRecord,
  ): void {
    writeAudit(this.#sql, by, {
      act: "restore",
      outcome: "done",
      target: { id, name: after.name },
      detail: {
        backup: new Date(madeAt).toISOString(),
        outcome,
        ...(changes.length === 0 ? {} : { changes: changes.join(" ") }),
        ...(before === undefined || before.name === after.name ? {} : { nameBefore: before.name }),
        ...(before === undefined || before.note === after.note ? {} : { noteBefore: before.note }),
        ...(before === undefined ? {} : { before: before.status }),
        status: after.status,
        ...(keys.length === 0 ? {} : { fingerprints: keys.map(fingerprintOf).join(" ") }),
        ...(resurrect.includes(id) ? { resurrect: "yes" } : {}),
      },
    });
  }
}

/** Who opened a browser is in no backup, so nothing could sign it out any more: its person signs in again. */
function signedOut(device: DeviceRecord, at: number): DeviceRecord {
  if (device.kind !== "browser") return device;
  return { ...device, credentials: device.credentials.map((each) => ({ ...each, notAfter: at })) };
}

/** The plan for a user without a registry: nothing is there, and nothing has ended that anybody could ask for. */
export function planForNewUser(
  { devices, resurrect }: RestoreRequest,
  now: number,
  granted?: readonly CredentialKey[],
): Restored {
  const grants = new Set(granted);
  const mayHave = (key: CredentialKey) => granted === undefined || grants.has(key);
  const nothing = { present: [], ended: new Set<string>() };
  const steps = planRestore(devices, { ...nothing, resurrect: new Set(resurrect), mayHave, now });
  return { devices: steps.map(({ planned }) => planned), left: [] };
}

function restored({ devices }: RestoreRequest, present: DeviceRecord[], steps: readonly Step[]): Restored {
  return {
    devices: steps.map(({ planned }) => planned),
    left: leftAlone(devices, present).map(({ id, name }) => ({ id, name })),
  };
}
