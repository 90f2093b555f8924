// What the API answers. Times are ISO 8601 in UTC.
import * as v from "valibot";
import { TOKEN_SCOPES } from "../domain/credential.ts";
import { DEVICE_KINDS } from "../domain/credential-key.ts";
import { DEVICE_STATUSES } from "../domain/device.ts";
import { ROLES } from "../domain/person.ts";
import { FingerprintSchema } from "./requests.ts";

const TimeSchema = v.pipe(v.string(), v.isoTimestamp());
const WholeNumber = v.pipe(v.number(), v.integer());
const TextOrNull = v.nullable(v.string());
const TimeOrNull = v.nullable(TimeSchema);
/** What to give for the next page, or `null` on the last one. */
const NextSchema = v.nullable(v.string());

export const UserSchema = v.object({
  id: v.string(),
  name: TextOrNull,
  createdAt: TimeSchema,
  // A command line may be newer than the gate, which then knows no identity provider: the same for sessions.
  /** What the user may do on the pages after signing in with the identity provider. */
  role: v.optional(v.picklist(ROLES), "member"),
  /** A person who signs in with one of these, verified, becomes this user. */
  emails: v.optional(v.array(v.string()), []),
});

/**
 * A device's credential; details that are not known yet are `null`. A token or a feed's secret has only the dates.
 */
export const CredentialSchema = v.object({
  /** SHA-256, in hex: of a certificate's DER, or of a secret's text. */
  fingerprint: v.string(),
  subject: TextOrNull,
  issuer: TextOrNull,
  /** Upper-case hex digits without colons. */
  serial: TextOrNull,
  notBefore: TimeOrNull,
  notAfter: TimeOrNull,
  addedAt: TimeSchema,
  /** Since when it is refused, while the device has another one; `null`: it is not. */
  retiredAt: TimeOrNull,
  /** When it is retired at the latest; `null`: no date. */
  retireBy: TimeOrNull,
  /** The fingerprint of the credential that is retired when this one is first seen; `null`: none. */
  replaces: TextOrNull,
});

const StringsOrNull = v.nullable(v.array(v.string()));

/** What a device is limited to. */
const LIMITS = {
  /** Hostnames; `null`: every app. */
  apps: StringsOrNull,
  /** ISO 3166-1 alpha-2 codes; `null`: from anywhere. */
  countries: StringsOrNull,
  /** It is refused from then on; `null`: it never expires. */
  expiresAt: TimeOrNull,
};

export const DeviceSchema = v.object({
  id: v.string(),
  user: v.string(),
  name: v.string(),
  /** What it shows to be let in. */
  kind: v.picklist(DEVICE_KINDS),
  status: v.picklist(DEVICE_STATUSES),
  /** When the status began. */
  statusSince: TimeSchema,
  /** Why, in the words of whoever set the status last; `null`: no reason was given. */
  statusReason: TextOrNull,
  note: TextOrNull,
  enrolledAt: TimeSchema,
  ...LIMITS,
  /** Patterns of the paths that a feed may read; `null`: not a feed. */
  paths: StringsOrNull,
  credentials: v.array(CredentialSchema),
  /** When it last showed a credential, whatever the answer: written at most every five minutes. */
  lastSeen: v.nullable(v.object({ at: TimeSchema, app: v.string(), country: TextOrNull, ip: TextOrNull })),
  /**
   * The wipe answers delivered since it was last reported lost; `null`: none.
   * `count` is a lower bound; `tokenRefresh`: the one that phones obey was among them.
   */
  wipe: v.nullable(
    v.object({ firstAt: TimeSchema, lastAt: TimeSchema, count: WholeNumber, tokenRefresh: v.boolean() }),
  ),
  /** Six digits that the device's own screen shows too, while it is pending after an invitation. */
  comparisonCode: TextOrNull,
});

/** One line of an audit log: a change, or an attempt that was refused. */
export const AuditEntrySchema = v.object({
  id: WholeNumber,
  at: TimeSchema,
  actor: v.string(),
  ip: TextOrNull,
  country: TextOrNull,
  /** One of `AUDIT_ACTS`; a command line that is older than the gate shows others as they are. */
  act: v.string(),
  outcome: v.picklist(["done", "refused"]),
  /** What was acted on: a device in a user's log, a user, token or fingerprint in the directory's. */
  target: v.nullable(v.object({ id: v.string(), name: TextOrNull })),
  detail: v.record(v.string(), TextOrNull),
  /** Present only if true: the line came from a backup, and was not written by this registry. */
  restored: v.optional(v.literal(true)),
});

/** A certificate that Cloudflare verified and nobody has enrolled. */
export const UnknownCertificateSchema = v.object({
  fingerprint: v.string(),
  subject: TextOrNull,
  issuer: TextOrNull,
  serial: TextOrNull,
  notAfter: TimeOrNull,
  firstSeen: TimeSchema,
  lastSeen: TimeSchema,
  app: v.string(),
  country: TextOrNull,
  /** How often it was noted, at most once every ten minutes. */
  count: WholeNumber,
});

const TOKEN_FIELDS = {
  id: v.string(),
  /** `null`: it reads everything. */
  user: TextOrNull,
  name: v.string(),
  scope: v.picklist(TOKEN_SCOPES),
  createdAt: TimeSchema,
  /** `null`: it never expires. */
  expiresAt: TimeOrNull,
  /** Written at most every five minutes. */
  lastUsedAt: TimeOrNull,
};
export const TokenSchema = v.object(TOKEN_FIELDS);
/** The token itself is shown once, when it is made. */
export const NewTokenSchema = v.object({ ...TOKEN_FIELDS, token: v.string() });

