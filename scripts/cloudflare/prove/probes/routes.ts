import type Cloudflare from "cloudflare";
import { DONE } from "../../client/answers.ts";
import { CloudflareFailure } from "../../client/failure.ts";
import { type Route, readRoutes, wholeHostPattern } from "../../client/routes.ts";
import type { Probe, Scene } from "../probe.ts";
import { routesOf } from "../things.ts";
import { scriptPath, uploadWorker } from "../upload.ts";

export const failureMode: Probe = {
  id: "failure-mode",
  title: "make the route, without and with its failure mode",
  question:
    "Is request_limit_fail_open reported, what is it by default, and is it accepted when a route is made?",
  needs: ["worker"],
  async run(scene) {
    const { host, worker } = scene.names;
    scene.undo.push(routesOf(scene, worker, host));
    // A path that nobody asks for, and only until the next call but one.
    const trial = `${host}/latchkey-prove-trial`;
    await makeRoute(scene, { pattern: trial });
    const byDefault = await findRoute(scene, trial);
    if (byDefault !== undefined) await deleteRoute(scene, byDefault.id);
    const pattern = wholeHostPattern(host);
    await makeRoute(scene, { pattern, request_limit_fail_open: false });
    const made = await findRoute(scene, pattern);
    return {
      outcome: made?.failsOpen === false ? "seen" : "differs",
      measurements: {
        failsOpenByDefault: failureModeOf(byDefault),
        failsOpenWhenMadeWithFalse: failureModeOf(made),
      },
    };
  },
};

export const deployKeepsFailureMode: Probe = {
  id: "deploy-and-failure-mode",
  title: "deploy again, and look at the route",
  question: "What does a deploy do to a route that fails closed?",
  needs: ["failure-mode"],
  async run(scene) {
    const pattern = wholeHostPattern(scene.names.host);
    await uploadWorker(scene, "prove-2");
    const afterUpload = await findRoute(scene, pattern);
    // What `wrangler deploy` does besides, where wrangler.toml has routes.
    const publishing = await publishRoutes(scene, pattern);
    const afterRoutes = await findRoute(scene, pattern);
    const keeps = afterUpload?.failsOpen === false && afterRoutes?.failsOpen === false;
    return {
      outcome: keeps ? "seen" : "differs",
      measurements: {
        failsOpenAfterUpload: failureModeOf(afterUpload),
        publishingRoutes: publishing,
        failsOpenAfterPublishing: failureModeOf(afterRoutes),
        sameRoute: afterRoutes?.id === afterUpload?.id,
      },
    };
  },
};

export async function setFailureMode(scene: Scene, failsOpen: boolean): Promise<void> {
  const pattern = wholeHostPattern(scene.names.host);
  const route = await findRoute(scene, pattern);
  if (route === undefined) return;
  const wanted = { zone_id: scene.zone.id, pattern, script: scene.names.worker };
  await scene.client.ask(
    { permission: "routes", what: `correct the route ${pattern}` },
    (sdk) =>
      sdk.workers.routes.update(route.id, {
        ...wanted,
        request_limit_fail_open: failsOpen,
      } as Cloudflare.Workers.RouteUpdateParams),
    DONE,
  );
}

async function makeRoute(
  { client, zone, names }: Scene,
  route: { pattern: string; request_limit_fail_open?: boolean },
): Promise<void> {
  const wanted = { zone_id: zone.id, script: names.worker, ...route };
  await client.once(
    { permission: "routes", what: `make the route ${route.pattern}` },
    (sdk) => sdk.workers.routes.create(wanted as Cloudflare.Workers.RouteCreateParams),
    DONE,
  );
}

async function deleteRoute({ client, zone }: Scene, id: string): Promise<void> {
  await client.ask(
    { permission: "routes", what: "delete a route of the throw-away host" },
    (sdk) => sdk.workers.routes.delete(id, { zone_id: zone.id }),
    DONE,
  );
}

/** `PUT .../routes` replaces this Worker's routes, and those of no other. A refusal is a finding. */
async function publishRoutes(scene: Scene, pattern: string): Promise<string> {
  try {
    await scene.client.ask(
      { permission: "routes", what: "publish the Worker's routes" },
      (sdk) => sdk.put(`${scriptPath(scene)}/routes`, { body: [{ pattern }] }),
      DONE,
    );
    return "taken";
  } catch (error) {
    if (!(error instanceof CloudflareFailure)) throw error;
    const { problem } = error;
    return problem.kind === "refused" ? `refused: ${problem.status}, code ${problem.code}` : problem.kind;
  }
}

async function findRoute({ client, zone }: Scene, pattern: string): Promise<Route | undefined> {
  return (await readRoutes({ client, zone })).find((route) => route.pattern === pattern);
}

function failureModeOf(route: Route | undefined): string | boolean {
  return route === undefined ? "no such route" : (route.failsOpen ?? "not reported");
}
