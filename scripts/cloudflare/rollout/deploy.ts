// A deploy, and what has to be seen to right after it: wrangler may leave the Worker's routes failing open.
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { readIfThere } from "../../files.ts";
import { PACKAGE_NAME, VERSION } from "../../package.ts";
import { failed, misuse } from "../../terminal/failure.ts";
import { printable } from "../../terminal/text.ts";
import type { CloudflareClient } from "../client/client.ts";
import { readRoutes } from "../client/routes.ts";
import {
  type LocalSettings,
  localSettings,
  parseWranglerToml,
  requireClosed,
} from "../client/wrangler-toml.ts";
import { listZones, longestSuffix, type Zone } from "../client/zone.ts";
import { type Deployer, tagOf } from "../setup/deployment.ts";
import { ensureRoute, routesElsewhere } from "../setup/routes.ts";
import { patternOf } from "../setup/toml-edit.ts";

/** The path of `wrangler.toml`, its text and its settings. */
export interface Source {
  config: string;
  text: string;
  settings: LocalSettings;
}

/** What is deployed, and where to. */
export interface Target extends Source {
  client: CloudflareClient;
  account: string;
  /** Those of its hosts, and whichever others of the account have a route to the Worker. */
  zones: readonly Zone[];
  /** Zones of the account whose routes the token may not read: the Worker may have some there. */
  unread: readonly Zone[];
}

/** Reads `wrangler.toml`, and refuses one that is not to be deployed. */
export async function readSource(config: string): Promise<Source> {
  const text = await readFile(config, "utf8");
  const settings = localSettings(text);
  requireGate(text, config);
  await requireOwnVersion(text, config);
  requireClosed(settings, config);
  return { config, text, settings };
}

/** Whether nothing at Cloudflare would lead to the Worker: `setup` has not been here, and no route is written down. */
export function leadsNowhere({ text, settings }: Source): boolean {
  const { route, routes } = parseWranglerToml(text);
  return [settings.hosts[0], settings.adminHost, route, routes].every((each) => each === undefined);
}

/** Reads everything that a deploy needs, so that what is missing is reported before anything is done. */
export async function readTarget(client: CloudflareClient, config: string): Promise<Target> {
  const { text, settings } = await readSource(config);
  const { adminHost } = settings;
  const hosts = settings.hosts.map(({ host }) => host);
  const all = await listZones(client);
  const found = [...hosts, ...(adminHost === undefined ? [] : [adminHost])].map((host) =>
    longestSuffix(all, host),
  );
  const zones = [...new Set(found.filter((zone) => zone !== undefined))];
  const [first, ...others] = zones;
  if (first === undefined) {
    throw misuse(
      `${printable(config)} names no host in a zone that the API token sees`,
      "run latchkey setup, which also makes the first deploy",
    );
  }
  if (others.some(({ account }) => account.id !== first.account.id)) {
    throw misuse("the hosts are in zones of several accounts", "keep a wrangler.toml for each account");
  }
  for (const zone of zones) await readRoutes({ client, zone });
  const { routed, unread } = await routesElsewhere(client, zones, settings.worker);
  return {
    ...{ client, config, text, settings, unread },
    account: first.account.id,
    zones: [...zones, ...routed.map(({ zone }) => zone)],
  };
}

/** Called in the folder of another Worker, this would deploy that one. */
function requireGate(text: string, config: string): void {
  const { name, durable_objects: objects } = parseWranglerToml(text);
  // Whatever Worker it is that would be deployed or deleted, the file says which.
  if (typeof name !== "string") throw misuse(`${printable(config)} names no Worker`, "give it its name");
  if (JSON.stringify(objects ?? {}).includes('"USER_REGISTRY"')) return;
  throw misuse(
    `${printable(config)} is not a gate's: it has no binding USER_REGISTRY`,
    "call it in your deployment folder, or name its wrangler.toml with --config",
  );
}

/** The folder's package is what wrangler deploys: a command of another version would name and check the wrong one. */
async function requireOwnVersion(text: string, config: string): Promise<void> {
  const { main } = parseWranglerToml(text);
  const manifest = join(dirname(config), "node_modules", PACKAGE_NAME, "package.json");
  if (typeof main !== "string" || !main.includes(`node_modules/${PACKAGE_NAME}/`)) return;
  const version = /"version": *"([^"]*)"/.exec((await readIfThere(manifest)) ?? "")?.[1];
  if (version === VERSION) return;
  throw misuse(
    `this command is version ${VERSION}, and the folder's package is ${printable(version ?? "not installed")}`,
    version === undefined
      ? "run npm install in the folder"
      : "call the folder's own: npm exec --no -- latchkey",
  );
}

/**
 * wrangler replaces the Worker's routes by those of the file, unless that has none: a host whose route is at Cloudflare
 * only would be open from then on. Looked at again right before the deploy.
 */
async function requireEveryRoute({ client, config, text, settings, zones }: Target): Promise<void> {
  const { route, routes: list } = parseWranglerToml(text);
  const written = [route, ...(Array.isArray(list) ? list : [])]
    .map(patternOf)
    .filter((each) => each !== undefined);
  if (written.length === 0) return;
  const routes = (await Promise.all(zones.map((zone) => readRoutes({ client, zone })))).flat();
  const missing = routes.flatMap(({ pattern, script }) =>
    script === settings.worker && !written.includes(pattern) ? [pattern] : [],
  );
  if (missing.length === 0) return;
  throw failed(
    `wrangler would delete the Worker's routes that ${printable(config)} lacks, and open what is behind them: ${missing.map(printable).join(", ")}`,
    "add them to routes there (latchkey setup does), or guard those hosts and delete the routes in the zone's dashboard",
  );
}

/** What was deployed, and the patterns of the routes that had to be made to fail closed. */
export interface Deployed {
  worker: string;
  routes: readonly string[];
  corrected: readonly string[];
}

/** Deploys, and makes every route of the Worker fail closed. May be repeated. */
export async function deploy(target: Target, deployer: Deployer): Promise<Deployed> {
  const { client, config, text, settings, account, zones } = target;
  const { worker } = settings;
  await requireEveryRoute(target);
  await deployer.deploy(config, account, await tagOf(text, config));
  const [patterns, corrected]: [string[], string[]] = [[], []];
  for (const zone of zones) {
    const own = (await readRoutes({ client, zone })).filter(({ script }) => script === worker);
    for (const { pattern, failsOpen } of own) {
      patterns.push(pattern);
      if (failsOpen === false) continue;
      corrected.push(pattern);
      await ensureRoute({ client, zone }, pattern, worker);
    }
  }
  return { worker, routes: patterns, corrected };
}
