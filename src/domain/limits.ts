// What a device is limited to.
import type { DeviceKind } from "./credential-key.ts";

/** How far a device reaches, whoever may use it. Times are milliseconds since the epoch. */
export interface Limits {
  kind: DeviceKind;
  /** Hostnames; `null` = every app. */
  apps: readonly string[] | null;
  /** ISO 3166-1 alpha-2 codes; `null` = from anywhere. */
  countries: readonly string[] | null;
  /** From then on it is refused; `null` = it has no end. */
  expiresAt: number | null;
  /** Of a feed: patterns of the paths that it may read. `null` = not a feed. */
  paths: readonly string[] | null;
}

/** The limits of a device that an older registry told of, which knew none. */
export const NO_LIMITS: Limits = {
  kind: "certificate",
  apps: null,
  countries: null,
  expiresAt: null,
  paths: null,
};
