// No I/O. No clock.
//
// The API's shapes, shared by the Worker, the command line and the pages. Requests are schemas,
// because they are checked; responses are types, because we make them. Times are ISO 8601 in UTC.
import * as v from "valibot";
import { type DeviceStatus, deviceNameProblem, isDeceptive } from "../registry/device.ts";
import { FINGERPRINT_HINT, type Fingerprint, parseFingerprint } from "../registry/fingerprint.ts";
import { parseUserId, USER_ID_HINT, type UserId } from "../registry/user.ts";

export const API_PATH = "/.latchkey/api/v1";

/** The largest request body that the API reads, in bytes. */
export const MAX_BODY_BYTES = 64 * 1024;

/** The shortest `ADMIN_TOKEN` with which the API is served, in characters. */
export const MIN_ADMIN_TOKEN_CHARACTERS = 32;

/** Lists are paged: entries on one page, unless `?limit=` says otherwise, and the most it may say. */
export const PAGE_LIMIT_DEFAULT = 100;
export const PAGE_LIMIT_MAX = 500;

const NOTE_MAX_CHARACTERS = 500;
const USER_NAME_MAX_CHARACTERS = 100;

/** A note may have line breaks and tabs; not what turns text around. */
const CONTROL_CHARACTERS_IN_NOTE = /[^\P{Cc}\t\n\r]|[\u202a-\u202e\u2066-\u2069]/u;

export const FingerprintSchema = v.pipe(
  v.string(FINGERPRINT_HINT),
  v.check((text) => parseFingerprint(text) !== undefined, FINGERPRINT_HINT),
  v.transform((text) => parseFingerprint(text) as Fingerprint),
);

export const UserIdSchema = v.pipe(
  v.string(USER_ID_HINT),
  v.check((text) => parseUserId(text) !== undefined, USER_ID_HINT),
  v.transform((text) => text as UserId),
);

export const DeviceNameSchema = v.pipe(
  v.string("a device's name is a text"),
  v.rawCheck(({ dataset, addIssue }) => {
    const problem = dataset.typed ? deviceNameProblem(dataset.value) : undefined;
    if (problem !== undefined) addIssue({ message: problem });
  }),
);

const NoteSchema = v.pipe(
  v.string("a note is a text"),
  v.maxLength(NOTE_MAX_CHARACTERS, `a note has at most ${NOTE_MAX_CHARACTERS} characters`),
  v.check(
    (text) => text.isWellFormed() && !CONTROL_CHARACTERS_IN_NOTE.test(text),
    "a note must not hold control characters",
  ),
);

const UserNameSchema = v.pipe(
  v.string("a user's name is a text"),
  v.maxLength(USER_NAME_MAX_CHARACTERS, `a user's name has at most ${USER_NAME_MAX_CHARACTERS} characters`),
  v.check(
    (text) => !isDeceptive(text),
    "a user's name must not be empty, nor hold control characters or invisible ones",
  ),
);

/** `PUT /users/{user}` */
export const PutUserRequest = v.strictObject({ name: v.optional(UserNameSchema) });

/** `POST /users/{user}/devices`: the fingerprint, or the certificate (PEM) that it is computed from. */
export const EnrolRequest = v.pipe(
  v.strictObject({
    name: DeviceNameSchema,
    fingerprint: v.optional(FingerprintSchema),
    certificate: v.optional(v.string("a certificate is a PEM text")),
    note: v.optional(NoteSchema),
  }),
  v.check(
    (body) => (body.fingerprint === undefined) !== (body.certificate === undefined),
    "give either a fingerprint or a certificate",
  ),
);

/** `PATCH /users/{user}/devices/{device}`; a note of `null` removes the note. */
export const EditDeviceRequest = v.pipe(
  v.strictObject({ name: v.optional(DeviceNameSchema), note: v.optional(v.nullable(NoteSchema)) }),
  v.check((body) => body.name !== undefined || body.note !== undefined, "give a name, a note, or both"),
);

/** `POST /users/{user}/devices/{device}/{act}` */
export const StatusActRequest = v.strictObject({ note: v.optional(NoteSchema) });

/**
 * `POST /users/{user}/devices/{device}/lost`: it makes a Bitwarden client delete its vault, so the
 * device's name must be repeated.
 */
export const LostRequest = v.strictObject({
  confirm: v.string("repeat the device's name"),
  note: v.optional(NoteSchema),
});

