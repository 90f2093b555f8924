// The tables of a user's registry: each one's columns stand beside the code that reads and writes it. Times are
// milliseconds since the epoch.
import { AUDIT_SCHEMA } from "../storage/audit-log.ts";
import { ENDED_SCHEMA } from "../storage/ended.ts";
import type { Migration } from "../storage/migrations.ts";
import { OUTBOX_SCHEMA } from "../storage/outbox.ts";
import { CERTIFICATES_SCHEMA } from "./certificate-table.ts";
import { DEVICES_SCHEMA } from "./device-table.ts";
import { INVITATIONS_SCHEMA } from "./invitations.ts";
import { REGISTRY_STATE_SCHEMA } from "./registry-state.ts";

export const USER_REGISTRY_MIGRATIONS: readonly Migration[] = [
  [
    ...[DEVICES_SCHEMA, CERTIFICATES_SCHEMA, INVITATIONS_SCHEMA, REGISTRY_STATE_SCHEMA],
    ...[ENDED_SCHEMA, OUTBOX_SCHEMA, AUDIT_SCHEMA],
  ].join("\n"),
];
