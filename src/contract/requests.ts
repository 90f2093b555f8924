// What the API takes: the schemas that check requests, for the Worker, the command line and the pages.
import * as v from "valibot";
import { TOKEN_SCOPES } from "../domain/credential.ts";
import { ISSUED_KINDS } from "../domain/credential-key.ts";
import { DEVICE_NAME_MAX_CHARACTERS, deviceNameProblem, isDeceptive } from "../domain/device.ts";
import {
  FINGERPRINT_FORM,
  FINGERPRINT_HINT,
  type Fingerprint,
  parseFingerprint,
} from "../domain/fingerprint.ts";
import { isHostname } from "../domain/request/hostname.ts";
import { parseUserId, USER_ID, USER_ID_HINT, type UserId } from "../domain/user.ts";
import { CountrySchema, PathSchema } from "./app-settings.ts";

import {
  BUNDLE_MAX_BYTES,
  DEVICE_MAX_SECONDS,
  DEVICE_TOKEN_SECONDS,
  INVITATION_SECONDS,
  PAGE_LIMIT_DEFAULT,
  PAGE_LIMIT_MAX,
  RETIREMENT_MAX_SECONDS,
  TOKEN_SECONDS,
} from "./limits.ts";

const NOTE_MAX_CHARACTERS = 500;
const USER_NAME_MAX_CHARACTERS = 100;

/** A note may have line breaks and tabs, but no marks that reverse text. */
const CONTROL_CHARACTERS_IN_NOTE = /[^\P{Cc}\t\n\r]|[\u202a-\u202e\u2066-\u2069]/u;

// `v.metadata` is for the API's description: what a check demands, as far as JSON Schema can express it.

export const FingerprintSchema = v.pipe(
  v.string(FINGERPRINT_HINT),
  v.check((text) => parseFingerprint(text) !== undefined, FINGERPRINT_HINT),
  v.metadata({ pattern: FINGERPRINT_FORM.source }),
  v.transform((text) => parseFingerprint(text) as Fingerprint),
);

export const UserIdSchema = v.pipe(
  v.string(USER_ID_HINT),
  v.check((text) => parseUserId(text) !== undefined, USER_ID_HINT),
  v.metadata({ pattern: USER_ID.source }),
  v.transform((text) => text as UserId),
);

/** A name of a device; a token's follows the same rules. */
function nameSchema(what: "device" | "token") {
  return v.pipe(
    v.string(`a ${what}'s name must be a string`),
    v.check(
      (text) => deviceNameProblem(text) === undefined,
      ({ input }) => deviceNameProblem(input, what) ?? "",
    ),
    v.metadata({ minLength: 1, maxLength: DEVICE_NAME_MAX_CHARACTERS }),
  );
}

export const DeviceNameSchema = nameSchema("device");

/** A note of a device, or the reason of a change. */
function noteSchema(what: "note" | "reason") {
  return v.pipe(
    v.string(`a ${what} must be a string`),
    v.maxLength(NOTE_MAX_CHARACTERS, `a ${what} has at most ${NOTE_MAX_CHARACTERS} characters`),
    v.check(
      (text) => text.isWellFormed() && !CONTROL_CHARACTERS_IN_NOTE.test(text),
      `a ${what} must not contain control characters`,
    ),
  );
}

const NoteSchema = noteSchema("note");
const ReasonSchema = noteSchema("reason");

const UserNameSchema = v.pipe(
  v.string("a user's name must be a string"),
  v.maxLength(USER_NAME_MAX_CHARACTERS, `a user's name has at most ${USER_NAME_MAX_CHARACTERS} characters`),
  v.check(
    (text) => !isDeceptive(text),
    "a user's name must not be empty, and must not contain control or invisible characters",
  ),
  v.metadata({ minLength: 1 }),
);

/** For backups: under names that do not make them schemas of their own in the API's description. */
export { NoteSchema as NoteInput, ReasonSchema as ReasonInput, UserNameSchema as UserNameInput };

/** `PUT /users/{user}` */
export const PutUserRequest = v.strictObject({ name: v.optional(UserNameSchema) });

/** The fingerprint, or the certificate (PEM) to compute it from. */
const EITHER = {
  fingerprint: v.optional(FingerprintSchema),
  certificate: v.optional(v.string("a certificate must be a string in PEM form")),
};
const EITHER_HINT = "give either a fingerprint or a certificate";

function hasEither(body: v.InferOutput<v.StrictObjectSchema<typeof EITHER, undefined>>): boolean {
  return (body.fingerprint === undefined) !== (body.certificate === undefined);
}

function secondsSchema({ min, max }: { min: number; max: number }) {
  const hint = `must be a whole number of seconds from ${min} to ${max}`;
  return v.pipe(v.number(hint), v.integer(hint), v.minValue(min, hint), v.maxValue(max, hint));
}

