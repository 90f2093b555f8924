// The decision: whether a request may pass, and if not, why.

import type { DeviceStatus, Standing } from "../domain/device.ts";
import { REASONS, type Reason } from "../domain/reason.ts";
import type { AppRules } from "../domain/request/app.ts";
import { type Certificate, isWithinDates } from "../domain/request/certificate.ts";

export type Allow = { kind: "allow" };
export type Refusal = { kind: "refuse"; reason: Reason };
export type Decision = Allow | Refusal;

/** Everything a decision depends on. */
export interface DecisionInput {
  /** A verified certificate that the configuration blocks, whatever the registry says of it. */
  isBlocked: boolean;
  /** `undefined`: no app has this hostname. */
  app: AppRules | undefined;
  /** The app lets this path, or this CORS preflight, through without a certificate. */
  isOpen: boolean;
  certificate: Certificate;
  /** As Cloudflare reports it: an ISO code, `T1` (Tor), `XX` (unknown), or `null`. */
  country: string | null;
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
 * 1. the configuration blocks the certificate: `blocked`, on every host and path;
 * 2. no app has this hostname: `unknown-app`;
 * 3. the app lets the path through without a certificate, and the country is right: allow;
 * 4. the device is lost: `device-lost`, wherever it is, since it may have to be told;
 * 5. the app names countries and the request is not from one of them: `country`;
 * 6. the certificate is absent, unverified, revoked at Cloudflare or malformed;
 * 7. it is not yet, or no longer, within its dates by our own clock: `expired-certificate`;
 * 8. the registry was not asked or could not be: `registry-unavailable`;
 * 9. the registry does not know it, or knows it as anything but `active`;
 * 10. else allow.
 */
export function decide(input: DecisionInput): Decision {
  const early = screen(input);
  if (early !== undefined) return early;
  const decision = judge(input.standing);
  if (isOutside(input) && decision !== REFUSALS["device-lost"]) return refuse("country");
  return decision;
}

/**
 * What `decide` says without asking the registry, so that a stranger costs no Durable Object request. `undefined`: the
 * certificate is verified and within its dates, and the registry must be asked. (Step 4 needs such a certificate, so
 * nothing decided here could be a lost device.)
 */
export function screen(input: Omit<DecisionInput, "standing">): Decision | undefined {
  const { app, certificate, now } = input;
  if (input.isBlocked) return refuse("blocked");
  if (app === undefined) return refuse("unknown-app");
  const outside = isOutside(input);
  if (input.isOpen && !outside) return ALLOW;
  const reason = certificateRefusal(certificate, now);
  if (reason === undefined) return undefined;
  return refuse(outside ? "country" : reason);
}

function isOutside({ app, country }: Pick<DecisionInput, "app" | "country">): boolean {
  const countries = app?.countries ?? null;
  return countries !== null && (country === null || !countries.has(country));
}

function certificateRefusal(certificate: Certificate, now: number): Reason | undefined {
  switch (certificate.kind) {
    case "absent":
      return "no-certificate";
    case "unverified":
      return "unverified-certificate";
    case "revoked":
      return "revoked-certificate";
    case "verified":
      return isWithinDates(certificate, now) ? undefined : "expired-certificate";
    default:
      return "malformed-certificate";
  }
}

function judge(standing: Standing | undefined): Decision {
  switch (standing?.kind) {
    case "device":
      return judgeStatus(standing.status);
    case "unknown":
      return refuse("unknown-device");
    default:
      return refuse("registry-unavailable");
  }
}

function judgeStatus(status: DeviceStatus): Decision {
  switch (status) {
    case "active":
      return ALLOW;
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
