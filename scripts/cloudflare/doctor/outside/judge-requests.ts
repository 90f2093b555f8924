// What real requests from outside found: the proof that the settings do what they say.
import { LATCHKEY } from "../../../terminal/called-as.ts";
import { type Finding, failedCheck, passed, unread, type Verdict, warned, worst } from "../check.ts";

/** An answer, or why none came. */
export type Seen =
  | { kind: "answer"; status: number; body: string; location: string | null }
  | { kind: "silence"; why: string };

/** The gate's answer to a client without a certificate, by the app's profile. */
export interface Expected {
  status: number;
  body: string;
}

/** What one host answered. */
export interface Observation {
  host: string;
  expected: Expected;
  stranger: Seen;
  /** The page for devices, which the gate serves on every app's host: it shows that the gate is what answers. */
  page: Seen;
  /** The first page, asked for with headers that claim an identity. */
  forged: Seen;
  /** `undefined`: not asked. */
  http: Seen | undefined;
  whoami: Seen | undefined;
  visit: Seen | undefined;
}

export function judgeRequests(observations: readonly Observation[]): Finding[] {
  const judges = {
    "outside-without-certificate": judgeStranger,
    "outside-forged-headers": judgeForged,
    "outside-http": judgeHttp,
    "outside-with-certificate": judgeDevice,
  };
  return Object.entries(judges).map(([id, judge]) => ({ id, ...worst(observations.map(judge)) }));
}

/** The pages answer any browser on their own host. */
export function judgePages(host: string, seen: Seen): Finding {
  return { id: "outside-pages", ...pagesVerdict(host, seen) };
}

function pagesVerdict(host: string, seen: Seen): Verdict {
  if (seen.kind === "silence") return unread(`${host} did not answer: ${seen.why}`, REACH);
  if (seen.status === 200 && seen.body.includes(PAGE_MARK)) {
    return passed(`the sign-in page answers on ${host}, without a certificate`);
  }
  return failedCheck(
    `${host} answers ${seen.status}, but not with the sign-in page${isBefore(seen) ? `: ${source(seen)}` : ""}`,
    "make its record and its route with latchkey setup, and deploy wrangler.toml as it is now",
  );
}

/** In the title of every page. */
const PAGE_MARK = "– Latchkey</title>";

const REACH = "check the host's DNS and this machine's network, then run the doctor again";

function judgeStranger({ host, expected, stranger, page }: Observation): Verdict {
  if (stranger.kind === "silence") return unread(`${host} did not answer: ${stranger.why}`, REACH);
  if (isSame(stranger, expected)) {
    if (page.kind === "silence") return unread(`${host} did not answer: ${page.why}`, REACH);
    // Many apps answer `Not Found` with the same words.
    return page.body.includes(PAGE_MARK)
      ? passed(`without a certificate, the gate answers ${expected.status}`)
      : failedCheck(
          `${host} answers ${expected.status} as the gate would, but serves no page of Latchkey: it is not the gate`,
          "make the route with latchkey setup, and see the checks on routes",
        );
  }
  const { status, body } = stranger;
  if (status === 503 && body === "Service Unavailable") {
    return failedCheck(
      `the gate at ${host} answers 503, as with a fault of its own: it does not know the host, or its configuration is wrong`,
      "deploy wrangler.toml as it is now: latchkey deploy; npx wrangler tail shows the reason",
    );
  }
  if (status === 530 || (status >= 520 && status < 530) || status === 502 || status === 504) {
    return failedCheck(
      `${host} answers ${status}: Cloudflare asked the app, so no gate is in front of it`,
      "make the route: latchkey setup",
    );
  }
  if (isBefore(stranger)) {
    return failedCheck(
      `${host} is answered with ${status} before the gate: ${source(stranger)}`,
      "see the checks on rules, bots and Access; Security > Events names the rule",
    );
  }
  return failedCheck(
    `${host} answers ${status} to a client without a certificate, where the gate would answer ${expected.status}`,
    "the app is open: make the route with latchkey setup, and see the checks on routes",
  );
}

function judgeForged({ host, expected, stranger, forged }: Observation): Verdict {
  if (forged.kind === "silence") return unread(`${host} did not answer: ${forged.why}`, REACH);
  const like = stranger.kind === "answer" ? stranger : expected;
  return isSame(forged, like)
    ? passed("headers that claim an identity change nothing")
    : failedCheck(
        `${host} answers ${forged.status} instead of ${like.status} when headers claim an identity`,
        "the gate reads no such header, so something else does: see Access and the zone's rules",
      );
}

function judgeHttp({ host, expected, http }: Observation): Verdict {
  if (http === undefined)
    return unread("http was not tried: --connect-to is for https only", "leave out --connect-to");
  if (http.kind === "silence") return unread(`http://${host} did not answer: ${http.why}`, REACH);
  if (isSame(http, expected)) return passed("http is gated");
  const target = http.location === null ? null : URL.parse(http.location);
  if (http.status >= 301 && http.status <= 308 && target?.protocol === "https:" && target.hostname === host) {
    return passed("http is redirected to https, which is gated");
  }
  return failedCheck(
    `http://${host} answers ${http.status}: plain http bypasses the gate`,
    `make the route ${host}/* without a scheme: latchkey setup`,
  );
}

function judgeDevice({ host, expected, whoami, visit }: Observation): Verdict {
  if (whoami === undefined || visit === undefined) {
    return unread(
      "no certificate was given to try with",
      "give one with --cert and --key, or let the doctor issue a temporary one with --issue-probe",
    );
  }
  if (whoami.kind === "silence") return unread(`${host} did not answer: ${whoami.why}`, REACH);
  const answered = parse(whoami.body);
  if (whoami.status !== 200 || answered === undefined) {
    return failedCheck(
      `${host} answers ${whoami.status} to the certificate: Cloudflare does not report it to the gate as verified`,
      "see the check on mTLS; the certificate must be one of Cloudflare's, not expired and not revoked",
    );
  }
  if (answered.device?.status !== "active") {
    return unread(
      answered.device === null
        ? "the certificate is not enrolled"
        : `the certificate's device is ${answered.device?.status}`,
      "give an active device's with --cert and --key, or use --issue-probe",
    );
  }
  if (visit.kind === "silence") return unread(`${host} did not answer: ${visit.why}`, REACH);
  return isSame(visit, expected)
    ? warned(
        `${host} answers an active device as it answers strangers: the gate's refusal, or the app's own words`,
        `see ${LATCHKEY} watch while the doctor runs`,
      )
    : passed(`an active device passes (the app answers ${visit.status})`);
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

/** By its form, the answer is Cloudflare's own. */
function isBefore({ status, location }: Extract<Seen, { kind: "answer" }>): boolean {
  return (
    status === 401 || status === 403 || status === 429 || (location ?? "").includes(".cloudflareaccess.com")
  );
}

function source({ location, body }: Extract<Seen, { kind: "answer" }>): string {
  if ((location ?? "").includes(".cloudflareaccess.com")) return "Access asks for a sign-in";
  const code = /error code: (\d{4})/i.exec(body)?.[1];
  return code === undefined ? "a rule, a bot setting or the app itself" : `Cloudflare's error ${code}`;
}
