// Why a sign-in failed, and which of the libraries' errors means what.
import * as oauth from "oauth4webapi";

/**
 * Why nobody was signed in. `message` is for the owner's log: it names what did not fit, and repeats nothing that a
 * stranger sent.
 */
export type SignInFailure =
  /** The issuer, or the person there, said no. `error` is a registered code, or `other`. */
  | { code: "refused"; error: string }
  /** State, issuer, nonce, audience, signature or times do not fit, or the code is not, or no longer, valid. */
  | { code: "not-ours"; message: string }
  /** No answer, a late one, or one that cannot be read. */
  | { code: "issuer-unavailable"; message: string }
  /** The issuer refuses us, or is not the one that the settings name. */
  | { code: "misconfigured"; message: string };

/** Carries a failure to where it becomes a result. */
export class SignInFailed extends Error {
  readonly failure: SignInFailure;

  constructor(failure: SignInFailure) {
    super(failure.code);
    this.failure = failure;
  }
}

/** The registered errors of a callback: RFC 6749, section 4.1.2.1, and OpenID Connect Core, section 3.1.2.6. */
const CALLBACK_ERRORS: ReadonlyMap<string, SignInFailure["code"]> = new Map([
  ["access_denied", "refused"],
  ["login_required", "refused"],
  ["interaction_required", "refused"],
  ["consent_required", "refused"],
  ["account_selection_required", "refused"],
  ["server_error", "issuer-unavailable"],
  ["temporarily_unavailable", "issuer-unavailable"],
  ["invalid_request", "misconfigured"],
  ["unauthorized_client", "misconfigured"],
  ["unsupported_response_type", "misconfigured"],
  ["invalid_scope", "misconfigured"],
  ["invalid_request_uri", "misconfigured"],
  ["invalid_request_object", "misconfigured"],
  ["request_not_supported", "misconfigured"],
  ["request_uri_not_supported", "misconfigured"],
  ["registration_not_supported", "misconfigured"],
]);

/** The registered errors of the token endpoint: RFC 6749, section 5.2. */
const TOKEN_ERRORS: ReadonlyMap<string, SignInFailure["code"]> = new Map([
  // The code was used before, has expired, or was never issued.
  ["invalid_grant", "not-ours"],
  ["invalid_request", "misconfigured"],
  ["invalid_client", "misconfigured"],
  ["unauthorized_client", "misconfigured"],
  ["unsupported_grant_type", "misconfigured"],
  ["invalid_scope", "misconfigured"],
]);

const UNREADABLE: ReadonlySet<string> = new Set([
  oauth.RESPONSE_IS_NOT_CONFORM,
  oauth.RESPONSE_IS_NOT_JSON,
  oauth.PARSE_ERROR,
]);

const UNUSABLE: ReadonlySet<string> = new Set([
  oauth.MISSING_SERVER_METADATA,
  oauth.INVALID_SERVER_METADATA,
  oauth.HTTP_REQUEST_FORBIDDEN,
  oauth.REQUEST_PROTOCOL_FORBIDDEN,
]);

/** What an error means. An unknown one means `not-ours`. */
export function failureOf(error: unknown): SignInFailure {
  if (error instanceof SignInFailed) return error.failure;
  if (error instanceof oauth.AuthorizationResponseError) return callbackFailure(error.error);
  if (error instanceof oauth.ResponseBodyError) return tokenFailure(error.error);
  if (error instanceof oauth.WWWAuthenticateChallengeError) return tokenFailure("invalid_client");
  if (error instanceof oauth.OperationProcessingError && error.code !== undefined) {
    if (UNREADABLE.has(error.code)) {
      return { code: "issuer-unavailable", message: `the issuer's answer is malformed: ${error.message}` };
    }
    if (UNUSABLE.has(error.code)) {
      return { code: "misconfigured", message: `the issuer's discovery document: ${error.message}` };
    }
  }
  return { code: "not-ours", message: messageOf(error) };
}

/** Whether the issuer refused our credentials. The code is still good then. */
export function isClientRefused(error: unknown): boolean {
  return (
    error instanceof oauth.WWWAuthenticateChallengeError ||
    (error instanceof oauth.ResponseBodyError && error.error === "invalid_client")
  );
}

function callbackFailure(error: string): SignInFailure {
  const code = CALLBACK_ERRORS.get(error) ?? "refused";
  if (code === "refused") return { code, error: CALLBACK_ERRORS.has(error) ? error : "other" };
  return { code, message: `the issuer sent the browser back with ${error}` };
}

function tokenFailure(error: string): SignInFailure {
  const code = TOKEN_ERRORS.get(error) ?? "misconfigured";
  if (code === "refused") return { code, error };
  const said = TOKEN_ERRORS.has(error) ? error : "an error of its own";
  const hint =
    error === "invalid_client"
      ? ": check SIGN_IN.clientId, and SIGN_IN_SECRET if the client has a secret"
      : "";
  return { code, message: `the issuer's token endpoint answered ${said}${hint}` };
}

/** The libraries' own errors have fixed texts. Any other error may repeat its input: only its name is kept. */
function messageOf(error: unknown): string {
  if (error instanceof oauth.OperationProcessingError || error instanceof oauth.UnsupportedOperationError) {
    return error.message;
  }
  return error instanceof Error ? error.name : "error";
}
