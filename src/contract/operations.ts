// The API as data: one row per operation. The Worker routes and enforces this table (api/routes.ts) and
// describes it (api/openapi.ts), the command line derives its client from it (scripts/client/api.ts), and a
// test holds docs/api.md to it.
import type { GenericSchema, InferInput, InferOutput } from "valibot";
import type { StatusAct } from "../domain/device.ts";
import * as answer from "./answers.ts";
import * as backup from "./backup.ts";
import { type Operation, row } from "./operation.ts";
import * as people from "./people.ts";
import { isMetByAll } from "./permissions.ts";
import { PROBLEMS, type ProblemCode } from "./problems.ts";
import * as request from "./requests.ts";

const DONE = { 204: null } as const;
const DEVICE = { 200: answer.DeviceSchema } as const;
/** 200: it was there already. */
const DEVICE_MADE = { 200: answer.DeviceSchema, 201: answer.DeviceSchema } as const;
/** An act that changes a device's status. */
const ACT = { body: request.StatusActRequest, answers: DEVICE, problems: ["forbidden-transition"] } as const;
const TAKEN = ["fingerprint-taken", "fingerprint-revoked"] as const;

export const OPERATIONS = {
  showMe: row("GET /me", "any own", {
    summary: "Whose credentials these are, and which apps there are",
    answers: { 200: answer.MeSchema },
  }),
  showDescription: row("GET /openapi.json", "any own", {
    summary: "This description",
    answers: { 200: answer.DescriptionSchema },
  }),

  listUsers: row("GET /users", "read own", {
    summary: "List the users; with a user's own token, that one",
    query: request.UsersQuery,
    answers: { 200: answer.UserListSchema },
  }),
  putUser: row("PUT /users/:user", "root user", {
    summary: "Add a user, or rename one",
    body: request.PutUserRequest,
    answers: { 200: answer.UserSchema, 201: answer.UserSchema },
  }),
  editUser: row("PATCH /users/:user", "root user", {
    summary: "Change a user's name, role or addresses",
    body: people.EditUserRequest,
    answers: { 200: answer.UserSchema },
    problems: ["email-taken"],
  }),
  deleteUser: row("DELETE /users/:user", "root user", {
    summary: "Remove a user who has no devices left",
    answers: DONE,
    problems: ["user-has-devices", "deletion-superseded"],
  }),

  listIdentities: row("GET /users/:user/identities", "read user", {
    summary: "List a user's identities at the identity provider",
    answers: { 200: people.IdentityListSchema },
  }),
  unbindIdentity: row("DELETE /users/:user/identities/:identity", "root user", {
    summary: "Take an identity from a user, and end the sessions opened with the provider",
    answers: DONE,
    problems: ["unknown-identity"],
  }),

  listDevices: row("GET /users/:user/devices", "see user", {
    summary: "List a user's devices",
    query: request.DevicesQuery,
    answers: { 200: answer.DeviceListSchema },
  }),
  enrolDevice: row("POST /users/:user/devices", "root user", {
    summary: "Enrol a device by certificate or fingerprint",
    body: request.EnrolRequest,
    answers: DEVICE_MADE,
    problems: ["name-taken", ...TAKEN, "invalid-certificate"],
  }),
  showDevice: row("GET /users/:user/devices/:device", "see user", {
    summary: "Show a device",
    answers: DEVICE,
  }),
  editDevice: row("PATCH /users/:user/devices/:device", "devices user", {
    summary: "Rename a device, or change its note",
    body: request.EditDeviceRequest,
    answers: DEVICE,
    problems: ["name-taken"],
  }),
  forgetDevice: row("DELETE /users/:user/devices/:device", "devices user", {
    summary: "Forget a revoked device",
    answers: DONE,
    problems: ["not-revoked"],
  }),

  // Nobody should be able to lift their own limits.
  limitDevice: row("PATCH /users/:user/devices/:device/limits", "root user", {
    summary: "Limit a device to apps, countries and a time, or lift a limit",
    body: request.LimitDeviceRequest,
    answers: DEVICE,
    problems: ["scope-required"],
  }),
  createDeviceToken: row("POST /users/:user/device-tokens", "root user", {
    summary: "Make a device that shows a token or a feed's secret; it is shown only once",
    body: request.CreateDeviceTokenRequest,
    answers: { 201: answer.NewDeviceTokenSchema },
    problems: ["name-taken"],
  }),
  rotateDeviceToken: row("POST /users/:user/devices/:device/tokens", "root user", {
    summary: "Give a device its next token; the old one is retired when the next one is first seen",
    body: request.RotateDeviceTokenRequest,
    answers: { 201: answer.NewDeviceTokenSchema },
    problems: ["forbidden-transition", "too-many-credentials", "wrong-kind"],
  }),

  // Whoever waits for approval must not be able to give it.
  approveDevice: row("POST /users/:user/devices/:device/approve", "root user", {
    summary: "Let a pending device in",
    ...ACT,
  }),
  suspendDevice: row("POST /users/:user/devices/:device/suspend", "shut-out user", {
    summary: "Block a device for now",
    ...ACT,
  }),
  reinstateDevice: row("POST /users/:user/devices/:device/reinstate", "devices user", {
    summary: "Let a suspended or lost device in again",
    ...ACT,
  }),
  reportDeviceLost: row("POST /users/:user/devices/:device/lost", "shut-out user", {
    summary: "Report a device lost: Bitwarden's clients on it delete their vault",
    ...ACT,
    body: request.LostRequest,
  }),
  revokeDevice: row("POST /users/:user/devices/:device/revoke", "shut-out user", {
    summary: "Block a device for good",
    ...ACT,
  }),

  addCertificate: row("POST /users/:user/devices/:device/certificates", "root user", {
    summary: "Give a device its next certificate; the old one is retired when the next one is first seen",
    body: request.AddCertificateRequest,
    answers: DEVICE_MADE,
    problems: [...TAKEN, "forbidden-transition", "too-many-credentials", "wrong-kind", "invalid-certificate"],
  }),
  retireCredential: row("DELETE /users/:user/devices/:device/credentials/:fingerprint", "root user", {
    summary: "Retire a certificate or token of a device that has another one",
    answers: DONE,
    problems: ["unknown-credential", "last-credential"],
  }),

  listInvitations: row("GET /users/:user/invitations", "read user", {
    summary: "List a user's invitations",
    answers: { 200: answer.InvitationListSchema },
  }),
  createInvitation: row("POST /users/:user/invitations", "root user", {
    summary: "Invite a user to enrol one device",
    body: request.CreateInvitationRequest,
    answers: { 201: answer.NewInvitationSchema },
    problems: [
      "unknown-device",
      "name-taken",
      ...TAKEN,
      "forbidden-transition",
      "too-many-credentials",
      "too-many-bundles",
      "wrong-kind",
      "invalid-certificate",
      "unknown-invitation",
    ],
  }),
  withdrawInvitation: row("DELETE /users/:user/invitations/:invitation", "root user", {
    summary: "Withdraw an invitation that nobody has used",
    answers: DONE,
    problems: ["unknown-invitation"],
  }),

  readUserAudit: row("GET /users/:user/audit", "read user", {
    summary: "Read a user's audit log",
    query: request.AuditQuery,
    answers: { 200: answer.AuditListSchema },
  }),
  readAudit: row("GET /audit", "read everybody", {
    summary: "Read the log of users, sign-ins, tokens, unknown certificates",
    query: request.AuditQuery,
    answers: { 200: answer.AuditListSchema },
  }),

  listUnknownCertificates: row("GET /unknown-certificates", "read everybody", {
    summary: "List verified certificates that nobody has enrolled",
    answers: { 200: answer.UnknownCertificateListSchema },
  }),
  enrolUnknownCertificate: row("POST /unknown-certificates/:fingerprint/enrol", "root everybody", {
    summary: "Enrol an unknown certificate",
    body: request.ApproveRequest,
    answers: DEVICE_MADE,
    problems: ["unknown-user", "name-taken", ...TAKEN, "certificate-not-listed"],
  }),
  dismissUnknownCertificate: row("DELETE /unknown-certificates/:fingerprint", "root everybody", {
    summary: "Dismiss an unknown certificate until it is seen again",
    answers: DONE,
    problems: ["certificate-not-listed"],
  }),

  listWaitingPeople: row("GET /waiting-people", "read everybody", {
    summary: "List people who signed in and are no user yet",
    answers: { 200: people.WaitingPersonListSchema },
  }),
  admitPerson: row("POST /waiting-people/:person/admit", "root everybody", {
    summary: "Say which user somebody is",
    body: people.AdmitPersonRequest,
    answers: { 200: people.IdentitySchema },
    problems: ["unknown-user", "unknown-person"],
  }),
  dismissPerson: row("DELETE /waiting-people/:person", "root everybody", {
    summary: "Dismiss somebody until they sign in again",
    answers: DONE,
    problems: ["unknown-person"],
  }),

  listBlocked: row("GET /blocked", "root everybody", {
    summary: "List the certificates that the configuration blocks",
    answers: { 200: answer.BlockedListSchema },
  }),

  listTokens: row("GET /tokens", "root everybody", {
    summary: "List the tokens",
    answers: { 200: answer.TokenListSchema },
  }),
  createToken: row("POST /tokens", "root everybody", {
    summary: "Make a token; it is shown only once",
    body: request.CreateTokenRequest,
    answers: { 201: answer.NewTokenSchema },
    problems: ["unknown-user", "name-taken"],
  }),
  revokeToken: row("DELETE /tokens/:token", "root everybody", {
    summary: "Revoke a token, and end its sessions",
    answers: DONE,
    problems: ["unknown-token"],
  }),

  showBackup: row("GET /backup", "root everybody", {
    summary: "Show what a backup needs besides the lists",
    answers: { 200: backup.BackupAnswerSchema },
  }),
  restoreDirectory: row("POST /restore", "root everybody", {
    summary: "Restore users, identities, tokens and unknown certificates that are missing",
    body: backup.RestoreDirectoryRequest,
    answers: { 200: backup.RestoredDirectorySchema },
  }),
  restoreAudit: row("POST /restore/audit", "root everybody", {
    summary: "Restore the directory's audit log if it is empty",
    body: backup.RestoreAuditRequest,
    answers: { 200: backup.RestoredAuditSchema },
  }),
  restoreUser: row("POST /users/:user/restore", "root user", {
    summary: "Restore a user's devices, in one transaction",
    body: backup.RestoreUserRequest,
    answers: { 200: backup.RestoredUserSchema },
  }),
  restoreUserAudit: row("POST /users/:user/restore/audit", "root user", {
    summary: "Restore a user's audit log if it is empty",
    body: backup.RestoreAuditRequest,
    answers: { 200: backup.RestoredAuditSchema },
  }),

  listSessions: row("GET /sessions", "read own", {
    summary: "List signed-in browsers; with a user's token, that user's",
    answers: { 200: answer.SessionListSchema },
  }),
  endAllSessions: row("DELETE /sessions", "devices own", {
    summary: "Sign out everywhere",
    answers: DONE,
  }),
  endSession: row("DELETE /sessions/:session", "devices own", {
    summary: "Sign one browser out",
    answers: DONE,
    problems: ["unknown-session"],
  }),
};

