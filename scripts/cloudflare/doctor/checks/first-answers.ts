// No I/O. No clock.
//
// What of Cloudflare's would answer before the gate runs: with 403 or a redirect, the very answers that
// make clients delete their data.
import { type Check, checkFact, failedCheck, listed, passed, unread, warned } from "../check.ts";
import { type AccessAppFact, type Facts, gatedNames, type RuleFact, type ZoneFacts } from "../facts.ts";
import { judgeRules } from "../rule-judge.ts";

/** Custom rules, rate limits and managed rulesets. */
export function checkRules(zone: ZoneFacts): Check {
  const id = "waf";
  return checkFact(id, zone.rules, (rules) => {
    const first = new Map<RuleFact, string[]>();
    const unclear = new Map<RuleFact, string[]>();
    for (const host of gatedNames(zone)) {
      for (const { rule, judgement } of judgeRules(rules, host)) {
        if (judgement === "harmless") continue;
        const found = judgement === "answers-first" ? first : unclear;
        found.set(rule, [...(found.get(rule) ?? []), host]);
      }
    }
    if (first.size > 0) {
      return failedCheck(
        id,
        `${told(first)} before the gate`,
        `take the hosts out of the rule under Security > Security rules, such as: and not http.host in {"${gatedNames(zone)[0]}"}`,
      );
    }
    return unclear.size > 0
      ? warned(
          id,
          `the doctor cannot judge ${listed([...unclear.keys()].map(ruleName))}`,
          "look whether it can answer on these hosts, under Security > Security rules",
        )
      : passed(id, "no rule answers on the hosts before the gate");
  });
}

function told(rules: ReadonlyMap<RuleFact, readonly string[]>): string {
  return listed([...rules].map(([rule, hosts]) => `${ruleName(rule)} answers on ${listed(hosts)}`));
}

const PHASE_NAMES: Record<string, string> = {
  http_request_firewall_custom: "the custom rule",
  http_ratelimit: "the rate limit",
  http_request_firewall_managed: "the managed ruleset",
};

export function ruleName({ phase, id, description, action }: RuleFact): string {
  return `${PHASE_NAMES[phase] ?? phase} '${description === "" ? id : description}' (${action})`;
}

/** IP access rules block addresses and countries on the whole zone. */
export function checkAccessRules(zone: ZoneFacts): Check {
  const id = "ip-access-rules";
  return checkFact(id, zone.accessRules, (rules) => {
    const answering = rules.filter(({ mode }) => mode !== "whitelist");
    return answering.length === 0
      ? passed(id, "no IP access rule blocks or challenges")
      : warned(
          id,
          `IP access rules answer 403 to ${listed(answering.map(({ about, mode }) => `${about} (${mode})`))}`,
          "make sure that no device of yours is ever there, or remove them under Security > Security rules",
        );
  });
}

export function checkBots(zone: ZoneFacts): Check {
  const id = "bots";
  return checkFact(id, zone.bots, ({ fightMode, superFightMode }) => {
    if (fightMode) {
      return failedCheck(
        id,
        "Bot Fight Mode is on: it answers apps on phones with 403, and no rule can except a host",
        "switch it off under Security > Settings > Bot traffic",
      );
    }
    return superFightMode.length > 0
      ? failedCheck(
          id,
          `Super Bot Fight Mode answers first (${listed(superFightMode)})`,
          "set it to allow, or skip it for the hosts, under Security > Settings > Bot traffic",
        )
      : passed(id, "no bot setting answers on the hosts");
  });
}

export function checkSecurityLevel(zone: ZoneFacts): Check {
  const id = "security-level";
  return checkFact(id, zone.securityLevel, (level) =>
    level === "under_attack"
      ? failedCheck(
          id,
          "I'm Under Attack mode is on: every app is answered with a challenge",
          "switch it off under Security > Settings, or except the hosts with a configuration rule",
        )
      : passed(id, `the security level is ${level}`),
  );
}

export function checkBrowserCheck(zone: ZoneFacts): Check {
  const id = "browser-check";
  return checkFact(id, zone.browserCheck, (value) =>
    value === "on"
      ? warned(
          id,
          "the Browser Integrity Check is on: it answers 403 to programs with an odd User-Agent",
          "switch it off for the hosts with a configuration rule, under Rules > Configuration Rules",
        )
      : passed(id, "the Browser Integrity Check is off"),
  );
}

