// What is recorded when the gate asks about a device: when and where it was seen, what that changes about its
// credentials, and what people are notified of.

import { BROWSER_MS, BROWSER_RENEWED_EVERY_MS } from "../../../domain/browser.ts";
import { type CredentialKey, isIssued, kindOf } from "../../../domain/credential-key.ts";
import type { DeviceStatus, StandingRecord } from "../../../domain/device.ts";
import { DAY_MS } from "../../../domain/general/relative-time.ts";
import type { Sighting } from "../../../domain/records.ts";
import { beyondReach } from "../../../domain/request/beyond-limits.ts";
import { retiredSince } from "../../../domain/retirement.ts";
import type { UserId } from "../../../domain/user.ts";
import type { Notification, ToldReason } from "../../../notify/event.ts";
import { deviceInNewCountry, deviceRefused, tokenFirstUsed } from "../../../notify/sightings.ts";
import type { Outbox } from "../../storage/outbox.ts";
import { type Row, update } from "../../storage/sql.ts";
import type { BundleTable } from "../tables/bundle-table.ts";
import type { CredentialTable, SightedRow } from "../tables/credential-table.ts";
import { toLimits } from "../tables/device-table.ts";
import type { Credentials } from "./credentials.ts";

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

/**
 * A browser whose sign-in ends so soon, in milliseconds, is not kept signed in: it may have been signed out, and this is
 * a question from a moment before, which came late or from a machine whose clock is slow.
 */
export const LATE_MS = 60_000;

/** How many countries are remembered per device. People are not notified of further ones. */
export const COUNTRIES_SEEN_MAX = 50;

/** Why a device is refused, as far as its registry can tell. */
type Refusal = ToldReason | "device-pending" | "device-lost";

/** A question about a credential that is here, and what the answer is. */
interface Question {
  row: SightedRow;
  key: CredentialKey;
  sighting: Sighting;
  standing: Required<StandingRecord>;
  /** As far as the registry can tell; `undefined`: the device is let in. */
  refusal: Refusal | undefined;
}

export class Sightings {
  readonly #sql: SqlStorage;
  readonly #user: UserId;
  readonly #table: CredentialTable;
  readonly #credentials: Credentials;
  readonly #bundles: BundleTable;
  readonly #outbox: Outbox;
  readonly #transaction: (work: () => void) => void;

  constructor(
    sql: SqlStorage,
    user: UserId,
    table: CredentialTable,
    credentials: Credentials,
    bundles: BundleTable,
    outbox: Outbox,
    transaction: (work: () => void) => void,
  ) {
    this.#sql = sql;
    this.#user = user;
    this.#table = table;
    this.#credentials = credentials;
    this.#bundles = bundles;
    this.#outbox = outbox;
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
    const standing = standingOf(row, retiredAt);
    try {
      const question = { row, key, sighting, standing, refusal: refusalOf(standing, sighting) };
      // A lost device is lost with each of its credentials: whichever an app on it presents, it is to be wiped.
      const isRetired = retiredAt !== null && row.status !== "lost";
      this.#note(question, isRetired);
      this.#follow(question, retiredAt !== null);
      this.#renew(question);
    } catch (error) {
      // For example over the day's limit of rows written: reading still works, and the device is known.
      console.log(JSON.stringify({ event: "sighting-not-noted", message: String(error) }));
    }
    return standing;
  }