/** `POST /pending/{fingerprint}/approve` */
export const ApproveRequest = v.strictObject({
  user: UserIdSchema,
  name: DeviceNameSchema,
  note: v.optional(NoteSchema),
});

export interface User {
  id: string;
  name: string | null;
  createdAt: string;
}

/** Facts of a certificate; those that nobody has told yet are `null`. */
export interface Certificate {
  fingerprint: string;
  subject: string | null;
  issuer: string | null;
  /** Upper-case hex digits without colons. */
  serial: string | null;
  notBefore: string | null;
  notAfter: string | null;
  addedAt: string;
}

export interface Device {
  id: string;
  user: string;
  name: string;
  status: DeviceStatus;
  /** When the status began. */
  statusSince: string;
  note: string | null;
  enrolledAt: string;
  certificates: Certificate[];
  /** The last time that its certificate was presented, whatever the answer: written every five minutes at most. */
  lastSeen: { at: string; app: string; country: string | null; ip: string | null } | null;
  /**
   * The wipe answers that were delivered since it was reported lost last, `null` when none was.
   * `count` is a lower bound; `tokenRefresh`: the one that phones obey was among them.
   */
  wipe: { firstAt: string; lastAt: string; count: number; tokenRefresh: boolean } | null;
}

/** One line of an audit log: a change, or an attempt that was refused. */
export interface AuditEntry {
  id: number;
  at: string;
  actor: string;
  ip: string | null;
  country: string | null;
  act: string;
  outcome: "done" | "refused";
  /** What was acted on: a device in a user's log, a user or a fingerprint in the directory's. */
  target: { id: string; name: string | null } | null;
  detail: Record<string, string | null>;
}

/** A certificate that Cloudflare verified and nobody has enrolled. */
export interface PendingCertificate {
  fingerprint: string;
  subject: string | null;
  issuer: string | null;
  serial: string | null;
  notAfter: string | null;
  firstSeen: string;
  lastSeen: string;
  app: string;
  country: string | null;
  /** How often it was noted: at most once in ten minutes. */
  count: number;
}

/** Lists carry `next`: what to give as `?after=` (audit: `?before=`) for the next page, or `null`. */
export interface UserList {
  users: User[];
  next: string | null;
}
export interface DeviceList {
  devices: Device[];
  next: string | null;
}
export interface AuditList {
  entries: AuditEntry[];
  next: string | null;
}
export interface PendingList {
  pending: PendingCertificate[];
}

/** Every error of the API, by its stable code. */
export const PROBLEMS = {
  "malformed-json": { status: 400, title: "The body is not JSON" },
  "invalid-query": { status: 400, title: "A query parameter is not valid" },
  "wrong-credentials": { status: 401, title: "The credentials are wrong" },
  "not-found": { status: 404, title: "There is nothing here" },
  "unknown-user": { status: 404, title: "There is no such user" },
  "unknown-device": { status: 404, title: "This user has no such device" },
  "unknown-pending": { status: 404, title: "No such certificate is waiting" },
  "method-not-allowed": { status: 405, title: "This method is not allowed here" },
  "user-has-devices": { status: 409, title: "The user still has devices" },
  "name-taken": { status: 409, title: "Another device of this user has this name" },
  "fingerprint-taken": { status: 409, title: "The certificate is enrolled elsewhere" },
  "fingerprint-revoked": { status: 409, title: "The certificate belongs to a revoked device" },
  "forbidden-transition": { status: 409, title: "The device's status does not allow this" },
  "not-revoked": { status: 409, title: "Only a revoked device can be forgotten" },
  "body-too-large": { status: 413, title: "The body is too large" },
  "wrong-content-type": { status: 415, title: "The body must be application/json" },
  "invalid-fields": { status: 422, title: "Some fields are not valid" },
  "invalid-certificate": { status: 422, title: "The certificate cannot be enrolled" },
  "internal-error": { status: 500, title: "Internal error" },
  "registry-unavailable": { status: 503, title: "The registry does not answer" },
} as const satisfies Record<string, { status: number; title: string }>;

export type ProblemCode = keyof typeof PROBLEMS;

/** The body of every error: `application/problem+json` (RFC 9457). */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: ProblemCode;
  /** Which fields are wrong, for `invalid-fields` and `invalid-query`. */
  errors?: { path: string; message: string }[];
}
