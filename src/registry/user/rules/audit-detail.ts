// What the audit log says of a credential, and of what a device is limited to.
import { type CredentialKey, fingerprintOf, kindOf } from "../../../domain/credential-key.ts";
import type { GuestLimits } from "../../../domain/records.ts";

/** Certificates are what most devices have, so the kind is said of others only. */
export function shownCredential(key: CredentialKey): { fingerprint: string; kind?: string } {
  const kind = kindOf(key);
  return { fingerprint: fingerprintOf(key), ...(kind === "certificate" ? {} : { kind }) };
}

/** Only those that are limits. */
export function shownLimits({ apps, countries, expiresAt }: GuestLimits): Record<string, string> {
  return {
    ...(apps === null ? {} : { apps: apps.join(" ") }),
    ...(countries === null ? {} : { countries: countries.join(" ") }),
    ...(expiresAt === null ? {} : { expiresAt: new Date(expiresAt).toISOString() }),
  };
}