  /** However much there is to note about a device, it writes one row, apart from the notifications themselves. */
  #note(question: Question, isRetired: boolean): void {
    const { row, key, sighting } = question;
    const { at, app, country, ip, details } = sighting;
    const { countries, isNew } = countriesSeen(question);
    const events = this.#news(question, countries, isNew).filter(({ type }) => this.#outbox.wants(type));
    const isSeen = !isRetired && isDue(row, sighting);
    // Countries are remembered from when somebody would be notified of the next one.
    const isNoted = isNew && this.#outbox.wants("device-new-country");
    if (isSeen || isNoted || events.length > 0) {
      const seen = { last_seen_at: at, last_seen_app: app, last_seen_country: country, last_seen_ip: ip };
      const isTold = events.some(({ type }) => type === "device-refused");
      const changes: Row = {
        countries_seen: JSON.stringify(isNew ? [...countries, country] : countries),
        ...(isSeen ? seen : {}),
        ...(isTold ? { refusal_told_at: at } : {}),
      };
      this.#transaction(() => {
        update(this.#sql, "devices", { seq: row.seq }, changes);
        // The device has its certificate: if an invitation brought it, nobody needs it from there any more.
        if (isSeen) this.#bundles.clear(key);
        for (const event of events) this.#outbox.add(event, Date.now());
      });
    }
    if (!isRetired && row.not_after === null && details.notAfter !== null) this.#table.complete(key, details);
  }

  /** What people could be notified of. */
  #news(
    { row, key, sighting, standing, refusal }: Question,
    countries: Countries,
    isNew: boolean,
  ): Notification[] {
    const { at, app, country } = sighting;
    const seen = { user: this.#user, device: row, app, country, at };
    const isFirst = countries.length === 0;
    const news: Notification[] = [];
    // A bearer secret doesn't prove who has it. After a renewal it replaces another one until it is used.
    const isFirstUse = (isNew && isFirst) || row.replaces !== null;
    if (refusal === undefined && isFirstUse && isIssued(kindOf(key)))
      news.push(tokenFirstUsed({ ...seen, key }));
    if (isNew && !isFirst) news.push(deviceInNewCountry({ ...seen, isLost: refusal === "device-lost" }));
    if (refusal === undefined || refusal === "device-pending" || refusal === "device-lost") return news;
    if (isSignedOut(standing, refusal)) return news;
    if (isTellable(row.refusal_told_at, refusal === "device-revoked" ? standing.since : null, at))
      news.push(deviceRefused({ ...seen, reason: refusal }));
    return news;
  }

  /**
   * Records, once each, that this credential ended on its date, or that it passes for the first time and so
   * ends the one that it replaces. The gate is the actor, since nobody asks for it then. A device that is shut out
   * does not prove that it works, and neither does one that is seen where it may not go.
   */
  #follow({ row, key, sighting, refusal }: Question, isRetired: boolean): void {
    const { at, country, ip } = sighting;
    const by = { actor: "gate", ip, country, at };
    const replaced = refusal === undefined ? (row.replaces as CredentialKey | null) : null;
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

  /** A browser stays signed in for as long as it is used. */
  #renew(question: Question): void {
    const until = renewedUntil(question);
    if (until === null) return;
    this.#table.change(question.key, { not_after: until });
    question.standing.validUntil = until;
  }
}

/** When a browser that is used now is signed out unless it is used again; `null`: it stays as it is. */
function renewedUntil({ standing, sighting, refusal }: Question): number | null {
  const { limits, validUntil } = standing;
  if (limits.kind !== "browser" || refusal !== undefined) return null;
  const until = Math.min(sighting.at + BROWSER_MS, limits.expiresAt ?? Number.POSITIVE_INFINITY);
  if (validUntil === null || until - validUntil < BROWSER_RENEWED_EVERY_MS) return null;
  return validUntil - sighting.at > LATE_MS ? until : null;
}

function standingOf(row: SightedRow, retiredAt: number | null): Required<StandingRecord> {
  const limits = toLimits(row);
  const validUntil = limits.kind === "certificate" ? null : row.not_after;
  const known = { name: row.name, limits, validUntil };
  const status = row.status as DeviceStatus;
  return retiredAt === null || status === "lost" || status === "revoked"
    ? { ...known, status, since: row.status_since }
    : { ...known, status: "revoked", since: retiredAt };
}

/**
 * Why the gate refuses the device, as far as a sighting shows. Only the gate can judge a feed's path, a certificate's
 * dates and an app's own countries.
 */
function refusalOf(
  { status, limits, validUntil }: Required<StandingRecord>,
  { at, app, country }: Sighting,
): Refusal | undefined {
  if (status !== "active") return `device-${status}` as const;
  if (validUntil !== null && at >= validUntil) return "expired-credential";
  return beyondReach(limits, app, country, at);
}

/** Codes as Cloudflare reports them; unknown counts as a country of its own. */
type Countries = readonly (string | null)[];

/**
 * Where the device was seen before, not counting refusals (which have their own notification) except while it was lost,
 * and whether this is a new country.
 */
function countriesSeen({ row, sighting: { country }, refusal }: Question): {
  countries: Countries;
  isNew: boolean;
} {
  // Last seen before countries were remembered.
  const before = row.last_seen_at === null ? [] : [row.last_seen_country];
  const countries = row.countries_seen === null ? before : (JSON.parse(row.countries_seen) as Countries);
  const counts = refusal === undefined || refusal === "device-lost";
  return {
    countries,
    isNew: counts && countries.length < COUNTRIES_SEEN_MAX && !countries.includes(country),
  };
}

/** Whether it is a browser whose sign-in has ended, as each does some day: its person signs in again. */
function isSignedOut({ limits }: Required<StandingRecord>, refusal: Refusal): boolean {
  return limits.kind === "browser" && (refusal === "expired-credential" || refusal === "device-expired");
}

/** At most once a day; with `revokedSince`, only once since then. */
function isTellable(toldAt: number | null, revokedSince: number | null, at: number): boolean {
  if (toldAt === null) return true;
  return at - toldAt >= DAY_MS && (revokedSince === null || toldAt < revokedSince);
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
