import { AUDIT_RESTORED_SCHEMA, AUDIT_SCHEMA } from "./audit-log.ts";
import { OUTBOX_SCHEMA } from "./outbox.ts";
import type { Migration } from "./schema.ts";

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
 * `pending`: certificates that Cloudflare verified and nobody has enrolled; 100 at most, the one
 * not seen for longest goes first. Not listed while the fingerprint is claimed, and kept until then so
 * that an approval that was interrupted can be repeated; removed when dismissed or forgotten.
 *
 * `tokens`: a row a token, until it is revoked or its user deleted; found by its digest, never kept
 * itself. `user` is NULL for one that reads everything. `last_used_at` is written every five minutes.
 *
 * `sessions`: a row a sign-in, for twelve hours or until it is ended. `token` is NULL for one with the
 * `ADMIN_TOKEN`; `credential` is the digest of what it was opened with, so that it ends when that changes.
 *
 * `invitation_index`: which user an invitation's digest belongs to, until the next one is made after it has
 * expired. As
 * with claims, the user's registry is the judge.
 *
 * `attempts`: failed sign-ins by address and wrong codes by certificate, to slow the next ones down; 1,000
 * at most, the one that was longest quiet goes first.
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

  `ALTER TABLE users DROP COLUMN closing;
   ALTER TABLE users ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
   CREATE TABLE clock (id INTEGER PRIMARY KEY CHECK (id = 1), last INTEGER NOT NULL);
   INSERT INTO clock (id, last) SELECT 1, COALESCE(MAX(claimed_at), 0) FROM claims;`,
];
