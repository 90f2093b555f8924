import { PROBLEMS, type Problem, type ProblemCode, remedyOf } from "../../src/contract/problems.ts";
import { nearest } from "../../src/domain/general/nearest.ts";
import { LATCHKEY } from "../terminal/called-as.ts";
import { Failure, failed } from "../terminal/failure.ts";
import { asMessage, parseJson, printable } from "../terminal/text.ts";
import { isLocalhostName } from "./address.ts";
import type { Answer } from "./transport.ts";

/** The commands that show what the remedies speak of. */
const COMMANDS: Partial<Record<ProblemCode, string>> = {
  "unknown-user": `${LATCHKEY} users`,
  "unknown-device": `${LATCHKEY} devices`,
  "unknown-credential": `${LATCHKEY} show DEVICE`,
  "certificate-not-listed": `${LATCHKEY} unknown`,
  "unknown-token": `${LATCHKEY} token`,
  "unknown-session": `${LATCHKEY} sessions`,
  "unknown-invitation": `${LATCHKEY} invitations`,
  "unknown-identity": `${LATCHKEY} users identities USER`,
  "unknown-person": `${LATCHKEY} users waiting`,
  "email-taken": `${LATCHKEY} users edit USER --remove-email ADDRESS`,
  "forbidden-transition": `${LATCHKEY} show DEVICE`,
  "too-many-credentials": `${LATCHKEY} retire DEVICE FINGERPRINT`,
  "last-credential": `${LATCHKEY} rotate DEVICE`,
  "not-revoked": `${LATCHKEY} revoke DEVICE`,
  "internal-error": "npx wrangler tail",
};

const OUTDATED = "update the latchkey command: it does not match the Worker";
export const MISMATCH = "update the latchkey command or deploy the Worker: their versions do not match";

/** Where the contract's remedy is for programs: what people should do instead. */
const HINTS: Partial<Record<ProblemCode, string>> = {
  "malformed-json": OUTDATED,
  "wrong-content-type": OUTDATED,
  "not-found": MISMATCH,
  "method-not-allowed": MISMATCH,
  "invalid-query": "see --help for what the option takes",
  "invalid-fields": "correct it and try again; nothing was changed",
  "body-too-large": "shorten the note, or check that the certificate file holds a certificate",
  "wrong-credentials":
    "give the token that was set with npx wrangler secret put ADMIN_TOKEN, or one of your own that is still valid",
  forbidden: `see who you are with: ${LATCHKEY} me; what you may not do, ask the owner of the ADMIN_TOKEN`,
};

/** What to do about an error of the API, unless the command knows better. */
function hintOf(code: ProblemCode): string {
  const command = COMMANDS[code];
  const { remedy } = PROBLEMS[code];
  return HINTS[code] ?? (command === undefined ? remedy : `${remedy} with: ${command}`);
}

/** An error that the API itself answered. */
export class ProblemFailure extends Failure {
  readonly code: ProblemCode;
  readonly #problem: Problem;

  constructor(problem: Problem, hint = hintOf(problem.code)) {
    super(1, causeOf(problem), { hint });
    this.code = problem.code;
    this.#problem = problem;
  }

  /** The same problem, with another hint or in other words. */
  with({
    hint = this.hint,
    detail = this.#problem.detail,
  }: {
    hint?: string;
    detail?: string;
  }): ProblemFailure {
    return new ProblemFailure({ ...this.#problem, detail }, hint);
  }
}

/**
 * The API said nothing itself: nobody answered, or something else did (a firewall, Cloudflare's page over a limit).
 * Whether a change was made is then unknown.
 */
export class NoAnswer extends Failure {
  constructor({ exitCode, message, hint, list }: Failure) {
    super(exitCode, message, { hint, list });
  }
}

/** Answers of the API that are about its own state, and not about what was asked. */
const OUT_OF_ORDER: ReadonlySet<ProblemCode> = new Set(["registry-unavailable", "internal-error"]);

/**
 * Whether the registry could not be asked or could not write, so that a device must be taken away by other
 * means. A refusal of the request itself (wrong credentials, no such device) does not count.
 */
export function isOutOfOrder(error: unknown): error is Failure {
  return error instanceof NoAnswer || (error instanceof ProblemFailure && OUT_OF_ORDER.has(error.code));
}

/** A detail that is only the remedy, in words for programs, gives way to the title. */
function causeOf({ code, title, detail, errors = [] }: Problem): string {
  if (code === "invalid-fields" && errors.length > 0) {
    return errors.map(({ path, message }) => asMessage(path ? `${path}: ${message}` : message)).join("; ");
  }
  return asMessage(detail === "" || detail === remedyOf(code) ? title : detail);
}

/** The answer, or `undefined` if the API says one of these instead. */
export async function orAbsent<T>(answer: Promise<T>, ...codes: ProblemCode[]): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ProblemFailure && codes.includes(error.code)) return undefined;
    throw error;
  }
}

/** Gives the failure of one code a better hint; anything else stays what it is. */
export function withHint(error: unknown, code: ProblemCode, hint: string): unknown {
  return error instanceof ProblemFailure && error.code === code ? error.with({ hint }) : error;
}

