// Notifications of what the gate saw.
import { type CredentialKey, type DeviceKind, fingerprintOf, kindOf } from "../domain/credential-key.ts";
import { type Fingerprint, shortFingerprint } from "../domain/fingerprint.ts";
import type { UserId } from "../domain/user.ts";
import type { Device, Notification, ToldReason } from "./event.ts";
import { command, iso, pick, placeName, printable } from "./wording.ts";

/** A device that was used on an app. */
interface SeenDevice {
  user: UserId;
  device: Device;
  app: string;
  country: string | null;
  at: number;
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
    message: `Certificate ${what} was used on ${app}${country === null ? "" : ` from ${country}`}. It is refused until somebody enrols it: latchkey unknown.`,
    data: { fingerprint, subject, app, country },
  };
}

/** A secret was used for the first time, perhaps not by the person it was made for. */
export function tokenFirstUsed(of: SeenDevice & { key: CredentialKey }): Notification {
  const { user, device, app, country } = of;
  const fingerprint = fingerprintOf(of.key);
  const kind = kindOf(of.key);
  const what = kind === "feed" ? "feed URL" : "token";
  return {
    id: `token-first-used:${fingerprint}`,
    type: "token-first-used",
    at: iso(of.at),
    title: `The ${what} of ${device.name} (${user}) was used for the first time`,
    message: `The ${what} ${shortFingerprint(fingerprint)} was used on ${app} from ${placeName(country)}. If that was not you: ${command("suspend", user, device)}.`,
    data: { user, device: pick(device), kind, fingerprint, app, country },
  };
}

/** `isLost`: it is refused there, as it is everywhere. */
export function deviceInNewCountry(of: SeenDevice & { isLost: boolean }): Notification {
  const { user, device, app, country, isLost } = of;
  const place = placeName(country);
  const next = isLost
    ? "It was reported lost, so it was refused."
    : `If that was not you: ${command("suspend", user, device)}.`;
  return {
    id: `device-new-country:${device.id}:${country ?? "unknown"}`,
    type: "device-new-country",
    at: iso(of.at),
    title: `${device.name} (${user}) was seen in a new country: ${place}`,
    message: `It was used on ${app} from ${place}, where it had not been seen before. ${next}`,
    data: { user, device: pick(device), app, country },
  };
}

const REFUSED_BECAUSE: Record<ToldReason, string> = {
  "device-suspended": "it is suspended",
  "device-revoked": "it is revoked, or the credential that it showed was retired",
  "device-expired": "it has expired",
  "expired-credential": "its token has expired",
  "wrong-app": "it is limited to other apps",
  country: "it is limited to other countries",
};

export function deviceRefused(of: SeenDevice & { reason: ToldReason }): Notification {
  const { user, device, app, country, reason } = of;
  return {
    id: `device-refused:${device.id}:${of.at}`,
    type: "device-refused",
    at: iso(of.at),
    title: `${device.name} (${user}) was refused`,
    message: `It tried to use ${app} from ${placeName(country)} and was refused, because ${REFUSED_BECAUSE[reason]}. To see further refusals: latchkey watch.`,
    data: { user, device: pick(device), reason, app, country },
  };
}

/** `lostSince` distinguishes this loss from an earlier one of the same device. */
export function wipeDelivered(
  of: SeenDevice & { device: { kind: DeviceKind }; tokenRefresh: boolean; lostSince: number },
): Notification {
  const { user, device, app, country, tokenRefresh } = of;
  const { kind } = device;
  const how = tokenRefresh
    ? "on the token call, the only one that phones obey"
    : "though not yet on the token call, the only one that phones obey";
  return {
    id: `wipe-delivered:${device.id}:${of.lostSince}:${tokenRefresh ? "token" : "other"}`,
    type: "wipe-delivered",
    at: iso(of.at),
    title: `${device.name} (${user}) was told to ${kind === "browser" ? "clear what it stores" : "delete its vault"}`,
    message: `It tried to use ${app}${country === null ? "" : ` from ${country}`} ${
      kind === "browser"
        ? "and was told to delete what it stores of that app. End its session at the identity provider, too."
        : `and got the wipe answer, ${how}.`
    }`,
    data: { user, device: pick(device), kind, app, country, tokenRefresh },
  };
}
