// One user's invitations: their rules, and all SQL on the table `invitations`.
import type { SecretDigest } from "../../../domain/credential.ts";
import { type CredentialKey, fingerprintOf, keyOf } from "../../../domain/credential-key.ts";
import { err, ok, type Result } from "../../../domain/general/result.ts";
import type { BundleRecord, InvitationRecord, RegistryError } from "../../../domain/records.ts";
import type { UserId } from "../../../domain/user.ts";
import { type Actor, refuseAudited, writeAudit } from "../../storage/audit-log.ts";
import type { StaleClaim } from "../../storage/generation.ts";
import { all, insert, one, update } from "../../storage/sql.ts";
import type { BundleTable } from "../tables/bundle-table.ts";
import { fromList, toList } from "../tables/device-table.ts";
import type { RegistryState } from "../tables/registry-state.ts";

/** One row per invitation, kept for thirty days after it expired, so that the list shows what became of it. */
export const INVITATIONS_SCHEMA = `
  CREATE TABLE invitations (
    id TEXT PRIMARY KEY,
    -- Of the code, which is not stored.
    digest TEXT NOT NULL UNIQUE,
    app TEXT,
    approval INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER,
    -- The id of the device that it enrolled.
    used_by TEXT
  ) WITHOUT ROWID;
  CREATE INDEX invitations_expires_at ON invitations (expires_at);`;

/** Used and expired invitations stay on the list for 30 days, in milliseconds. */
export const INVITATIONS_KEPT_MS = 30 * 24 * 60 * 60_000;

/** What somebody who invites decides. */
export type NewInvitation = Pick<InvitationRecord, "id" | "app" | "approval" | "expiresAt" | "limits">;

type InvitationRow = {
  id: string;
  app: string | null;
  approval: number;
  created_at: number;
  created_by: string;
  expires_at: number;
  used_at: number | null;
  used_by: string | null;
  device_apps: string | null;
  device_countries: string | null;
  device_expires_at: number | null;
  bundle_name: string | null;
  bundle_key: string | null;
  bundle_renews: string | null;
};

/** Each method that changes something is to be called in a transaction. */
export class Invitations {
  readonly #sql: SqlStorage;
  readonly #user: UserId;
  readonly #state: RegistryState;
  readonly #bundles: BundleTable;

  constructor(sql: SqlStorage, user: UserId, state: RegistryState, bundles: BundleTable) {
    this.#sql = sql;
    this.#user = user;
    this.#state = state;
    this.#bundles = bundles;
  }

  /**
   * Writes an invitation whose code has this digest, and which the directory indexed in this generation of the
   * user. `bundle`: the certificate that comes with it. Repeating it changes nothing.
   */
  invite(
    by: Actor,
    invitation: NewInvitation,
    digest: SecretDigest,
    generation: number,
    bundle: BundleRecord | null = null,
  ): Result<InvitationRecord, RegistryError | StaleClaim> {
    const { id, app, approval, expiresAt, limits } = invitation;
    const refusal = this.#state.refuseGeneration(by, generation);
    if (refusal?.code === "stale-claim") return err(refusal);
    if (refusal !== undefined) return refuseAudited(this.#sql, by, "invite", { id, name: null }, refusal);
    const known = this.#byId(id);
    if (known !== undefined) return this.#isOf(id, digest) ? ok(known) : err({ code: "invalid-invitation" });
    this.#sql.exec("DELETE FROM invitations WHERE expires_at <= ?", by.at - INVITATIONS_KEPT_MS);
    insert(this.#sql, "invitations", {
      ...{ id, digest, app, approval: approval ? 1 : 0 },
      ...{ created_at: by.at, created_by: by.actor, expires_at: expiresAt },
      ...{ device_apps: toList(limits.apps), device_countries: toList(limits.countries) },
      device_expires_at: limits.expiresAt,
      ...{ bundle_name: bundle?.name ?? null, bundle_renews: bundle?.renews ?? null },
      bundle_key: bundle === null ? null : keyOf("certificate", bundle.fingerprint),
    });
    writeAudit(this.#sql, by, {
      act: "invite",
      outcome: "done",
      target: { id, name: null },
      detail: {
        ...{ app, approval: approval ? "yes" : "no", expiresAt: new Date(expiresAt).toISOString() },
        ...(limits.apps === null ? {} : { deviceApps: limits.apps.join(" ") }),
        ...(limits.countries === null ? {} : { deviceCountries: limits.countries.join(" ") }),
        ...(limits.expiresAt === null ? {} : { deviceExpiresAt: new Date(limits.expiresAt).toISOString() }),
        ...(bundle === null ? {} : { device: bundle.name, fingerprint: bundle.fingerprint }),
      },
    });
    const made = { createdAt: by.at, createdBy: by.actor, usedAt: null, usedBy: null };
    return ok({ ...{ id, app, approval, expiresAt, limits, bundle }, user: this.#user, ...made });
  }

  /** Takes an invitation back that nobody has used. */
  withdraw(by: Actor, id: string): Result<null, RegistryError> {
    const known = this.#byId(id);
    if (known === undefined || known.usedAt !== null) return err({ code: "unknown-invitation" });
    this.#sql.exec("DELETE FROM invitations WHERE id = ?", id);
    this.#bundles.remove(id);
    writeAudit(this.#sql, by, { act: "withdraw", outcome: "done", target: { id, name: null } });
    return ok(null);
  }

  /** Newest first. */
  list(): InvitationRecord[] {
    return this.#read("ORDER BY created_at DESC, id");
  }

  byDigest(digest: SecretDigest): InvitationRecord | undefined {
    return this.#read("WHERE digest = ?", digest)[0];
  }

  use(id: string, device: string, now: number): void {
    update(this.#sql, "invitations", { id }, { used_at: now, used_by: device });
  }

  removeAll(): void {
    this.#sql.exec("DELETE FROM invitations");
    this.#bundles.removeAll();
  }

  /** Whether this invitation's code has this digest. */
  #isOf(id: string, digest: SecretDigest): boolean {
    return one(this.#sql, "SELECT 1 FROM invitations WHERE id = ? AND digest = ?", id, digest) !== undefined;
  }

  #byId(id: string): InvitationRecord | undefined {
    return this.#read("WHERE id = ?", id)[0];
  }

  #read(where: string, ...values: SqlStorageValue[]): InvitationRecord[] {
    const rows = all<InvitationRow>(this.#sql, `SELECT * FROM invitations ${where}`, ...values);
    return rows.map((row) => ({
      id: row.id,
      user: this.#user,
      app: row.app,
      approval: row.approval === 1,
      limits: {
        apps: fromList(row.device_apps),
        countries: fromList(row.device_countries),
        expiresAt: row.device_expires_at,
      },
      bundle: toBundle(row),
      createdAt: row.created_at,
      createdBy: row.created_by,
      expiresAt: row.expires_at,
      usedAt: row.used_at,
      usedBy: row.used_by,
    }));
  }
}

function toBundle({
  bundle_name: name,
  bundle_key: key,
  bundle_renews: renews,
}: InvitationRow): BundleRecord | null {
  if (name === null || key === null) return null;
  return { name, fingerprint: fingerprintOf(key as CredentialKey), renews };
}
