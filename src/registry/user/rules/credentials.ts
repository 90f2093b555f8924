// A credential's life: how a device gets its next one, and how the old one ends.
import { type CredentialKey, fingerprintOf, keyOf, kindOf } from "../../../domain/credential-key.ts";
import type { Fingerprint } from "../../../domain/fingerprint.ts";
import { err, ok, type Result } from "../../../domain/general/result.ts";
import type {
  CredentialRecord,
  DeviceRecord,
  NextCredential,
  RegistryError,
} from "../../../domain/records.ts";
import {
  CREDENTIALS_MAX,
  credentialOf,
  livingCredentials,
  retiredSince,
} from "../../../domain/retirement.ts";
import { type Actor, refuseAudited, writeAudit } from "../../storage/audit-log.ts";
import type { Claim, StaleClaim } from "../../storage/generation.ts";
import type { CredentialTable } from "../tables/credential-table.ts";
import type { DeviceTable } from "../tables/device-table.ts";
import type { RegistryState } from "../tables/registry-state.ts";
import { shownCredential } from "./audit-detail.ts";

const ADD = "add-credential";
const RETIRE = "retire-credential";

/** A device with its new credential; `created` is false if it already had that one. */
export interface Added {
  device: DeviceRecord;
  created: boolean;
}

/** Which device a credential belongs to, for the audit log. */
export interface Holder {
  id: string;
  name: string;
}

/** Why a credential was retired: somebody asked for it, its date passed, or the gate saw its successor. */
export type RetirementReason = "asked" | "date" | "successor-seen";

/** Rules of the credentials of one user's devices. Each method is to be called in a transaction. */
export class Credentials {
  readonly #sql: SqlStorage;
  readonly #table: CredentialTable;
  readonly #devices: DeviceTable;
  readonly #state: RegistryState;

  constructor(sql: SqlStorage, table: CredentialTable, devices: DeviceTable, state: RegistryState) {
    this.#sql = sql;
    this.#table = table;
    this.#devices = devices;
    this.#state = state;
  }

  /** Whether `add` would succeed. A refusal is audited. */
  check(by: Actor, id: string, next: NextCredential): Result<null, RegistryError> {
    const checked = this.#checked(by, id, next);
    return checked.ok ? ok(null) : checked;
  }

  /**
   * Adds a credential on the claim that the directory granted to this user. The device's other credential works
   * until the new one is first seen, or until `retireBy`. Adding one that the device already has changes nothing.
   */
  add(by: Actor, id: string, next: NextCredential, claim: Claim): Result<Added, RegistryError | StaleClaim> {
    const refusal = this.#state.refuseClaim(by, claim);
    if (refusal !== undefined) return err(refusal);
    const checked = this.#checked(by, id, next);
    if (!checked.ok) return checked;
    const device = checked.value;
    if (credentialOf(device, next.key) !== undefined) return ok({ device, created: false });

    this.settle(by, device);
    const { key, details, retireBy } = next;
    const replaced = livingCredentials(device, by.at)[0]?.key ?? null;
    const added = { ...details, key, addedAt: by.at, retiredAt: null, retireBy: null };
    this.#table.insert(id, { ...added, replaces: replaced });
    if (replaced !== null) this.#table.change(replaced, { retire_by: retireBy });
    writeAudit(this.#sql, by, {
      act: ADD,
      outcome: "done",
      target: { id, name: device.name },
      detail: {
        ...shownCredential(key),
        replaces: replaced === null ? null : fingerprintOf(replaced),
        retireBy: retireBy === null ? null : new Date(retireBy).toISOString(),
      },
    });
    return ok({ device: this.#devices.mustGet(id), created: true });
  }

  /**
   * Retires a credential of a device immediately; repeating is no error. The credential that is left has no date
   * of its own from then on: retiring the new one calls the renewal off.
   */
  retire(by: Actor, id: string, fingerprint: Fingerprint): Result<DeviceRecord, RegistryError> {
    const device = this.#devices.byId(id);
    if (device === undefined) return err({ code: "unknown-device" });
    const key = keyOf(device.kind, fingerprint);
    const credential = credentialOf(device, key);
    if (credential === undefined) return err({ code: "unknown-credential" });
    this.settle(by, device);
    if (retiredSince(credential, by.at) !== null) return ok(this.#devices.mustGet(id));
    if (livingCredentials(device, by.at).length === 1) {
      return refuseAudited(this.#sql, by, RETIRE, device, { code: "last-credential" });
    }
    this.#retire(device, key, by.at, by, "asked");
    this.#table.keepAlone(id);
    return ok(this.#devices.mustGet(id));
  }

  /** Records which of a device's credentials ended on their date. */
  settle(by: Actor, { id, name, credentials }: DeviceRecord): void {
    for (const credential of credentials) {
      if (credential.retiredAt === null) this.endByDate({ id, name }, credential, by);
    }
  }

  /** Records that a credential ended on its date, if it has. Nobody asked for it, so the actor is the gate. */
  endByDate(holder: Holder, { key, retireBy }: Pick<CredentialRecord, "key" | "retireBy">, by: Actor): void {
    const retiredAt = retiredSince({ retiredAt: null, retireBy }, by.at);
    if (retiredAt !== null) this.#retire(holder, key, retiredAt, { ...by, actor: "gate" }, "date");
  }

  /** After `successor` was seen for the first time, it ends the one that it replaces, unless that ended before. */
  succeed(holder: Holder, successor: CredentialKey, replaced: CredentialKey, by: Actor): void {
    this.#table.change(successor, { replaces: null });
    const old = this.#table.get(replaced);
    if (old === undefined || old.retiredAt !== null) return;
    const since = retiredSince(old, by.at);
    const reason = since === null ? "successor-seen" : "date";
    this.#retire(holder, replaced, since ?? by.at, by, reason, successor);
  }

  #retire(
    { id, name }: Holder,
    key: CredentialKey,
    retiredAt: number,
    by: Actor,
    reason: RetirementReason,
    successor?: CredentialKey,
  ): void {
    this.#table.end(key, retiredAt);
    writeAudit(this.#sql, by, {
      act: RETIRE,
      outcome: "done",
      target: { id, name },
      detail: {
        ...shownCredential(key),
        reason,
        ...(successor === undefined ? {} : { successor: fingerprintOf(successor) }),
        ...(reason === "date" ? { retiredAt: new Date(retiredAt).toISOString() } : {}),
      },
    });
  }

  #checked(by: Actor, id: string, next: NextCredential): Result<DeviceRecord, RegistryError> {
    const device = this.#devices.byId(id);
    if (device === undefined) return err({ code: "unknown-device" });
    const error = this.#error(by, device, next);
    return error === undefined ? ok(device) : refuseAudited(this.#sql, by, ADD, device, error);
  }

  #error(by: Actor, device: DeviceRecord, { key }: NextCredential): RegistryError | undefined {
    const own = credentialOf(device, key);
    // As with a revoked device, a retired credential does not come back.
    if (own !== undefined && retiredSince(own, by.at) !== null) return { code: "fingerprint-revoked" };
    const { status } = device;
    if (kindOf(key) !== device.kind) return { code: "wrong-kind", kind: device.kind };
    if (status !== "active" && status !== "suspended")
      return { code: "forbidden-transition", status, act: ADD };
    if (own !== undefined) return undefined;
    const other = this.#devices.byKey(key);
    if (other !== undefined) {
      return { code: other.status === "revoked" ? "fingerprint-revoked" : "fingerprint-taken" };
    }
    return livingCredentials(device, by.at).length >= CREDENTIALS_MAX
      ? { code: "too-many-credentials" }
      : undefined;
  }
}
