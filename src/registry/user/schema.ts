// The tables of a user's registry. Times are milliseconds since the epoch.
import { AUDIT_SCHEMA } from "../storage/audit-log.ts";
import { ENDED_BY_KEY, ENDED_SCHEMA } from "../storage/ended.ts";
import type { Migration } from "../storage/migrations.ts";
import { OUTBOX_SCHEMA } from "../storage/outbox.ts";

export const USER_REGISTRY_MIGRATIONS: readonly Migration[] = [
  `-- One row per device, from its enrolment until it is forgotten.
   CREATE TABLE devices (
     -- The order of enrolment, and the lists' cursor.
     seq INTEGER PRIMARY KEY,
     id TEXT NOT NULL UNIQUE,
     name TEXT NOT NULL,
     -- The name as it is compared (deviceNameKey), unique among devices that are not revoked.
     name_key TEXT NOT NULL,
     status TEXT NOT NULL CHECK (status IN ('pending', 'active', 'suspended', 'lost', 'revoked')),
     status_since INTEGER NOT NULL DEFAULT 0,
     -- Why the status is what it is, if anybody said. The log has every reason, but here it costs no row to show.
     status_reason TEXT,
     note TEXT,
     enrolled_at INTEGER NOT NULL,
     -- Written as seldom as sightings.ts says.
     last_seen_at INTEGER,
     last_seen_app TEXT,
     last_seen_country TEXT,
     last_seen_ip TEXT,
     -- The receipt of a lost device, cleared whenever it is reported lost.
     wipe_first_at INTEGER,
     wipe_last_at INTEGER,
     wipe_count INTEGER NOT NULL DEFAULT 0,
     wipe_token_refresh INTEGER NOT NULL DEFAULT 0,
     -- Six digits by which a person tells a pending device from another one.
     comparison_code TEXT
   );
   CREATE UNIQUE INDEX devices_name ON devices (name_key) WHERE status <> 'revoked';

   -- One row per certificate of a device: one, or two during a renewal, besides those that are retired. It can be
   -- trusted: a row is only written together with a device, after the directory granted the fingerprint to this user.
   CREATE TABLE certificates (
     fingerprint TEXT PRIMARY KEY,
     device INTEGER NOT NULL REFERENCES devices (seq),
     -- NULL until they are known.
     subject TEXT,
     issuer TEXT,
     serial TEXT,
     not_before INTEGER,
     not_after INTEGER,
     added_at INTEGER NOT NULL,
     -- When it was retired: by an act, by its successor, or by retire_by, once somebody asked after that.
     retired_at INTEGER,
     -- The date by which it is retired: it counts on its own, whether it was written down as retired or not.
     retire_by INTEGER,
     -- The certificate that ends when this one is first seen, NULL afterwards.
     replaces TEXT,
     -- The lowest number of days before its expiry of which somebody was notified.
     expiry_told INTEGER
   ) WITHOUT ROWID;
   CREATE INDEX certificates_device ON certificates (device);

   -- One row per invitation, kept for thirty days after it expired, so that the list shows what became of it.
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
   CREATE INDEX invitations_expires_at ON invitations (expires_at);

   -- One row, for as long as the object lives (see generation.ts).
   CREATE TABLE registry_state (
     id INTEGER PRIMARY KEY CHECK (id = 1),
     -- The time of the latest opening or closing that counted, 0 before there was one.
     generation INTEGER NOT NULL,
     -- 1 after the user was deleted: nothing can be enrolled then.
     closed INTEGER NOT NULL,
     -- Claims up to this time are stale: a device was forgotten since.
     released_at INTEGER NOT NULL
   );
   INSERT INTO registry_state (id, generation, closed, released_at) VALUES (1, 0, 0, 0);
   ${ENDED_SCHEMA}
   ${OUTBOX_SCHEMA}
   ${AUDIT_SCHEMA}`,

  `-- A device shows a certificate, a token or a feed's secret, and may be limited.
   ALTER TABLE devices ADD COLUMN kind TEXT NOT NULL DEFAULT 'certificate';
   -- JSON lists, NULL for no limit: hostnames, countries' codes, and for a feed the patterns of its paths.
   ALTER TABLE devices ADD COLUMN apps TEXT;
   ALTER TABLE devices ADD COLUMN countries TEXT;
   ALTER TABLE devices ADD COLUMN paths TEXT;
   ALTER TABLE devices ADD COLUMN expires_at INTEGER;
   -- The lowest number of days before its end of which somebody was notified.
   ALTER TABLE devices ADD COLUMN expiry_told INTEGER;
   -- A JSON list of the countries where it was seen, NULL before it was seen with this column.
   ALTER TABLE devices ADD COLUMN countries_seen TEXT;
   -- When somebody was last notified that it is refused.
   ALTER TABLE devices ADD COLUMN refusal_told_at INTEGER;

   -- As certificates was, by key (credential-key.ts). Of a token, not_after is its end.
   CREATE TABLE credentials (
     key TEXT PRIMARY KEY,
     device INTEGER NOT NULL REFERENCES devices (seq),
     subject TEXT,
     issuer TEXT,
     serial TEXT,
     not_before INTEGER,
     not_after INTEGER,
     added_at INTEGER NOT NULL,
     retired_at INTEGER,
     retire_by INTEGER,
     -- The key of the credential that ends when this one is first seen, NULL afterwards.
     replaces TEXT,
     expiry_told INTEGER
   ) WITHOUT ROWID;
   INSERT INTO credentials
     SELECT 'cert:' || fingerprint, device, subject, issuer, serial, not_before, not_after, added_at, retired_at,
       retire_by, 'cert:' || replaces, expiry_told
     FROM certificates;
   DROP TABLE certificates;
   CREATE INDEX credentials_device ON credentials (device);

   -- What the device is limited to that an invitation enrols.
   ALTER TABLE invitations ADD COLUMN device_apps TEXT;
   ALTER TABLE invitations ADD COLUMN device_countries TEXT;
   ALTER TABLE invitations ADD COLUMN device_expires_at INTEGER;
   ${ENDED_BY_KEY}
   UPDATE audit SET act = 'add-credential' WHERE act = 'add-certificate';
   UPDATE audit SET act = 'retire-credential' WHERE act = 'retire-certificate';`,
];
