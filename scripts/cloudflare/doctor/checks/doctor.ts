// All checks of the doctor, and how they are run: read everything, then judge. Nothing is changed anywhere.
import type { Api } from "../../../client/api.ts";
import { failed } from "../../../terminal/failure.ts";
import type { CloudflareClient } from "../../client/client.ts";
import type { GatedHost, LocalSettings } from "../../client/wrangler-toml.ts";
import { findZone, listZones, longestSuffix, type Zone } from "../../client/zone.ts";
import {
  type AccountCheck,
  type DoctorState,
  type Finding,
  gatedNames,
  readAll,
  type ZoneCheck,
  type ZoneState,
} from "../check.ts";
import { access } from "./access.ts";
import { blocked } from "./blocked.ts";
import { dns } from "./dns.ts";
import { edgeCertificate } from "./edge-certificate.ts";
import { accessRules, waf } from "./firewall.ts";
import { adminHost, mtls, zones } from "./hosts.ts";
import { accessOwnPaths } from "./own-paths.ts";
import { api, ending, registry } from "./registry.ts";
import { revokedHere, revokedThere } from "./revoked.ts";
import { bypass, failsClosed, route } from "./routes.ts";
import { signIn, signInAccess } from "./sign-in.ts";
import { tunnelHostnames } from "./tunnels.ts";
import { usage } from "./usage.ts";
import { customDomain, globalFetch, secret, workersCache, workersDev, wranglerToml } from "./worker.ts";
import { bots, browserCheck, grpc, securityLevel } from "./zone-settings.ts";

/** In the order in which the findings are worth reading. */
export const ZONE_CHECKS: readonly ZoneCheck[] = [
  dns,
  edgeCertificate,
  mtls,
  route,
  bypass,
  failsClosed,
  waf,
  accessRules,
  bots,
  securityLevel,
  browserCheck,
  grpc,
];

/** Those before the zones, and those after. */
export const FIRST_CHECKS: readonly AccountCheck[] = [wranglerToml, zones];
export const ACCOUNT_CHECKS: readonly AccountCheck[] = [
  adminHost,
  customDomain,
  access,
  accessOwnPaths,
  signIn,
  signInAccess,
  tunnelHostnames,
  workersDev,
  workersCache,
  globalFetch,
  secret,
  api,
  registry,
  ending,
  revokedThere,
  revokedHere,
  blocked,
  usage,
];

export interface DoctorOptions {
  client: CloudflareClient;
  local: LocalSettings;
  /** `--zone`: look at the hosts of this zone only. */
  zone: string | undefined;
  /** The gate's own API; fails with a `Failure` where the owner has not given its address or a token. */
  api(): Promise<Api>;
  /** Milliseconds since 1970. */
  now: number;
}

/** Reads everything that the checks judge. What cannot be read makes its checks unknown. */
export async function readState({ client, local, zone, api, now }: DoctorOptions): Promise<DoctorState> {
  const { worker } = local;
  const all = zone === undefined ? await listZones(client) : [await findZone(client, zone)];
  const homes = local.hosts.map((gated) => ({ gated, home: longestSuffix(all, gated.host) }));
  const adminHome = local.adminHost === undefined ? undefined : longestSuffix(all, local.adminHost);
  const found = all.filter((each) => each === adminHome || homes.some(({ home }) => home === each));
  const account = onlyAccount(found.length > 0 ? found : all);
  const states = Promise.all(
    found.map((each) =>
      readZone(client, each, {
        hosts: homes.filter(({ home }) => home === each).map(({ gated }) => gated),
        adminHost: each === adminHome ? local.adminHost : undefined,
        worker,
      }),
    ),
  );
  let asked: Promise<Api> | undefined;
  const gate = () => {
    asked ??= states.then((zones) => findGate(api, zones));
    return asked;
  };
  const [zones, readings] = await Promise.all([
    states,
    readAll([...FIRST_CHECKS, ...ACCOUNT_CHECKS], { client, account, worker, zones: found, gate, now }),
  ]);
  // With --zone, hosts of other zones are not asked about.
  const homeless = zone === undefined ? homes.flatMap(({ gated, home }) => (home ? [] : [gated.host])) : [];
  return { ...readings, local, zones, homeless, now };
}

/** Reads what the checks of one zone judge. */
export async function readZone(
  client: CloudflareClient,
  zone: Pick<Zone, "id" | "name">,
  settings: { hosts: readonly GatedHost[]; adminHost: string | undefined; worker: string },
): Promise<ZoneState> {
  return { ...(await readAll(ZONE_CHECKS, { client, zone })), id: zone.id, name: zone.name, ...settings };
}

export function findings(state: DoctorState): Finding[] {
  const { zones } = state;
  return [
    ...FIRST_CHECKS.map((check) => check.find(state)),
    ...zones.flatMap((zone) =>
      ZONE_CHECKS.map((check) => check.find(zone)).map((finding) =>
        zones.length < 2 ? finding : { ...finding, reason: `${zone.name}: ${finding.reason}` },
      ),
    ),
    ...ACCOUNT_CHECKS.map((check) => check.find(state)),
  ];
}

/** Routes lead to Workers of the zone's own account. */
function onlyAccount(zones: readonly Zone[]): string {
  const [first, ...others] = new Set(zones.map(({ account }) => account.id));
  if (first === undefined) {
    throw failed(
      "the API token sees no zone",
      "grant it Zone > Zone > Read for your zone at https://dash.cloudflare.com/profile/api-tokens",
    );
  }
  if (others.length > 0) {
    throw failed("the apps are in zones of several accounts", "look at one zone at a time with --zone");
  }
  return first;
}

/** If the host does not lead to the gate, the API is not asked: whatever answers there would get the token. */
async function findGate(api: () => Promise<Api>, zones: readonly ZoneState[]): Promise<Api> {
  const gate = await api();
  const { hostname } = new URL(gate.origin);
  if (!isUngated(zones, hostname)) return gate;
  throw failed(
    `the API was not asked: ${hostname} does not lead to the gate, and the app there would get the token`,
    "fix the host's route and DNS record first, then run the doctor again",
  );
}

function isUngated(zones: readonly ZoneState[], hostname: string): boolean {
  return zones.some((zone) => {
    const hosts = zone.hosts.filter(({ host }) => host === hostname);
    const own = { ...zone, hosts, adminHost: zone.adminHost === hostname ? hostname : undefined };
    return gatedNames(own).length > 0 && [route, dns].some((check) => check.find(own).status === "failed");
  });
}
