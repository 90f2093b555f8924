import { DONE } from "../../client/answers.ts";
import { refusalText } from "../../client/failure.ts";
import {
  createRoute,
  deleteRoute,
  type Route,
  readRoutes,
  updateRoute,
  wholeHostPattern,
} from "../../client/routes.ts";
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
    const { host, worker: script } = scene.names;
    scene.undo.push(routesOf(scene, script, host));
    // Nobody asks for this path, and the route is deleted right away.
    const trial = `${host}/latchkey-prove-trial`;
    await createRoute(scene, { pattern: trial, script });
    const byDefault = await findRoute(scene, trial);
    if (byDefault !== undefined) await deleteRoute(scene, byDefault);
    const pattern = wholeHostPattern(host);
    await createRoute(scene, { pattern, script, request_limit_fail_open: false });
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
    // What else `wrangler deploy` does if wrangler.toml has routes.
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
  const wanted = { pattern, script: scene.names.worker, request_limit_fail_open: failsOpen };
  await updateRoute(scene, route.id, wanted);
}

/** `PUT .../routes` replaces the routes of this Worker only. A refusal is a finding. */
async function publishRoutes(scene: Scene, pattern: string): Promise<string> {
  try {
    await scene.client.ask(
      { permission: "routes", what: "publish the Worker's routes" },
      (sdk) => sdk.put(`${scriptPath(scene)}/routes`, { body: [{ pattern }] }),
      DONE,
    );
    return "taken";
  } catch (error) {
    return refusalText(error);
  }
}

async function findRoute(scene: Scene, pattern: string): Promise<Route | undefined> {
  return (await readRoutes(scene)).find((route) => route.pattern === pattern);
}

function failureModeOf(route: Route | undefined): string | boolean {
  return route === undefined ? "no such route" : (route.failsOpen ?? "not reported");
}
