// The API's bounds, and what it assumes where a request says nothing.

const HOUR_SECONDS = 3600;
const DAY_SECONDS = 24 * HOUR_SECONDS;

/** The largest request body that the API reads, in bytes. */
export const MAX_BODY_BYTES = 64 * 1024;

/** The shortest `ADMIN_TOKEN` with which the API is served, in characters. */
export const MIN_ADMIN_TOKEN_CHARACTERS = 32;

/** Lists come in pages: entries on one page unless `?limit=` asks for another number, and the most it may ask for. */
export const PAGE_LIMIT_DEFAULT = 100;
export const PAGE_LIMIT_MAX = 500;

/** The longest time for which a certificate may stay valid beside its successor, in seconds: ten years. */
export const RETIREMENT_MAX_SECONDS = 3650 * DAY_SECONDS;

/** How long an invitation is valid, in seconds. */
export const INVITATION_SECONDS = { default: DAY_SECONDS, min: 300, max: 7 * DAY_SECONDS } as const;

/** The largest encrypted certificate that can come with an invitation, in bytes. */
export const BUNDLE_MAX_BYTES = 64 * 1024;

/** The largest body of an invitation: such a bundle in base64url, a certificate, and the rest. */
export const MAX_INVITATION_BYTES = 112 * 1024;

/** How long a device token is valid, in seconds. It always expires, since it proves only that somebody knows it. */
export const DEVICE_TOKEN_SECONDS = {
  default: 365 * DAY_SECONDS,
  min: 300,
  max: 3650 * DAY_SECONDS,
} as const;

/** The longest time limit for a device, in seconds from now: ten years. */
export const DEVICE_MAX_SECONDS = 3650 * DAY_SECONDS;

/** How long an API token is valid, in seconds; a request for one that never expires says `null`, as emergency cards do anyway. */
export const TOKEN_SECONDS = { default: 90 * DAY_SECONDS, min: 300, max: 3650 * DAY_SECONDS } as const;
