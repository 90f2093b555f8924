// Refusals as problems, and problems as responses.
import { ApiError } from "../contract/api-error.ts";
import { PROBLEMS, type Problem, remedyOf } from "../contract/problems.ts";
import type { RegistryError } from "../domain/records.ts";
import { errorLine, type Log } from "../log.ts";
import { RegistryUnavailable } from "../registry/client/call.ts";

/** What an act makes of a device, as in "cannot be restored". */
const DONE: Record<Extract<RegistryError, { code: "forbidden-transition" }>["act"], string> = {
  approve: "approved",
  suspend: "suspended",
  reinstate: "reinstated",
  lost: "reported lost",
  revoke: "revoked",
  "add-credential": "given another certificate",
};

/** Every error as `application/problem+json` (RFC 9457), with the stable `code` of the contract. */
export function problemResponse({ code, detail, errors, headers }: ApiError): Response {
  const { status, title } = PROBLEMS[code];
  const problem: Problem = {
    type: `urn:latchkey:problem:${code}`,
    title,
    status,
    detail: detail ?? remedyOf(code),
    code,
    ...(errors === undefined ? {} : { errors }),
  };
  return new Response(JSON.stringify(problem), {
    status,
    headers: { "Content-Type": "application/problem+json", "Cache-Control": "no-store", ...headers },
  });
}

/** The problem that a refusal of the registry is. */
export function registryProblem(error: RegistryError): ApiError {
  switch (error.code) {
    case "invalid-invitation":
      return new ApiError("unknown-invitation");
    case "name-taken":
      return new ApiError(error.code, `another one is named ${JSON.stringify(error.name)}`);
    case "email-taken":
      return new ApiError(error.code, `${error.email} is ${error.owner}'s`);
    case "forbidden-transition":
      return new ApiError(error.code, `the device is ${error.status}, and cannot be ${DONE[error.act]}`);
    case "not-revoked":
      return new ApiError(
        error.code,
        `the device is ${error.status}, and only a revoked one can be forgotten`,
      );
    default:
      return new ApiError(error.code);
  }
}

/** Errors that are not ours become problems without particulars; the log has them. */
export function toApiError(error: unknown, log: Log): ApiError {
  if (error instanceof ApiError) return error;
  log(errorLine("control-error", error));
  return error instanceof RegistryUnavailable
    ? new ApiError("registry-unavailable", undefined, { headers: { "Retry-After": "5" } })
    : new ApiError("internal-error");
}
