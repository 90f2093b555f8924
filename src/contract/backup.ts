// What a backup is made of, and what a restore takes and answers: the API's own shapes, checked as strictly as
// other requests, since a file may have been changed. Times are ISO 8601 in UTC on the outside, and milliseconds
// since the epoch once read.
import * as v from "valibot";
import { AUDIT_ACTS, type AuditAct } from "../domain/audit-act.ts";
import type { SecretDigest } from "../domain/credential.ts";
import { TOKEN_SCOPES } from "../domain/credential.ts";
import { DEVICE_KINDS, keyOf } from "../domain/credential-key.ts";
import { DEVICE_STATUSES } from "../domain/device.ts";
import { ROLES } from "../domain/person.ts";
import {
  PERSON_REASONS,
  RESTORE_CHANGES,
  RESTORE_OUTCOMES,
  RESTORE_REASONS,
  TOKEN_OUTCOMES,
  TOKEN_REASONS,
} from "../domain/restore-plan.ts";
import { CREDENTIALS_MAX } from "../domain/retirement.ts";
import { TokenSchema, UnknownCertificateSchema } from "./answers.ts";
import { IdentitySchema } from "./people.ts";
import {
  AppsInput,
  CountriesInput,
  DeviceNameSchema,
  FingerprintSchema,
  NoteInput,
  PathsInput,
  ReasonInput,
  UserIdSchema,
  UserNameInput,
} from "./requests.ts";
import { EmailSchema } from "./sign-in-settings.ts";

/** The largest body of a restore, in bytes: some 250 devices, or 500 lines of an audit log. */
export const RESTORE_MAX_BODY_BYTES = 256 * 1024;

const TIME_HINT = "must be a time (ISO 8601)";
const TimeInput = v.pipe(
  v.string(TIME_HINT),
  v.isoTimestamp(TIME_HINT),
  v.transform((text) => Date.parse(text)),
  // valibot takes more than the runtime can read, "+05" for "+05:00" say. SQLite would keep that as NULL, which
  // for a retired certificate means that it is let in.
  v.check((time) => !Number.isNaN(time), TIME_HINT),
);
const TimeInputOrNull = v.nullable(TimeInput);
const TextInput = v.string("must be a string");
const TextInputOrNull = v.nullable(TextInput);
const Count = v.pipe(v.number("must be a number"), v.integer("must be whole"), v.minValue(0));
const IdInput = v.pipe(TextInput, v.uuid("must be an id"));

const DETAILS = {
  subject: TextInputOrNull,
  issuer: TextInputOrNull,
  serial: TextInputOrNull,
  notBefore: TimeInputOrNull,
  notAfter: TimeInputOrNull,
};

const BackupCredential = v.strictObject({
  fingerprint: FingerprintSchema,
  ...DETAILS,
  addedAt: TimeInput,
  retiredAt: TimeInputOrNull,
  retireBy: TimeInputOrNull,
  replaces: v.nullable(FingerprintSchema),
});

const BackupCredentials = v.pipe(
  v.array(BackupCredential, "must be a list"),
  v.minLength(1, "a device has a credential"),
  v.check(
    (list) => new Set(list.map(({ fingerprint }) => fingerprint)).size === list.length,
    "each credential is there once",
  ),
  v.check(
    (list) => list.filter(({ retiredAt }) => retiredAt === null).length <= CREDENTIALS_MAX,
    `at most ${CREDENTIALS_MAX} credentials are not retired`,
  ),
);

