// A signed-in browser: a device of the kind `browser`, which shows the secret in its cookie.

const HOUR_MS = 60 * 60_000;
const DAY_MS = 24 * HOUR_MS;

/** How long a browser stays signed in without being used, in milliseconds. */
export const BROWSER_MS = 30 * DAY_MS;
/** By how much that must have shrunk before it is written again: at most one row per day. */
export const BROWSER_RENEWED_EVERY_MS = DAY_MS;
/** How long it stays listed after that, in milliseconds, before the next browser's sign-in removes it. */
export const BROWSER_KEPT_MS = 30 * DAY_MS;
/** On somebody else's computer: used or not. */
export const SHORT_BROWSER_MS = HOUR_MS;

/** How long a person may take between the identity provider and the app, in milliseconds. */
export const TICKET_MS = 10 * 60_000;

/** How many new browsers of one user may be opened within an hour. */
export const BROWSERS_AN_HOUR = 20;

/** Who opened a browser at the identity provider, so that it can be ended from there. */
export interface Opener {
  issuer: string;
  subject: string;
  /** The provider's own session (`sid`); `null`: it did not say. */
  session: string | null;
}

/** A person who comes back to an app from signing in. */
export interface BrowserUse {
  opener: Opener;
  /** Its ticket, which works once, and the time until which it would. */
  ticket: string;
  ticketEndsAt: number;
  app: string;
  /** When the person authenticated at the provider, as far as it said. */
  authTime: number | null;
}

/** What a person's browser is, before it is let in. */
export type BrowserProspect =
  /** It becomes a new device. */
  | "new"
  /** It is a device of this user's that is signed out: another one takes its place. */
  | "ended"
  /** It is this user's device, and signed in. */
  | "known"
  /** It is a device that somebody suspended, reported lost, or gave a time that is up. */
  | "shut-out"
  /** A browser of this user's was reported lost since the person authenticated. */
  | "stale";

/** Why a browser is not let in. */
export type BrowserError = {
  code: "used-ticket" | "browser-shut-out" | "stale-sign-in" | "too-many-browsers";
};

/** Of a device of the kind `browser`, what says how long it stays signed in. Times are ISO 8601. */
interface SignedInDevice {
  expiresAt: string | null;
  credentials: readonly { notAfter: string | null }[];
}

/**
 * How long a browser stays signed in. `isExtended`: whenever it is used, for another 30 days from then. A date of its
 * own puts an end to that.
 */
export function signedInUntil({ expiresAt, credentials }: SignedInDevice): {
  until: string | null;
  isExtended: boolean;
} {
  const ends = [expiresAt, credentials.at(-1)?.notAfter ?? null].filter((end) => end !== null);
  // Each is UTC, and so is as long as the others.
  return { until: ends.sort()[0] ?? null, isExtended: expiresAt === null };
}
