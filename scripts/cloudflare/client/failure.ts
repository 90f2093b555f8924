import Cloudflare from "cloudflare";
import { errorCode, Failure } from "../../terminal/failure.ts";
import { asMessage, printable } from "../../terminal/text.ts";
import { PERMISSIONS, type PermissionName, TOKENS_PAGE } from "./permissions.ts";

/** What is known about the change that a failed call was to make. */
export type Outcome = "not-done" | "unknown";

/** Why a call of Cloudflare's API failed. */
export type CloudflareProblem =
  | { kind: "token" }
  | { kind: "permission"; permission: PermissionName }
  | { kind: "rate-limit"; retryAfterSeconds: number | undefined }
  /** Refused for what was asked: `code` is Cloudflare's, 0 where it gave none. */
  | { kind: "refused"; status: number; code: number }
  /** Answered, in a form that is not known here: what it said is not known either. */
  | { kind: "not-understood" }
  | { kind: "unavailable" };

/** The end of a call of Cloudflare's API: cause and remedy, for people, and the problem, for the command. */
export class CloudflareFailure extends Failure {
  readonly problem: CloudflareProblem;
  readonly outcome: Outcome;

  constructor(problem: CloudflareProblem, cause: string, hint: string, outcome: Outcome = "not-done") {
    super(1, cause, { hint });
    this.problem = problem;
    this.outcome = outcome;
  }
}

/** The problem's code is this one of Cloudflare's. */
export function isRefusal(error: unknown, ...codes: readonly number[]): error is CloudflareFailure {
  return (
    error instanceof CloudflareFailure &&
    error.problem.kind === "refused" &&
    codes.includes(error.problem.code)
  );
}

/** A refusal in a few words that name nothing: `refused: 400, code 1448`, `permission`. */
export function refusalText(error: unknown): string {
  if (!(error instanceof CloudflareFailure)) throw error;
  const { problem } = error;
  return problem.kind === "refused" ? `refused: ${problem.status}, code ${problem.code}` : problem.kind;
}

/** Status 404, whatever the code. */
export function isNotFound(error: unknown): error is CloudflareFailure {
  return (
    error instanceof CloudflareFailure && error.problem.kind === "refused" && error.problem.status === 404
  );
}

/** `null` for what is not there. */
export async function unlessMissing<T>(ask: () => Promise<T>): Promise<T | null> {
  try {
    return await ask();
  } catch (error) {
    if (isNotFound(error)) return null;
    throw error;
  }
}

/** A good status with a body that is not the API's: a proxy, or a portal that asks for a sign-in. */
export class ForeignAnswer extends Error {
  override readonly name = "ForeignAnswer";
}

/** Codes for a token that is unknown, malformed or missing, whichever service says so. */
const TOKEN_CODES: ReadonlySet<number> = new Set([1000, 6003, 6111, 9106, 10001]);
/** Codes for a valid token without this permission. */
const PERMISSION_CODES: ReadonlySet<number> = new Set([9109, 10000]);

/**
 * Turns what the SDK throws into our failure; anything else stays what it is. `what` was to be done:
 * `list the zone's client certificates`.
 */
export function cloudflareFailure(error: unknown, permission: PermissionName, what: string): unknown {
  if (error instanceof Cloudflare.APIConnectionError) return connectionFailure(error, what);
  if (!(error instanceof Cloudflare.APIError)) return error;
  const status = typeof error.status === "number" ? error.status : 0;
  const { code, message } = firstError(error);

  if (status === 429) {
    const seconds = retryAfterSeconds(error);
    return new CloudflareFailure(
      { kind: "rate-limit", retryAfterSeconds: seconds },
      `Cloudflare takes no more calls for now: could not ${what}`,
      `try again in ${seconds === undefined ? "five minutes" : `${seconds} s`}; it takes 1,200 calls in five minutes`,
    );
  }
  const isTokenUnknown = /invalid (access|api) token/i.test(message);
  if (status === 401 || isTokenUnknown || (status < 404 && TOKEN_CODES.has(code) && code !== 1000)) {
    return new CloudflareFailure(
      { kind: "token" },
      "Cloudflare does not accept the API token",
      `set CLOUDFLARE_API_TOKEN to a token that is active, see ${TOKENS_PAGE}`,
    );
  }
  if (status === 403 && (PERMISSION_CODES.has(code) || code === 0)) {
    const { grant, purpose } = PERMISSIONS[permission];
    return new CloudflareFailure(
      { kind: "permission", permission },
      `the API token may not ${what}`,
      `grant it ${grant} (${purpose}) for this zone and account, at ${TOKENS_PAGE}`,
    );
  }
  if (status >= 500 || status === 0 || (status >= 300 && status < 400)) {
    return unavailable(`Cloudflare's API answered ${status}`, what);
  }
  return new CloudflareFailure(
    { kind: "refused", status, code },
    `Cloudflare refused to ${what}: ${message === "" ? `status ${status}` : asMessage(message)}${code === 0 ? "" : ` (code ${code})`}`,
    "see the zone in the dashboard; nothing was changed by this call",
  );
}

/** Codes of a connection that was never made: nothing was sent. */
const UNREACHABLE = new Set(["ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH"]);

function connectionFailure(error: InstanceType<typeof Cloudflare.APIConnectionError>, what: string): Failure {
  if (error.cause instanceof ForeignAnswer) return unavailable(error.cause.message, what);
  if (error instanceof Cloudflare.APIConnectionTimeoutError) {
    return unavailable("Cloudflare's API did not answer in time", what);
  }
  const code = errorCode(error);
  if (code === undefined || !UNREACHABLE.has(code)) {
    const known = code === undefined ? "" : ` (${printable(code)})`;
    return unavailable(`the connection to Cloudflare's API broke${known}`, what);
  }
  return new CloudflareFailure(
    { kind: "unavailable" },
    `Cloudflare's API cannot be reached (${code}): could not ${what}`,
    "check the network of this machine, and LATCHKEY_CLOUDFLARE_API if it is set",
  );
}

function unavailable(cause: string, what: string): CloudflareFailure {
  return new CloudflareFailure(
    { kind: "unavailable" },
    `${cause}: could not ${what}, or it is not known`,
    "try again in a minute; https://www.cloudflarestatus.com reports outages",
    "unknown",
  );
}

/** `call` was answered, and `odd` says what was not as it should be: `result[0].id is missing`. */
export function notUnderstood(what: string, call: string, odd: string): CloudflareFailure {
  return new CloudflareFailure(
    { kind: "not-understood" },
    `could not ${what}: Cloudflare's answer to ${printable(call)} is not understood: ${printable(odd)}`,
    "look in the dashboard instead, and report this line",
    "unknown",
  );
}

function firstError(error: InstanceType<typeof Cloudflare.APIError>): { code: number; message: string } {
  const [first] = Array.isArray(error.errors) ? (error.errors as unknown[]) : [];
  const { code, message } = (first ?? {}) as { code?: unknown; message?: unknown };
  return {
    code: typeof code === "number" ? code : 0,
    message: typeof message === "string" ? message : "",
  };
}

/** Retry-After in seconds or as a date (RFC 9110, section 10.2.3); undefined when it is not given. */
export function retryAfterSeconds(error: unknown): number | undefined {
  if (!(error instanceof Cloudflare.APIError)) return undefined;
  const text = error.headers?.get("retry-after");
  if (!text) return undefined;
  const seconds = /^\d+$/.test(text) ? Number(text) : Math.ceil((Date.parse(text) - Date.now()) / 1000);
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined;
}
