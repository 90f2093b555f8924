// No I/O. No clock.
//
// What real requests from outside found: the proof that the settings do what they say.
import { type Check, failedCheck, listed, passed, unread, warned, worst } from "../check.ts";

/** An answer, or why none came. */
export type Seen =
  | { kind: "answer"; status: number; body: string; location: string | null }
  | { kind: "silence"; why: string };

/** The gate's answer to who has no certificate, by the app's profile. */
export interface Expected {
  status: number;
  body: string;
}

/** What one host answered. */
export interface Observation {
  host: string;
  expected: Expected;
  stranger: Seen;
  /** The page for devices, which the gate has on every app's host: whether it is the gate that answers. */
  page: Seen;
  /** The first page with headers that say who one is. */
  forged: Seen;
  /** `undefined`: not asked. */
  http: Seen | undefined;
  whoami: Seen | undefined;
  visit: Seen | undefined;
}

export function checkOutside(observations: readonly Observation[]): Check[] {
  return [
    merged("outside-without-certificate", observations, checkStranger),
    merged("outside-forged-headers", observations, checkForged),
    merged("outside-http", observations, checkHttp),
    merged("outside-with-certificate", observations, checkDevice),
  ];
}

/** The pages answer any browser on their own host. */
export function checkPages(host: string, seen: Seen): Check {
  const id = "outside-pages";
  if (seen.kind === "silence") return unread(id, `${host} did not answer: ${seen.why}`, REACH);
  if (seen.status === 200 && seen.body.includes(PAGE_MARK)) {
    return passed(id, `the sign-in page answers on ${host}, without a certificate`);
  }
  return failedCheck(
    id,
    `${host} answers ${seen.status}, but not with the sign-in page${isBefore(seen) ? `: ${first(seen)}` : ""}`,
    "make its record and its route with latchkey setup, and deploy wrangler.toml as it is now",
  );
}

/** One line a check: the worst of the hosts decides, and the reasons of those that are as bad are told. */
export function merged<Seen>(
  id: string,
  observations: readonly Seen[],
  judge: (id: string, seen: Seen) => Check,
): Check {
  const checks = observations.map((seen) => judge(id, seen));
  const status = worst(checks);
  const bad = checks.filter((check) => check.status === status);
  if (status === "ok") {
    return passed(id, `${bad[0]?.reason ?? "no host"}${bad.length > 1 ? ` (${bad.length} hosts)` : ""}`);
  }
  return {
    id,
    status,
    reason: listed([...new Set(bad.map(({ reason }) => reason))]),
    remedy: bad[0]?.remedy ?? null,
  };
}

/** In the title of every page. */
const PAGE_MARK = "– Latchkey</title>";

const REACH = "check the host's DNS and this machine's network, then run the doctor again";

function checkStranger(id: string, { host, expected, stranger, page }: Observation): Check {
  if (stranger.kind === "silence") return unread(id, `${host} did not answer: ${stranger.why}`, REACH);
  if (isSame(stranger, expected)) {
    if (page.kind === "silence") return unread(id, `${host} did not answer: ${page.why}`, REACH);
    // Many apps answer `Not Found` in the same words.
    return page.body.includes(PAGE_MARK)
      ? passed(id, `without a certificate, the gate answers ${expected.status}`)
      : failedCheck(
          id,
          `${host} answers ${expected.status} as the gate would, and has no page of Latchkey's: it is not the gate`,
          "make the route with latchkey setup, and see the checks on routes",
        );
  }
  const { status, body } = stranger;
  if (status === 503 && body === "Service Unavailable") {
    return failedCheck(
      id,
      `the gate at ${host} answers 503, as with a fault of its own: it does not know the host, or is misconfigured`,
      "deploy wrangler.toml as it is now: npx wrangler deploy; npx wrangler tail tells the reason",
    );
  }
  if (status === 530 || (status >= 520 && status < 530) || status === 502 || status === 504) {
    return failedCheck(
      id,
      `${host} answers ${status}: Cloudflare asked the app, so no gate is in front of it`,
      "make the route: latchkey setup",
    );
  }
  if (isBefore(stranger)) {
    return failedCheck(
      id,
      `${host} is answered with ${status} before the gate: ${first(stranger)}`,
      "see the checks on rules, bots and Access; Security > Events names the rule",
    );
  }
  return failedCheck(
    id,
    `${host} answers ${status} to somebody without a certificate, where the gate would answer ${expected.status}`,
    "the app is open: make the route with latchkey setup, and see the checks on routes",
  );
}

