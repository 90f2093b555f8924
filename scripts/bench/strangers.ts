import type { StrangersOptions, StrangersResult } from "./budget/strangers.ts";
import { DURABLE_OBJECTS } from "./gate-under-test.ts";
import { order, withWorker } from "./workers.ts";

/** Lives a day of strangers in a workerd of its own, with the real Worker and objects (workers/strangers.ts). */
export function liveStrangersDay(options: StrangersOptions): Promise<StrangersResult> {
  return withWorker("strangers.ts", DURABLE_OBJECTS, (worker) =>
    order(worker, "/", { method: "POST", body: JSON.stringify(options) }),
  );
}