type Rows = typeof OPERATIONS;
export type OperationId = keyof Rows;

/** The operation for each act that changes a device's status. */
export const STATUS_OPERATIONS = {
  approve: "approveDevice",
  suspend: "suspendDevice",
  reinstate: "reinstateDevice",
  lost: "reportDeviceLost",
  revoke: "revokeDevice",
} as const satisfies Record<StatusAct, OperationId>;

type Names<Path extends string> = Path extends `${string}:${infer Name}/${infer Rest}`
  ? Name | Names<Rest>
  : Path extends `${string}:${infer Name}`
    ? Name
    : never;

/** The parameters of an operation's path. */
export type ParamsOf<Id extends OperationId> = Record<Names<Rows[Id]["path"]>, string>;

/** What a client sends besides the parameters: the body or the query, where there is one. */
export type SentOf<Id extends OperationId> = Rows[Id] extends { body: infer Body extends GenericSchema }
  ? [body: InferInput<Body>]
  : Rows[Id] extends { query: infer Query extends GenericSchema }
    ? [query: InferInput<Query>]
    : [];

/** What an operation answers; `null` if nothing. */
export type AnswerOf<Id extends OperationId> =
  Rows[Id]["answers"][keyof Rows[Id]["answers"]] extends infer Answer
    ? Answer extends GenericSchema
      ? InferOutput<Answer>
      : null
    : never;

const BODY_PROBLEMS = ["malformed-json", "body-too-large", "wrong-content-type", "invalid-fields"] as const;

/** Every problem that an operation may answer with, in the order of `PROBLEMS`. */
export function problemsOf({ path, needs, of, query, body, problems = [] }: Operation): ProblemCode[] {
  const codes = new Set<ProblemCode>([
    ...problems,
    "wrong-credentials",
    ...(query === undefined ? [] : (["invalid-query"] as const)),
    ...(body === undefined ? [] : BODY_PROBLEMS),
    "internal-error",
    "registry-unavailable",
  ]);
  // Another user's things are answered as if there were no such user (see routes.ts).
  if (!isMetByAll(needs) || of === "everybody") codes.add("forbidden");
  if (of === "user") codes.add("unknown-user");
  if (path.includes("/:device")) codes.add("unknown-device");
  return (Object.keys(PROBLEMS) as ProblemCode[]).filter((code) => codes.has(code));
}
