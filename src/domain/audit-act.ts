// What the audit logs record: one word per act, the same in the logs, the API, the command line and the pages.
import type { StatusAct } from "./device.ts";

const STATUS = ["approve", "suspend", "reinstate", "lost", "revoke"] as const satisfies StatusAct[];

export const AUDIT_ACTS = [
  ...STATUS,
  "enrol",
  "edit",
  "forget",
  "add-credential",
  "retire-credential",
  "wipe-delivered",
  "invite",
  "withdraw",
  "fetch-certificate",
  "dismiss",
  "create-user",
  "rename-user",
  "edit-user",
  "delete-user",
  "create-token",
  "revoke-token",
  "bind-identity",
  "unbind-identity",
  "dismiss-person",
  "sign-in",
  "sign-out",
  "restore",
] as const;

export type AuditAct = (typeof AUDIT_ACTS)[number];
