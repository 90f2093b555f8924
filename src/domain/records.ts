// What travels between the Worker and its Durable Objects. Times are milliseconds since the epoch.
// During a deploy a new Worker may call an old object, and an old Worker a new one: add fields, and
// never change the meaning of one.
import type { SecretDigest } from "./credential.ts";
import type { DeviceStatus, StatusAct } from "./device.ts";
import type { Fingerprint } from "./fingerprint.ts";
import type { UserId } from "./user.ts";

/** What a certificate says of itself; `null` where it is not known yet. */
export interface CertificateDetails {
  subject: string | null;
  issuer: string | null;
  /** Upper-case hex digits without colons. */
  serial: string | null;
  notBefore: number | null;
  notAfter: number | null;
}

/** How a certificate of a device ends before the device does: see retirement.ts. */
export interface Retirement {
  /** When it was retired; `null` = not yet, as far as it was written down. */
  retiredAt: number | null;
  /** The date by which it is retired, whether its successor was seen or not; `null` = no date. */
  retireBy: number | null;
}

/** A certificate as it is stored: whether it counts as retired, only `retiredSince` says. */
export interface CertificateRecord extends CertificateDetails, Retirement {
  fingerprint: Fingerprint;
  addedAt: number;
  /** The certificate that ends when this one is first seen; `null` = none, or it has ended. */
  replaces: Fingerprint | null;
}

/** The certificate that a device is to have next. */
export interface NextCertificate {
  fingerprint: Fingerprint;
  details: CertificateDetails;
  /** When the one that it has now ends at the latest; `null` = when the next one is seen, and not before. */
  retireBy: number | null;
}

/** A device's certificate, as it came to the gate. */
export interface Sighting {
  at: number;
  app: string;
  country: string | null;
  ip: string | null;
  details: CertificateDetails;
}

/** What the gate learns about an enrolled certificate's device. */
export interface StandingRecord {
  status: DeviceStatus;
  name: string;
  /** When the status began. */
  since: number;
}

/** Wipe answers that one isolate has delivered since its last report. */
export interface WipeDelivery {
  at: number;
  count: number;
  /** Whether the token call was among them: the one that phones obey. */
  tokenRefresh: boolean;
  app: string;
  country: string | null;
  ip: string | null;
}

/** The receipt of a lost device: which wipe answers it was given. */
export interface WipeReceipt {
  firstAt: number;
  lastAt: number;
  /** At least this many. */
  count: number;
  tokenRefresh: boolean;
}

export interface DeviceRecord {
  id: string;
  user: UserId;
  name: string;
  status: DeviceStatus;
  /** When the status began. */
  statusSince: number;
  /** What was given as the reason when the status was last set; `null` = nothing. */
  statusReason: string | null;
  note: string | null;
  enrolledAt: number;
  certificates: CertificateRecord[];
  lastSeen: { at: number; app: string; country: string | null; ip: string | null } | null;
  /** Since it was reported lost last; `null` = none was delivered. */
  wipe: WipeReceipt | null;
  /** Six digits that its own screen shows as well, while it waits for approval. */
  comparisonCode: string | null;
}

export interface Enrolment {
  name: string;
  note: string | null;
  fingerprint: Fingerprint;
  details: CertificateDetails;
  /** `pending` waits for somebody's approval. */
  status: "active" | "pending";
}

/** A code that enrols one device of one user; the code itself is stored nowhere. */
export interface InvitationRecord {
  id: string;
  user: UserId;
  /** The only app on whose host it works; `null` = on each. */
  app: string | null;
  /** Whether the device then waits for approval. */
  approval: boolean;
  createdAt: number;
  createdBy: string;
  expiresAt: number;
  usedAt: number | null;
  /** The id of the device that it enrolled. */
  usedBy: string | null;
}

/** An invitation as it comes back: its code's digest, and the app on whose host it was presented. */
export interface InvitationUse {
  digest: SecretDigest;
  app: string;
}

export interface UserRecord {
  id: UserId;
  name: string | null;
  createdAt: number;
}

export interface UnknownCertificateRecord extends CertificateDetails {
  fingerprint: Fingerprint;
  firstSeen: number;
  lastSeen: number;
  app: string;
  country: string | null;
  count: number;
}

/** Why a change was refused: data, since errors thrown over RPC lose their class. */
export type RegistryError =
  | { code: "unknown-user" }
  | { code: "unknown-device" }
  | { code: "unknown-certificate" }
  | { code: "certificate-not-listed" }
  | { code: "unknown-token" }
  | { code: "unknown-session" }
  | { code: "unknown-invitation" }
  /** Unknown, used, expired or for another app: it does not say which. */
  | { code: "invalid-invitation" }
  | { code: "user-has-devices" }
  /** The user was put again, or restored, while the deletion was under way. */
  | { code: "deletion-superseded" }
  | { code: "name-taken"; name: string }
  /** Enrolled, or being enrolled, by another user: nobody is named. */
  | { code: "fingerprint-taken" }
  | { code: "fingerprint-revoked" }
  | { code: "forbidden-transition"; status: DeviceStatus; act: StatusAct | "add-certificate" }
  | { code: "too-many-certificates" }
  | { code: "last-certificate" }
  | { code: "not-revoked"; status: DeviceStatus };

/** The details that are known after an enrolment by fingerprint: none. */
export const NO_DETAILS: CertificateDetails = {
  subject: null,
  issuer: null,
  serial: null,
  notBefore: null,
  notAfter: null,
};

/** The details only, from something that has more. */
export function detailsOf({
  subject,
  issuer,
  serial,
  notBefore,
  notAfter,
}: CertificateDetails): CertificateDetails {
  return { subject, issuer, serial, notBefore, notAfter };
}