function checkForged(id: string, { host, expected, stranger, forged }: Observation): Check {
  if (forged.kind === "silence") return unread(id, `${host} did not answer: ${forged.why}`, REACH);
  const like = stranger.kind === "answer" ? stranger : expected;
  return isSame(forged, like)
    ? passed(id, "headers that claim an identity change nothing")
    : failedCheck(
        id,
        `${host} answers ${forged.status} instead of ${like.status} when headers claim an identity`,
        "the gate reads no such header, so something else does: see Access and the zone's rules",
      );
}

function checkHttp(id: string, { host, expected, http }: Observation): Check {
  if (http === undefined)
    return unread(id, "http was not asked: --connect-to leads to https alone", "leave it out");
  if (http.kind === "silence") return unread(id, `http://${host} did not answer: ${http.why}`, REACH);
  if (isSame(http, expected)) return passed(id, "http is gated");
  const target = http.location === null ? null : URL.parse(http.location);
  if (http.status >= 301 && http.status <= 308 && target?.protocol === "https:" && target.hostname === host) {
    return passed(id, "http is sent to https, which is gated");
  }
  return failedCheck(
    id,
    `http://${host} answers ${http.status}: plain http goes round the gate`,
    `make the route ${host}/* without a scheme: latchkey setup`,
  );
}

function checkDevice(id: string, { host, expected, whoami, visit }: Observation): Check {
  if (whoami === undefined || visit === undefined) {
    return unread(
      id,
      "no certificate was given to try",
      "give one with --cert and --key, or let the doctor issue one for a moment with --issue-probe",
    );
  }
  if (whoami.kind === "silence") return unread(id, `${host} did not answer: ${whoami.why}`, REACH);
  const told = parse(whoami.body);
  if (whoami.status !== 200 || told === undefined) {
    return failedCheck(
      id,
      `${host} answers ${whoami.status} to the certificate: Cloudflare does not tell the gate that it is verified`,
      "see the check on mTLS; the certificate must be one of Cloudflare's, in its dates and not revoked",
    );
  }
  if (told.device?.status !== "active") {
    return unread(
      id,
      `the certificate is ${told.device === null ? "enrolled nowhere" : `that of a device which is ${told.device?.status}`}`,
      "give that of an active device with --cert and --key, or use --issue-probe",
    );
  }
  if (visit.kind === "silence") return unread(id, `${host} did not answer: ${visit.why}`, REACH);
  return isSame(visit, expected)
    ? warned(
        id,
        `${host} answers an active device as it answers strangers: the gate's refusal, or the app's own words`,
        "see npx --no -- latchkey watch while the doctor runs",
      )
    : passed(id, `an active device passes (the app answers ${visit.status})`);
}

function parse(body: string): { device?: { status?: string } | null } | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null && "device" in value
      ? (value as { device?: { status?: string } | null })
      : undefined;
  } catch {
    return undefined;
  }
}

function isSame(seen: Seen, like: Expected): boolean {
  return seen.kind === "answer" && seen.status === like.status && seen.body === like.body;
}

/** Answers that are Cloudflare's own, by their form. */
function isBefore({ status, location }: Extract<Seen, { kind: "answer" }>): boolean {
  return (
    status === 401 || status === 403 || status === 429 || (location ?? "").includes(".cloudflareaccess.com")
  );
}

function first({ location, body }: Extract<Seen, { kind: "answer" }>): string {
  if ((location ?? "").includes(".cloudflareaccess.com")) return "Access asks for a sign-in";
  const code = /error code: (\d{4})/i.exec(body)?.[1];
  return code === undefined ? "a rule, a bot setting or the app itself" : `Cloudflare's error ${code}`;
}
