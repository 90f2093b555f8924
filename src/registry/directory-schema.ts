import { AUDIT_SCHEMA } from "./audit-log.ts";
import type { Migration } from "./schema.ts";

/**
 * The tables of the directory.
 *
 * `users`: a row a user, until deleted; `closing` names the deletion that is under way, if any.
 *
 * `claims`: which user a fingerprint belongs to, unique across users. Written before the device is
 * (see `enrol` in registry.ts), removed when the device is forgotten or the user deleted. It is
 * safe to be stale: it only says whom to ask, and that user's registry is the judge.
 *
 * `pending`: certificates that Cloudflare verified and nobody has enrolled; 100 at most, the one
 * not seen for longest goes first. Not listed while the fingerprint is claimed, and kept until then so
 * that an approval that was interrupted can be repeated; removed when dismissed or forgotten.
 *
 * `audit`: see `AUDIT_SCHEMA`.
 *
 * Times are milliseconds since the epoch.
 */
export const DIRECTORY_MIGRATIONS: readonly Migration[] = [
  `CREATE TABLE users (
     id TEXT PRIMARY KEY,
     name TEXT,
     created_at INTEGER NOT NULL,
     closing TEXT
   ) WITHOUT ROWID;
   CREATE TABLE claims (
     fingerprint TEXT PRIMARY KEY,
     user TEXT NOT NULL,
     claimed_at INTEGER NOT NULL
   ) WITHOUT ROWID;
   CREATE INDEX claims_user ON claims (user);
   CREATE TABLE pending (
     fingerprint TEXT PRIMARY KEY,
     subject TEXT,
     issuer TEXT,
     serial TEXT,
     not_before INTEGER,
     not_after INTEGER,
     first_seen INTEGER NOT NULL,
     last_seen INTEGER NOT NULL,
     app TEXT NOT NULL,
     country TEXT,
     count INTEGER NOT NULL
   ) WITHOUT ROWID;
   CREATE INDEX pending_last_seen ON pending (last_seen);
   ${AUDIT_SCHEMA}`,
];
