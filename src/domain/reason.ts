// Why a request is refused, as the log names it.

/** Why the gate refuses a request: the closed list, the same in code, log, docs and tests. */
export const REASONS = [
  "blocked",
  "no-certificate",
  "unverified-certificate",
  "revoked-certificate",
  "expired-certificate",
  "malformed-certificate",
  "unknown-device",
  "device-pending",
  "device-suspended",
  "device-revoked",
  "device-lost",
  "device-expired",
  "expired-credential",
  "wrong-app",
  "unknown-app",
  "country",
  "cross-site",
  "registry-unavailable",
  "misconfigured",
  "internal-error",
] as const;
export type Reason = (typeof REASONS)[number];

/** Why a path of Latchkey's own is refused as if nothing were there. */
export type ControlReason =
  /** The host is neither an app's nor the `ADMIN_HOST`. */
  | "unknown-app"
  /** Without an `ADMIN_TOKEN`. */
  | "api-off"
  | "not-the-admin-host"
  /** Pages for people need an `ADMIN_HOST`. */
  | "no-admin-host"
  | "no-credentials";
