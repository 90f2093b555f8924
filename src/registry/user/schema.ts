import { AUDIT_RESTORED_SCHEMA, AUDIT_SCHEMA } from "../storage/audit-log.ts";
import type { Migration } from "../storage/migrations.ts";
import { OUTBOX_SCHEMA } from "../storage/outbox.ts";

/**
 * The tables of a user's registry.
 *
 * `devices`: a row a device, from its enrolment until it is forgotten. `seq` is the order of
 * enrolment and the lists' cursor; `name_key` is the name as compared (see `deviceNameKey`), unique
 * among devices that are not revoked; `status_reason` is why the status is what it is, if anybody said
 * (the audit log has every reason; here it costs no row to show); `last_seen_*` is written as seldom as `sightings.ts` says;
 * `wipe_*` is the receipt of a lost device, cleared when it is reported lost (again);
 * `comparison_code` are the six digits by which a person tells a `pending` device from another one.
 *
 * `certificates`: a row a certificate of a device, found by its fingerprint. A device has one, and
 * two while it is renewed, besides those that are
 * retired. `retired_at` is when it was retired by an act, its successor or, once somebody came by, its date
 * `retire_by`; `replaces` is the certificate that ends when this one is first seen, NULL afterwards.
 * Facts are NULL until they are known; `expiry_told` is the least number of days
 * before its end of which somebody was notified. It is safe to trust: a row is only
 * written together with a device, after the directory granted the fingerprint to this user.
 *
 * `invitations`: a row an invitation, found by the digest of its code, never the code itself; kept for
 * thirty days after its end, so that the list shows what became of it. `used_by` is the device's id.
 *
 * `outbox`: see `OUTBOX_SCHEMA`.
 *
 * `registry_state`: one row, for as long as the object lives (see generation.ts). `generation` is the time of the
 * latest opening or closing that counted, 0 before there was one; `closed` is 1 after the user was deleted: nothing
 * can be enrolled then. Claims up to `released_at` are stale: a device was forgotten since.
 *
 * `audit`: see `AUDIT_SCHEMA`; `audit_restored`: see `AUDIT_RESTORED_SCHEMA`.
 *
 * Times are milliseconds since the epoch.
 */
export const USER_REGISTRY_MIGRATIONS: readonly Migration[] = [
  `CREATE TABLE devices (
     seq INTEGER PRIMARY KEY,
     id TEXT NOT NULL UNIQUE,
     name TEXT NOT NULL,
     name_key TEXT NOT NULL,
     status TEXT NOT NULL CHECK (status IN ('pending', 'active', 'suspended', 'lost', 'revoked')),
     note TEXT,
     enrolled_at INTEGER NOT NULL,
     last_seen_at INTEGER,
     last_seen_app TEXT,
     last_seen_country TEXT,
     last_seen_ip TEXT
   );
   CREATE UNIQUE INDEX devices_name ON devices (name_key) WHERE status <> 'revoked';
   CREATE TABLE certificates (
     fingerprint TEXT PRIMARY KEY,
     device INTEGER NOT NULL REFERENCES devices (seq),
     subject TEXT,
     issuer TEXT,
     serial TEXT,
     not_before INTEGER,
     not_after INTEGER,
     added_at INTEGER NOT NULL
   ) WITHOUT ROWID;
   CREATE INDEX certificates_device ON certificates (device);
   CREATE TABLE registry_state (
     id INTEGER PRIMARY KEY CHECK (id = 1),
     closed INTEGER NOT NULL,
     opened_at INTEGER NOT NULL
   );
   INSERT INTO registry_state (id, closed, opened_at) VALUES (1, 0, 0);
   ${AUDIT_SCHEMA}`,

  `ALTER TABLE devices ADD COLUMN status_since INTEGER NOT NULL DEFAULT 0;
   UPDATE devices SET status_since = enrolled_at;
   ALTER TABLE devices ADD COLUMN wipe_first_at INTEGER;
   ALTER TABLE devices ADD COLUMN wipe_last_at INTEGER;
   ALTER TABLE devices ADD COLUMN wipe_count INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE devices ADD COLUMN wipe_token_refresh INTEGER NOT NULL DEFAULT 0;`,

  `CREATE TABLE invitations (
     id TEXT PRIMARY KEY,
     digest TEXT NOT NULL UNIQUE,
     app TEXT,
     approval INTEGER NOT NULL,
     created_at INTEGER NOT NULL,
     created_by TEXT NOT NULL,
     expires_at INTEGER NOT NULL,
     used_at INTEGER,
     used_by TEXT
   ) WITHOUT ROWID;
   ALTER TABLE devices ADD COLUMN comparison_code TEXT;
   ALTER TABLE certificates ADD COLUMN expiry_told INTEGER;
   ${OUTBOX_SCHEMA}`,

  `ALTER TABLE certificates ADD COLUMN retired_at INTEGER;
   ALTER TABLE certificates ADD COLUMN retire_by INTEGER;
   ALTER TABLE certificates ADD COLUMN replaces TEXT;
   ${AUDIT_RESTORED_SCHEMA}`,

  `ALTER TABLE registry_state DROP COLUMN opened_at;
   ALTER TABLE registry_state ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE registry_state ADD COLUMN released_at INTEGER NOT NULL DEFAULT 0;
   CREATE INDEX invitations_expires_at ON invitations (expires_at);`,

  "ALTER TABLE devices ADD COLUMN status_reason TEXT;",
];
