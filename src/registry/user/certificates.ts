import type { Fingerprint } from "../../domain/fingerprint.ts";
import type {
  CertificateRecord,
  DeviceRecord,
  NextCertificate,
  RegistryError,
} from "../../domain/records.ts";
import { err, ok, type Result } from "../../domain/result.ts";
import { CERTIFICATES_MAX, retiredSince } from "../../domain/retirement.ts";
import { type Actor, refuseAudited, writeAudit } from "../storage/audit-log.ts";
import type { Claim, StaleClaim } from "../storage/generation.ts";
import { CertificateTable } from "./certificate-table.ts";
import type { DeviceTable } from "./device-table.ts";
import type { RegistryState } from "./registry-state.ts";

const ADD = "add-certificate";
const RETIRE = "retire-certificate";

/** A device with its new certificate; `created` is false when it had that one before. */
export interface Added {
  device: DeviceRecord;
  created: boolean;
}

/**
 * Rules of the certificates of one user's devices: how a device gets its next one, and how the old one ends.
 * Each method is to be called in a transaction.
 */
export class Certificates {
  readonly #sql: SqlStorage;
  readonly #devices: DeviceTable;
  readonly #state: RegistryState;
  readonly #table: CertificateTable;

  constructor(sql: SqlStorage, devices: DeviceTable, state: RegistryState) {
    this.#sql = sql;
    this.#devices = devices;
    this.#state = state;
    this.#table = new CertificateTable(sql);
  }

  /** Whether `add` would succeed. A refusal is audited. */
  check(by: Actor, id: string, next: NextCertificate): Result<null, RegistryError> {
    const checked = this.#checked(by, id, next);
    return checked.ok ? ok(null) : checked;
  }

  /**
   * Adds a certificate on the claim that the directory granted to this user. The device's other one is let
   * in until the new one is, or until `retireBy`. Adding one that the device has already changes nothing.
   */
  add(by: Actor, id: string, next: NextCertificate, claim: Claim): Result<Added, RegistryError | StaleClaim> {
    const refusal = this.#state.refuseClaim(by, claim);
    if (refusal !== undefined) return err(refusal);
    const checked = this.#checked(by, id, next);
    if (!checked.ok) return checked;
    const device = checked.value;
    if (certificateOf(device, next.fingerprint) !== undefined) return ok({ device, created: false });

    this.#table.settle(device, by);
    const { fingerprint, facts, retireBy } = next;
    const replaced = living(device, by.at)[0]?.fingerprint ?? null;
    const added = { ...facts, fingerprint, addedAt: by.at, retiredAt: null, retireBy: null };
    this.#devices.insertCertificate(id, { ...added, replaces: replaced });
    if (replaced !== null) this.#table.setDate(replaced, retireBy);
    writeAudit(this.#sql, by, {
      act: ADD,
      outcome: "done",
      target: { id, name: device.name },
      detail: {
        fingerprint,
        replaces: replaced,
        retireBy: retireBy === null ? null : new Date(retireBy).toISOString(),
      },
    });
    return ok({ device: this.#devices.mustGet(id), created: true });
  }

  /**
   * Retires a certificate of a device at once; repeating is no error. One that is left alone has no date any
   * more at which it ends: retiring the new one calls the renewal off.
   */
  retire(by: Actor, id: string, fingerprint: Fingerprint): Result<DeviceRecord, RegistryError> {
    const device = this.#devices.byId(id);
    if (device === undefined) return err({ code: "unknown-device" });
    const certificate = certificateOf(device, fingerprint);
    if (certificate === undefined) return err({ code: "unknown-certificate" });
    this.#table.settle(device, by);
    if (retiredSince(certificate, by.at) !== null) return ok(this.#devices.mustGet(id));
    if (living(device, by.at).length === 1) {
      return refuseAudited(this.#sql, by, RETIRE, device, { code: "last-certificate" });
    }
    this.#table.retire(device, fingerprint, by.at, by, "asked");
    this.#table.keepAlone(id);
    return ok(this.#devices.mustGet(id));
  }

  /** Writes down what ended by its date: the audit log is to know it once the device is forgotten. */
  settle(by: Actor, device: DeviceRecord): void {
    this.#table.settle(device, by);
  }

  #checked(by: Actor, id: string, next: NextCertificate): Result<DeviceRecord, RegistryError> {
    const device = this.#devices.byId(id);
    if (device === undefined) return err({ code: "unknown-device" });
    const error = this.#error(by, device, next);
    return error === undefined ? ok(device) : refuseAudited(this.#sql, by, ADD, device, error);
  }

  #error(by: Actor, device: DeviceRecord, { fingerprint }: NextCertificate): RegistryError | undefined {
    const own = certificateOf(device, fingerprint);
    // As a revoked device: a certificate that was retired does not come back.
    if (own !== undefined && retiredSince(own, by.at) !== null) return { code: "fingerprint-revoked" };
    const { status } = device;
    if (status !== "active" && status !== "suspended")
      return { code: "forbidden-transition", status, act: ADD };
    if (own !== undefined) return undefined;
    const other = this.#devices.byFingerprint(fingerprint);
    if (other !== undefined) {
      return { code: other.status === "revoked" ? "fingerprint-revoked" : "fingerprint-taken" };
    }
    return living(device, by.at).length >= CERTIFICATES_MAX ? { code: "too-many-certificates" } : undefined;
  }
}

function certificateOf(device: DeviceRecord, fingerprint: Fingerprint): CertificateRecord | undefined {
  return device.certificates.find((each) => each.fingerprint === fingerprint);
}

/** Those that are not retired, in the order in which they came. */
function living(device: DeviceRecord, now: number): CertificateRecord[] {
  return device.certificates.filter((each) => retiredSince(each, now) === null);
}
