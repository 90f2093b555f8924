import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StrangersOptions, StrangersResult } from "./budget/strangers.ts";
import { Workerd } from "./workerd.ts";
import { bundleWorker, compatibility } from "./workers.ts";

/** Lives a day of strangers in a workerd of its own, with the real Worker and objects (workers/strangers.ts). */
export async function liveStrangersDay(options: StrangersOptions): Promise<StrangersResult> {
  const folder = mkdtempSync(join(tmpdir(), "latchkey-strangers-"));
  try {
    const worker = await Workerd.start({
      folder,
      code: await bundleWorker("strangers.ts"),
      durableObjects: { USER_REGISTRY: "UserRegistry", DIRECTORY: "Directory" },
      ...compatibility(),
    });
    try {
      const response = await fetch(worker.url, { method: "POST", body: JSON.stringify(options) });
      if (!response.ok) throw new Error(await response.text());
      return (await response.json()) as StrangersResult;
    } finally {
      await worker.stop();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
