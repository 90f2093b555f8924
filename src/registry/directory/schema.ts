import { AUDIT_RESTORED_SCHEMA, AUDIT_SCHEMA } from "../storage/audit-log.ts";
import type { Migration } from "../storage/migrations.ts";
import { OUTBOX_SCHEMA } from "../storage/outbox.ts";

/**
 * The tables of the directory.
 *
 * `users`: one row per user, until deleted. `generation` is the time of the user's last PUT or restore (see
 * generation.ts), 0 when that was before there were generations.
 *
 * `clock`: one row, for as long as the object lives: the latest time that `DirectoryClock` gave out.
 *
 * `claims`: which user a fingerprint belongs to, unique across users. Written before the device is
 * (see `enrol` in registry.ts), removed when the device is forgotten or the user deleted. It is
 * safe to be stale: it only says whom to ask, and that user's registry is the judge.
 *
 * `unknown_certificates`: certificates that Cloudflare verified and nobody has enrolled; 100 at most, the one
 * not seen for longest goes first. Not listed while the fingerprint is claimed, and kept until then so
 * that an approval that was interrupted can be repeated; removed when dismissed or forgotten.
 *
 * `tokens`: a row a token, until it is revoked or its user deleted; found by its digest, never kept
 * itself. `user` is NULL for one that reads everything. `last_used_at` is written every five minutes.
 *
 * `sign_ins`: one row per token that signed in, until it is revoked, and one for the `ADMIN_TOKEN` (`holder` is
 * the token's id, or `admin`). `recent` is a JSON list of its last sign-ins, 20 at most: the sessions that are
 * open, and the times of those that were ended within the hour, since they count for the bound on sign-ins.
 * It is one row so that the cost of a sign-in never grows. `credential` is the digest of what they were
 * opened with: another one ends them.
 *
 * `credential_check`: one row, for as long as the object lives. `key` is the secret under which tokens and codes
 * carry their check (see keyed-secrets.ts): 64 hex digits, made when it is first asked for. It leaves the directory
 * for the Worker only, and never in a backup. `exempt` is a JSON list of the digests of tokens that carry no check
 * under this key: those made before there was one, and those that a restore brought.
 *
 * `invitation_index`: which user an invitation's digest belongs to, until the next one is made after it has
 * expired. As with claims, the user's registry is the judge.
 *
 * `outbox`: see `OUTBOX_SCHEMA`.
 *
 * `audit`: see `AUDIT_SCHEMA`; `audit_restored`: see `AUDIT_RESTORED_SCHEMA`.
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
   CREATE TABLE unknown_certificates (
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
   CREATE INDEX unknown_certificates_last_seen ON unknown_certificates (last_seen);
   ${AUDIT_SCHEMA}`,

  `CREATE TABLE tokens (
     id TEXT PRIMARY KEY,
     digest TEXT NOT NULL UNIQUE,
     user TEXT,
     name TEXT NOT NULL,
     scope TEXT NOT NULL CHECK (scope IN ('devices', 'read')),
     created_at INTEGER NOT NULL,
     expires_at INTEGER,
     last_used_at INTEGER,
     CHECK (user IS NOT NULL OR scope = 'read')
   ) WITHOUT ROWID;
   CREATE TABLE sessions (
     id TEXT PRIMARY KEY,
     digest TEXT NOT NULL UNIQUE,
     token TEXT REFERENCES tokens (id),
     credential TEXT NOT NULL,
     created_at INTEGER NOT NULL,
     expires_at INTEGER NOT NULL,
     ip TEXT,
     country TEXT,
     client TEXT
   ) WITHOUT ROWID;
   CREATE TABLE invitation_index (
     digest TEXT PRIMARY KEY,
     user TEXT NOT NULL,
     expires_at INTEGER NOT NULL
   ) WITHOUT ROWID;
   CREATE TABLE attempts (
     kind TEXT NOT NULL CHECK (kind IN ('sign-in', 'code')),
     subject TEXT NOT NULL,
     count INTEGER NOT NULL,
     last_at INTEGER NOT NULL,
     PRIMARY KEY (kind, subject)
   ) WITHOUT ROWID;
   ${OUTBOX_SCHEMA}`,

  AUDIT_RESTORED_SCHEMA,

  // This signs everybody out: a session used to be a row of its own.
  `ALTER TABLE users DROP COLUMN closing;
   ALTER TABLE users ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
   CREATE TABLE clock (id INTEGER PRIMARY KEY CHECK (id = 1), last INTEGER NOT NULL);
   INSERT INTO clock (id, last) SELECT 1, COALESCE(MAX(claimed_at), 0) FROM claims;
   DROP TABLE sessions;
   DROP TABLE attempts;
   CREATE TABLE sign_ins (
     holder TEXT PRIMARY KEY,
     credential TEXT NOT NULL,
     recent TEXT NOT NULL
   ) WITHOUT ROWID;
   CREATE TABLE credential_check (
     id INTEGER PRIMARY KEY CHECK (id = 1),
     key TEXT,
     exempt TEXT NOT NULL
   );
   INSERT INTO credential_check (id, key, exempt) SELECT 1, NULL, json_group_array(digest) FROM tokens;
   CREATE INDEX tokens_user_name ON tokens (user, name);
   CREATE INDEX invitation_index_user ON invitation_index (user);
   CREATE INDEX invitation_index_expires_at ON invitation_index (expires_at);`,
];
