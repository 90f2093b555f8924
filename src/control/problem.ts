// No I/O. No clock.
import type * as v from "valibot";
import type { RegistryError } from "../registry/records.ts";
import { PROBLEMS, type Problem, type ProblemCode } from "./contract.ts";

/** What an act makes of a device, as in "cannot be restored". */
const DONE: Record<Extract<RegistryError, { code: "forbidden-transition" }>["act"], string> = {
  approve: "approved",
  suspend: "suspended",
  restore: "restored",
  lost: "reported lost",
  revoke: "revoked",
  "add-certificate": "given another certificate",
};

/** Thrown by the API's handlers; what is thrown otherwise is an internal error. */
export class ApiError extends Error {
  override name = "ApiError";
  readonly code: ProblemCode;
  readonly errors: Problem["errors"];
  readonly headers: Record<string, string>;

  constructor(
    code: ProblemCode,
    detail: string,
    more: { errors?: Problem["errors"]; headers?: Record<string, string> } = {},
  ) {
    super(detail);
    this.code = code;
    this.errors = more.errors;
    this.headers = more.headers ?? {};
  }
}

/** Every error as `application/problem+json` (RFC 9457), with the stable `code` of the contract. */
export function problemResponse({ code, message, errors, headers }: ApiError): Response {
  const { status, title } = PROBLEMS[code];
  const problem: Problem = {
    type: `urn:latchkey:problem:${code}`,
    title,
    status,
    detail: message,
    code,
    ...(errors === undefined ? {} : { errors }),
  };
  return new Response(JSON.stringify(problem), {
    status,
    headers: { "Content-Type": "application/problem+json", "Cache-Control": "no-store", ...headers },
  });
}

/** The sentence for people that goes with a refusal of the registry. */
export function registryProblem(error: RegistryError): ApiError {
  switch (error.code) {
    case "unknown-user":
      return new ApiError(error.code, "create the user first: PUT /users/{user}");
    case "unknown-device":
      return new ApiError(error.code, "list this user's devices: GET /users/{user}/devices");
    case "unknown-certificate":
      return new ApiError(error.code, "see the device's certificates: GET /users/{user}/devices/{device}");
    case "unknown-pending":
      return new ApiError(error.code, "list the waiting certificates: GET /pending");
    case "unknown-token":
      return new ApiError(error.code, "list the tokens: GET /tokens");
    case "unknown-session":
      return new ApiError(error.code, "list the sessions: GET /sessions");
    case "unknown-invitation":
    case "invalid-invitation":
      return new ApiError("unknown-invitation", "list the open invitations: GET /users/{user}/invitations");
    case "user-has-devices":
      return new ApiError(error.code, "revoke and forget the user's devices first");
    case "deletion-superseded":
      return new ApiError(error.code, "the user stays: delete it again if that is still what you want");
    case "name-taken":
      return new ApiError(
        error.code,
        `another one is named ${JSON.stringify(error.name)}: choose another name`,
      );
    case "fingerprint-taken":
      return new ApiError(error.code, "this certificate is already enrolled, as another device");
    case "fingerprint-revoked":
      return new ApiError(
        error.code,
        "the certificate was retired, or its device revoked: issue a new one, or forget the device first",
      );
    case "forbidden-transition":
      return new ApiError(error.code, `the device is ${error.status}, and cannot be ${DONE[error.act]}`);
    case "too-many-certificates":
      return new ApiError(error.code, "wait until the older one is retired, or retire one of the two");
    case "last-certificate":
      return new ApiError(error.code, "add the device's next certificate first, or revoke the device");
    case "not-revoked":
      return new ApiError(error.code, `the device is ${error.status}: revoke it before it is forgotten`);
  }
}

/** What valibot found wrong, field by field; fields that do not exist are named as such. */
export function fieldErrors(issues: readonly v.BaseIssue<unknown>[]): { path: string; message: string }[] {
  return issues.map((issue) => ({
    path: (issue.path ?? []).map(({ key }) => String(key)).join("."),
    message: fieldMessage(issue),
  }));
}

function fieldMessage({ type, expected, message }: v.BaseIssue<unknown>): string {
  if (type === "strict_object" && expected === "never") return "there is no such field";
  if (type === "strict_object" && expected !== "Object") return "this field is missing";
  if (type === "strict_object") return "the body must be a JSON object";
  return message;
}
