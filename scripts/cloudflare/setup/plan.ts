import { readFile } from "node:fs/promises";
import type { ProfileSetting } from "../../../src/contract/app-settings.ts";
import { failed } from "../../terminal/failure.ts";
import type { CloudflareClient } from "../client/client.ts";
import { readAssociations } from "../client/client-certificates.ts";
import { precedence, readRoutes, touches, wholeHostPattern } from "../client/routes.ts";
import { type GatedHost, localSettings, requireClosed } from "../client/wrangler-toml.ts";
import type { Zone } from "../client/zone.ts";
import {
  gatedNames,
  known,
  type Reading,
  reading,
  type ZoneSource,
  type ZoneState,
} from "../doctor/check.ts";
import { readAccessApps } from "../doctor/checks/access.ts";
import { dns as dnsCheck } from "../doctor/checks/dns.ts";
import { readZone, ZONE_CHECKS } from "../doctor/checks/doctor.ts";
import { blockedOwnPaths } from "../doctor/checks/own-paths.ts";
import { accessSteps, ownPathSteps } from "./access.ts";
import { secretStep, tokenFileStep } from "./admin-token.ts";
import { type Openings, suggestions } from "./apps.ts";
import { type Deployer, deployStep } from "./deployment.ts";
import { readRecords, recordStep } from "./dns.ts";
import { associationStep, checkOwner, routeStep, routesElsewhere } from "./routes.ts";
import { planSignIn, readTeam, type SignInWish } from "./sign-in.ts";
import type { Plan, Step } from "./step.ts";
import {
  routePatterns,
  type TomlRoute,
  withAdminHost,
  withApp,
  withOpenings,
  withoutAdminHost,
  withRoutes,
} from "./toml-edit.ts";
import { hostsStep, routesStep } from "./toml-steps.ts";

