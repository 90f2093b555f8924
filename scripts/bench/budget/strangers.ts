// A day of strangers: requests without credentials, or with ended ones.

/** What strangers send, and its share of their requests in thousandths: the worst mix we know of. */
export const STRANGERS_MIX = {
  "sign-in, a guess": 60,
  "sign-in, a forged token": 75,
  "API, a forged token": 120,
  "API, a revoked token": 50,
  "pages, a forged cookie": 60,
  "pages, the cookie of an ended session": 50,
  "enrolment, a wrong code without a certificate": 80,
  "enrolment, a wrong code with a verified certificate": 110,
  "enrolment, a withdrawn code with a verified certificate": 30,
  "enrolment page without a certificate": 60,
  "enrolment page with a verified certificate": 5,
  "whoami without a certificate": 40,
  "whoami with a verified certificate": 5,
  "unknown paths of ours": 40,
  "an app without a certificate": 30,
  "an app, a forged device token": 10,
  "an app, a forged feed URL": 5,
  "an app, the token of a forgotten device": 5,
  "an app's page, a navigation": 40,
  "an app's page, a forged browser": 10,
  "an app's page, a browser that was signed out": 5,
  "provider, a sign-in begun": 40,
  "provider, a callback without a sign-in": 20,
  "provider, a forged code": 20,
  "provider, a person who is nobody here": 5,
  "provider, a forged ticket": 15,
  "provider, a forged logout": 10,
} as const;

export type StrangerKind = keyof typeof STRANGERS_MIX;
export const STRANGER_KINDS = Object.keys(STRANGERS_MIX) as StrangerKind[];

export interface StrangersOptions {
  /** Requests in all, evenly spread over this many hours. */
  requests: number;
  hours: number;
  isolates: number;
  /** The networks that they come from: an IPv6 /48 has 65,536. */
  networks: number;
  seed: number;
}

/** What requests cost. */
export interface Cost {
  requests: number;
  objectRequests: number;
  read: number;
  written: number;
}

export interface StrangersResult extends Cost {
  kinds: Record<StrangerKind, Cost>;
  /** Lines in the log. */
  logLines: number;
  /** What it cost to sign one more browser in. */
  signIn: Omit<Cost, "requests">;
  /** What people could still do at the end of that day: each must be true. */
  people: Record<string, boolean>;
}

/** The bound: this share of each of the free plan's daily limits. */
export const STRANGERS_SHARE = 0.05;

/** The bounds that a day broke, as sentences; `limits` are the free plan's. */
export function brokenBounds(
  result: StrangersResult,
  limits: Pick<Cost, "objectRequests" | "read" | "written">,
): string[] {
  const costs = (["objectRequests", "read", "written"] as const).flatMap((name) => {
    const most = limits[name] * STRANGERS_SHARE;
    return result[name] < most ? [] : [`${name}: ${result[name]}, which is not below ${most}`];
  });
  const people = Object.entries(result.people).flatMap(([what, could]) => (could ? [] : [`not so: ${what}`]));
  return [...costs, ...people];
}
