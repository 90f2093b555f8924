// No I/O. No clock.
import type { DeviceStatus } from "../registry/device.ts";
import type { Certificate } from "./certificate.ts";

/** Why a request is refused: the closed list, the same in code, log, docs and tests. */
export const REASONS = [
  "no-certificate",
  "unverified-certificate",
  "revoked-certificate",
  "expired-certificate",
  "malformed-certificate",
  "unknown-device",
  "device-pending",
  "device-suspended",
  "device-revoked",
  "device-lost",
  "unknown-app",
  "country",
  "registry-unavailable",
  "misconfigured",
  "internal-error",
] as const;
export type Reason = (typeof REASONS)[number];

/** What the registry says of a verified certificate now. */
export type Standing =
  | { kind: "device"; status: DeviceStatus }
  | { kind: "unknown" }
  /** The registry could not be asked. */
  | { kind: "unavailable" };

/** An app's settings, as far as the decision needs them. */
export interface AppRules {
  /** ISO 3166-1 alpha-2 codes from which requests may come; `null` = from anywhere. */
  countries: ReadonlySet<string> | null;
}

export type Allow = { kind: "allow" };
export type Refusal = { kind: "refuse"; reason: Reason };
export type Decision = Allow | Refusal;

/** All that a decision depends on. */
export interface Facts {
  /** `undefined`: no app has this hostname. */
  app: AppRules | undefined;
  certificate: Certificate;
  /** As Cloudflare reports it: an ISO code, `T1` (Tor), `XX` (not known), or nothing. */
  country: string | undefined;
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
 * 1. no app has this hostname: `unknown-app`;
 * 2. the app names countries and the request is not from one of them: `country`;
 * 3. the certificate is absent, unverified, revoked at Cloudflare or malformed;
 * 4. it is not yet, or no longer, within its dates by our own clock: `expired-certificate`;
 * 5. the registry was not asked or could not be: `registry-unavailable`;
 * 6. the registry does not know it, or knows it as anything but `active`;
 * 7. else allow.
 */
export function decide(facts: Facts): Decision {
  return screen(facts) ?? judge(facts.standing);
}

/**
 * Steps 1 to 4 of `decide`: what is refused without asking the registry, so that a stranger
 * costs no Durable Object request. `undefined` means: ask the registry, then `decide`.
 */
export function screen({ app, certificate, country, now }: Omit<Facts, "standing">): Refusal | undefined {
  if (app === undefined) return refuse("unknown-app");
  if (app.countries !== null && (country === undefined || !app.countries.has(country))) {
    return refuse("country");
  }
  switch (certificate.kind) {
    case "absent":
      return refuse("no-certificate");
    case "unverified":
      return refuse("unverified-certificate");
    case "revoked":
      return refuse("revoked-certificate");
    case "malformed":
      return refuse("malformed-certificate");
    case "verified":
      // Written so that a time that is no number refuses.
      return certificate.notBefore <= now && now <= certificate.notAfter
        ? undefined
        : refuse("expired-certificate");
    default:
      return refuse("malformed-certificate");
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
      // A status that this version does not know, from a registry that was deployed later.
      return refuse("registry-unavailable");
  }
}
