// What people are notified of.
import { type CredentialKey, fingerprintOf, kindOf } from "../domain/credential-key.ts";
import { type Fingerprint, shortFingerprint } from "../domain/fingerprint.ts";
import { relativeTime } from "../domain/relative-time.ts";
import type { UserId } from "../domain/user.ts";

interface Device {
  id: string;
  name: string;
}

/** Nothing that is not in the audit log or the lists. Times are ISO 8601, fingerprints 64 hex digits. */
export type NotifyEvent =
  | {
      type: "certificate-expiring" | "token-expiring";
      data: { user: UserId; device: Device; fingerprint: Fingerprint; notAfter: string; threshold: number };
    }
  | {
      type: "certificate-waiting";
      data: { fingerprint: Fingerprint; subject: string | null; app: string; country: string | null };
    }
  | {
      type: "device-expiring";
      data: { user: UserId; device: Device; expiresAt: string; threshold: number };
    }
  | { type: "device-lost"; data: { user: UserId; device: Device; by: string } }
  | {
      type: "wipe-delivered";
      data: { user: UserId; device: Device; app: string; country: string | null; tokenRefresh: boolean };
    };

/** An event, as it is stored and sent. */
export type Notification = NotifyEvent & {
  /** The same at each repetition, so that receivers can drop repeats. Without dots, which separate what is signed. */
  id: string;
  /** When it happened, ISO 8601. */
  at: string;
  /** For people. */
  title: string;
  message: string;
};

/** How many days before a certificate expires people are notified, ascending. */
export const EXPIRY_THRESHOLDS_DAYS = [1, 7, 30] as const;

/** Subjects are cut to this, in characters: anybody can write anything there. */
const SUBJECT_MAX_CHARACTERS = 100;

/** `threshold`: the number of days of `EXPIRY_THRESHOLDS_DAYS` that it has reached. */
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

/** The device's own end is near, whatever its credentials say. */
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
    title: `${device.name} (${user}) is let in only until ${expiresAt}`,
    message: `It expires ${relativeTime(expiresAt, now)} and is refused from then on. To change that: latchkey limit ${user}/${device.name} --until TIME.`,
    data: { user, device: pick(device), expiresAt, threshold },
  };
}

export function certificateWaiting(of: {
  fingerprint: Fingerprint;
  subject: string | null;
  app: string;
  country: string | null;
  firstSeen: number;
}): Notification {
  const { fingerprint, app, country } = of;
  const subject = of.subject === null ? null : printable(of.subject);
  const what = `${shortFingerprint(fingerprint)}${subject === null ? "" : ` (${subject})`}`;
  return {
    id: `certificate-waiting:${fingerprint}:${of.firstSeen}`,
    type: "certificate-waiting",
    at: iso(of.firstSeen),
    title: "An unknown certificate is waiting",
    message: `Certificate ${what} came to ${app}${country === null ? "" : ` from ${country}`}. It is refused until somebody enrols it: latchkey unknown.`,
    data: { fingerprint, subject, app, country },
  };
}

export function deviceLost(of: { user: UserId; device: Device; by: string; since: number }): Notification {
  const { user, device, by } = of;
  return {
    id: `device-lost:${device.id}:${of.since}`,
    type: "device-lost",
    at: iso(of.since),
    title: `${device.name} (${user}) is reported lost`,
    message: `Reported by ${by}. It is refused from now on. On apps with the profile bitwarden, Bitwarden on it will delete its vault when it next connects.`,
    data: { user, device: pick(device), by },
  };
}

/** `lostSince` distinguishes this loss from an earlier one of the same device. */
export function wipeDelivered(of: {
  user: UserId;
  device: Device;
  app: string;
  country: string | null;
  tokenRefresh: boolean;
  lostSince: number;
  at: number;
}): Notification {
  const { user, device, app, country, tokenRefresh } = of;
  const how = tokenRefresh
    ? "on the token call, which phones obey"
    : "though not yet on the token call, which phones obey";
  return {
    id: `wipe-delivered:${device.id}:${of.lostSince}:${tokenRefresh ? "token" : "other"}`,
    type: "wipe-delivered",
    at: iso(of.at),
    title: `${device.name} (${user}) was told to delete its vault`,
    message: `It came to ${app}${country === null ? "" : ` from ${country}`} and was given the answer that wipes, ${how}.`,
    data: { user, device: pick(device), app, country, tokenRefresh },
  };
}

function iso(time: number): string {
  return new Date(time).toISOString();
}

/** Keeps the rest of a record out of what is sent. */
function pick({ id, name }: Device): Device {
  return { id, name };
}

/** One short line, never cut within a character. */
function printable(text: string): string {
  const plain = [...text.toWellFormed().replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ")];
  return plain.length <= SUBJECT_MAX_CHARACTERS
    ? plain.join("")
    : `${plain.slice(0, SUBJECT_MAX_CHARACTERS).join("")}…`;
}
