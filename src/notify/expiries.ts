// Notifications of what expires soon.
import { type CredentialKey, fingerprintOf, kindOf } from "../domain/credential-key.ts";
import { shortFingerprint } from "../domain/fingerprint.ts";
import { DAY_MS, relativeTime } from "../domain/general/relative-time.ts";
import type { UserId } from "../domain/user.ts";
import type { Device, Notification } from "./event.ts";
import { command, iso, pick } from "./wording.ts";

/** How many days before something expires people are notified, ascending. */
const EXPIRY_THRESHOLDS_DAYS = [1, 7, 30] as const;

/** How long before it expires people are first notified, in milliseconds. */
export const LONGEST_NOTICE_MS = Math.max(...EXPIRY_THRESHOLDS_DAYS) * DAY_MS;

/**
 * The threshold, in days, to notify people of now, for something that expires at `end`; `undefined`: it is too early, or
 * they have been notified of it. `told`: the lowest threshold they were notified of so far.
 */
export function dueThreshold(end: number, told: number | null, now: number): number | undefined {
  const threshold = EXPIRY_THRESHOLDS_DAYS.find((days) => end - now <= days * DAY_MS);
  return threshold === undefined || (told !== null && told <= threshold) ? undefined : threshold;
}

/** `threshold`: the one that was reached, in days. */
export function credentialExpiring(
  of: { user: UserId; device: Device; key: CredentialKey; notAfter: number; threshold: number },
  now: number,
): Notification {
  const { user, device, threshold } = of;
  const fingerprint = fingerprintOf(of.key);
  const what = kindOf(of.key) === "certificate" ? "certificate" : "token";
  const notAfter = iso(of.notAfter);
  return {
    id: `${what}-expiring:${fingerprint}:${threshold}`,
    type: `${what}-expiring`,
    at: iso(now),
    title: `The ${what} of ${device.name} (${user}) expires ${relativeTime(notAfter, now)}`,
    message: `The ${what} ${shortFingerprint(fingerprint)} is valid until ${notAfter}. After that, the device is refused: give it a new ${what} before then.`,
    data: { user, device: pick(device), fingerprint, notAfter, threshold },
  };
}

/** The device itself expires soon, whenever its credentials do. */
export function deviceExpiring(
  of: { user: UserId; device: Device; expiresAt: number; threshold: number },
  now: number,
): Notification {
  const { user, device, threshold } = of;
  const expiresAt = iso(of.expiresAt);
  return {
    id: `device-expiring:${device.id}:${of.expiresAt}:${threshold}`,
    type: "device-expiring",
    at: iso(now),
    title: `${device.name} (${user}) expires ${relativeTime(expiresAt, now)}`,
    message: `It is let in until ${expiresAt} and refused after that. To extend it: ${command("limit", user, device)} --until TIME.`,
    data: { user, device: pick(device), expiresAt, threshold },
  };
}
