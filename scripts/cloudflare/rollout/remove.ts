// Taking the gate away. What it guarded must be guarded by something else first: without the route, everyone reaches
// the app.
import * as v from "valibot";
import { readAssociations, setAssociations } from "../client/client-certificates.ts";
import { unlessMissing } from "../client/failure.ts";
import { deleteRoute, readRoutes } from "../client/routes.ts";
import type { Zone } from "../client/zone.ts";
import { isBehindAccess, readAccessApps } from "../doctor/checks/access.ts";
import { type Step, settled } from "../setup/step.ts";
import type { Target } from "./deploy.ts";

export interface Removal {
  /**
   * In this order: the routes, from which moment on requests go to the apps; then nobody is asked for a certificate; the
   * Worker with its registry last, since until then everything can be put back.
   */
  steps: readonly Step[];
  /** The apps' hosts that nothing known to us would guard. */
  open: readonly string[];
}

/** Looks at everything, and changes nothing. */
export async function planRemoval(target: Target, deletesWorker: boolean): Promise<Removal> {
  const { client, account, settings, zones } = target;
  const hosts = settings.hosts.map(({ host }) => host);
  const access = await readAccessApps({ client, account });
  const perZone = await Promise.all(
    zones.map(
      async (zone) => [await routesStep(target, zone), await certificatesStep(target, zone)] as const,
    ),
  );
  return {
    steps: [
      ...perZone.map(([routes]) => routes),
      ...perZone.map(([, certificates]) => certificates),
      ...(deletesWorker ? [workerStep(target)] : []),
    ],
    open: hosts.filter((host) => isBehindAccess(access, host) !== true),
  };
}

async function routesStep({ client, settings: { worker } }: Target, zone: Zone): Promise<Step> {
  const place = { client, zone };
  const own = async () => (await readRoutes(place)).filter(({ script }) => script === worker);
  const id = `routes ${zone.name}`;
  const patterns = (await own()).map(({ pattern }) => pattern).join(", ");
  if (patterns === "") return settled(id, `none leads to ${worker}`);
  return {
    id,
    found: `${patterns} lead to ${worker}`,
    change: "delete them: requests then go to the apps",
    apply: async () => {
      for (const route of await own()) await unlessMissing(() => deleteRoute(place, route));
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

function workerStep({ client, account, settings: { worker } }: Target): Step {
  const need = { permission: "scripts", what: `delete the Worker ${worker}` } as const;
  const options = { account_id: account, force: true };
  return {
    id: `worker ${worker}`,
    found: `the Worker ${worker} holds the registry`,
    change: "delete it, with every user, device and audit log",
    apply: async () => {
      await unlessMissing(() =>
        client.ask(need, (sdk) => sdk.workers.scripts.delete(worker, options), v.unknown()),
      );
    },
  };
}