export const SessionSchema = v.object({
  id: v.string(),
  /** `null`: it was opened with the `ADMIN_TOKEN`, or by `person`. */
  token: v.nullable(v.object({ id: v.string(), name: v.string(), user: TextOrNull })),
  /** The user who signed in with the identity provider; `null`: it was opened in another way. */
  person: v.optional(TextOrNull, null),
  createdAt: TimeSchema,
  expiresAt: TimeSchema,
  ip: TextOrNull,
  country: TextOrNull,
  client: TextOrNull,
});

const INVITATION_FIELDS = {
  id: v.string(),
  user: v.string(),
  /** The only app on whose host it works; `null`: on every one. */
  app: TextOrNull,
  /** Whether the device is pending until it is approved. */
  approval: v.boolean(),
  /** What the device that it enrols is limited to. */
  limits: v.object(LIMITS),
  /**
   * The certificate that comes with it: for a new device with this name, or for an existing one (`renews`, its id).
   * `null`: the device must already have a certificate.
   */
  bundle: v.nullable(v.object({ name: v.string(), fingerprint: v.string(), renews: TextOrNull })),
  createdAt: TimeSchema,
  createdBy: v.string(),
  expiresAt: TimeSchema,
  status: v.picklist(["open", "used", "expired"]),
  usedAt: TimeOrNull,
  /** The id of the device that it enrolled. */
  device: TextOrNull,
};
export const InvitationSchema = v.object(INVITATION_FIELDS);
/** A device that shows a token or a feed's secret, which is shown only once. */
export const NewDeviceTokenSchema = v.object({ device: DeviceSchema, token: v.string() });

/** Code and link are shown once, when it is made. */
export const NewInvitationSchema = v.object({ ...INVITATION_FIELDS, code: v.string(), link: v.string() });

/** Whose credentials a request came with. */
export const MeSchema = v.object({
  actor: v.string(),
  scope: v.picklist(["root", ...TOKEN_SCOPES]),
  /** `null`: all users. */
  user: TextOrNull,
  /**
   * The entries of `APPS`, `*` among them: on those with the profile `bitwarden`, a lost device's vault is deleted.
   * `app`: what runs there, if `APPS` names it. `basic`: the gate takes a device token as the HTTP Basic password.
   */
  apps: v.array(
    v.object({
      host: v.string(),
      profile: v.string(),
      app: v.optional(v.string()),
      basic: v.optional(v.boolean()),
    }),
  ),
  /** Latchkey's, such as `0.1.0`, and the API's. Gates from before they said so don't. */
  version: v.optional(v.string()),
  apiVersion: v.optional(v.string()),
});

/** An OpenAPI document (see openapi.ts). */
export const DescriptionSchema = v.looseObject({ openapi: v.string() });

export const UserListSchema = v.object({ users: v.array(UserSchema), next: NextSchema });
export const DeviceListSchema = v.object({ devices: v.array(DeviceSchema), next: NextSchema });
export const AuditListSchema = v.object({ entries: v.array(AuditEntrySchema), next: NextSchema });
export const UnknownCertificateListSchema = v.object({
  unknownCertificates: v.array(UnknownCertificateSchema),
});
/** The fingerprints that the Worker's secret `BLOCKED` names. */
export const BlockedListSchema = v.object({ blocked: v.array(FingerprintSchema) });
export const TokenListSchema = v.object({ tokens: v.array(TokenSchema) });
export const SessionListSchema = v.object({ sessions: v.array(SessionSchema) });
export const InvitationListSchema = v.object({ invitations: v.array(InvitationSchema) });

export type User = v.InferOutput<typeof UserSchema>;
export type Credential = v.InferOutput<typeof CredentialSchema>;
export type Device = v.InferOutput<typeof DeviceSchema>;
export type AuditEntry = v.InferOutput<typeof AuditEntrySchema>;
export type UnknownCertificate = v.InferOutput<typeof UnknownCertificateSchema>;
export type Token = v.InferOutput<typeof TokenSchema>;
export type NewToken = v.InferOutput<typeof NewTokenSchema>;
export type Session = v.InferOutput<typeof SessionSchema>;
export type NewDeviceToken = v.InferOutput<typeof NewDeviceTokenSchema>;
export type Invitation = v.InferOutput<typeof InvitationSchema>;
export type NewInvitation = v.InferOutput<typeof NewInvitationSchema>;
export type Me = v.InferOutput<typeof MeSchema>;
export type Description = v.InferOutput<typeof DescriptionSchema>;
export type UserList = v.InferOutput<typeof UserListSchema>;
export type DeviceList = v.InferOutput<typeof DeviceListSchema>;
export type AuditList = v.InferOutput<typeof AuditListSchema>;
export type UnknownCertificateList = v.InferOutput<typeof UnknownCertificateListSchema>;
export type BlockedList = v.InferOutput<typeof BlockedListSchema>;
export type TokenList = v.InferOutput<typeof TokenListSchema>;
export type SessionList = v.InferOutput<typeof SessionListSchema>;
export type InvitationList = v.InferOutput<typeof InvitationListSchema>;