/** A device, as the lists of the API have it. */
export const BackupDevice = v.pipe(
  v.strictObject({
    id: IdInput,
    user: UserIdSchema,
    name: DeviceNameSchema,
    status: v.picklist(DEVICE_STATUSES, `must be one of ${DEVICE_STATUSES.join(", ")}`),
    statusSince: TimeInput,
    /** Not in backups of before there was one. */
    statusReason: v.optional(v.nullable(ReasonInput), null),
    note: v.nullable(NoteInput),
    enrolledAt: TimeInput,
    // Backups of before there were other kinds have `certificates`, and no limits.
    kind: v.optional(v.picklist(DEVICE_KINDS, `must be one of ${DEVICE_KINDS.join(", ")}`), "certificate"),
    apps: v.optional(v.nullable(AppsInput), null),
    countries: v.optional(v.nullable(CountriesInput), null),
    expiresAt: v.optional(TimeInputOrNull, null),
    paths: v.optional(v.nullable(PathsInput), null),
    credentials: v.optional(BackupCredentials),
    certificates: v.optional(BackupCredentials),
    lastSeen: v.nullable(
      v.strictObject({ at: TimeInput, app: TextInput, country: TextInputOrNull, ip: TextInputOrNull }),
    ),
    wipe: v.nullable(
      v.strictObject({ firstAt: TimeInput, lastAt: TimeInput, count: Count, tokenRefresh: v.boolean() }),
    ),
    comparisonCode: v.nullable(v.pipe(TextInput, v.regex(/^\d{6}$/, "must be six digits"))),
  }),
  v.check(
    ({ credentials, certificates }) => (credentials === undefined) !== (certificates === undefined),
    "a device has credentials",
  ),
  v.check(({ kind, apps }) => kind === "certificate" || apps !== null, "a token or a feed names its apps"),
  v.check(
    ({ kind, paths }) => (kind === "feed") === (paths !== null),
    "a feed names its paths, and nothing else does",
  ),
  v.check(
    ({ kind, credentials = [] }) =>
      kind === "certificate" || credentials.every(({ notAfter }) => notAfter !== null),
    "a token or a feed's secret has an end",
  ),
  v.transform(({ certificates = [], credentials = certificates, ...device }) => ({
    ...device,
    credentials: credentials.map(({ fingerprint, replaces, ...credential }) => ({
      ...credential,
      key: keyOf(device.kind, fingerprint),
      replaces: replaces === null ? null : keyOf(device.kind, replaces),
    })),
  })),
);

export const BackupUser = v.strictObject({
  id: UserIdSchema,
  name: v.nullable(UserNameInput),
  createdAt: TimeInput,
  // Not in backups of before people signed in with an identity provider.
  role: v.optional(v.picklist(ROLES, `must be ${ROLES.join(" or ")}`), "member"),
  emails: v.optional(v.array(EmailSchema, "must be a list of addresses"), []),
});

export const BackupToken = v.pipe(
  v.strictObject({
    id: IdInput,
    user: v.nullable(UserIdSchema),
    name: DeviceNameSchema,
    scope: v.picklist(TOKEN_SCOPES, `must be one of ${TOKEN_SCOPES.join(", ")}`),
    createdAt: TimeInput,
    expiresAt: TimeInputOrNull,
    lastUsedAt: TimeInputOrNull,
    /** SHA-256, in hex: the token itself is kept nowhere. */
    digest: v.pipe(
      TextInput,
      v.regex(/^[0-9a-f]{64}$/, "must be a SHA-256 in hex"),
      v.transform((text) => text as SecretDigest),
    ),
  }),
  v.check(({ user, scope }) => user !== null || scope === "read", "a token for all users can only read"),
);

/** A list in which no two entries share any of these. */
function once<Schema extends v.GenericSchema>(
  entry: Schema,
  message: string,
  ...ofItsOwn: ((output: v.InferOutput<Schema>) => string)[]
) {
  return v.pipe(
    v.array(entry, "must be a list"),
    v.check(
      (list) => ofItsOwn.every((of) => new Set(list.map((each) => of(each))).size === list.length),
      message,
    ),
  );
}

export const BackupTokens = once(
  BackupToken,
  "a token is listed twice",
  ({ id }) => id,
  ({ digest }) => digest,
);

export const BackupUnknownCertificate = v.strictObject({
  fingerprint: FingerprintSchema,
  ...DETAILS,
  firstSeen: TimeInput,
  lastSeen: TimeInput,
  app: TextInput,
  country: TextInputOrNull,
  count: Count,
});

export const BackupIdentity = v.strictObject({
  id: IdInput,
  user: UserIdSchema,
  issuer: TextInput,
  subject: TextInput,
  email: v.nullable(EmailSchema),
  boundAt: TimeInput,
});

export const BackupIdentities = once(
  BackupIdentity,
  "an identity is listed twice",
  ({ id }) => id,
  ({ issuer, subject }) => JSON.stringify([issuer, subject]),
);

/** What acts were called in backups of before there were other kinds of credentials. */
const FORMER_ACTS: Readonly<Record<string, AuditAct>> = {
  "add-certificate": "add-credential",
  "retire-certificate": "retire-credential",
};

