// Logout tokens: an issuer's word that somebody's session has ended there.
import { errors, type JWTVerifyGetKey, jwtVerify } from "jose";
import { idOf } from "./claims.ts";
import { SignInFailed } from "./failure.ts";

const EVENT = "http://schemas.openid.net/event/backchannel-logout";
/** Ten minutes: issuers send them immediately, and an older one is a replay. */
const MAX_AGE_SECONDS = 600;
/** Such tokens are about one kibibyte long. */
const TOKEN_MAX_CHARACTERS = 16 * 1024;
/** The library's errors about an answer that is not a set of keys. */
const UNREADABLE_KEYS: readonly string[] = [errors.JOSEError.code, errors.JWKSInvalid.code];

/** What has ended: one session, or all of a person's. At least one is not `null`. */
export interface EndedSession {
  subject: string | null;
  session: string | null;
}

/** What a logout token must agree with. */
export interface Expected {
  issuer: string;
  clientId: string;
  keys: JWTVerifyGetKey;
  /** In milliseconds. */
  now: number;
  clockToleranceSeconds: number;
}

/**
 * Validates a logout token: OpenID Connect Back-Channel Logout 1.0, section 2.6, except for replays.
 *
 * @throws {SignInFailed}
 */
export async function readLogoutToken(token: string, expected: Expected): Promise<EndedSession> {
  if (token.length > TOKEN_MAX_CHARACTERS) throw notOurs("the logout token is too long");
  const { payload, protectedHeader } = await verify(token, expected);
  // Explicit types are only recommended there, so a token may have none. An access token has another one.
  const type = protectedHeader.typ?.toLowerCase().replace(/^application\//, "");
  if (type !== undefined && type !== "logout+jwt" && type !== "jwt") throw notOurs('unexpected "typ"');
  if (typeof payload.jti !== "string" || payload.jti === "") throw notOurs('unexpected "jti"');
  const { events } = payload;
  if (!isObject(events) || !isObject(events[EVENT])) throw notOurs('"events" says nothing of a logout');
  // An ID token with events must not pass for a logout.
  if (payload.nonce !== undefined) throw notOurs('a logout token must have no "nonce"');
  const [subject, session] = [idOf(payload.sub), idOf(payload.sid)];
  if (subject === null && session === null) throw notOurs('it has neither "sub" nor "sid"');
  return { subject, session };
}

async function verify(token: string, { issuer, clientId, keys, now, clockToleranceSeconds }: Expected) {
  try {
    return await jwtVerify(token, keys, {
      // No algorithms: for keys from a set, the library takes only those with a public key.
      ...{ issuer, audience: clientId },
      currentDate: new Date(now),
      clockTolerance: clockToleranceSeconds,
      maxTokenAge: MAX_AGE_SECONDS,
      requiredClaims: ["iat", "exp", "jti"],
    });
  } catch (error) {
    if (error instanceof SignInFailed) throw error;
    if (!(error instanceof errors.JOSEError)) throw notOurs("malformed");
    // The library's own errors have fixed texts.
    if (!UNREADABLE_KEYS.includes(error.code)) throw notOurs(error.message);
    throw new SignInFailed({ code: "issuer-unavailable", message: `the issuer's keys: ${error.message}` });
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function notOurs(why: string): SignInFailed {
  return new SignInFailed({ code: "not-ours", message: `logout token: ${why}` });
}
