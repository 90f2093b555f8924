// What travels between the Worker and its Durable Objects. Times are milliseconds since the epoch.
// During a deploy a new Worker may call an old object, and an old Worker a new one: add fields, and
// never change the meaning of one.
import type { Opener } from "./browser.ts";
import type { SecretDigest } from "./credential.ts";
import type { CredentialKey, DeviceKind } from "./credential-key.ts";
import type { DeviceStatus, StatusAct } from "./device.ts";
import type { Fingerprint } from "./fingerprint.ts";
import type { Limits } from "./limits.ts";
import type { EmailAddress, Role } from "./person.ts";
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

/** How a device's credential ends before the device does: see retirement.ts. */
export interface Retirement {
  /** When it was retired; `null` = not yet, as far as it was written down. */
  retiredAt: number | null;
  /** The date by which it is retired, whether its successor was seen or not; `null` = no date. */
  retireBy: number | null;
}

/**
 * A credential as it is stored. Only `retiredSince` says whether it counts as retired. A token or a feed's secret has no
 * details except `notBefore` and `notAfter`, between which it is valid.
 */
export interface CredentialRecord extends CertificateDetails, Retirement {
  key: CredentialKey;
  addedAt: number;
  /** The credential that ends when this one is first seen; `null` = none, or it has ended. */
  replaces: CredentialKey | null;
}

/** A device's next credential. */
export interface NextCredential {
  key: CredentialKey;
  details: CertificateDetails;
  /** When the one that it has now ends at the latest; `null` = when the next one is seen, and not before. */
  retireBy: number | null;
}

/** A device's credential, as it came to the gate; without details unless it is a certificate. */
export interface Sighting {
  at: number;
  app: string;
  country: string | null;
  ip: string | null;
  details: CertificateDetails;
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

export interface DeviceRecord extends Limits {
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
  credentials: CredentialRecord[];
  lastSeen: { at: number; app: string; country: string | null; ip: string | null } | null;
  /** Since it was reported lost last; `null` = none was delivered. */
  wipe: WipeReceipt | null;
  /** Six digits that its own screen shows as well, while it waits for approval. */
  comparisonCode: string | null;
}

export interface Enrolment {
  name: string;
  note: string | null;
  key: CredentialKey;
  limits: Limits;
  details: CertificateDetails;
  /** `pending` waits for somebody's approval. */
  status: "active" | "pending";
  /** Of a browser only: who signed in with it. Its name is one that is free. */
  opener?: Opener;
}

/** The limits that an invitation can give to a device that enrols with its own certificate. */
export type GuestLimits = Pick<Limits, "apps" | "countries" | "expiresAt">;

/** The certificate that comes with an invitation, encrypted so that only the link opens it. */
export interface BundleRecord {
  /** The device's name when the invitation was made. */
  name: string;
  fingerprint: Fingerprint;
  /** The id of the device whose next certificate it is; `null` = it enrols a new device. */
  renews: string | null;
}

/** A bundle as it is stored with its invitation. The key that opens it is in the link only. */
export interface NewBundle {
  name: string;
  renews: string | null;
  key: CredentialKey;
  details: CertificateDetails;
  /** For a renewal, as in `NextCredential`. */
  retireBy: number | null;
  /** Base64url. */
  ciphertext: string;
  /** SHA-256 in hex, which takes the whole link to compute (see scripts/certificates/bundle.ts). */
  proof: string;
}

/** A code that enrols one device of one user; the code itself is stored nowhere. */
export interface InvitationRecord {
  id: string;
  user: UserId;
  /** The only app on whose host it works; `null` = on each. */
  app: string | null;
  /** Whether the device then waits for approval. */
  approval: boolean;
  /** What the device is limited to, such as a guest's. */
  limits: GuestLimits;
  /** `null` = the device has its certificate already. */
  bundle: BundleRecord | null;
  createdAt: number;
  createdBy: string;
  expiresAt: number;
  usedAt: number | null;
  /** The id of the device that it enrolled. */
  usedBy: string | null;
}

/**
 * An invitation as it is presented: its code's digest, and the app on whose host this was; `null` = on the page that
 * hands out bundles.
 */
export interface InvitationUse {
  digest: SecretDigest;
  app: string | null;
}

/** Who asks for a bundle. */
export interface BundleUse {
  digest: SecretDigest;
  proof: string;
  /** The digest of a random secret that only this browser has. */
  browser: SecretDigest;
  /** What the browser calls itself. */
  client: string | null;
  /** Whether it only checks on its device: then it gets no ciphertext. */
  isLook: boolean;
}

/** What the browser that fetched a bundle learns. */
export interface Welcome {
  invitation: string;
  device: DeviceRecord;
  isRenewal: boolean;
  /** Whether the gate has seen the certificate; if so, the bundle has been deleted. */
  isSeen: boolean;
  ciphertext: string | null;
}

export interface UserRecord {
  id: UserId;
  name: string | null;
  createdAt: number;
  role: Role;
  /** Each names only this user. A person whose verified address it is becomes this user at the first sign-in. */
  emails: readonly EmailAddress[];
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
  | { code: "unknown-credential" }
  | { code: "certificate-not-listed" }
  | { code: "unknown-token" }
  | { code: "unknown-session" }
  | { code: "unknown-invitation" }
  /** Unknown, used, expired or for another app: it does not say which. */
  | { code: "invalid-invitation" }
  | { code: "too-many-bundles" }
  | { code: "user-has-devices" }
  | { code: "unknown-identity" }
  | { code: "unknown-person" }
  /** It names another user; only owners may know which. */
  | { code: "email-taken"; email: EmailAddress; owner: UserId }
  /** The user was put again, or restored, while the deletion was under way. */
  | { code: "deletion-superseded" }
  | { code: "name-taken"; name: string }
  /** Enrolled, or being enrolled, by another user: nobody is named. */
  | { code: "fingerprint-taken" }
  | { code: "fingerprint-revoked" }
  | { code: "forbidden-transition"; status: DeviceStatus; act: StatusAct | "add-credential" }
  | { code: "too-many-credentials" }
  | { code: "last-credential" }
  | { code: "not-revoked"; status: DeviceStatus }
  /** The device shows another kind of credential. */
  | { code: "wrong-kind"; kind: DeviceKind }
  /** A token or a feed that would reach every app. */
  | { code: "scope-required" };

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
