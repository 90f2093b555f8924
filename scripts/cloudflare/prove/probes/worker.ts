import { VERSIONS } from "../../client/answers.ts";
import { storeSecret } from "../../client/worker-secret.ts";
import type { Probe, Scene } from "../probe.ts";
import { workerOf } from "../things.ts";
import { scriptPath, uploadWorker } from "../upload.ts";

/** Deploys the run's Worker; no route leads to it yet. */
export const worker: Probe = {
  id: "worker",
  title: "deploy a throw-away Worker",
  question: "Do a Worker's versions show the tag that it was deployed with, and which one a secret made?",
  needs: [],
  async run(scene) {
    scene.undo.push(workerOf(scene, scene.names.worker));
    const tag = "prove-1";
    await uploadWorker(scene, tag);
    const uploaded = await listVersions(scene);
    const tells = uploaded.some(({ annotations }) => annotations?.["workers/tag"] === tag);
    const { client, zone, names } = scene;
    await storeSecret({ client, account: zone.account.id, worker: names.worker }, "PROVE", "prove");
    const withSecret = await listVersions(scene);
    const marked = withSecret[0]?.annotations?.["workers/triggered_by"] ?? "";
    return {
      outcome: tells && marked === "secret" ? "seen" : "differs",
      measurements: {
        tellsTag: tells,
        versionsAfterUpload: uploaded.length,
        versionsAfterSecret: withSecret.length,
        // A word of Cloudflare's own.
        secretTriggeredBy: /^[a-z_]{1,30}$/.test(marked) ? marked : null,
      },
    };
  },
};

async function listVersions(scene: Scene) {
  const need = { permission: "scripts", what: "list the Worker's versions" } as const;
  const { items } = await scene.client.ask(need, (sdk) => sdk.get(`${scriptPath(scene)}/versions`), VERSIONS);
  return items;
}
