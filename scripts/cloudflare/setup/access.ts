import { DONE } from "../client/answers.ts";
import type { CloudflareClient } from "../client/client.ts";
import { type AccessApp, type Covering, coveringAccess, readAccessApps } from "../doctor/checks/access.ts";
import type { BlockedPath } from "../doctor/checks/own-paths.ts";
import type { Plan, Step } from "./step.ts";

const POLICY = {
  name: "Latchkey: everyone, the gate decides",
  decision: "bypass",
  include: [{ everyone: {} }],
} as const;

/**
 * Where an Access application covers a host: lets everyone bypass it there, and only there. What would
 * open anything else is left to the owner, and so are hosts that are not `gated` as a whole: there, Access may be
 * all that guards the app.
 */
export function accessSteps(
  client: CloudflareClient,
  account: string,
  hosts: readonly string[],
  gated: readonly string[],
  apps: readonly AccessApp[],
): { steps: Step[]; byHand: Plan["byHand"] } {
  const steps: Step[] = [];
  const byHand: { reason: string; remedy: string }[] = [];
  for (const covering of coveringAccess(apps, hosts)) {
    const { app, host, place } = covering;
    const found = `the Access application '${app.name}' (${place}) answers on ${host} before the gate`;
    if (!gated.includes(host)) {
      byHand.push({
        reason: `${found}, and stays: another route lets requests bypass the gate`,
        remedy: "see to that route first, then run latchkey setup again",
      });
      continue;
    }
    const way = bypassFor(covering, gated);
    if (way === undefined) {
      const remedy =
        "remove the host from it, or let everyone bypass it, under Zero Trust > Access > Applications";
      byHand.push({ reason: `${found}, and covers more than that`, remedy });
      continue;
    }
    steps.push({
      id: `access ${host}`,
      found,
      change:
        way === "policy"
          ? "add a policy to it that lets everyone bypass it"
          : `make an application for ${host} only that everyone bypasses`,
      apply: async () => {
        const now = coveringAccess(await readAccessApps({ client, account }), hosts);
        if (!now.some((each) => each.host === host && each.app.id === app.id)) return;
        await bypass(client, account, way, app.id, host);
      },
    });
  }
  return { steps, byHand };
}

/**
 * Where an Access application covers a path of Latchkey's own that must pass: makes one for that path that everyone
 * bypasses. It opens nothing else, since these paths never lead to an app.
 */
export function ownPathSteps(
  client: CloudflareClient,
  account: string,
  blocked: readonly BlockedPath[],
): Step[] {
  return blocked.map(({ app, host, path }) => ({
    id: `access ${host}${path}`,
    found: `the Access application '${app.name}' keeps people from ${host}${path}, which needs no session`,
    change: "make an application for that path only that everyone bypasses",
    apply: async () => {
      const apps = await readAccessApps({ client, account });
      const isOpen = apps.some((each) => each.letsEveryonePass && each.places.includes(`${host}${path}`));
      if (!isOpen) await bypass(client, account, "application", app.id, `${host}${path}`);
    },
  }));
}

/** `undefined`: everything that could be done would open more than the gated hosts. */
function bypassFor(
  { app, host, place }: Covering,
  gated: readonly string[],
): "policy" | "application" | undefined {
  const bare = place.replace(/^https?:\/\//, "").replace(/\/\*?$/, "");
  if (bare.includes("*") && !bare.includes("/")) return "application";
  const ours =
    app.workers.length === 0 && app.places.every((each) => gated.includes(each.replace(/\/\*?$/, "")));
  return bare === host && ours ? "policy" : undefined;
}

async function bypass(
  client: CloudflareClient,
  account_id: string,
  way: "policy" | "application",
  app: string,
  place: string,
): Promise<void> {
  const need = { permission: "access", what: `let everyone bypass Access on ${place}` } as const;
  const path = `/accounts/${account_id}/access/apps`;
  if (way === "policy") {
    // Bypass policies are looked at before all others, whatever their place
    // (developers.cloudflare.com/cloudflare-one/policies/access/#order-of-execution).
    await client.once(need, (sdk) => sdk.post(`${path}/${app}/policies`, { body: POLICY }), DONE);
    return;
  }
  const body = { name: `Latchkey: ${place}`, type: "self_hosted", domain: place, policies: [POLICY] };
  await client.once(need, (sdk) => sdk.post(path, { body }), DONE);
}
