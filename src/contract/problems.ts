import * as v from "valibot";

/** Every error of the API, by its stable code. */
export const PROBLEMS = {
  "malformed-json": { status: 400, title: "The body is not JSON" },
  "invalid-query": { status: 400, title: "A query parameter is not valid" },
  "wrong-credentials": { status: 401, title: "The credentials are wrong" },
  forbidden: { status: 403, title: "These credentials do not reach so far" },
  "not-found": { status: 404, title: "There is nothing here" },
  "unknown-user": { status: 404, title: "There is no such user" },
  "unknown-device": { status: 404, title: "This user has no such device" },
  "unknown-certificate": { status: 404, title: "This device has no such certificate" },
  "certificate-not-listed": { status: 404, title: "No such certificate is waiting" },
  "unknown-token": { status: 404, title: "There is no such token" },
  "unknown-session": { status: 404, title: "There is no such session" },
  "unknown-invitation": { status: 404, title: "There is no such invitation" },
  "method-not-allowed": { status: 405, title: "This method is not allowed here" },
  "user-has-devices": { status: 409, title: "The user still has devices" },
  "deletion-superseded": { status: 409, title: "The user was added again during the deletion" },
  "name-taken": { status: 409, title: "The name is taken" },
  "fingerprint-taken": { status: 409, title: "The certificate is enrolled elsewhere" },
  "fingerprint-revoked": { status: 409, title: "The certificate was retired, or its device revoked" },
  "forbidden-transition": { status: 409, title: "The device's status does not allow this" },
  "too-many-certificates": { status: 409, title: "The device has two certificates already" },
  "last-certificate": { status: 409, title: "The device has no other certificate" },
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
