// The tables of a user's registry: each one's columns stand beside the code that reads and writes it. Times are
// milliseconds since the epoch.
import { AUDIT_SCHEMA } from "../storage/audit-log.ts";
import { ENDED_BY_KEY, ENDED_SCHEMA } from "../storage/ended.ts";
import type { Migration } from "../storage/migrations.ts";
import { OUTBOX_SCHEMA } from "../storage/outbox.ts";
import { INVITATIONS_SCHEMA } from "./rules/invitations.ts";
import { BROWSERS_SCHEMA } from "./tables/browser-table.ts";
import { BUNDLES_SCHEMA } from "./tables/bundle-table.ts";
import { CREDENTIALS_SCHEMA } from "./tables/credential-table.ts";
import { DEVICES_SCHEMA } from "./tables/device-table.ts";
import { REGISTRY_STATE_SCHEMA } from "./tables/registry-state.ts";

/** From before a device could show anything but a certificate. */
const CERTIFICATES_SCHEMA = `
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
  CREATE INDEX certificates_device ON certificates (device);`;

export const USER_REGISTRY_MIGRATIONS: readonly Migration[] = [
  [
    ...[DEVICES_SCHEMA, CERTIFICATES_SCHEMA, INVITATIONS_SCHEMA, REGISTRY_STATE_SCHEMA],
    ...[ENDED_SCHEMA, OUTBOX_SCHEMA, AUDIT_SCHEMA],
  ].join("\n"),

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

   ${CREDENTIALS_SCHEMA}
   INSERT INTO credentials
     SELECT 'cert:' || fingerprint, device, subject, issuer, serial, not_before, not_after, added_at, retired_at,
       retire_by, 'cert:' || replaces, expiry_told
     FROM certificates;
   DROP TABLE certificates;

   -- What the device is limited to that an invitation enrols.
   ALTER TABLE invitations ADD COLUMN device_apps TEXT;
   ALTER TABLE invitations ADD COLUMN device_countries TEXT;
   ALTER TABLE invitations ADD COLUMN device_expires_at INTEGER;
   ${ENDED_BY_KEY}
   UPDATE audit SET act = 'add-credential' WHERE act = 'add-certificate';
   UPDATE audit SET act = 'retire-credential' WHERE act = 'retire-certificate';`,

  BUNDLES_SCHEMA,

  BROWSERS_SCHEMA,
];