export interface Wanted {
  /** Hosts to add, or to give another app or profile. */
  apps: ReadonlyMap<string, ProfileSetting>;
  /** What should pass without a credential, by host; of a host that is missing, nobody was asked. */
  openings?: ReadonlyMap<string, Openings>;
  /** The admin host; `null`: none; `undefined`: whatever `wrangler.toml` says is kept. */
  adminHost: string | null | undefined;
  /** How people sign in with an identity provider; `undefined`: nothing is done about it. */
  signIn?: SignInWish | undefined;
  /** The zone of a host; `undefined`: the host is left as it is. */
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
 * 0. The DNS record of the admin host, which leads nowhere without a route: should the token lack the
 *    permission, nothing else was done. The application that signs people in, whose id the file needs.
 * 1. The apps and the admin host in `wrangler.toml`: a Worker that does not know a host would answer 503.
 * 2. The token's file, the deploy, the secret. No new route leads to the Worker yet, and without the
 *    secret its API is off. The routes in the file are those that failed closed already, and all that the
 *    Worker has, unless there are none in it: wrangler would delete the others, and open their apps.
 * 3. The apps' hosts ask for certificates: it changes nothing for the app, and from the first moment of the
 *    route on, enrolled devices pass.
 * 4. The route, made to fail closed in the same call, and looked at afterwards. Wrangler could only make
 *    one that has to be corrected, so the file gets its routes after this.
 * 5. The Access bypass comes last: until the route is there, Access is what guards the app. Where another
 *    route would let requests bypass the gate, there is none.
 */
export async function makePlan(tools: Tools, wanted: Wanted): Promise<Plan> {
  const { client, deployer } = tools;
  const { config, tokenFile, zoneOf } = wanted;
  const before = await readFile(config, "utf8");
  const settings = localSettings(textWithHosts(before, wanted));
  requireClosed(settings, config);
  const { hosts, adminHost, worker } = settings;
  requireOwnHost(adminHost, hosts);
  const zones = groupByZone(hosts, adminHost, zoneOf);
  const account = zones[0]?.zone.account.id ?? "";
  const states = await Promise.all(
    zones.map(async (each) => ({
      zone: each.zone,
      state: await readZone(client, each.zone, { hosts: each.hosts, adminHost: each.adminHost, worker }),
    })),
  );
  const accessApps = await reading(() => readAccessApps({ client, account }));
  const wish = wanted.signIn;
  const { signIn: knownSignIn } = localSettings(before);
  const team = wish === undefined ? undefined : await readTeam({ client, account }, wish, knownSignIn);
  // One zone at most has the admin host.
  const home = zones.flatMap(({ zone, adminHost: host }) => (host ? { client, zone, host } : []))[0];
  const records = home && (await readRecords(home));
  // A host with its route has been set up: without the DNS permission, its record is not looked at.
  const isRouted = (host: string) =>
    states.some(({ state }) =>
      valuesOf(state.of(readRoutes)).some(
        ({ pattern, script }) => script === worker && pattern.toLowerCase() === wholeHostPattern(host),
      ),
    );
  requireKnown([
    ...states.flatMap(({ state }) => [state.of(readAssociations), state.of(readRoutes)]),
    accessApps,
    ...(team === undefined ? [] : [team]),
    ...(home && records && !isRouted(home.host) ? [records] : []),
  ]);

  const dns = home && records?.known ? recordStep(home, records.value, isRouted(home.host)) : undefined;
  const names = states.flatMap(({ state }) => gatedNames(state));
  const place = { client, account, worker, file: tokenFile };
  const signIn = await planSignIn(
    { client, account, worker, adminHost, team: team?.known ? team.value : undefined },
    wish,
    knownSignIn,
    valuesOf(accessApps),
  );
  const edit = (text: string) => signIn.edit(textWithHosts(text, wanted));
  const withHosts = edit(before);
  // A run that ended early made routes that the file does not have yet; so did one for another folder.
  const { routed } = await routesElsewhere(
    client,
    zones.map(({ zone }) => zone),
    worker,
  );
  const here = states.map(({ zone, state }) => ({ zone, routes: valuesOf(state.of(readRoutes)) }));
  const made = [...here, ...routed].flatMap(({ zone, routes }) =>
    routes.flatMap(({ pattern, script }) => (script === worker ? [{ pattern, zone_name: zone.name }] : [])),
  );
  const keepRoutes = (text: string) => (routePatterns(text).length === 0 ? text : withRoutes(text, made));
  const withMade = keepRoutes(withHosts);
  const gated = states.flatMap(({ state }) => gatedWhole(state));
  const access = accessSteps(client, account, names, gated, valuesOf(accessApps));
  const planned = localSettings(withHosts);
  const ownPaths = states.flatMap(({ state }) =>
    ownPathSteps(
      client,
      account,
      blockedOwnPaths(
        valuesOf(accessApps),
        {
          ...state,
          hosts: planned.hosts.filter(({ host }) => state.hosts.some((each) => each.host === host)),
        },
        planned.signIn !== undefined,
      ).filter(({ host }) => gated.includes(host)),
    ),
  );
  const routes = routesFor(zones);
  const steps: Step[] = [
    ...(dns?.steps ?? []),
    ...signIn.first,
    hostsStep({ config, before, edit }),
    ...(withMade === withHosts ? [] : [routesStep({ config, before: withHosts, edit: keepRoutes })]),
    await tokenFileStep(place),
    await deployStep({ client, account, worker, config, text: withMade, deployer }),
    await secretStep(place),
    ...signIn.afterDeploy,
    ...states.map(({ zone, state }) =>
      associationStep(
        client,
        zone,
        state.hosts.map(({ host }) => host),
        valuesOf(state.of(readAssociations)),
      ),
    ),
    ...states.flatMap(({ zone, state }) => routeSteps(client, zone, state)),
    routesStep({ config, before: withMade, edit: (text) => withRoutes(text, routes) }),
    ...access.steps,
    ...ownPaths,
  ];
  const looks = states.flatMap(({ state }) => looksFirst(state));
  const moves =
    localSettings(before).adminHost === adminHost || adminHost === undefined ? [] : [moved(adminHost)];
  return {
    steps,
    byHand: [
      ...moves,
      ...(dns?.byHand ?? []),
      ...signIn.byHand,
      ...access.byHand,
      ...looks,
      ...suggestions(hosts, wanted),
    ],
    text: withRoutes(withMade, routes),
  };
}

function routesFor(zones: readonly Group[]): TomlRoute[] {
  return zones.flatMap((each) =>
    gatedNames(each).map((host) => ({ pattern: wholeHostPattern(host), zone_name: each.zone.name })),
  );
}

function textWithHosts(text: string, { apps, openings = new Map(), adminHost }: Wanted): string {
  let edited = text;
  for (const [host, setting] of apps) edited = withApp(edited, host, setting);
  for (const [host, opened] of openings) edited = withOpenings(edited, host, opened);
  if (adminHost === undefined) return edited;
  return adminHost === null ? withoutAdminHost(edited) : withAdminHost(edited, adminHost);
}

function moved(adminHost: string): Plan["byHand"][number] {
  return {
    reason: `from then on, the pages and the API are on ${adminHost}, and on no app's host`,
    remedy: `use it for the command line: latchkey login --url https://${adminHost}, or LATCHKEY_URL`,
  };
}

/** An app could read the pages of its own host, so the Worker refuses everything there. */
function requireOwnHost(adminHost: string | undefined, hosts: readonly { host: string }[]): void {
  if (!hosts.some(({ host }) => host === adminHost)) return;
  throw failed(
    `${adminHost} is one of the apps, and the pages need a host of their own`,
    "give another name with --admin-host, such as latchkey.example.com",
  );
}

function routeSteps(client: CloudflareClient, zone: Zone, state: ZoneState): Step[] {
  const { worker } = state;
  const routes = valuesOf(state.of(readRoutes));
  return gatedNames(state).map((host) => {
    const own = routes.find(({ pattern }) => pattern.toLowerCase() === wholeHostPattern(host));
    if (own !== undefined) checkOwner(own, worker);
    return routeStep({ client, zone }, host, worker, routes);
  });
}

/** The hosts of which no other route can take requests once `host/*` leads to the Worker. */
function gatedWhole(state: ZoneState): string[] {
  const foreign = valuesOf(state.of(readRoutes)).filter(({ script }) => script !== state.worker);
  return gatedNames(state).flatMap((host) => {
    const isBypassed = foreign.some(
      ({ pattern }) =>
        touches(pattern, host) &&
        pattern.toLowerCase() !== wholeHostPattern(host) &&
        precedence(pattern) !== "comes-after",
    );
    return isBypassed ? [] : [host];
  });
}

/** What answers before the gate, or takes requests from it: people decide on their own rules. */
function looksFirst(state: ZoneState): Plan["byHand"] {
  // Setup makes these: beside them, a wildcard takes nothing.
  const ours = gatedNames(state).map((host) => ({
    id: host,
    pattern: wholeHostPattern(host),
    script: state.worker,
    failsOpen: false,
  }));
  const routes = known([...valuesOf(state.of(readRoutes)), ...ours]);
  const planned: ZoneState = {
    ...state,
    of: <T>(read: (source: ZoneSource) => Promise<T>) =>
      Object.is(read, readRoutes) ? (routes as Reading<T>) : state.of(read),
  };
  return ZONE_CHECKS.filter(({ setupShows }) => setupShows).flatMap((check) => {
    // The record of the admin host has a step of its own.
    const { reason, remedy } = check.find(
      check === dnsCheck ? { ...planned, adminHost: undefined } : planned,
    );
    return remedy === null ? [] : [{ reason, remedy }];
  });
}

interface Group {
  zone: Zone;
  hosts: GatedHost[];
  adminHost: string | undefined;
}

function groupByZone(
  hosts: readonly GatedHost[],
  adminHost: string | undefined,
  zoneOf: Wanted["zoneOf"],
): Group[] {
  const groups = new Map<string, Group>();
  const groupOf = (host: string) => {
    const zone = zoneOf(host);
    if (zone === undefined) return undefined;
    const group = groups.get(zone.id) ?? { zone, hosts: [], adminHost: undefined };
    groups.set(zone.id, group);
    return group;
  };
  for (const gated of hosts) groupOf(gated.host)?.hosts.push(gated);
  const home = adminHost === undefined ? undefined : groupOf(adminHost);
  if (home !== undefined) home.adminHost = adminHost;
  const found = [...groups.values()];
  if (new Set(found.map(({ zone }) => zone.account.id)).size > 1) {
    throw failed("the hosts are in zones of several accounts", "set up one zone at a time with --zone");
  }
  return found;
}

/** Every missing permission is named, not only the first. */
function requireKnown(readings: readonly Reading<unknown>[]): void {
  const missing = [
    ...new Map(readings.flatMap((each) => (each.known ? [] : [[each.reason, each] as const]))).values(),
  ];
  const [first] = missing;
  if (first === undefined) return;
  if (missing.length === 1) throw failed(first.reason, first.remedy);
  throw failed(
    "setup cannot read everything it needs",
    first.remedy,
    missing.map(({ reason }) => reason),
  );
}

function valuesOf<T>(found: Reading<readonly T[]>): readonly T[] {
  return found.known ? found.value : [];
}
