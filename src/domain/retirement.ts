// How a device's credential ends before the device does.
import type { CredentialKey } from "./credential-key.ts";
import type { CredentialRecord, DeviceRecord, Retirement } from "./records.ts";

/** Credentials that a device may hold at a time: its own and its next one. */
export const CREDENTIALS_MAX = 2;

/**
 * Since when a credential is retired, and `null` while it is not. A date that has passed counts on its own: nothing
 * has to run at that moment, and nothing has to be written down.
 */
export function retiredSince({ retiredAt, retireBy }: Retirement, now: number): number | null {
  if (retiredAt !== null) return retiredAt;
  return retireBy !== null && retireBy <= now ? retireBy : null;
}

export function credentialOf(
  { credentials }: DeviceRecord,
  key: CredentialKey,
): CredentialRecord | undefined {
  return credentials.find((each) => each.key === key);
}

/** Credentials of a device that are not retired, in the order in which they came. */
export function livingCredentials({ credentials }: DeviceRecord, now: number): CredentialRecord[] {
  return credentials.filter((each) => retiredSince(each, now) === null);
}