/**
 * Off: Cloudflare itself answers `Content-Type: application/grpc` with 403. On: Access ignores such
 * requests. developers.cloudflare.com/network/grpc-connections/
 */
export function checkGrpc(zone: ZoneFacts): Check {
  const id = "grpc";
  return checkFact(id, zone.grpc, (value) => {
    if (value === "off") return passed(id, "gRPC is off: such requests get no further than Cloudflare");
    const remedy = "switch it off under Network in the zone's dashboard, unless an app needs it";
    return value === "on"
      ? warned(
          id,
          "gRPC is on: it is not documented that such requests always come to the Worker, and Access ignores them",
          remedy,
        )
      : unread(id, `the zone does not say whether gRPC is on: it says '${value}'`, remedy);
  });
}

/** Sign-in pages of our own: `/.latchkey/` never leads to an app. */
const OWN_PATH = "/.latchkey/";

export interface Covering {
  app: AccessAppFact;
  host: string;
  place: string;
}

/** Access applications that would answer on a host: of several, the most specific place decides. */
export function coveringAccess(apps: readonly AccessAppFact[], hosts: readonly string[]): Covering[] {
  return hosts.flatMap((host) => {
    const places = apps.flatMap((app) =>
      app.places
        .filter((place) => placeMatches(place, host) && !pathOf(place).startsWith(OWN_PATH))
        .map((place) => ({ app, host, place })),
    );
    const whole = places.filter(({ place }) => isWhole(place));
    const exact = whole.filter(({ place }) => hostOf(place) === host);
    const deciding = exact.length > 0 ? exact : whole;
    const parts = places.filter(({ place }) => !isWhole(place));
    return [...deciding, ...parts].filter(({ app }) => !app.letsEverybodyPass);
  });
}

/**
 * Whether Access asks everybody for a sign-in on every path of a host. `undefined`: somebody passes without one,
 * somewhere; whom and what that opens is not judged.
 */
export function isBehindAccess(apps: readonly AccessAppFact[], host: string): boolean | undefined {
  if (!coveringAccess(apps, [host]).some(({ place }) => isWhole(place))) return false;
  const isOwn = (place: string) => isWhole(place) && hostOf(place) === host;
  // The host's own application comes before one of a wildcard.
  const hasOwn = apps.some(({ places }) => places.some(isOwn));
  const counts = (place: string) =>
    placeMatches(place, host) ? !hasOwn || isOwn(place) || !isWhole(place) : isUnder(place, host);
  return apps.some(({ letsSomebodyPass, places }) => letsSomebodyPass && places.some(counts))
    ? undefined
    : true;
}

/** Whether the place is on a name that the host, a wildcard, stands for. */
const isUnder = (place: string, host: string) =>
  host.startsWith("*") && hostOf(place).endsWith(host.slice(1));

const hostOf = (place: string) => place.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
const pathOf = (place: string) => place.replace(/^https?:\/\//, "").replace(/^[^/]*/, "");
const isWhole = (place: string) => ["", "/", "/*", "*"].includes(pathOf(place));

function placeMatches(place: string, host: string): boolean {
  const pattern = hostOf(place)
    .split("*")
    .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"))
    .join("[^.]*");
  return new RegExp(`^${pattern}$`).test(host);
}

export function checkAccess({
  accessApps,
  zones,
  local,
}: Pick<Facts, "accessApps" | "zones" | "local">): Check {
  const id = "access";
  return checkFact(id, accessApps, (apps) => {
    const hosts = zones.flatMap(gatedNames);
    const covering = coveringAccess(apps, hosts);
    const byWorker = apps.filter(
      ({ workers, letsEverybodyPass }) =>
        !letsEverybodyPass && workers.some((name) => name === "*" || name === local.worker),
    );
    if (covering.length === 0 && byWorker.length === 0) {
      return passed(id, "no Access application asks for a sign-in on the hosts");
    }
    return failedCheck(
      id,
      listed([
        ...covering.map(({ app, place }) => `the Access application '${app.name}' (${place}) answers first`),
        ...byWorker.map(({ name }) => `the Access application '${name}' protects the Worker itself`),
      ]),
      "let everybody bypass it on these hosts under Zero Trust > Access > Applications, or run latchkey setup",
    );
  });
}
