import { ApiError } from "../contract/api-error.ts";
import { RegistryUnavailable } from "../registry/client/call.ts";

/** Errors that are not ours are reported in general words; the log has the particulars. */
export function toApiError(error: unknown, log: (line: Record<string, unknown>) => void): ApiError {
  if (error instanceof ApiError) return error;
  const cause = error instanceof Error && error.cause !== undefined ? String(error.cause) : null;
  log({ event: "control-error", message: String(error), cause });
  if (error instanceof RegistryUnavailable) {
    return new ApiError("registry-unavailable", "nothing is known to have been changed: try again", {
      headers: { "Retry-After": "5" },
    });
  }
  return new ApiError("internal-error", "internal error");
}
