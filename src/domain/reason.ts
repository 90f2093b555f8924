// Why the gate refuses a request.

/** Why a request is refused: the closed list, the same in code, log, docs and tests. */
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
  "unknown-app",
  "country",
  "registry-unavailable",
  "misconfigured",
  "internal-error",
] as const;
export type Reason = (typeof REASONS)[number];
