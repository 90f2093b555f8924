import { readFile, realpath, stat } from "node:fs/promises";
import type { ProfileName } from "../../../src/gate/answers.ts";
import { failed } from "../../commands/shared/failure.ts";
import { printable } from "../../commands/shared/text.ts";
import { writeWhole } from "../../edge/files.ts";
import { readAccessApps } from "../access-facts.ts";
import type { Check, Fact } from "../check.ts";
import {
  checkAccessRules,
  checkBots,
  checkBrowserCheck,
  checkRules,
  checkSecurityLevel,
} from "../checks/first-answers.ts";
import { checkDns } from "../checks/hosts.ts";
import { checkBypass } from "../checks/routes.ts";
import type { CloudflareClient } from "../client.ts";
import type { ZoneFacts } from "../facts.ts";
import { readFact } from "../read-fact.ts";
import { precedence, touches, wholeHostPattern } from "../route-pattern.ts";
import { localSettings } from "../wrangler-toml.ts";
import type { Zone } from "../zone.ts";
import { gatherZone } from "../zone-facts.ts";
import { accessSteps } from "./access.ts";
import { secretStep, tokenFileStep } from "./admin-token.ts";
import { type Deployer, deployStep } from "./deployment.ts";
import { associationStep, checkOwner, routeStep } from "./routes.ts";
import { nothingToDo, type Plan, type Step } from "./step.ts";
import { type TomlRoute, withApp, withRoutes } from "./toml-edit.ts";

export interface Wanted {
  /** Hosts to add, or to give another profile. */
  apps: ReadonlyMap<string, ProfileName>;
  /** The zone of a host; `undefined`: the host is left alone. */
  zoneOf(host: string): Zone | undefined;
  /** The path of `wrangler.toml`. */
  config: string;
  tokenFile: string;
}

export interface Tools {
  client: CloudflareClient;
  deployer: Deployer;
}

/**
 * Looks at everything, changes nothing, and says what is to be done. The order keeps the gate closed
 * at every moment, so that a run may end anywhere:
 *
 * 1. The app's entry in `wrangler.toml`: a Worker that does not know the host would answer 503.
 * 2. The token's file, the deploy, the secret. No new route leads to the Worker yet, and without the
 *    secret its API is off. The routes in the file are those that failed closed already.
 * 3. The hosts ask for certificates: it changes nothing for the app, and from the first moment of the
 *    route on, enrolled devices pass.
 * 4. The route, made to fail closed in the same call, and looked at afterwards. Wrangler could only make
 *    one that has to be corrected, so the file gets its routes after this.
 * 5. The Access bypass comes last: until the route is there, Access is what guards the app. Where another
 *    route would take requests round the gate, there is none.
 */
export async function makePlan(tools: Tools, wanted: Wanted): Promise<Plan> {
  const { client, deployer } = tools;
  const { config, tokenFile, apps, zoneOf } = wanted;
  const before = await readFile(config, "utf8");
  const withApps = textWithApps(before, apps);
  const { hosts, worker, dangers } = localSettings(withApps);
  if (dangers.length > 0) {
    throw failed(
      `${printable(config)} opens the gate: ${dangers.join(", ")}`,
      "put it back as it was: see docs/configuration.md, settings that must stay as they are",
    );
  }
  const zones = groupByZone(hosts, zoneOf);
  const account = zones[0]?.zone.account.id ?? "";
  const facts = await Promise.all(
    zones.map(async ({ zone, hosts }) => ({ zone, facts: await gatherZone(client, zone, hosts) })),
  );
  const accessApps = await readFact(() => readAccessApps(client, account));
  requireKnown([...facts.flatMap((each) => [each.facts.associations, each.facts.routes]), accessApps]);

  const names = zones.flatMap((each) => each.hosts.map(({ host }) => host));
  const place = { client, account, worker, file: tokenFile };
  const gated = facts.flatMap((each) => gatedWhole(each.facts, worker));
  const access = accessSteps(client, account, names, gated, valuesOf(accessApps));
  const routes = routesFor(zones);
  const steps: Step[] = [
    fileStep("wrangler.toml apps", config, before, withApps, (text) => textWithApps(text, apps)),
    await tokenFileStep(place),
    await deployStep({ client, account, worker, config, text: withApps, deployer }),
    await secretStep(place),
    ...facts.map(({ zone, facts }) =>
      associationStep(
        client,
        zone,
        facts.hosts.map(({ host }) => host),
        valuesOf(facts.associations),
      ),
    ),
    ...facts.flatMap(({ zone, facts }) => routeSteps(client, zone, facts, worker)),
    fileStep("wrangler.toml routes", config, withApps, withRoutes(withApps, routes), (text) =>
      withRoutes(text, routes),
    ),
    ...access.steps,
  ];
  const looks = facts.flatMap((each) => looksFirst(each.facts, worker));
  return { steps, byHand: [...access.byHand, ...looks] };
}

