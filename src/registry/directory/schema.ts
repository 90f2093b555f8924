// The tables of the directory. Times are milliseconds since the epoch.
import { AUDIT_SCHEMA } from "../storage/audit-log.ts";
import { ENDED_SCHEMA } from "../storage/ended.ts";
import type { Migration } from "../storage/migrations.ts";
import { OUTBOX_SCHEMA } from "../storage/outbox.ts";

export const DIRECTORY_MIGRATIONS: readonly Migration[] = [
  `-- One row per user, until deleted.
   CREATE TABLE users (
     id TEXT PRIMARY KEY,
     name TEXT,
     created_at INTEGER NOT NULL,
     -- The time of the user's last PUT or restore (see generation.ts).
     generation INTEGER NOT NULL DEFAULT 0
   ) WITHOUT ROWID;

   -- Which user a fingerprint belongs to, unique across users. Written before the device is (see enrol in
   -- registry-client.ts), removed when the device is forgotten or the user deleted. It may be stale: it only says whom
   -- to ask, and that user's registry is the judge.
   CREATE TABLE claims (
     fingerprint TEXT PRIMARY KEY,
     user TEXT NOT NULL,
     claimed_at INTEGER NOT NULL
   ) WITHOUT ROWID;
   CREATE INDEX claims_user ON claims (user);

   -- One row, for as long as the object lives.
   CREATE TABLE clock (
     id INTEGER PRIMARY KEY CHECK (id = 1),
     -- The latest time that DirectoryClock gave out.
     last INTEGER NOT NULL
   );
   INSERT INTO clock (id, last) VALUES (1, 0);

   -- Certificates that Cloudflare verified and nobody has enrolled: 100 at most, the one not seen for longest goes
   -- first. Not listed while the fingerprint is claimed, but kept, so that an enrolment that was interrupted can be
   -- repeated. Removed when dismissed or forgotten.
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

   -- One row per token, until it is revoked or its user deleted.
   CREATE TABLE tokens (
     id TEXT PRIMARY KEY,
     -- Of the token, which is not stored.
     digest TEXT NOT NULL UNIQUE,
     -- NULL: it reads everything.
     user TEXT,
     name TEXT NOT NULL,
     scope TEXT NOT NULL CHECK (scope IN ('devices', 'read')),
     created_at INTEGER NOT NULL,
     expires_at INTEGER,
     -- Written every five minutes at most.
     last_used_at INTEGER,
     CHECK (user IS NOT NULL OR scope = 'read')
   ) WITHOUT ROWID;
   CREATE INDEX tokens_user_name ON tokens (user, name);

   -- One row per token that signed in, until it is revoked, and one for the ADMIN_TOKEN. It is one row so that the cost
   -- of a sign-in never grows.
   CREATE TABLE sign_ins (
     -- The token's id, or admin.
     holder TEXT PRIMARY KEY,
     -- The digest of what the sessions were opened with: another one ends them.
     credential TEXT NOT NULL,
     -- A JSON list of the last sign-ins, 20 at most: the sessions that are open, and the times of those that were ended
     -- within the hour, since they count towards the limit on sign-ins.
     recent TEXT NOT NULL
   ) WITHOUT ROWID;

   -- One row, for as long as the object lives.
   CREATE TABLE credential_check (
     id INTEGER PRIMARY KEY CHECK (id = 1),
     -- The secret under which tokens and codes carry their check (see keyed-secrets.ts): 64 hex digits, made when it is
     -- first asked for. It leaves the directory for the Worker only, and never in a backup.
     key TEXT,
     -- A JSON list of the digests of tokens that carry no check under this key: those that a restore brought.
     exempt TEXT NOT NULL
   );
   INSERT INTO credential_check (id, key, exempt) VALUES (1, NULL, '[]');

   -- Which user an invitation's code belongs to, until the next one is made after it has expired. As with claims, the
   -- user's registry is the judge.
   CREATE TABLE invitation_index (
     digest TEXT PRIMARY KEY,
     user TEXT NOT NULL,
     expires_at INTEGER NOT NULL
   ) WITHOUT ROWID;
   CREATE INDEX invitation_index_user ON invitation_index (user);
   CREATE INDEX invitation_index_expires_at ON invitation_index (expires_at);
   ${ENDED_SCHEMA}
   ${OUTBOX_SCHEMA}
   ${AUDIT_SCHEMA}`,

  `-- Claims go by the credential's key (credential-key.ts), of which a certificate's fingerprint is one kind.
   CREATE TABLE claims_by_key (
     key TEXT PRIMARY KEY,
     user TEXT NOT NULL,
     claimed_at INTEGER NOT NULL
   ) WITHOUT ROWID;
   INSERT INTO claims_by_key SELECT 'cert:' || fingerprint, user, claimed_at FROM claims;
   DROP TABLE claims;
   ALTER TABLE claims_by_key RENAME TO claims;
   CREATE INDEX claims_user ON claims (user);`,

  `-- Emergency cards are tokens too. SQLite changes no CHECK of a table, so the rows move to a new one.
   CREATE TABLE tokens_with_cards (
     id TEXT PRIMARY KEY,
     -- Of the token, or of the card's code, which is not stored.
     digest TEXT NOT NULL UNIQUE,
     -- NULL: it reads everything.
     user TEXT,
     name TEXT NOT NULL,
     scope TEXT NOT NULL CHECK (scope IN ('devices', 'read', 'emergency')),
     created_at INTEGER NOT NULL,
     expires_at INTEGER,
     -- Written every five minutes at most.
     last_used_at INTEGER,
     CHECK (user IS NOT NULL OR scope = 'read')
   ) WITHOUT ROWID;
   INSERT INTO tokens_with_cards (id, digest, user, name, scope, created_at, expires_at, last_used_at)
     SELECT id, digest, user, name, scope, created_at, expires_at, last_used_at FROM tokens;
   DROP TABLE tokens;
   ALTER TABLE tokens_with_cards RENAME TO tokens;
   CREATE INDEX tokens_user_name ON tokens (user, name);`,

  `-- People who sign in with the identity provider.
   ALTER TABLE users ADD COLUMN role TEXT NOT NULL DEFAULT 'member' CHECK (role IN ('owner', 'member'));

   -- The addresses that name a user, until they are taken from the user or the user is deleted.
   CREATE TABLE emails (
     address TEXT PRIMARY KEY,
     user TEXT NOT NULL
   ) WITHOUT ROWID;
   CREATE INDEX emails_by_user ON emails (user);

   -- Whose identity is whose, until it is unbound or the user deleted.
   CREATE TABLE identities (
     id TEXT PRIMARY KEY,
     issuer TEXT NOT NULL,
     subject TEXT NOT NULL,
     user TEXT NOT NULL,
     -- The address by which it was bound; NULL: somebody admitted the person.
     address TEXT,
     bound_at INTEGER NOT NULL
   ) WITHOUT ROWID;
   CREATE UNIQUE INDEX identities_by_subject ON identities (issuer, subject);
   CREATE INDEX identities_by_user ON identities (user);

   -- People who signed in and are nobody's identity yet: 20 at most. Removed when admitted or dismissed; a week after
   -- they came first, they give way to others.
   CREATE TABLE waiting_people (
     id TEXT PRIMARY KEY,
     issuer TEXT NOT NULL,
     subject TEXT NOT NULL,
     address TEXT,
     is_verified INTEGER NOT NULL,
     name TEXT,
     -- Six digits.
     comparison_code TEXT NOT NULL,
     first_seen INTEGER NOT NULL,
     -- Written every ten minutes at most, with whatever else the provider says of the person by then.
     last_seen INTEGER NOT NULL,
     country TEXT
   ) WITHOUT ROWID;
   CREATE UNIQUE INDEX waiting_people_by_subject ON waiting_people (issuer, subject);

   -- How many people were put on that list within an hour: one row, for as long as the object lives.
   CREATE TABLE waiting_hour (
     id INTEGER PRIMARY KEY CHECK (id = 1),
     began_at INTEGER NOT NULL,
     noted INTEGER NOT NULL
   );
   INSERT INTO waiting_hour (id, began_at, noted) VALUES (1, 0, 0);

   -- Identities and addresses end, too: no backup brings them back unasked.
   CREATE TABLE ended_with_people (
     what TEXT NOT NULL CHECK (what IN ('device', 'certificate', 'token', 'user', 'identity', 'address')),
     -- The id; for an address its user's id, a space, and the address. An identity that an address had bound is here as
     -- that address, a space, and the issuer, too: until it is named anew, the address binds nobody at this issuer. One
     -- that somebody had admitted is here as subject, its subject, and the issuer: no address binds it.
     id TEXT NOT NULL,
     at INTEGER NOT NULL,
     PRIMARY KEY (what, id)
   ) WITHOUT ROWID;
   INSERT INTO ended_with_people SELECT what, id, at FROM ended;
   DROP TABLE ended;
   ALTER TABLE ended_with_people RENAME TO ended;`,
];
