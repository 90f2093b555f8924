import { ApiError } from "../contract/api-error.ts";
import { PROBLEMS, type Problem } from "../contract/problems.ts";
import type { RegistryError } from "../domain/records.ts";

/** What an act makes of a device, as in "cannot be restored". */
const DONE: Record<Extract<RegistryError, { code: "forbidden-transition" }>["act"], string> = {
  approve: "approved",
  suspend: "suspended",
  reinstate: "reinstated",
  lost: "reported lost",
  revoke: "revoked",
  "add-certificate": "given another certificate",
};

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
    case "certificate-not-listed":
      return new ApiError(error.code, "list the waiting certificates: GET /unknown-certificates");
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