/** The text that `wrangler.toml` has when all is done: what a dry run has wrangler check. */
export async function plannedText({ config, apps, zoneOf }: Wanted): Promise<string> {
  const text = textWithApps(await readFile(config, "utf8"), apps);
  return withRoutes(text, routesFor(groupByZone(localSettings(text).hosts, zoneOf)));
}

function routesFor(zones: ReturnType<typeof groupByZone>): TomlRoute[] {
  return zones.flatMap(({ zone, hosts }) =>
    hosts.map(({ host }) => ({ pattern: wholeHostPattern(host), zone_name: zone.name })),
  );
}

function textWithApps(text: string, apps: Wanted["apps"]): string {
  let edited = text;
  for (const [host, profile] of apps) edited = withApp(edited, host, profile);
  return edited;
}

function fileStep(
  id: string,
  config: string,
  before: string,
  after: string,
  edit: (text: string) => string,
): Step {
  if (before === after) return { id, found: "as it should be", change: null, apply: nothingToDo };
  const added = after.split("\n").filter((line) => line !== "" && !before.includes(line));
  return {
    id,
    found: "lines are missing",
    change: `write to ${printable(config)}: ${added.map((line) => line.trim()).join(" ")}`,
    apply: async () => {
      const now = await readFile(config, "utf8");
      const edited = edit(now);
      if (edited === now) return;
      // A link stays one, and the file as readable as it was.
      const file = await realpath(config);
      await writeWhole(file, edited, (await stat(file)).mode & 0o777);
    },
  };
}

function routeSteps(client: CloudflareClient, zone: Zone, facts: ZoneFacts, worker: string): Step[] {
  const known = valuesOf(facts.routes);
  return facts.hosts.map(({ host }) => {
    const own = known.find(({ pattern }) => pattern.toLowerCase() === wholeHostPattern(host));
    if (own !== undefined) checkOwner(own, worker);
    return routeStep(client, zone.id, host, worker, known);
  });
}

/** The hosts of which no other route takes requests, or might, once `host/*` leads to the Worker. */
function gatedWhole({ hosts, routes }: ZoneFacts, worker: string): string[] {
  const foreign = valuesOf(routes).filter(({ script }) => script !== worker);
  return hosts.flatMap(({ host }) => {
    const isPassedRound = foreign.some(
      ({ pattern }) =>
        touches(pattern, host) &&
        pattern.toLowerCase() !== wholeHostPattern(host) &&
        precedence(pattern) !== "comes-after",
    );
    return isPassedRound ? [] : [host];
  });
}

/** What answers before the gate, or takes requests from it: people decide on their own rules. */
function looksFirst(facts: ZoneFacts, worker: string): Plan["byHand"] {
  const checks: Check[] = [
    checkDns(facts),
    checkBypass(facts, worker),
    checkRules(facts),
    checkAccessRules(facts),
    checkBots(facts),
    checkSecurityLevel(facts),
    checkBrowserCheck(facts),
  ];
  return checks.flatMap(({ reason, remedy }) => (remedy === null ? [] : [{ reason, remedy }]));
}

function groupByZone<H extends { host: string }>(hosts: readonly H[], zoneOf: Wanted["zoneOf"]) {
  const groups = new Map<string, { zone: Zone; hosts: H[] }>();
  for (const gated of hosts) {
    const zone = zoneOf(gated.host);
    if (zone === undefined) continue;
    const group = groups.get(zone.id) ?? { zone, hosts: [] };
    group.hosts.push(gated);
    groups.set(zone.id, group);
  }
  const found = [...groups.values()];
  if (new Set(found.map(({ zone }) => zone.account.id)).size > 1) {
    throw failed("the hosts are in zones of several accounts", "set up one zone at a time with --zone");
  }
  return found;
}

/** Every missing permission is named, not the first alone. */
function requireKnown(facts: readonly Fact<unknown>[]): void {
  const missing = [
    ...new Map(facts.flatMap((fact) => (fact.known ? [] : [[fact.reason, fact] as const]))).values(),
  ];
  const [first] = missing;
  if (first === undefined) return;
  if (missing.length === 1) throw failed(first.reason, first.remedy);
  throw failed(
    "setup cannot see all that it has to know",
    first.remedy,
    missing.map(({ reason }) => reason),
  );
}

function valuesOf<T>(fact: Fact<readonly T[]>): readonly T[] {
  return fact.known ? fact.value : [];
}
