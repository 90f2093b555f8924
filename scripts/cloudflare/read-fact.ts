import { type Fact, knownFact, unknownFact } from "./check.ts";

// What an answer of Cloudflare's API means for a fact. A missing permission is named with its page:
// it makes the check unknown, and is never a pass.

/** Where a token's permissions are edited. */
export const TOKENS_PAGE = "https://dash.cloudflare.com/profile/api-tokens";

/** Permission groups as the dashboard's page of tokens names them, with what they belong to. */
export type PermissionName =
  | "Zone"
  | "Zone Settings"
  | "SSL and Certificates"
  | "Workers Routes"
  | "Workers Scripts"
  | "Zone WAF"
  | "Firewall Services"
  | "Bot Management"
  | "DNS"
  | "Access: Apps and Policies"
  | "Account Analytics";

const OF_ACCOUNT: ReadonlySet<PermissionName> = new Set([
  "Workers Scripts",
  "Access: Apps and Policies",
  "Account Analytics",
]);

/** `Zone > Workers Routes > Read`, as the dashboard writes it. */
export function permissionLabel(permission: PermissionName, level: "Read" | "Edit"): string {
  return `${OF_ACCOUNT.has(permission) ? "Account" : "Zone"} > ${permission} > ${level}`;
}

/** Asks, and says why there is no answer. Faults of our own are thrown. */
export async function readFact<T>(permission: PermissionName, ask: () => Promise<T>): Promise<Fact<T>> {
  try {
    return knownFact(await ask());
  } catch (error) {
    const answer = answerOf(error);
    if (answer === undefined) throw error;
    if (isForbidden(error)) {
      const label = permissionLabel(permission, "Read");
      return unknownFact(
        `the token lacks the permission ${label}`,
        `grant it to the token at ${TOKENS_PAGE}, and run the doctor again`,
      );
    }
    return unknownFact(`Cloudflare's API did not tell (${answer.text})`, "try again in a minute");
  }
}

interface ApiAnswer {
  /** `undefined`: no answer came. */
  status: number | undefined;
  codes: readonly number[];
  text: string;
}

/** What the SDK threw, by its shape: loading the SDK for `instanceof` would take longer than the call. */
export function answerOf(error: unknown): ApiAnswer | undefined {
  if (!(error instanceof Error) || !("errors" in error || "status" in error)) return undefined;
  const { status, errors } = error as { status?: unknown; errors?: unknown };
  const list = (Array.isArray(errors) ? errors : []) as { code?: unknown; message?: unknown }[];
  const first = list[0];
  const code = typeof first?.code === "number" ? ` ${first.code}` : "";
  const text =
    typeof status === "number"
      ? `${status}${code}${typeof first?.message === "string" ? `: ${first.message}` : ""}`
      : "no answer came";
  return {
    status: typeof status === "number" ? status : undefined,
    codes: list.flatMap(({ code }) => (typeof code === "number" ? [code] : [])),
    text: text.replace(/\.$/, ""),
  };
}

/** The token may not: 401 and 403, and the codes that come with other statuses. */
export function isForbidden(error: unknown): boolean {
  const answer = answerOf(error);
  return answer !== undefined && (answer.status === 401 || answer.status === 403);
}

export function isNotFound(error: unknown): boolean {
  return answerOf(error)?.status === 404;
}
