// Rules of the zone that would answer before the gate runs: with 403 or a challenge, the very answers that make
// clients delete their data.
import type * as v from "valibot";
import { ACCESS_RULE, RULESET } from "../../client/answers.ts";
import { isNotFound } from "../../client/failure.ts";
import { failedCheck, gatedNames, listed, passed, warned, type ZoneSource, zoneCheck } from "../check.ts";
import { type FirewallRule, judgeRules } from "../rules/judge.ts";

/** Where rules live that can answer before a Worker runs. */
const PHASES = {
  http_request_firewall_custom: "the custom rule",
  http_ratelimit: "the rate limit",
  http_request_firewall_managed: "the managed ruleset",
} as const;

export async function readRules({ client, zone }: ZoneSource): Promise<FirewallRule[]> {
  const phases = await Promise.all(
    (Object.keys(PHASES) as (keyof typeof PHASES)[]).map(async (phase) => {
      try {
        const { rules } = await client.ask(
          { permission: "waf", what: "read the firewall's rules" },
          (sdk) => sdk.rulesets.phases.get(phase, { zone_id: zone.id }),
          RULESET,
        );
        return (rules ?? []).map((rule) => toRule(phase, rule));
      } catch (error) {
        // Nobody has ever written a rule of this phase.
        if (isNotFound(error)) return [];
        throw error;
      }
    }),
  );
  return phases.flat();
}

function toRule(
  phase: string,
  rule: NonNullable<v.InferOutput<typeof RULESET>["rules"]>[number],
): FirewallRule {
  const { id = "", action, expression, description = "", enabled, action_parameters } = rule;
  const { response, status_code, ruleset, phases = [] } = action_parameters ?? {};
  return {
    phase,
    id,
    description,
    action,
    expression,
    enabled,
    status: response?.status_code ?? status_code,
    skips: [...(ruleset === "current" ? ["current"] : []), ...phases],
  };
}

/** Custom rules, rate limits and managed rulesets. */
export const waf = zoneCheck({
  id: "waf",
  permission: "waf",
  setupShows: true,
  read: readRules,
  judge(rules, zone) {
    const first = new Map<FirewallRule, string[]>();
    const unclear = new Map<FirewallRule, string[]>();
    for (const host of gatedNames(zone)) {
      for (const { rule, judgement } of judgeRules(rules, host)) {
        if (judgement === "harmless") continue;
        const found = judgement === "answers-first" ? first : unclear;
        found.set(rule, [...(found.get(rule) ?? []), host]);
      }
    }
    if (first.size > 0) {
      const answering = [...first].map(([rule, hosts]) => `${nameOf(rule)} answers on ${listed(hosts)}`);
      return failedCheck(
        `${listed(answering)} before the gate`,
        `exclude the hosts from the rule under Security > Security rules, such as: and not http.host in {"${gatedNames(zone)[0]}"}`,
      );
    }
    return unclear.size > 0
      ? warned(
          `the doctor cannot judge ${listed([...unclear.keys()].map(nameOf))}`,
          "look whether it can answer on these hosts, under Security > Security rules",
        )
      : passed("no rule answers on the hosts before the gate");
  },
});

function nameOf({ phase, id, description, action }: FirewallRule): string {
  const kind = Object.hasOwn(PHASES, phase) ? PHASES[phase as keyof typeof PHASES] : phase;
  return `${kind} '${description === "" ? id : description}' (${action})`;
}

export function readAccessRules({ client, zone }: ZoneSource): Promise<v.InferOutput<typeof ACCESS_RULE>[]> {
  return client.list(
    { permission: "firewall", what: "list the IP access rules" },
    (sdk, { page }) => sdk.firewall.accessRules.list({ zone_id: zone.id, per_page: 100, page }),
    ACCESS_RULE,
  );
}

/** IP access rules block addresses and countries on the whole zone. */
export const accessRules = zoneCheck({
  id: "ip-access-rules",
  permission: "firewall",
  setupShows: true,
  read: readAccessRules,
  judge(rules) {
    // `country CH (block)`
    const answering = rules
      .filter(({ mode }) => mode !== "whitelist")
      .map(({ mode, configuration: { target = "", value = "" } = {} }) =>
        `${target} ${value} (${mode})`.trim(),
      );
    return answering.length === 0
      ? passed("no IP access rule blocks or challenges")
      : warned(
          `IP access rules answer 403 to ${listed(answering)}`,
          "make sure that no device of yours is ever there, or remove them under Security > Security rules",
        );
  },
});
