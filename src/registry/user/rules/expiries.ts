// What expires soon, checked once a day to notify people: credentials, and devices that expire themselves.
import type { CredentialKey } from "../../../domain/credential-key.ts";
import type { UserId } from "../../../domain/user.ts";
import {
  credentialExpiring,
  deviceExpiring,
  dueThreshold,
  LONGEST_NOTICE_MS,
} from "../../../notify/expiries.ts";
import type { Outbox } from "../../storage/outbox.ts";
import type { CredentialTable } from "../tables/credential-table.ts";
import type { DeviceTable } from "../tables/device-table.ts";

/**
 * Notes each threshold that was reached since the last call, except for what is refused already: retired, expired, or on
 * a device that is not let in. It reads every row, so once a day is often enough. Types that are turned off are not
 * noted. Call it in a transaction.
 */
export function noteExpiring(
  user: UserId,
  tables: { devices: DeviceTable; credentials: CredentialTable },
  outbox: Outbox,
  now: number,
): void {
  const until = now + LONGEST_NOTICE_MS;
  for (const row of tables.credentials.expiring(now, until)) {
    const { id, name, not_after: notAfter } = row;
    const threshold = dueThreshold(notAfter, row.expiry_told, now);
    if (threshold === undefined) continue;
    const key = row.key as CredentialKey;
    const notification = credentialExpiring({ user, device: { id, name }, key, notAfter, threshold }, now);
    if (!outbox.add(notification, now)) continue;
    tables.credentials.change(key, { expiry_told: threshold });
  }
  for (const { id, name, expires_at: expiresAt, expiry_told: told } of tables.devices.expiring(now, until)) {
    const threshold = dueThreshold(expiresAt, told, now);
    if (threshold === undefined) continue;
    const notification = deviceExpiring({ user, device: { id, name }, expiresAt, threshold }, now);
    if (outbox.add(notification, now)) tables.devices.noteExpiryTold(id, threshold);
  }
}
