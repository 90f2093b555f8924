import { failed } from "../../terminal/failure.ts";
import type { CloudflareClient } from "../client/client.ts";
import { readAssociations, setAssociations } from "../client/client-certificates.ts";
import { createRoute, type Route, readRoutes, updateRoute, wholeHostPattern } from "../client/routes.ts";
import { listZones, type Zone, type ZonePlace } from "../client/zone.ts";
import { reading } from "../doctor/check.ts";
import { type Step, settled } from "./step.ts";

/** The hosts that ask for a certificate: the list is read, added to and written, so that others stay. */
export function associationStep(
  client: CloudflareClient,
  zone: { id: string; name: string },
  hosts: readonly string[],
  known: readonly string[],
): Step {
  const id = `mtls ${zone.name}`;
  const missingOf = (list: readonly string[]) => {
    const lower = new Set(list.map((host) => host.toLowerCase()));
    return hosts.filter((host) => !lower.has(host));
  };
  const missing = missingOf(known);
  if (missing.length === 0) {
    return settled(id, "certificates are asked for on every host");
  }
  return {
    id,
    found: `no client is asked for a certificate on ${missing.join(", ")}`,
    change: `add them to the ${known.length} hosts of ${zone.name} that ask for one`,
    apply: async () => {
      // Read again at the last moment: the call replaces the whole list, and knows no precondition.
      const now = await readAssociations({ client, zone });
      const hostnames = [...now, ...missingOf(now)];
      if (hostnames.length > now.length) await setAssociations({ client, zone }, hostnames);
    },
  };
}

/** Where else in the account a Worker has routes than in these zones, and where the token may not look. */
export async function routesElsewhere(
  client: CloudflareClient,
  zones: readonly Zone[],
  worker: string,
): Promise<{ routed: { zone: Zone; routes: Route[] }[]; unread: Zone[] }> {
  const known = new Set(zones.map(({ id }) => id));
  const account = zones[0]?.account.id;
  const others = (await listZones(client)).filter(
    (zone) => zone.account.id === account && !known.has(zone.id),
  );
  const found = await Promise.all(
    others.map(async (zone) => ({ zone, read: await reading(() => readRoutes({ client, zone })) })),
  );
  const routed = found.flatMap(({ zone, read }) => {
    const routes = read.known ? read.value.filter(({ script }) => script === worker) : [];
    return routes.length === 0 ? [] : [{ zone, routes }];
  });
  return { routed, unread: found.flatMap(({ zone, read }) => (read.known ? [] : [zone])) };
}

/** The host's own route: to the Worker, and closed over the day's limit, from its first moment on. */
export function routeStep(place: ZonePlace, host: string, worker: string, known: readonly Route[]): Step {
  const pattern = wholeHostPattern(host);
  const id = `route ${host}`;
  const existing = find(known, pattern);
  const apply = () => ensureRoute(place, pattern, worker);
  if (isRight(existing, worker)) {
    const found = `${pattern} leads to ${worker} and fails closed`;
    // Looked at again all the same: an earlier deploy may have changed it.
    return { id, found, change: null, apply };
  }
  if (existing === undefined) {
    const change = `make it, to ${worker}, failing closed`;
    return { id, found: `there is no route ${pattern}`, change, apply };
  }
  const found =
    existing.script !== worker
      ? `${pattern} runs no Worker`
      : existing.failsOpen === undefined
        ? `${pattern} leads to ${worker}, and Cloudflare does not say how it fails`
        : `${pattern} fails open: over the day's limit, the gate is gone`;
  return { id, found, change: `lead it to ${worker}, failing closed`, apply };
}

/** Makes the route, or corrects it, and looks again: it leads to the Worker and fails closed. */
export async function ensureRoute(place: ZonePlace, pattern: string, worker: string): Promise<void> {
  const look = async () => find(await readRoutes(place), pattern.toLowerCase());
  const wanted = { pattern, script: worker, request_limit_fail_open: false };
  const before = await look();
  if (isRight(before, worker)) return;
  if (before !== undefined) checkOwner(before, worker);
  await (before === undefined ? createRoute(place, wanted) : updateRoute(place, before.id, wanted));
  // If the field was ignored when the route was made, it is set now, and read again.
  let after = await look();
  if (after !== undefined && !isRight(after, worker)) {
    await updateRoute(place, after.id, wanted);
    after = await look();
  }
  // If Cloudflare does not report it (the field is in no published schema), it is enough that it accepted the value:
  // the doctor, which comes last, calls it unknown.
  if (after?.script === worker && after.failsOpen !== true) return;
  throw failed(
    `the route ${pattern} does not fail closed, although Cloudflare was asked to set it`,
    "set it under Workers Routes in the zone's dashboard: Request limit failure mode: Fail closed",
  );
}

/** A route to another Worker is not ours to take. */
export function checkOwner({ pattern, script }: Route, worker: string): void {
  if (script === undefined || script === worker) return;
  throw failed(
    `the route ${pattern} leads to another Worker, ${script}`,
    "decide which of them the host needs, and remove the route under Workers Routes in the zone's dashboard",
  );
}

function find(routes: readonly Route[], pattern: string): Route | undefined {
  return routes.find((route) => route.pattern.toLowerCase() === pattern);
}

function isRight(route: Route | undefined, worker: string): boolean {
  return route?.script === worker && route.failsOpen === false;
}