/** A future time, ISO 8601, or a number of seconds from now. */
function futureSchema(maxSeconds: number) {
  return v.union(
    [
      v.pipe(v.string(), v.isoTimestamp()),
      v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(maxSeconds)),
    ],
    "give a time (ISO 8601), or a number of seconds from now",
  );
}

const HostnameSchema = v.pipe(
  v.string("an app must be named by its hostname"),
  v.check(isHostname, "an app must be named by its hostname, in lower case and without a port"),
);

/** The most entries in any list of limits: far more than a household needs. */
const LIST_MAX = 50;

function listSchema<Entry extends v.GenericSchema<string, string>>(entry: Entry, what: string) {
  return v.pipe(
    v.array(entry, `must be a list of ${what}`),
    v.minLength(1, `name at least one of the ${what}`),
    v.maxLength(LIST_MAX, `name at most ${LIST_MAX} ${what}`),
    v.check((list) => new Set(list).size === list.length, `name each of the ${what} only once`),
  );
}

const AppsSchema = listSchema(HostnameSchema, "apps");
const PathsSchema = listSchema(PathSchema, "paths");

/** What a device is limited to; `null` lifts a limit. */
const LIMITS = {
  apps: v.optional(v.nullable(AppsSchema)),
  countries: v.optional(v.nullable(listSchema(CountrySchema, "countries"))),
  expiresAt: v.optional(v.nullable(futureSchema(DEVICE_MAX_SECONDS))),
};

/** For backups. */
export { AppsSchema as AppsInput, PathsSchema as PathsInput };
export const CountriesInput = listSchema(CountrySchema, "countries");

/** `POST /users/{user}/devices` */
export const EnrolRequest = v.pipe(
  v.strictObject({ name: DeviceNameSchema, ...EITHER, note: v.optional(NoteSchema), ...LIMITS }),
  v.check((body) => hasEither(body), EITHER_HINT),
);

const RetireBySchema = v.optional(v.nullable(futureSchema(RETIREMENT_MAX_SECONDS)));

/**
 * `POST /users/{user}/devices/{device}/certificates`: the device's next certificate, as in `EnrolRequest`.
 * `retireBy`: the latest time at which the current one is retired, or that in seconds from now; `null` or
 * absent: only when the next one is first seen.
 */
export const AddCertificateRequest = v.pipe(
  v.strictObject({
    ...EITHER,
    retireBy: RetireBySchema,
  }),
  v.check((body) => hasEither(body), EITHER_HINT),
);

/** `PATCH /users/{user}/devices/{device}`; a note of `null` removes the note. */
export const EditDeviceRequest = v.pipe(
  v.strictObject({ name: v.optional(DeviceNameSchema), note: v.optional(v.nullable(NoteSchema)) }),
  v.check((body) => body.name !== undefined || body.note !== undefined, "give a name, a note, or both"),
);

/** `PATCH /users/{user}/devices/{device}/limits`: limits that are left out stay; only a feed has `paths`. */
export const LimitDeviceRequest = v.pipe(
  v.strictObject({ ...LIMITS, paths: v.optional(PathsSchema) }),
  v.check((body) => Object.values(body).some((value) => value !== undefined), "give at least one limit"),
);

/**
 * `POST /users/{user}/device-tokens`: a device that shows a token in a header, or the secret in a feed URL. Since anyone
 * who has the secret is let in, it is always limited to apps.
 */
export const CreateDeviceTokenRequest = v.pipe(
  v.strictObject({
    name: DeviceNameSchema,
    kind: v.picklist(ISSUED_KINDS, `must be ${ISSUED_KINDS.join(" or ")}`),
    apps: AppsSchema,
    countries: LIMITS.countries,
    expiresAt: LIMITS.expiresAt,
    paths: v.optional(PathsSchema),
    note: v.optional(NoteSchema),
    validSeconds: v.optional(secondsSchema(DEVICE_TOKEN_SECONDS)),
  }),
  v.forward(
    v.check(
      ({ kind, paths }) => (kind === "feed") === (paths !== undefined),
      "a feed needs paths, and a token has none",
    ),
    ["paths"],
  ),
);

/** `POST /users/{user}/devices/{device}/tokens`: the device's next token, as with `AddCertificateRequest`. */
export const RotateDeviceTokenRequest = v.strictObject({
  validSeconds: v.optional(secondsSchema(DEVICE_TOKEN_SECONDS)),
  retireBy: RetireBySchema,
});

/** `POST /users/{user}/devices/{device}/{act}`: the reason goes to the audit log; the device's note stays. */
export const StatusActRequest = v.strictObject({ reason: v.optional(ReasonSchema) });

/**
 * `POST /users/{user}/devices/{device}/lost`: it makes a Bitwarden client delete its vault, so the
 * device's name must be repeated.
 */
export const LostRequest = v.strictObject({
  confirm: v.string("repeat the device's name"),
  reason: v.optional(ReasonSchema),
});

/** `POST /unknown-certificates/{fingerprint}/enrol` */
export const ApproveRequest = v.strictObject({
  user: UserIdSchema,
  name: DeviceNameSchema,
  note: v.optional(NoteSchema),
  ...LIMITS,
});

