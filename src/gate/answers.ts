// What a refused client gets: a table by reason and profile, and the only place that makes these responses.

import type { Reason } from "../domain/reason.ts";
import { type CustomAnswer, PROFILE_NAMES, type Profile } from "../domain/request/app.ts";

/**
 * What a refusal may look like.
 * - `hide`: 404, as if nothing were there.
 * - `hide-but-items`: the same, but `later` for calls about one item, which a client would delete.
 * - `later`: 503, and a client tries again after five minutes.
 * - `soon`: 503, and a client tries again after half a minute: the fault is ours.
 * - `wipe`: Bitwarden's clients delete their vault.
 * - `own`: what the configuration says.
 */
export type Answer = "hide" | "hide-but-items" | "later" | "soon" | "wipe" | "own";

/**
 * The whole table: what each profile answers for each reason. Never 403, 410, a redirect or an empty 200, and 401 only
 * as `wipe`: each makes some client delete data (docs/answers.md). Faults of our own, the configuration's included, are
 * `soon` on every profile: nobody knows then what the app's clients would do on a 404.
 */
// biome-ignore format: a table is read by its columns.
export const ANSWERS = {
  // reason                 web     bitwarden         sync     custom
  "blocked":                ["hide",  "hide-but-items",  "later",  "own"],
  "no-certificate":         ["hide",  "hide-but-items",  "later",  "own"],
  "unverified-certificate": ["hide",  "hide-but-items",  "later",  "own"],
  "revoked-certificate":    ["hide",  "hide-but-items",  "later",  "own"],
  "expired-certificate":    ["hide",  "hide-but-items",  "later",  "own"],
  "malformed-certificate":  ["hide",  "hide-but-items",  "later",  "own"],
  "unknown-device":         ["hide",  "hide-but-items",  "later",  "own"],
  "device-pending":         ["hide",  "hide-but-items",  "later",  "own"],
  "device-suspended":       ["hide",  "hide-but-items",  "later",  "own"],
  "device-revoked":         ["hide",  "hide-but-items",  "later",  "own"],
  "device-lost":            ["hide",  "wipe",            "later",  "own"],
  "device-expired":         ["hide",  "hide-but-items",  "later",  "own"],
  "expired-credential":     ["hide",  "hide-but-items",  "later",  "own"],
  "wrong-app":              ["hide",  "hide-but-items",  "later",  "own"],
  "country":                ["hide",  "hide-but-items",  "later",  "own"],
  "cross-site":             ["hide",  "hide-but-items",  "later",  "own"],
  "unknown-app":            ["soon",  "soon",            "soon",   "soon"],
  "registry-unavailable":   ["soon",  "soon",            "soon",   "soon"],
  "misconfigured":          ["soon",  "soon",            "soon",   "soon"],
  "internal-error":         ["soon",  "soon",            "soon",   "soon"],
} as const satisfies Record<Reason, readonly [Answer, Answer, Answer, Answer]>;

/** What the answer depends on besides the reason. The body of a request is never read. */
export interface Refused {
  method: string;
  pathname: string;
}

/** The response for a refusal. A HEAD gets no body. */
export function answer(reason: Reason, profile: Profile, refused: Refused): Response {
  const { body, like } = render(answerFor(reason, profile), profile, refused);
  return new Response(refused.method === "HEAD" ? null : body, like);
}

export function answerFor(reason: Reason, profile: Profile): Answer {
  return ANSWERS[reason][PROFILE_NAMES.indexOf(profile.name)] ?? "soon";
}

/** Whether a client that obeys the answer deletes its vault. */
export function isWipe(reason: Reason, profile: Profile): boolean {
  return answerFor(reason, profile) === "wipe";
}

/**
 * The same refusal, with which a lost browser deletes what it stores of this host, cookies of the whole domain
 * included (w3c.github.io/webappsec-clear-site-data).
 */
export function clearingBrowser(refusal: Response): Response {
  const clearing = new Response(refusal.body, refusal);
  clearing.headers.set("Clear-Site-Data", '"cache", "cookies", "storage"');
  return clearing;
}

interface Rendered {
  body: string;
  /** The answer without its body. */
  like: Response;
}

/** Made once per answer, where possible: the runtime copies a response faster than it makes one. */
function rendered(status: number, body: string, headers: Record<string, string>): Rendered {
  return { body, like: new Response(null, { status, headers: { ...headers, "Cache-Control": "no-store" } }) };
}

const PLAIN_TEXT = { "Content-Type": "text/plain; charset=utf-8" };
const HIDE = rendered(404, "Not Found", PLAIN_TEXT);
const LATER = unavailable(300);
const SOON = unavailable(30);

/**
 * What Bitwarden's clients of every version obey: `invalid_grant` on the token call (phones ask
 * for nothing else), and a 401 whose body is not Bitwarden's JSON error shape everywhere else.
 */
const WIPE_TOKEN = rendered(400, '{"error":"invalid_grant"}', { "Content-Type": "application/json" });
const WIPE_ELSEWHERE = rendered(401, "Unauthorized", { ...PLAIN_TEXT, "WWW-Authenticate": "Bearer" });

function unavailable(retryAfterSeconds: number): Rendered {
  return rendered(503, "Service Unavailable", {
    ...PLAIN_TEXT,
    "Retry-After": String(retryAfterSeconds),
  });
}

function render(kind: Answer, profile: Profile, refused: Refused): Rendered {
  switch (kind) {
    case "hide":
      return HIDE;
    case "hide-but-items":
      return isAboutOneItem(refused.pathname) ? LATER : HIDE;
    case "later":
      return LATER;
    case "wipe":
      return isTokenCall(refused) ? WIPE_TOKEN : WIPE_ELSEWHERE;
    case "own":
      return profile.name === "custom" ? renderOwn(profile.answer) : SOON;
    default:
      return SOON;
  }
}

function renderOwn({ status, retryAfterSeconds, body, contentType }: CustomAnswer): Rendered {
  const retryAfter = retryAfterSeconds === null ? {} : { "Retry-After": String(retryAfterSeconds) };
  return rendered(status, body, { "Content-Type": contentType, ...retryAfter });
}

/**
 * Bitwarden's calls about single objects, wherever the server is mounted: a client that gets a 404 deletes its copy
 * (`GET /api/ciphers/{id}` after a push, docs/answers.md). Objects that no client is known to delete are among them,
 * since a 503 harms nobody. The pattern begins with one slash: with a run of them, a path of slashes would be searched
 * again from each one, which is quadratic.
 */
const ONE_ITEM =
  /\/(?:api\/+(?:ciphers|sends|folders|collections|organizations|attachments|emergency-access)|attachments)\/+[^/]/i;

function isAboutOneItem(pathname: string): boolean {
  return ONE_ITEM.test(pathname);
}

const TOKEN_PATH = /\/identity\/+connect\/+token\/*$/i;

/** Whether this is the call with which a client asks for a token: the one that phones obey. */
export function isTokenCall({ method, pathname }: Refused): boolean {
  return method === "POST" && TOKEN_PATH.test(pathname);
}
