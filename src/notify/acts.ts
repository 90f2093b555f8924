// Notifications of what somebody did.
import type { DeviceKind } from "../domain/credential-key.ts";
import type { IdentityRecord } from "../domain/person.ts";
import { clientName } from "../domain/request/client-name.ts";
import type { UserId } from "../domain/user.ts";
import type { Device, Notification } from "./event.ts";
import { command, iso, pick, placeName, printable } from "./wording.ts";

/** `by`: as the audit log names actors. `invitedBy`: who made the invitation, if there was one. */
export function deviceEnrolled(of: {
  user: UserId;
  device: Device;
  kind: DeviceKind;
  status: "active" | "pending";
  by: string;
  invitedBy: string | null;
  country: string | null;
  at: number;
}): Notification {
  const { user, device, kind, status, by, invitedBy, country } = of;
  const how =
    kind === "browser"
      ? `when ${user} signed in with it`
      : invitedBy === null
        ? `by ${by}`
        : `by an invitation from ${invitedBy}`;
  const next =
    status === "pending"
      ? `It is refused until somebody approves it: ${command("approve", user, device)}.`
      : `It is let in from now on. If you did not expect this: ${command("suspend", user, device)}.`;
  return {
    id: `device-enrolled:${device.id}`,
    type: "device-enrolled",
    at: iso(of.at),
    title: `${device.name} (${user}) was enrolled`,
    message: `Enrolled ${how}, from ${placeName(country)}. ${next}`,
    data: { user, device: pick(device), kind, status, by, invitedBy, country },
  };
}

export function deviceApproved(of: {
  user: UserId;
  device: Device;
  by: string;
  since: number;
}): Notification {
  const { user, device, by } = of;
  return {
    id: `device-approved:${device.id}:${of.since}`,
    type: "device-approved",
    at: iso(of.since),
    title: `${device.name} (${user}) was approved`,
    message: `Approved by ${by}. It is let in from now on. If you did not expect this: ${command("suspend", user, device)}.`,
    data: { user, device: pick(device), by },
  };
}

/** Only a certificate proves that the device itself asks, so nothing else is told to delete its vault. */
const DELETED: Record<DeviceKind, string> = {
  certificate:
    "On apps with the profile bitwarden, Bitwarden on it will delete its vault when it next connects.",
  token: "It has a token instead of a certificate, so nothing will be deleted on it.",
  feed: "It has a feed URL instead of a certificate, so nothing will be deleted on it.",
  browser:
    "When it next connects, it is told to delete what it stores of the apps. End its session at the identity provider, too.",
};

export function deviceLost(of: {
  user: UserId;
  device: Device & { kind: DeviceKind };
  by: string;
  since: number;
}): Notification {
  const { user, device, by } = of;
  return {
    id: `device-lost:${device.id}:${of.since}`,
    type: "device-lost",
    at: iso(of.since),
    title: `${device.name} (${user}) was reported lost`,
    message: `Reported by ${by}. It is refused from now on. ${DELETED[device.kind]}`,
    data: { user, device: pick(device), by },
  };
}

/** `client` is the browser's own name for itself. */
export function adminSignIn(of: {
  session: string;
  client: string | null;
  country: string | null;
  at: number;
}): Notification {
  const { session, country } = of;
  const browser = printable(clientName(of.client));
  return {
    id: `admin-sign-in:${session}`,
    type: "admin-sign-in",
    at: iso(of.at),
    title: "Somebody signed in with the ADMIN_TOKEN",
    message: `From ${placeName(country)}, with this browser: ${browser}. If that was not you, replace the token, which also ends its sessions: wrangler secret put ADMIN_TOKEN.`,
    data: { session, browser, country },
  };
}

/** As `adminSignIn`, of an owner who signed in with the identity provider. */
export function ownerSignIn(of: {
  user: UserId;
  session: string;
  client: string | null;
  country: string | null;
  at: number;
}): Notification {
  const { user, session, country } = of;
  const browser = printable(clientName(of.client));
  return {
    id: `owner-sign-in:${session}`,
    type: "owner-sign-in",
    at: iso(of.at),
    title: `${user} signed in as an owner`,
    message: `From ${placeName(country)}, with this browser: ${browser}. If that was not ${user}: latchkey users edit ${user} --role member, and end the session at the provider.`,
    data: { user, session, browser, country },
  };
}

/** `by`: whoever admitted the person. */
export function identityBound(of: {
  identity: IdentityRecord;
  by: string;
  country: string | null;
}): Notification {
  const { identity, by, country } = of;
  const { id, user, issuer, email } = identity;
  const how = email === null ? `Admitted by ${by}` : `By the address ${printable(email)}`;
  return {
    id: `identity-bound:${id}`,
    type: "identity-bound",
    at: iso(identity.boundAt),
    title: `Somebody signed in as ${user} for the first time`,
    message: `${how}, from ${placeName(country)}, at ${printable(issuer)}. If you did not expect this: latchkey users unbind ${user} ${id}.`,
    data: { user, identity: { id, issuer }, email, by, country },
  };
}
