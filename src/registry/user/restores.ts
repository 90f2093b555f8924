import type { Fingerprint } from "../../domain/fingerprint.ts";
import type { DeviceRecord, RegistryError } from "../../domain/records.ts";
import { leftAlone, type PlannedDevice, planRestore, type Step } from "../../domain/restore-plan.ts";
import { err, ok, type Result } from "../../domain/result.ts";
import { type Actor, writeAudit } from "../storage/audit-log.ts";
import type { Claim, StaleClaim } from "../storage/generation.ts";
import { CertificateTable } from "./certificate-table.ts";
import type { DeviceTable } from "./device-table.ts";
import type { RegistryState } from "./registry-state.ts";

/** Devices of a backup that are to be restored for one user. */
export interface RestoreRequest {
  devices: DeviceRecord[];
  /** Ids of devices that may be let in again, though they were shut out since. */
  resurrect: string[];
  /** When the backup was made, for the audit log. Milliseconds since the epoch. */
  madeAt: number;
}

/** What became of them, and which devices the backup did not have. */
export interface Restored {
  devices: PlannedDevice[];
  left: { id: string; name: string }[];
}

/** Restores devices of one user. Each method is to be called in a transaction. */
export class Restores {
  readonly #sql: SqlStorage;
  readonly #devices: DeviceTable;
  readonly #certificates: CertificateTable;
  readonly #state: RegistryState;

  constructor(sql: SqlStorage, devices: DeviceTable, state: RegistryState) {
    this.#sql = sql;
    this.#devices = devices;
    this.#certificates = new CertificateTable(sql);
    this.#state = state;
  }

  /** Fingerprints that the directory must grant first. */
  wanted(request: RestoreRequest, now: number): Fingerprint[] {
    return this.#plan(request, this.#devices.all(), () => true, now).flatMap(
      ({ planned }) => planned.fingerprints,
    );
  }

  /**
   * Brings the user's devices to what the backup says of them (see restore-plan.ts), with the fingerprints
   * that the directory granted on this claim, or later. Each change is audited; repeating changes nothing.
   */
  restore(
    by: Actor,
    request: RestoreRequest,
    granted: Fingerprint[],
    claim: Claim,
  ): Result<Restored, RegistryError | StaleClaim> {
    const refusal = this.#state.refuseClaim(by, claim);
    if (refusal !== undefined) return err(refusal);
    const present = this.#devices.all();
    const isGranted = new Set(granted);
    const steps = this.#plan(request, present, (fingerprint) => isGranted.has(fingerprint), by.at);
    for (const { planned, after } of steps) {
      if (after === undefined) continue;
      const before = present.find(({ id }) => id === planned.id);
      if (before === undefined) this.#devices.insert(after);
      else this.#change(before, after, by.at);
      this.#audit(by, request, planned, before, after);
    }
    return ok({
      devices: steps.map(({ planned }) => planned),
      left: leftAlone(request.devices, present).map(({ id, name }) => ({ id, name })),
    });
  }

  #plan(
    { devices, resurrect }: RestoreRequest,
    present: DeviceRecord[],
    mayHave: (fingerprint: Fingerprint) => boolean,
    now: number,
  ): Step[] {
    const facts = { present, ended: this.#ended(), resurrect: new Set(resurrect), mayHave, now };
    return planRestore(devices, facts);
  }

  /** Reads the whole audit log: restores are rare. The line of a device that was forgotten names no fingerprint. */
  #ended(): ReadonlySet<string> {
    const rows = this.#sql.exec<{ what: string }>(
      `SELECT target_id || COALESCE(' ' || (detail ->> 'fingerprint'), '') AS what FROM audit
       WHERE act IN ('forget', 'retire-certificate') AND outcome = 'done' AND target_id IS NOT NULL`,
    );
    return new Set([...rows].map(({ what }) => what));
  }

  #change(before: DeviceRecord, after: DeviceRecord, at: number): void {
    const isChanged = before.status !== after.status;
    this.#devices.change({ ...after, statusSince: isChanged ? at : before.statusSince });
    for (const certificate of after.certificates) {
      const had = before.certificates.find(({ fingerprint }) => fingerprint === certificate.fingerprint);
      if (had === undefined) this.#devices.insertCertificate(after.id, certificate);
      else if (had.retiredAt !== certificate.retiredAt) {
        this.#certificates.end(certificate.fingerprint, certificate.retiredAt);
      }
    }
  }

  #audit(
    by: Actor,
    { resurrect, madeAt }: RestoreRequest,
    { id, outcome, changes, fingerprints }: PlannedDevice,
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
        ...(fingerprints.length === 0 ? {} : { fingerprints: fingerprints.join(" ") }),
        ...(resurrect.includes(id) ? { resurrect: "yes" } : {}),
      },
    });
  }
}
