// Every error of the API: its stable code, status, title and remedy, for the Worker, the pages and the command line.
import * as v from "valibot";

interface Row {
  status: number;
  title: string;
  /** What to do about it. */
  remedy: string;
  /** The request that does that. */
  see?: string;
}

function row(status: number, title: string, remedy: string, see?: string): Row {
  return { status, title, remedy, ...(see === undefined ? {} : { see }) };
}

const DEVICE = "GET /users/{user}/devices/{device}";

export const PROBLEMS = {
  "malformed-json": row(400, "The body is not JSON", "send valid JSON, in UTF-8"),
  "invalid-query": row(400, "A query parameter is not valid", "correct the parameters that are listed"),
  "wrong-credentials": row(
    401,
    "The credentials are wrong",
    "use the ADMIN_TOKEN, or a token that is still valid",
  ),
  forbidden: row(403, "Not permitted with these credentials", "see who you are", "GET /me"),
  "not-found": row(404, "There is nothing here", "see which paths there are", "GET /openapi.json"),
  "unknown-user": row(404, "There is no such user", "list the users", "GET /users"),
  "unknown-device": row(404, "This user has no such device", "list the devices", "GET /users/{user}/devices"),
  "unknown-credential": row(
    404,
    "This device has no such certificate or token",
    "see the device's credentials",
    DEVICE,
  ),
  "certificate-not-listed": row(
    404,
    "There is no such unknown certificate",
    "list the unknown certificates",
    "GET /unknown-certificates",
  ),
  "unknown-token": row(404, "There is no such token", "list the tokens", "GET /tokens"),
  "unknown-session": row(404, "There is no such session", "list the sessions", "GET /sessions"),
  "unknown-invitation": row(
    404,
    "There is no such invitation",
    "list the invitations",
    "GET /users/{user}/invitations",
  ),
  "unknown-identity": row(
    404,
    "This user has no such identity",
    "list the user's identities",
    "GET /users/{user}/identities",
  ),
  "unknown-person": row(404, "Nobody like that is waiting", "list who is waiting", "GET /waiting-people"),
  "method-not-allowed": row(405, "This method is not allowed here", "use one of the methods in Allow"),
  "user-has-devices": row(409, "The user still has devices", "revoke and forget the user's devices first"),
  "deletion-superseded": row(
    409,
    "The user was added again during the deletion",
    "delete the user again if that is still what you want",
  ),
  "name-taken": row(409, "The name is taken", "choose another name"),
  "email-taken": row(409, "The address names another user", "take it from that user first", "GET /users"),
  "fingerprint-taken": row(
    409,
    "This certificate or token is already enrolled as another device",
    "revoke and forget that device, or issue a new certificate",
  ),
  "fingerprint-revoked": row(
    409,
    "The certificate was retired, or its device revoked",
    "issue a new certificate, or forget the device that had this one",
  ),
  "forbidden-transition": row(
    409,
    "The device's status does not allow this",
    "see the device's status",
    DEVICE,
  ),
  "too-many-credentials": row(
    409,
    "The device has two certificates or tokens already",
    "wait until the older one is retired, or retire one of the two",
  ),
  "too-many-bundles": row(
    409,
    "The user has ten open invitations with a certificate",
    "withdraw one of them, or wait until one is used or expires",
    "GET /users/{user}/invitations",
  ),
  "last-credential": row(
    409,
    "The device has no other certificate or token",
    "revoke the device, or add a new one first",
  ),
  "wrong-kind": row(
    409,
    "The device shows another kind of credential",
    "see the device's kind: certificate, token, feed or browser",
    DEVICE,
  ),
  "scope-required": row(409, "A token or a feed must be limited to apps", "name at least one app"),
  "not-revoked": row(409, "Only a revoked device can be forgotten", "revoke the device first"),
  "body-too-large": row(413, "The body is too large", "shorten it"),
  "wrong-content-type": row(
    415,
    "The body must be application/json",
    "send the body as Content-Type: application/json",
  ),
  "invalid-fields": row(422, "Some fields are not valid", "correct the fields that are listed"),
  "invalid-certificate": row(
    422,
    "The certificate cannot be enrolled",
    "issue a new certificate and enrol that one",
  ),
  "internal-error": row(500, "Internal error", "look into the Worker's log"),
  "registry-unavailable": row(
    503,
    "The registry does not answer",
    "try again in a minute; nothing is lost, and repeating does no harm",
  ),
} satisfies Record<string, Row>;

export type ProblemCode = keyof typeof PROBLEMS;

/** The remedy as the API words it: the `detail` of a problem that has nothing more particular to say. */
export function remedyOf(code: ProblemCode): string {
  const { remedy, see }: Row = PROBLEMS[code];
  return see === undefined ? remedy : `${remedy}: ${see}`;
}

/** The body of every error: `application/problem+json` (RFC 9457). */
export const ProblemSchema = v.object({
  type: v.string(),
  title: v.string(),
  status: v.pipe(v.number(), v.integer()),
  detail: v.string(),
  code: v.picklist(Object.keys(PROBLEMS) as ProblemCode[]),
  /** Which fields are wrong, for `invalid-fields` and `invalid-query`. */
  errors: v.optional(v.array(v.object({ path: v.string(), message: v.string() }))),
});
export type Problem = Omit<v.InferOutput<typeof ProblemSchema>, "errors"> & {
  errors?: { path: string; message: string }[];
};
