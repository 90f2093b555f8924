// No I/O. No clock.
//
// What a firewall rule does to a host, as far as its expression can be read without Cloudflare's engine:
// the few forms that owners write. Everything else is `unclear`, which is a warning and never a pass.
// developers.cloudflare.com/ruleset-engine/rules-language/
import type { RuleFact } from "./facts.ts";

export type Judgement =
  /** It never answers requests of the host, or its answer harms nobody. */
  | "harmless"
  /** It may answer requests of the host with 401, 403 or a challenge. */
  | "answers-first"
  | "unclear";

const ANSWERING = new Set(["block", "challenge", "js_challenge", "managed_challenge"]);
/** What a rule that blocks answers when it does not say. developers.cloudflare.com/waf/ */
const BLOCK_STATUS = 403;
const RATE_LIMIT_STATUS = 429;
/** The statuses that make some client delete data or sign out (docs/answers.md). */
const HARMFUL = new Set([401, 403, 407, 410]);

/** Judges the rules of one phase for one host, in their order: a `skip` spares the host from those after it. */
export function judgeRules(
  rules: readonly RuleFact[],
  host: string,
): { rule: RuleFact; judgement: Judgement }[] {
  const spared = new Set<string>();
  return rules.map((rule) => {
    if (!rule.enabled || spared.has(rule.phase)) return { rule, judgement: "harmless" };
    if (rule.action === "skip" && appliesToWhole(rule.expression, host)) {
      for (const skipped of rule.skips) spared.add(skipped === "current" ? rule.phase : skipped);
    }
    return { rule, judgement: judge(rule, host) };
  });
}

function judge({ action, phase, status, expression }: RuleFact, host: string): Judgement {
  if (action === "execute") return scopeOf(expression, host) === "never" ? "harmless" : "unclear";
  if (!ANSWERING.has(action)) return "harmless";
  const answer = status ?? (phase === "http_ratelimit" ? RATE_LIMIT_STATUS : BLOCK_STATUS);
  if (action === "block" && !HARMFUL.has(answer)) return "harmless";
  const scope = scopeOf(expression, host);
  return scope === "never" ? "harmless" : scope === "may" ? "answers-first" : "unclear";
}

const HOST_IS = /http\.host\s+(?:eq|==)\s+"([^"]*)"/gi;
const HOST_IN = /http\.host\s+in\s+\{([^}]*)\}/gi;
const HOST_IS_NOT = /http\.host\s+(?:ne|!=)\s+"([^"]*)"/gi;
// Only where the negation ends with the comparison: `not (http.host eq "x" and ...)` excludes nothing.
const HOST_NOT_IN =
  /(?:\bnot\b|!)\s*(?:http\.host\s+(?:in\s+\{([^}]*)\}|(?:eq|==)\s+"([^"]*)")|\(\s*http\.host\s+(?:in\s+\{([^}]*)\}|(?:eq|==)\s+"([^"]*)")\s*\))/gi;

/** `never`: no request of the host matches. `may`: some do, for all that can be read. */
function scopeOf(expression: string, host: string): "never" | "may" | "unclear" {
  const text = expression.trim();
  if (text === "true") return "may";
  const inner = /^\((.*)\)$/s.exec(text)?.[1] ?? text;
  if (neverMatches(text, host) || neverMatches(inner, host)) return "never";
  const positive = text.replace(HOST_IS_NOT, "").replace(HOST_NOT_IN, "");
  if (hostsIn(positive).includes(host)) return "may";
  // The rule that this project takes the place of: it answers 403 to whoever shows no certificate.
  if (/cf\.tls_client_auth/.test(text) && !/http\.host/.test(text)) return "may";
  return "unclear";
}

/** Whether each of the alternatives rules the host out. */
function neverMatches(text: string, host: string): boolean {
  const branches = text.split(/\bor\b|\|\|/i);
  const isRead = !/\bxor\b|\^\^/i.test(text) && branches.every(isBalanced);
  return isRead && branches.every((branch) => excludes(branch, host));
}

/** Stands for a comparison that was read. */
const READ = "#";

/** Whether terms that are joined by `and` rule the host out. */
function excludes(conjunction: string, host: string): boolean {
  const positive = conjunction.replace(HOST_NOT_IN, READ).replace(HOST_IS_NOT, READ);
  // What is inside a negation is not read, a negation least of all.
  if (/(?:\bnot\b|!)\s*[(#]/i.test(positive)) return false;
  const not = [...matches(conjunction, HOST_IS_NOT), ...matches(conjunction, HOST_NOT_IN)];
  if (not.includes(host)) return true;
  const named = hostsIn(positive);
  return named.length > 0 && !named.includes(host);
}

function hostsIn(positive: string): string[] {
  return [...matches(positive, HOST_IS), ...matches(positive, HOST_IN)];
}

function isBalanced(text: string): boolean {
  const bare = text.replace(/"(?:[^"\\]|\\.)*"/g, "");
  return bare.split("(").length === bare.split(")").length;
}

function matches(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].flatMap((found) => {
    const names = found.slice(1).find((group) => group !== undefined) ?? "";
    return names.includes('"') ? [...names.matchAll(/"([^"]*)"/g)].map(([, name = ""]) => name) : [names];
  });
}

/** Whether every request of the host matches: the expression names the host and nothing else. */
function appliesToWhole(expression: string, host: string): boolean {
  const text = expression
    .trim()
    .replace(/^\((.*)\)$/s, "$1")
    .trim();
  if (text === "true") return true;
  const one = /^http\.host\s+(?:eq|==)\s+"([^"]*)"$/i.exec(text)?.[1];
  const many = /^http\.host\s+in\s+\{([^}]*)\}$/i.exec(text)?.[1];
  if (one !== undefined) return one === host;
  return many !== undefined && matches(text, HOST_IN).includes(host);
}
