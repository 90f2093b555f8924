import { readFile } from "node:fs/promises";
import { transform } from "esbuild";
import { workerModule } from "../../package.ts";
import { DONE } from "../client/answers.ts";
import type { Scene } from "./probe.ts";

const SOURCE = workerModule("scripts/cloudflare/prove/workerd/probe-worker.ts");
const MAIN = "probe-worker.js";
const COMPATIBILITY_DATE = "2026-10-01";

/** The path of the run's Worker in the API. */
export function scriptPath({ zone, names }: Scene): string {
  return `/accounts/${zone.account.id}/workers/scripts/${names.worker}`;
}

/** Deploys the probe's Worker, as `wrangler deploy --tag` does. */
export async function uploadWorker(scene: Scene, tag: string): Promise<void> {
  const { code } = await transform(await readFile(SOURCE, "utf8"), { loader: "ts", target: "es2024" });
  const metadata = {
    main_module: MAIN,
    compatibility_date: COMPATIBILITY_DATE,
    bindings: [{ type: "secret_text", name: "KEY", text: scene.names.key }],
    annotations: { "workers/tag": tag },
    observability: { enabled: false },
  };
  const need = { permission: "scripts", what: `deploy the Worker ${scene.names.worker}` } as const;
  const upload: Parameters<typeof scene.client.ask>[1] = (sdk) => {
    // The SDK's own call splits metadata into fields; the API expects JSON, by its documentation.
    const form = new FormData();
    form.set("metadata", new Blob([JSON.stringify(metadata)], { type: "application/json" }));
    form.set(MAIN, new File([code], MAIN, { type: "application/javascript+module" }));
    return sdk.put(scriptPath(scene), { body: form });
  };
  await scene.client.ask(need, upload, DONE);
}
