import type { DeviceStatus } from "../../domain/device.ts";
import type { Fingerprint } from "../../domain/fingerprint.ts";
import type { Sighting, StandingRecord } from "../../domain/records.ts";
import { retiredSince } from "../../domain/retirement.ts";
import { CertificateTable } from "./certificate-table.ts";

/**
 * How often a device's last-seen time is written, in milliseconds. The free plan counts rows
 * written (100,000 a day): a device that is busy all day costs 288.
 */
export const LAST_SEEN_EVERY_MS = 5 * 60_000;

/**
 * How often a mere change of app is written, in milliseconds: a phone that synchronises with two apps
 * by turns would otherwise write at every other question: 2,069 rows a day instead of 886 in the
 * household of docs/operations.md, and without bound in the worst case.
 */
export const LAST_APP_EVERY_MS = 60_000;

type StandingRow = {
  seq: number;
  id: string;
  status: string;
  name: string;
  status_since: number;
  last_seen_at: number | null;
  last_seen_app: string | null;
  last_seen_country: string | null;
  not_after: number | null;
  retired_at: number | null;
  retire_by: number | null;
  replaces: string | null;
};

/**
 * The standing of the device with this certificate, or `undefined`: two rows read by their keys,
 * however many devices there are. A retired certificate is `revoked`, whatever else the device has. Notes
 * when and where the device was seen, at most once in `LAST_SEEN_EVERY_MS`, or at once when the country
 * changes, or the app (`LAST_APP_EVERY_MS`), and fills in what the enrolment left open. The first sighting of
 * a certificate that replaces another one ends that one, by a `transaction`.
 */
export function standingAtSighting(
  sql: SqlStorage,
  fingerprint: Fingerprint,
  sighting: Sighting,
  transaction: (work: () => void) => void,
): StandingRecord | undefined {
  const row = sql
    .exec<StandingRow>(
      `SELECT d.seq, d.id, d.status, d.name, d.status_since, d.last_seen_at, d.last_seen_app, d.last_seen_country,
         c.not_after, c.retired_at, c.retire_by, c.replaces
       FROM certificates c JOIN devices d ON d.seq = c.device WHERE c.fingerprint = ?`,
      fingerprint,
    )
    .toArray()[0];
  if (row === undefined) return undefined;
  const retiredAt = retiredSince({ retiredAt: row.retired_at, retireBy: row.retire_by }, sighting.at);
  // A lost device is lost with each of its certificates: whichever an app on it presents, it is to be told.
  const isRetired = retiredAt !== null && row.status !== "lost";
  try {
    if (!isRetired) note(sql, row, fingerprint, sighting);
    follow(sql, row, fingerprint, sighting, retiredAt, transaction);
  } catch (error) {
    // Over the day's limit of rows written, say: reading still works, and the device is known.
    console.log(JSON.stringify({ event: "sighting-not-noted", message: String(error) }));
  }
  if (isRetired && row.status !== "revoked") return { status: "revoked", name: row.name, since: retiredAt };
  return { status: row.status as DeviceStatus, name: row.name, since: row.status_since };
}

function note(sql: SqlStorage, row: StandingRow, fingerprint: Fingerprint, sighting: Sighting): void {
  if (isDue(row, sighting)) {
    sql.exec(
      `UPDATE devices SET last_seen_at = ?, last_seen_app = ?, last_seen_country = ?, last_seen_ip = ?
       WHERE seq = ?`,
      ...[sighting.at, sighting.app, sighting.country, sighting.ip, row.seq],
    );
  }
  if (row.not_after === null) fillIn(sql, fingerprint, sighting);
}

/**
 * Writes down what a sighting changes about a device's certificates, once each: that this one ended by its
 * date, or that it is let in for the first time and so ends the one that it replaces. By the gate, since
 * nobody asks for it then. A device that is shut out shows with neither that it works.
 */
function follow(
  sql: SqlStorage,
  row: StandingRow,
  fingerprint: Fingerprint,
  { at, country, ip }: Sighting,
  retiredAt: number | null,
  transaction: (work: () => void) => void,
): void {
  const isUnwritten = retiredAt !== null && row.retired_at === null;
  const replaced =
    retiredAt !== null || row.status !== "active" ? null : (row.replaces as Fingerprint | null);
  if (!isUnwritten && replaced === null) return;
  const by = { actor: "gate", ip, country, at };
  const table = new CertificateTable(sql);
  transaction(() => {
    if (isUnwritten) table.retire(row, fingerprint, retiredAt, by, "date");
    else if (replaced !== null) table.succeed(row, fingerprint, replaced, by);
  });
}

function isDue(row: StandingRow, { at, app, country }: Sighting): boolean {
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

function fillIn(sql: SqlStorage, fingerprint: Fingerprint, { facts }: Sighting): void {
  sql.exec(
    `UPDATE certificates SET
       subject = COALESCE(subject, ?), issuer = COALESCE(issuer, ?), serial = COALESCE(serial, ?),
       not_before = COALESCE(not_before, ?), not_after = ?
     WHERE fingerprint = ?`,
    ...[facts.subject, facts.issuer, facts.serial, facts.notBefore, facts.notAfter, fingerprint],
  );
}
