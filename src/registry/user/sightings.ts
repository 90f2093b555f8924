// What the gate's question writes down: when and where a device was seen, and what that changes about its
// credentials.

import type { CredentialKey } from "../../domain/credential-key.ts";
import type { DeviceStatus } from "../../domain/device.ts";
import type { Limits } from "../../domain/limits.ts";
import type { Sighting, StandingRecord } from "../../domain/records.ts";
import { retiredSince } from "../../domain/retirement.ts";
import { update } from "../storage/sql.ts";
import type { BundleTable } from "./bundle-table.ts";
import type { CredentialTable, SightedRow } from "./credential-table.ts";
import type { Credentials } from "./credentials.ts";
import { toLimits } from "./device-table.ts";

/**
 * How often a device's last-seen time is written, in milliseconds. The free plan counts rows
 * written (100,000 a day): a device that is busy all day costs 288.
 */
export const LAST_SEEN_EVERY_MS = 5 * 60_000;

/**
 * How often a mere change of app is written, in milliseconds. A phone that alternates between two apps would
 * otherwise cause a write with every other question: 2,069 rows a day instead of 886 in the household of
 * docs/operations.md, and without bound in the worst case.
 */
export const LAST_APP_EVERY_MS = 60_000;

export class Sightings {
  readonly #sql: SqlStorage;
  readonly #table: CredentialTable;
  readonly #credentials: Credentials;
  readonly #bundles: BundleTable;
  readonly #transaction: (work: () => void) => void;

  constructor(
    sql: SqlStorage,
    table: CredentialTable,
    credentials: Credentials,
    bundles: BundleTable,
    transaction: (work: () => void) => void,
  ) {
    this.#sql = sql;
    this.#table = table;
    this.#credentials = credentials;
    this.#bundles = bundles;
    this.#transaction = transaction;
  }

  /**
   * The standing of the device with this credential, if there is one. A retired credential is `revoked`, whatever
   * else the device has. Notes when and where the device was seen, at most once in `LAST_SEEN_EVERY_MS`, or
   * immediately when the country changes, or the app (`LAST_APP_EVERY_MS`), and fills in what the enrolment left
   * open. The first sighting of a credential that replaces another one ends that one.
   */
  standing(key: CredentialKey, sighting: Sighting): StandingRecord | undefined {
    const row = this.#table.sighted(key);
    if (row === undefined) return undefined;
    const { retired_at, retire_by } = row;
    const retiredAt = retiredSince({ retiredAt: retired_at, retireBy: retire_by }, sighting.at);
    // A lost device is lost with each of its credentials: whichever an app on it presents, it is to be wiped.
    const isRetired = retiredAt !== null && row.status !== "lost";
    const limits = toLimits(row);
    try {
      if (!isRetired) this.#note(row, key, sighting);
      this.#follow(row, limits, key, sighting, retiredAt !== null);
    } catch (error) {
      // For example over the day's limit of rows written: reading still works, and the device is known.
      console.log(JSON.stringify({ event: "sighting-not-noted", message: String(error) }));
    }
    const known = {
      name: row.name,
      limits,
      validUntil: limits.kind === "certificate" ? null : row.not_after,
    };
    if (isRetired && row.status !== "revoked") return { ...known, status: "revoked", since: retiredAt };
    return { ...known, status: row.status as DeviceStatus, since: row.status_since };
  }

  #note(row: SightedRow, key: CredentialKey, sighting: Sighting): void {
    if (isDue(row, sighting)) {
      const { at, app, country, ip } = sighting;
      const seen = { last_seen_at: at, last_seen_app: app, last_seen_country: country, last_seen_ip: ip };
      update(this.#sql, "devices", { seq: row.seq }, seen);
      // The device has its certificate: if an invitation brought it, nobody needs it from there any more.
      this.#bundles.clear(key);
    }
    if (row.not_after === null && sighting.details.notAfter !== null)
      this.#table.complete(key, sighting.details);
  }

  /**
   * Writes down, once each, that this credential ended by its date, or that it passes for the first time and so
   * ends the one that it replaces. The gate is the actor, since nobody asks for it then. A device that is shut out
   * does not prove that it works, and neither does one that is seen where it may not go, or with a token that has
   * expired. (The gate itself never asks about an expired certificate.)
   */
  #follow(
    row: SightedRow,
    limits: Limits,
    key: CredentialKey,
    { at, app, country, ip }: Sighting,
    isRetired: boolean,
  ): void {
    const by = { actor: "gate", ip, country, at };
    const isValid = limits.kind === "certificate" || (row.not_after !== null && at < row.not_after);
    const isLetIn = row.status === "active" && isValid && isWithin(limits, { at, app, country });
    const replaced = isLetIn ? (row.replaces as CredentialKey | null) : null;
    if (isRetired) {
      if (row.retired_at !== null) return;
      const ended = { key, retireBy: row.retire_by };
      this.#transaction(() => this.#credentials.endByDate(row, ended, by));
    } else if (replaced !== null) {
      this.#transaction(() => {
        this.#credentials.succeed(row, key, replaced, by);
        this.#bundles.clear(key);
      });
    }
  }
}

/** As far as a sighting shows; a feed's path is only the gate's to judge. */
function isWithin(
  { apps, countries, expiresAt }: Limits,
  { at, app, country }: Pick<Sighting, "at" | "app" | "country">,
): boolean {
  return (
    (apps === null || apps.includes(app)) &&
    (countries === null || (country !== null && countries.includes(country))) &&
    (expiresAt === null || at < expiresAt)
  );
}

function isDue(row: SightedRow, { at, app, country }: Sighting): boolean {
  if (row.last_seen_at === null) return true;
  // Questions may arrive out of order: an older one moves nothing back.
  if (at < row.last_seen_at) return false;
  const age = at - row.last_seen_at;
  return (
    age >= LAST_SEEN_EVERY_MS ||
    country !== row.last_seen_country ||
    (app !== row.last_seen_app && age >= LAST_APP_EVERY_MS)
  );
}