/**
 * `POST /tokens`: a user's token, or with `user: null` one that reads everything. `expiresInSeconds: null`
 * makes one that never expires; an emergency card never does unless it says when.
 */
export const CreateTokenRequest = v.pipe(
  v.strictObject({
    user: v.nullable(UserIdSchema),
    name: nameSchema("token"),
    scope: v.picklist(TOKEN_SCOPES, `must be one of ${TOKEN_SCOPES.join(", ")}`),
    expiresInSeconds: v.optional(v.nullable(secondsSchema(TOKEN_SECONDS))),
  }),
  v.check(({ user, scope }) => user !== null || scope === "read", "a token for all users can only read"),
);

/** Base64url without padding, whose characters carry six bits each. */
const CiphertextSchema = v.pipe(
  v.string("a ciphertext must be a string"),
  v.regex(/^[A-Za-z0-9_-]+$/, "a ciphertext must be in base64url"),
  v.maxLength(Math.ceil((BUNDLE_MAX_BYTES * 4) / 3), `a ciphertext has at most ${BUNDLE_MAX_BYTES} bytes`),
);

/**
 * A certificate and its private key that come with an invitation, encrypted with a key that the Worker never sees. `id`
 * becomes the invitation's id, since the ciphertext is bound to it. `name` is for a new device; `device` is the id of one
 * that gets its next certificate. `retireBy` is for the current one, as in `AddCertificateRequest`.
 */
const BundleSchema = v.pipe(
  v.strictObject({
    id: v.pipe(v.string(), v.uuid("an invitation's id is a UUID")),
    name: v.optional(DeviceNameSchema),
    device: v.optional(v.string()),
    certificate: v.string("a certificate must be a string in PEM form"),
    ciphertext: CiphertextSchema,
    proof: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, "a proof has 64 hex digits")),
    retireBy: RetireBySchema,
  }),
  v.check(
    ({ name, device }) => (name === undefined) !== (device === undefined),
    "give either the name of a new device, or the id of one to renew",
  ),
  v.check(
    ({ device, retireBy }) => device !== undefined || (retireBy ?? null) === null,
    "retireBy is only for a device that already has a certificate",
  ),
);

/**
 * `POST /users/{user}/invitations`: a code that enrols one device. `app`: only on this host;
 * `approval`: the device stays pending until the code on its screen has been compared; `limits`: what the device is
 * limited to, such as a guest's; `bundle`: the certificate that comes with it.
 */
export const CreateInvitationRequest = v.pipe(
  v.strictObject({
    app: v.optional(v.nullable(HostnameSchema)),
    approval: v.optional(v.boolean("must be true or false")),
    expiresInSeconds: v.optional(secondsSchema(INVITATION_SECONDS)),
    limits: v.optional(v.strictObject(LIMITS)),
    bundle: v.optional(BundleSchema),
  }),
  v.forward(
    v.check(
      ({ app, bundle }) => bundle === undefined || (app ?? null) === null,
      "a certificate is handed out on the ADMIN_HOST: use limits.apps to limit the device",
    ),
    ["app"],
  ),
  v.check(
    ({ bundle, approval, limits }) =>
      bundle?.device === undefined || (approval !== true && limits === undefined),
    "a device that gets its next certificate keeps its status and its limits",
  ),
);

const LIMIT_HINT = `limit must be a whole number from 1 to ${PAGE_LIMIT_MAX}`;
const CURSOR_HINT = 'this is not a cursor: give the "next" of the previous page';

/** As a pattern, so that the description says it, too. */
const ONE_TO_PAGE_LIMIT_MAX = /^0{0,3}(?:[1-9]\d?|[1-4]\d\d|500)$/;

const LimitSchema = v.optional(
  v.pipe(v.string(), v.regex(ONE_TO_PAGE_LIMIT_MAX, LIMIT_HINT), v.transform(Number)),
  String(PAGE_LIMIT_DEFAULT),
);

/** A cursor that is a number, of devices and audit lines. */
export const NumberCursor = v.pipe(v.string(), v.regex(/^\d{1,15}$/, CURSOR_HINT), v.transform(Number));

/** A cursor that is a user's id. */
export const UserCursor = v.pipe(v.string(), v.regex(/^[a-z0-9-]{1,63}$/, CURSOR_HINT));

const SEARCH_HINT = "search must be a string of 1 to 100 characters";

// The queries of lists: how many entries, and where to start.
export const UsersQuery = v.object({ limit: LimitSchema, after: v.optional(UserCursor) });
export const DevicesQuery = v.object({ limit: LimitSchema, after: v.optional(NumberCursor) });
export const AuditQuery = v.object({
  limit: LimitSchema,
  before: v.optional(NumberCursor),
  search: v.optional(v.pipe(v.string(), v.minLength(1, SEARCH_HINT), v.maxLength(100, SEARCH_HINT))),
});