/** What to do when something is made for a user who does not exist: perhaps the id is only mistyped. */
export function hintForMissingUser(user: string, ids: readonly string[]): string {
  const [near] = nearest(user, ids);
  return near === undefined
    ? `add the user first: ${LATCHKEY} users add ${user}`
    : `did you mean ${printable(near)}`;
}

/** The JSON of a good answer, `undefined` of an empty one; everything else is thrown as a failure. */
export function readAnswer(answer: Answer, origin: string): unknown {
  const type = answer.header("content-type").split(";")[0]?.trim().toLowerCase() ?? "";
  if (answer.status === 204) return undefined;
  if (answer.status >= 200 && answer.status < 300 && type === "application/json") {
    const body = parseJson(answer.text);
    if (body !== undefined) return body;
  }
  if (answer.status >= 400 && type === "application/problem+json") {
    const problem = parseProblem(answer.text);
    if (problem !== undefined) throw new ProblemFailure(problem);
  }
  throw foreignAnswer(answer, type, origin);
}

function parseProblem(text: string): Problem | undefined {
  const body = parseJson(text) as Partial<Problem> | null | undefined;
  if (typeof body?.code !== "string" || !Object.hasOwn(PROBLEMS, body.code)) return undefined;
  const { detail, title } = body;
  if (typeof detail !== "string" || typeof title !== "string") return undefined;
  const errors = (Array.isArray(body.errors) ? body.errors : []).filter(
    (entry) => typeof entry?.path === "string" && typeof entry.message === "string",
  );
  return { ...(body as Problem), errors };
}

const STRANGERS_ANSWERS: Readonly<Record<number, { text: string; hint: string }>> = {
  404: {
    text: "Not Found",
    hint: "check that ADMIN_TOKEN is set on the Worker (32 characters or more), and that the host is right: ADMIN_HOST, when set, is the only one",
  },
  503: {
    text: "Service Unavailable",
    hint: "check that the host is one of APPS (ADMIN_HOST, when set, is the only one) and that ADMIN_TOKEN is set; npx wrangler tail shows the reason",
  },
};

/** Answers that are not the API's: who gave them, and why. The order matters: the clearest sign first. */
function foreignAnswer(answer: Answer, type: string, origin: string): Failure {
  const { status, text } = answer;
  const ray = printable(answer.header("cf-ray"));
  const named = ray === "" ? "" : ` (ray ${ray})`;
  const cloudflareError =
    /error code: (\d{4})/i.exec(text)?.[1] ?? /cf-error-code[^>]*>(\d{4})</.exec(text)?.[1];

  if (status >= 300 && status < 400) {
    const target = redirectTarget(answer.header("location"), origin);
    return target?.endsWith(".cloudflareaccess.com")
      ? failed(
          `Cloudflare Access asks for a sign-in in front of ${origin}${named}`,
          "make an Access policy that bypasses the path /.latchkey/, see docs/cloudflare.md",
        )
      : failed(
          `${origin} redirects${target === undefined ? "" : ` to ${printable(target)}`} instead of answering`,
          "give the address of the gate itself in --url; redirects are not followed",
        );
  }
  if (answer.header("cf-mitigated") === "challenge") {
    return failed(
      `Cloudflare answered ${status} with a challenge for browsers${named}`,
      "except the path /.latchkey/ from bot protection and managed challenges, see Security > Events",
    );
  }
  if (status === 403) {
    return failed(
      `a firewall answered 403 before the gate saw the request${named}`,
      "let the path /.latchkey/ through in the zone's WAF and Access rules, see Security > Events",
    );
  }
  if (cloudflareError === "1027") {
    return failed(
      `the Worker is over its daily limit (Cloudflare error 1027)${named}`,
      "it answers again after 00:00 UTC; see docs/guide/cost.md",
    );
  }
  if (cloudflareError !== undefined) {
    return failed(
      `Cloudflare answered ${status} with error ${cloudflareError}${named}`,
      cloudflareError.startsWith("11")
        ? "the Worker failed: look into its log with npx wrangler tail"
        : `look it up: https://developers.cloudflare.com/search/?q=error+${cloudflareError}`,
    );
  }
  if (status === 429) {
    return failed(`${origin} answered 429: too many requests${named}`, "wait a minute and try again");
  }
  // What the gate answers to strangers. The API's own failures are problems in JSON.
  const words = type === "text/plain" ? STRANGERS_ANSWERS[status] : undefined;
  if (words !== undefined && text.trim() === words.text) {
    return failed(
      `the gate at ${origin} answers ${status} ${words.text}, as it does to strangers`,
      isLocalhostName(new URL(origin).hostname)
        ? "look at the terminal of npm start: its lines name the setting that is wrong; and at the host: it prints the right LATCHKEY_URL"
        : words.hint,
    );
  }
  if (status >= 500) {
    return failed(`${origin} answered ${status}, and not as the API${named}`, "try again in a minute");
  }
  return failed(
    `${origin} answered ${status}${type === "" ? "" : ` with ${printable(type)}`}, and not as the API${named}`,
    "check the host in --url, and that the Worker's route covers it",
  );
}

function redirectTarget(location: string, origin: string): string | undefined {
  const url = URL.parse(location, origin);
  if (url === null) return undefined;
  return url.origin === origin
    ? url.pathname
    : url.hostname.endsWith(".cloudflareaccess.com")
      ? url.hostname
      : url.origin;
}
