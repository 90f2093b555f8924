import type Cloudflare from "cloudflare";
import { failed } from "../../terminal/failure.ts";
import { DONE } from "../client/answers.ts";
import type { CloudflareClient } from "../client/client.ts";
import { readAssociations } from "../client/client-certificates.ts";
import { type Route, readRoutes, wholeHostPattern } from "../client/routes.ts";
import { nothingToDo, type Step } from "./step.ts";

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
    return { id, found: "certificates are asked for on every host", change: null, apply: nothingToDo };
  }
  return {
    id,
    found: `no client is asked for a certificate on ${missing.join(", ")}`,
    change: `add them to the ${known.length} hosts of ${zone.name} that ask for one`,
    apply: async () => {
      // Read again at the last moment: the call replaces the whole list, and knows no precondition.
      const now = await readAssociations({ client, zone });
      const hostnames = [...now, ...missingOf(now)];
      if (hostnames.length === now.length) return;
      await client.ask(
        { permission: "certificates", what: "choose the hosts that ask for a certificate" },
        (sdk) => sdk.certificateAuthorities.hostnameAssociations.update({ zone_id: zone.id, hostnames }),
        DONE,
      );
    },
  };
}

/** The host's own route: to the Worker, and closed over the day's limit, from its first moment on. */
export function routeStep(
  client: CloudflareClient,
  zoneId: string,
  host: string,
  worker: string,
  known: readonly Route[],
): Step {
  const pattern = wholeHostPattern(host);
  const id = `route ${host}`;
  const existing = find(known, pattern);
  const apply = () => ensureRoute(client, zoneId, pattern, worker);
  if (isRight(existing, worker)) {
    const found = `${pattern} leads to ${worker} and fails closed`;
    // Looked at again all the same: a deploy that comes before may have changed it.
    return { id, found, change: null, apply };
  }
  return {
    id,
    found:
      existing === undefined
        ? `there is no route ${pattern}`
        : existing.script === worker
          ? existing.failsOpen === undefined
            ? `${pattern} leads to ${worker}, and Cloudflare does not say how it fails`
            : `${pattern} fails open: over the day's limit, the gate is gone`
          : `${pattern} runs no Worker`,
    change:
      existing === undefined
        ? `make it, to ${worker}, failing closed`
        : `lead it to ${worker}, failing closed`,
    apply,
  };
}

async function ensureRoute(
  client: CloudflareClient,
  zoneId: string,
  pattern: string,
  worker: string,
): Promise<void> {
  const before = find(await readRoutes({ client, zone: { id: zoneId } }), pattern);
  if (isRight(before, worker)) return;
  if (before !== undefined) checkOwner(before, worker);
  // The API takes `request_limit_fail_open`, its description does not say so.
  const wanted = { zone_id: zoneId, pattern, script: worker, request_limit_fail_open: false };
  if (before === undefined) {
    await client.once(
      { permission: "routes", what: `make the route ${pattern}` },
      (sdk) => sdk.workers.routes.create(wanted as Cloudflare.Workers.RouteCreateParams),
      DONE,
    );
  } else await correct(client, before.id, wanted);
  // If it was ignored when the route was made, it is set now, and read again.
  let after = find(await readRoutes({ client, zone: { id: zoneId } }), pattern);
  if (after !== undefined && !isRight(after, worker)) {
    await correct(client, after.id, wanted);
    after = find(await readRoutes({ client, zone: { id: zoneId } }), pattern);
  }
  // If Cloudflare does not report it (the field is in no published schema), that it accepted the value must do: the
  // doctor, which comes last, calls it unknown.
  if (after?.script === worker && after.failsOpen !== true) return;
  throw failed(
    `the route ${pattern} does not fail closed, although Cloudflare was asked to set it`,
    "set it under Workers Routes in the zone's dashboard: Request limit failure mode: Fail closed",
  );
}

function correct(client: CloudflareClient, id: string, wanted: Cloudflare.Workers.RouteUpdateParams) {
  return client.ask(
    { permission: "routes", what: `correct the route ${wanted.pattern}` },
    (sdk) => sdk.workers.routes.update(id, wanted),
    DONE,
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