export const BackupAuditEntry = v.strictObject({
  id: v.pipe(Count, v.minValue(1, "must be at least 1")),
  at: TimeInput,
  actor: TextInput,
  ip: TextInputOrNull,
  country: TextInputOrNull,
  act: v.pipe(
    v.picklist([...AUDIT_ACTS, ...Object.keys(FORMER_ACTS)], "must be an act of an audit log"),
    v.transform((act) => FORMER_ACTS[act] ?? (act as AuditAct)),
  ),
  outcome: v.picklist(["done", "refused"], "must be done or refused"),
  target: v.nullable(v.strictObject({ id: TextInput, name: TextInputOrNull })),
  detail: v.pipe(
    // valibot's record takes lists, whose indices are keys.
    v.custom<Record<string, unknown>>((input) => !Array.isArray(input), "must be an object"),
    v.metadata({ type: "object", additionalProperties: { type: ["string", "null"] } }),
    v.record(TextInput, TextInputOrNull),
  ),
  /** It came from an earlier backup. */
  restored: v.optional(v.literal(true)),
});

/** `GET /backup`: what no list shows. */
export const BackupAnswerSchema = v.object({
  /** Not in the answer of an older gate, where nobody has one. */
  identities: v.optional(v.array(IdentitySchema), []),
  tokens: v.array(v.object({ ...TokenSchema.entries, digest: v.string() })),
  unknownCertificates: v.array(
    v.object({ ...UnknownCertificateSchema.entries, notBefore: v.nullable(v.string()) }),
  ),
});

/** Answers what would be done, and does nothing. */
const DryRun = v.optional(v.boolean("must be true or false"), false);

/**
 * `POST /restore`: users who are missing, tokens and identities that have not ended, certificates that nobody enrolled.
 */
export const RestoreDirectoryRequest = v.strictObject({
  madeAt: TimeInput,
  users: v.array(BackupUser, "must be a list"),
  tokens: BackupTokens,
  unknownCertificates: v.array(BackupUnknownCertificate, "must be a list"),
  identities: v.optional(BackupIdentities, []),
  dryRun: DryRun,
});

/** `POST /users/{user}/restore`; `resurrect`: ids of devices that are let in again, though shut out since. */
export const RestoreUserRequest = v.strictObject({
  madeAt: TimeInput,
  devices: once(BackupDevice, "a device is listed twice", ({ id }) => id),
  resurrect: v.optional(v.array(IdInput, "must be a list"), []),
  dryRun: DryRun,
});

/** `POST /restore/audit` and `POST /users/{user}/restore/audit`: lines in their order. */
export const RestoreAuditRequest = v.strictObject({ entries: v.array(BackupAuditEntry, "must be a list") });

export const RestoredDirectorySchema = v.object({
  /** Ids of users. */
  added: v.array(v.string()),
  renamed: v.array(v.string()),
  tokens: v.array(
    v.object({
      id: v.string(),
      outcome: v.picklist(TOKEN_OUTCOMES),
      reason: v.nullable(v.picklist(TOKEN_REASONS)),
    }),
  ),
  /** Fingerprints that are listed as unknown again. */
  unknownCertificates: v.array(v.string()),
  /** Ids of users who become owners, and of those who were owners and stay members. */
  owners: v.array(v.string()),
  notOwners: v.array(v.string()),
  /** Addresses that don't name their user yet. */
  emails: v.array(
    v.object({
      user: v.string(),
      email: v.string(),
      outcome: v.picklist(["added", "kept-out"]),
      reason: v.nullable(v.picklist(PERSON_REASONS)),
    }),
  ),
  identities: v.array(
    v.object({
      id: v.string(),
      outcome: v.picklist(TOKEN_OUTCOMES),
      reason: v.nullable(v.picklist(PERSON_REASONS)),
    }),
  ),
});

export const RestoredUserSchema = v.object({
  devices: v.array(
    v.object({
      id: v.string(),
      name: v.string(),
      outcome: v.picklist(RESTORE_OUTCOMES),
      reason: v.nullable(v.picklist(RESTORE_REASONS)),
      changes: v.array(v.picklist(RESTORE_CHANGES)),
      /** `null`: it was not in the registry. */
      before: v.nullable(v.picklist(DEVICE_STATUSES)),
      status: v.nullable(v.picklist(DEVICE_STATUSES)),
      /** Those that were added to it. */
      fingerprints: v.array(v.string()),
    }),
  ),
  /** Devices that are in the registry and not in this request: nothing was done to them. */
  left: v.array(v.object({ id: v.string(), name: v.string() })),
});

export const RestoredAuditSchema = v.object({
  /** How many lines of the log are a backup's now. */
  lines: v.number(),
  /** The log has lines of its own, and takes no more. */
  isClosed: v.boolean(),
});

export type BackupAnswer = v.InferOutput<typeof BackupAnswerSchema>;
export type RestoredDirectory = v.InferOutput<typeof RestoredDirectorySchema>;
export type RestoredUser = v.InferOutput<typeof RestoredUserSchema>;
export type RestoredAudit = v.InferOutput<typeof RestoredAuditSchema>;
