// What people are notified of: every event, and how it is stored and sent.
import type { DeviceKind } from "../domain/credential-key.ts";
import type { Fingerprint } from "../domain/fingerprint.ts";
import type { Reason } from "../domain/reason.ts";
import type { UserId } from "../domain/user.ts";

export interface Device {
  id: string;
  name: string;
}

/** Whose device it is. */
interface Owned {
  user: UserId;
  device: Device;
}

/** Where it was seen: the app, and the country as Cloudflare reports it. */
interface Place {
  app: string;
  country: string | null;
}

/** The reasons for refusing an enrolled device of which people are notified. */
export type ToldReason = Extract<
  Reason,
  "device-suspended" | "device-revoked" | "device-expired" | "expired-credential" | "wrong-app" | "country"
>;

/** It contains nothing that the audit log and the lists don't. Times are ISO 8601, fingerprints 64 hex digits. */
interface EventData {
  "certificate-expiring": Owned & { fingerprint: Fingerprint; notAfter: string; threshold: number };
  "token-expiring": Owned & { fingerprint: Fingerprint; notAfter: string; threshold: number };
  "device-expiring": Owned & { expiresAt: string; threshold: number };
  "certificate-waiting": Place & { fingerprint: Fingerprint; subject: string | null };
  "token-first-used": Owned & Place & { kind: DeviceKind; fingerprint: Fingerprint };
  "device-new-country": Owned & Place;
  "device-refused": Owned & Place & { reason: ToldReason };
  "device-enrolled": Owned & {
    kind: DeviceKind;
    status: "active" | "pending";
    by: string;
    /** Who made the invitation; `null` = there was none. */
    invitedBy: string | null;
    country: string | null;
  };
  "device-approved": Owned & { by: string };
  "device-lost": Owned & { by: string };
  "wipe-delivered": Owned & Place & { kind: DeviceKind; tokenRefresh: boolean };
  "admin-sign-in": { session: string; browser: string; country: string | null };
  "owner-sign-in": { user: UserId; session: string; browser: string; country: string | null };
  "identity-bound": {
    user: UserId;
    identity: { id: string; issuer: string };
    /** The address by which it was bound; `null`: somebody admitted the person. */
    email: string | null;
    by: string;
    country: string | null;
  };
}

export type NotifyType = keyof EventData;

export type NotifyEvent = { [Type in NotifyType]: { type: Type; data: EventData[Type] } }[NotifyType];

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

/** How ntfy shows an event of each type. Priorities: 3 is the default, 4 makes more noise (docs.ntfy.sh/publish). */
export const NTFY_LOOKS: Readonly<Record<NotifyType, { tags: string[]; priority: number }>> = {
  "certificate-expiring": { tags: ["hourglass_flowing_sand"], priority: 3 },
  "token-expiring": { tags: ["hourglass_flowing_sand"], priority: 3 },
  "device-expiring": { tags: ["hourglass_flowing_sand"], priority: 3 },
  "certificate-waiting": { tags: ["key"], priority: 3 },
  "token-first-used": { tags: ["key"], priority: 3 },
  "device-new-country": { tags: ["globe_with_meridians"], priority: 4 },
  "device-refused": { tags: ["no_entry"], priority: 3 },
  "device-enrolled": { tags: ["iphone"], priority: 3 },
  "device-approved": { tags: ["white_check_mark"], priority: 3 },
  "device-lost": { tags: ["rotating_light"], priority: 4 },
  "wipe-delivered": { tags: ["wastebasket"], priority: 4 },
  "admin-sign-in": { tags: ["unlock"], priority: 4 },
  "owner-sign-in": { tags: ["unlock"], priority: 4 },
  "identity-bound": { tags: ["bust_in_silhouette"], priority: 4 },
};

/** Every type, as `NOTIFY_OFF` names them. */
export const NOTIFY_TYPES = Object.keys(NTFY_LOOKS) as NotifyType[];
