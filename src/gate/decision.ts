// The decision: whether a request may pass, and if not, why.

import { SECRET_KINDS } from "../domain/credential-key.ts";
import type { DeviceStatus, Standing, StandingRecord } from "../domain/device.ts";
import { NO_LIMITS } from "../domain/limits.ts";
import { REASONS, type Reason } from "../domain/reason.ts";
import { type AppRules, maySignIn } from "../domain/request/app.ts";
import { beyondLimits, type LimitedRequest } from "../domain/request/beyond-limits.ts";
import { isWithinDates } from "../domain/request/certificate.ts";
import type { Shown } from "../domain/request/shown.ts";

export type Allow = { kind: "allow" };
export type Refusal = { kind: "refuse"; reason: Reason };
export type Decision = Allow | Refusal;

/** Everything a decision depends on. */
export interface DecisionInput {
  /** A credential that the configuration blocks, whatever the registry says of it. */
  isBlocked: boolean;
  /** `undefined`: no app has this hostname. */
  app: AppRules | undefined;
  /** The app lets this path, or this CORS preflight, through without a credential. */
  isOpen: boolean;
  /** What the request shows: a certificate, or none and a token. */
  shown: Shown;
  /** The parts that a device's limits depend on. Its country is as Cloudflare reports it: an ISO code, `T1` (Tor), `XX` (unknown), or `null`. */
  request: LimitedRequest;
  /** `undefined`: the registry was not asked. */
  standing: Standing | undefined;
  /** Milliseconds since the epoch. */
  now: number;
}

const ALLOW: Allow = Object.freeze({ kind: "allow" });
const REFUSALS = Object.fromEntries(
  REASONS.map((reason) => [reason, Object.freeze({ kind: "refuse", reason })]),
) as Record<Reason, Refusal>;

/** The refusal for `reason`: always the same frozen value. */
export function refuse(reason: Reason): Refusal {
  return REFUSALS[reason];
}

/**
 * Lets a request through or refuses it. In this order, the first that applies:
 * 1. the configuration blocks the credential: `blocked`, on every host and path;
 * 2. no app has this hostname: `unknown-app`;
 * 3. the app lets the path through without a credential, and the country is right: allow;
 * 4. the device is lost: `device-lost`, wherever it is, since it may have to be told;
 * 5. the app names countries and the request is not from one of them: `country`;
 * 6. the certificate is absent, unverified, revoked at Cloudflare or malformed;
 * 7. it is not yet, or no longer, within its dates by our own clock: `expired-certificate`;
 * 8. the registry was not asked or could not be: `registry-unavailable`;
 * 9. the registry does not know it, or knows it as anything but `active`;
 * 10. the registry means another kind of credential than the request shows, or a token without an end:
 *    `registry-unavailable`; the token has ended: `expired-credential`;
 * 11. the request is beyond the device's own limits: `device-expired`, `wrong-app`, `country`, `cross-site`;
 * 12. else allow.
 */
export function decide(input: DecisionInput): Decision {
  const early = screen(input);
  if (early !== undefined) return early;
  const decision = judge(input);
  if (isOutside(input) && decision !== REFUSALS["device-lost"]) return refuse("country");
  return decision;
}

/**
 * What `decide` says without asking the registry, so that a stranger costs no Durable Object request. `undefined`: the
 * credential is one that the registry must be asked about. (Step 4 needs such a credential, so
 * nothing decided here could be a lost device.)
 */
export function screen(input: Omit<DecisionInput, "standing">): Decision | undefined {
  const { app, shown, now } = input;
  if (input.isBlocked) return refuse("blocked");
  if (app === undefined) return refuse("unknown-app");
  const outside = isOutside(input);
  if (input.isOpen && !outside) return ALLOW;
  const reason = refusalOf(shown, now);
  if (reason === undefined) return undefined;
  return refuse(outside ? "country" : reason);
}

function isOutside({ app, request: { country } }: Pick<DecisionInput, "app" | "request">): boolean {
  const countries = app?.countries ?? null;
  return countries !== null && (country === null || !countries.has(country));
}

function refusalOf(shown: Shown, now: number): Reason | undefined {
  switch (shown.kind) {
    case "absent":
      return "no-certificate";
    case "unverified":
      return "unverified-certificate";
    case "revoked":
      return "revoked-certificate";
    case "verified":
      return isWithinDates(shown, now) ? undefined : "expired-certificate";
    default:
      // Only the registry knows more about one of our secrets.
      return (SECRET_KINDS as readonly string[]).includes(shown.kind) ? undefined : "malformed-certificate";
  }
}

function judge({ app, standing, shown, request, now }: DecisionInput): Decision {
  switch (standing?.kind) {
    case "device":
      if (standing.status !== "active") return judgeStatus(standing.status);
      // The app may have been open to this user when the browser signed in.
      if (shown.kind === "browser" && (app === undefined || !maySignIn(app, standing.user))) {
        return refuse("wrong-app");
      }
      return judgeLimits(standing, shown, request, now);
    case "unknown":
      return refuse("unknown-device");
    default:
      return refuse("registry-unavailable");
  }
}

function judgeLimits(
  { limits = NO_LIMITS, validUntil = null }: Pick<StandingRecord, "limits" | "validUntil">,
  shown: Shown,
  request: LimitedRequest,
  now: number,
): Decision {
  const kind = shown.kind === "verified" ? "certificate" : shown.kind;
  // From a registry of another version. The limits of one kind would let another do too much.
  if (limits.kind !== kind || (kind !== "certificate" && validUntil === null))
    return refuse("registry-unavailable");
  // Written so that a time that is no number refuses.
  if (validUntil !== null && !(now < validUntil)) return refuse("expired-credential");
  const reason = beyondLimits(limits, request, now);
  return reason === undefined ? ALLOW : refuse(reason);
}

function judgeStatus(status: Exclude<DeviceStatus, "active">): Decision {
  switch (status) {
    case "pending":
      return refuse("device-pending");
    case "suspended":
      return refuse("device-suspended");
    case "lost":
      return refuse("device-lost");
    case "revoked":
      return refuse("device-revoked");
    default:
      // A status that this version does not know, from a newer registry.
      return refuse("registry-unavailable");
  }
}
