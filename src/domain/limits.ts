// What a device is limited to.
import type { DeviceKind } from "./credential-key.ts";

/** What a device is limited to, whoever uses it. Times are milliseconds since the epoch. */
export interface Limits {
  kind: DeviceKind;
  /** Hostnames; `null` = every app. */
  apps: readonly string[] | null;
  /** ISO 3166-1 alpha-2 codes; `null` = from anywhere. */
  countries: readonly string[] | null;
  /** It is refused from then on; `null` = it never expires. */
  expiresAt: number | null;
  /** Patterns of the paths that a feed may read; `null` = not a feed. */
  paths: readonly string[] | null;
}

/** For a device in the answer of an older registry, which knew no limits. */
export const NO_LIMITS: Limits = {
  kind: "certificate",
  apps: null,
  countries: null,
  expiresAt: null,
  paths: null,
};
