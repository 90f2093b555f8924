import { ApiError } from "../contract/api-error.ts";
import { errorLine, type Log } from "../log.ts";
import { RegistryUnavailable } from "../registry/client/call.ts";

/** Errors that are not ours are reported in general words; the log has the particulars. */
export function toApiError(error: unknown, log: Log): ApiError {
  if (error instanceof ApiError) return error;
  log(errorLine("control-error", error));
  if (error instanceof RegistryUnavailable) {
    return new ApiError("registry-unavailable", "nothing is known to have been changed: try again", {
      headers: { "Retry-After": "5" },
    });
  }
  return new ApiError("internal-error", "internal error");
}
