import { RegistryUnavailable } from "../registry/call.ts";
import type { Registry } from "../registry/registry.ts";
import { authenticate } from "./authenticate.ts";
import { ApiError, problemResponse } from "./problem.ts";
import { route } from "./routes.ts";

/** Paths under this one are Latchkey's own on every host, and never reach an app. */
export const CONTROL_PATH = "/.latchkey";

export function isControlPath(pathname: string): boolean {
  return pathname.startsWith(`${CONTROL_PATH}/`) || pathname === CONTROL_PATH;
}

/**
 * Whether a URL is worth parsing for its path: no URL that lacks this name has a control path, since
 * the parser resolves dots and slashes, and no letters.
 */
export function mayBeControlPath(url: string): boolean {
  return url.includes("latchkey", "https://".length);
}

/** Why a control path was refused as if nothing were there. */
export type ControlRefusal = "api-off" | "not-the-admin-host" | "no-credentials";

export interface ControlRequest {
  request: Request;
  url: URL;
  hostname: string;
  country: string | null;
}

export interface ControlSettings {
  adminHost: string | null;
  adminToken: string | null;
  registry: Registry;
  now: () => number;
  log: (line: Record<string, unknown>) => void;
}

/**
 * Answers a control path: who sends it, then the API. Returns a `ControlRefusal` where the
 * answer must be the same as any other refusal, so that a stranger cannot tell that there is an API.
 * Never throws.
 */
export async function control(
  { request, url, hostname, country }: ControlRequest,
  { adminHost, adminToken, registry, now, log }: ControlSettings,
): Promise<Response | ControlRefusal> {
  if (adminHost !== null && hostname !== adminHost) return "not-the-admin-host";
  if (adminToken === null) return "api-off";
  try {
    const sender = await authenticate(request, adminToken);
    if (sender.kind === "anonymous") return "no-credentials";
    const by = { actor: sender.actor, ip: request.headers.get("cf-connecting-ip"), country, at: now() };
    return await route(request, { registry, by, url });
  } catch (error) {
    const problem = toApiError(error, log);
    if (problem.code === "wrong-credentials") log({ event: "wrong-credentials", app: hostname, country });
    return problemResponse(problem);
  }
}

/** What is no error of ours is told in general words; the log has the particulars. */
function toApiError(error: unknown, log: ControlSettings["log"]): ApiError {
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
