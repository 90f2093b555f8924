// What a firewall rule does to a host, as far as its expression can be read without Cloudflare's engine
// (`expression.ts`). Everything else is `unclear`, which is a warning and never a pass.
import { matchesHost } from "./expression.ts";

/** A rule of the WAF, of rate limiting, or of a managed ruleset. */
export interface FirewallRule {
  phase: string;
  id: string;
  description: string;
  action: string;
  expression: string;
  enabled: boolean;
  /** The status of its own answer, where the rule sets one. */
  status: number | undefined;
  /** What a `skip` skips: `current`, or phases. */
  skips: readonly string[];
}

export type Judgement =
  /** It never answers requests of the host, or its answer harms nobody. */
  | "harmless"
  /** It may answer requests of the host with 401, 403, a redirect or a challenge. */
  | "answers-first"
  | "unclear";

const ANSWERING = new Set([
  ...["block", "challenge", "js_challenge", "managed_challenge"],
  ...["redirect", "serve_error"],
]);
/** Actions that answer with a status, which may be harmless. */
const WITH_STATUS = new Set(["block", "serve_error"]);
/** What a rule that blocks answers when it does not say. developers.cloudflare.com/waf/ */
const BLOCK_STATUS = 403;
const RATE_LIMIT_STATUS = 429;
/** The statuses that make some client delete data or sign out (docs/answers.md). */
const HARMFUL = new Set([401, 403, 407, 410]);

/** Judges the rules of one phase for one host, in their order: a `skip` spares the host from those after it. */
export function judgeRules(
  rules: readonly FirewallRule[],
  host: string,
): { rule: FirewallRule; judgement: Judgement }[] {
  const spared = new Set<string>();
  return rules.map((rule) => {
    if (!rule.enabled || spared.has(rule.phase)) return { rule, judgement: "harmless" };
    if (rule.action === "skip" && matchesHost(rule.expression, host) === true) {
      for (const skipped of rule.skips) spared.add(skipped === "current" ? rule.phase : skipped);
    }
    return { rule, judgement: judge(rule, host) };
  });
}

function judge({ action, phase, status, expression }: FirewallRule, host: string): Judgement {
  // What these answer cannot be seen.
  if (action === "execute" || (action === "serve_error" && status === undefined)) {
    return scopeOf(expression, host) === "never" ? "harmless" : "unclear";
  }
  if (!ANSWERING.has(action)) return "harmless";
  const answer = status ?? (phase === "http_ratelimit" ? RATE_LIMIT_STATUS : BLOCK_STATUS);
  if (WITH_STATUS.has(action) && !HARMFUL.has(answer)) return "harmless";
  const scope = scopeOf(expression, host);
  return scope === "never" ? "harmless" : scope === "may" ? "answers-first" : "unclear";
}

/** A host that no expression names, to see what a rule does to such hosts. */
const NO_HOST = "host.invalid";

/** `never`: no request of the host matches. `may`: some do, for all that can be read. */
function scopeOf(expression: string, host: string): "never" | "may" | "unclear" {
  const matches = matchesHost(expression, host);
  if (matches !== undefined) return matches ? "may" : "never";
  // It singles the host out, and on some condition it answers there.
  if (matchesHost(expression, NO_HOST) !== undefined) return "may";
  // The rule that this project replaces: it answers 403 to anyone without a certificate.
  return /cf\.tls_client_auth/i.test(expression) ? "may" : "unclear";
}
