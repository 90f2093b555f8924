// Taking the gate away. What it guarded must be guarded by something else first: without the route, everyone reaches
// the app.
import * as v from "valibot";
import { failed } from "../../terminal/failure.ts";
import { printable } from "../../terminal/text.ts";
import { readAssociations, setAssociations } from "../client/client-certificates.ts";
import { unlessMissing } from "../client/failure.ts";
import { coversWholly, deleteRoute, hostOfPattern, type Route, readRoutes } from "../client/routes.ts";
import type { Zone } from "../client/zone.ts";
import { isBehindAccess, readAccessApps } from "../doctor/checks/access.ts";
import { readRunning } from "../setup/deployment.ts";
import { type Step, settled } from "../setup/step.ts";
import type { Target } from "./deploy.ts";

export interface Removal {
  /**
   * In this order: the routes, from which moment on requests go to the apps; then nobody is asked for a certificate; the
   * Worker with its registry last, since until then everything can be put back.
   */
  steps: readonly Step[];
  /** The hosts that nothing known to us would guard: the apps', and whatever else a route leads to the Worker. */
  open: readonly string[];
  /** Whether a route leads to the API's host: without it, nobody reaches the registry. */
  isReachable: boolean;
}

/** Looks at everything, and changes nothing. */
export async function planRemoval(target: Target, deletesWorker: boolean): Promise<Removal> {
  const { client, account, settings, zones } = target;
  const access = await readAccessApps({ client, account });
  const perZone = await Promise.all(
    zones.map(async (zone) => ({
      ...{ zone, routes: await ownRoutes(target, zone) },
      certificates: await certificatesStep(target, zone),
    })),
  );
  const routes = perZone.flatMap((each) => each.routes);
  // An app that was taken out of the file is refused as long as its route is there.
  const hosts = new Set([
    ...settings.hosts.map(({ host }) => host),
    ...routes.map(({ pattern }) => hostOfPattern(pattern)),
  ]);
  if (settings.adminHost !== undefined) hosts.delete(settings.adminHost);
  const api = settings.adminHost ?? settings.hosts[0]?.host;
  return {
    steps: [
      ...perZone.map((each) => routesStep(target, each.zone, each.routes)),
      ...perZone.map(({ certificates }) => certificates),
      ...(deletesWorker ? [await workerStep(target)] : []),
    ],
    open: [...hosts].filter((host) => isBehindAccess(access, host) !== true),
    isReachable: routes.some(({ pattern }) => api !== undefined && coversWholly(pattern, api)),
  };
}

async function ownRoutes({ client, settings: { worker } }: Target, zone: Zone): Promise<Route[]> {
  return (await readRoutes({ client, zone })).filter(({ script }) => script === worker);
}

function routesStep(target: Target, zone: Zone, planned: readonly Route[]): Step {
  const { client, settings } = target;
  const id = `routes ${zone.name}`;
  if (planned.length === 0) return settled(id, `none leads to ${settings.worker}`);
  const patterns = planned.map(({ pattern }) => pattern);
  return {
    id,
    found: `${patterns.join(", ")} lead to ${settings.worker}`,
    change: "delete them: requests then go to the apps",
    apply: async () => {
      // One that was made since was not shown, and nobody looked whether its host is guarded.
      const now = (await ownRoutes(target, zone)).filter(({ pattern }) => patterns.includes(pattern));
      for (const route of now) await unlessMissing(() => deleteRoute({ client, zone }, route));
    },
  };
}

async function certificatesStep({ client, settings }: Target, zone: Zone): Promise<Step> {
  const place = { client, zone };
  const hosts = new Set(settings.hosts.map(({ host }) => host));
  const isOurs = (host: string) => hosts.has(host.toLowerCase());
  const id = `mtls ${zone.name}`;
  const found = (await readAssociations(place)).filter(isOurs);
  if (found.length === 0) return settled(id, "no client is asked for a certificate on the apps' hosts");
  return {
    id,
    found: `clients are asked for a certificate on ${found.join(", ")}`,
    change: "ask no longer; other hosts stay",
    apply: async () => {
      // The call replaces the whole list.
      const now = await readAssociations(place);
      const kept = now.filter((host) => !isOurs(host));
      if (kept.length < now.length) await setAssociations(place, kept);
    },
  };
}

async function workerStep(target: Target): Promise<Step> {
  const { client, account, settings, zones, unread } = target;
  const { worker } = settings;
  const id = `worker ${worker}`;
  if ((await readRunning(client, account, worker)) === null) return settled(id, "it is deleted already");
  // Its routes go with it, and what is behind them is open then.
  if (unread.length > 0) {
    throw failed(
      `the Worker ${printable(worker)} may have routes in zones where the token may not read them: ${unread.map(({ name }) => name).join(", ")}`,
      "grant it Zone > Workers Routes > Read there, or delete the Worker under Workers & Pages in the dashboard",
    );
  }
  const need = { permission: "scripts", what: `delete the Worker ${worker}` } as const;
  const options = { account_id: account, force: true };
  return {
    id,
    found: `the Worker ${worker} holds the registry`,
    change: "delete it, with every user, device and audit log",
    apply: async () => {
      const left = (await Promise.all(zones.map((zone) => ownRoutes(target, zone)))).flat();
      if (left.length > 0) {
        throw failed(
          `a route leads to the Worker again: ${left.map(({ pattern }) => printable(pattern)).join(", ")}`,
          "run latchkey remove again: it looks whether something else guards that host",
        );
      }
      await unlessMissing(() =>
        client.ask(need, (sdk) => sdk.workers.scripts.delete(worker, options), v.unknown()),
      );
    },
  };
}
