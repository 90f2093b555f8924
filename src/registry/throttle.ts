// No I/O. No clock.

/** What is tried: a sign-in, counted by the client's network; an invitation's code, by its certificate. */
export type AttemptKind = "sign-in" | "code";

/** Why an attempt is not looked at. */
export interface TooManyAttempts {
  code: "too-many-attempts";
  /** Try again after this long. */
  retryAfterMs: number;
}

/** Wrong attempts so far. */
export interface Attempts {
  count: number;
  /** Milliseconds since the epoch. */
  lastAt: number;
}

const HOUR_MS = 60 * 60_000;

/** People mistype: so many wrong sign-ins cost no wait. */
export const FREE_SIGN_INS = 4;
const FIRST_WAIT_MS = 15_000;
const LONGEST_WAIT_MS = 15 * 60_000;

/** So many wrong codes stop a certificate. */
export const CODES_MAX = 10;
const CODE_STOP_MS = HOUR_MS;

/** After this long without another one, wrong attempts are forgotten, in milliseconds. */
export const FORGIVEN_AFTER_MS: Record<AttemptKind, number> = { "sign-in": 24 * HOUR_MS, code: CODE_STOP_MS };

/**
 * How long the next attempt must still wait, in milliseconds; 0 = not at all. Sign-ins: from the fifth
 * wrong one on 15 seconds, doubled with each, at most 15 minutes. Codes: an hour after the tenth.
 */
export function waitMs(kind: AttemptKind, { count, lastAt }: Attempts, now: number): number {
  const over = count - FREE_SIGN_INS;
  const wait =
    kind === "code"
      ? count >= CODES_MAX
        ? CODE_STOP_MS
        : 0
      : over > 0
        ? Math.min(FIRST_WAIT_MS * 2 ** (over - 1), LONGEST_WAIT_MS)
        : 0;
  // Clocks of two Workers differ a little: nobody waits longer for that.
  return Math.min(wait, Math.max(0, lastAt + wait - now));
}

const UNKNOWN = "unknown";
const IPV4_LIKE = /^\d{1,3}(\.\d{1,3}){3}$/;
/** What the URL parser then reads, and nothing that would end its host. */
const IPV6_LIKE = /^[\da-f:.]+$/i;

/**
 * The network by which wrong attempts of an address are counted: an IPv4 address, or the /64 of an
 * IPv6 one, since one customer has all of it (RFC 6177). What is no address counts as one network.
 */
export function networkOf(ip: string | null): string {
  if (ip === null) return UNKNOWN;
  if (IPV4_LIKE.test(ip)) return ip;
  const host = IPV6_LIKE.test(ip) ? URL.parse(`http://[${ip}]/`)?.hostname.slice(1, -1) : undefined;
  if (host === undefined) return UNKNOWN;
  const [left = "", right] = host.split("::");
  const head = left === "" ? [] : left.split(":");
  const tail = right === undefined || right === "" ? [] : right.split(":");
  const zeros = right === undefined ? [] : Array<string>(8 - head.length - tail.length).fill("0");
  return `${[...head, ...zeros, ...tail].slice(0, 4).join(":")}::/64`;
}
