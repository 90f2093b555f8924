// How long a revoked device still passes: several isolates under its constant traffic, and one registry.
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { call, DURABLE_OBJECTS, enrol, fingerprint, gateVars } from "./gate-under-test.ts";
import { Workerd } from "./workerd.ts";
import { bundleWorker, compatibility, ORIGIN } from "./workers.ts";

const ISOLATES = 3;
/** Devices that are revoked at the same time: few enough to keep each one's traffic dense. */
const AT_ONCE = 10;
/** Between two requests of one device at one isolate, in milliseconds. */
const PAUSE_MS = 15;

export interface RevocationRow {
  delaySeconds: number;
  trials: number;
  /** From the acknowledged revocation to the last request that passed, in milliseconds. */
  lastAllowedMs: number[];
}

export async function measureRevocation(
  { folder, trials, delays }: { folder: string; trials: number; delays: readonly number[] },
  progress: (text: string) => void,
): Promise<RevocationRow[]> {
  const [registryCode, isolateCode] = await Promise.all([
    bundleWorker("shared-registry.ts"),
    bundleWorker("isolate.ts"),
  ]);
  const rows: RevocationRow[] = [];
  for (const delaySeconds of delays) {
    const running: Workerd[] = [];
    const start = async (name: string, code: string, more: object) => {
      const worker = await Workerd.start({
        folder: join(folder, `revocation-${delaySeconds}-${name}`),
        code,
        ...compatibility(),
        ...more,
      });
      running.push(worker);
      return worker;
    };
    try {
      const origin = `127.0.0.1:${(await start("origin", ORIGIN, {})).port}`;
      const settings = { origin, vars: gateVars(delaySeconds), durableObjects: DURABLE_OBJECTS };
      const registry = await start("registry", registryCode, settings);
      const services = { REGISTRY: `127.0.0.1:${registry.port}` };
      const isolates = await Promise.all(
        Array.from({ length: ISOLATES }, (_, index) =>
          start(`isolate-${index}`, isolateCode, { ...settings, services }),
        ),
      );
      const lastAllowedMs: number[] = [];
      for (let done = 0; done < trials; done += AT_ONCE) {
        progress(`delay ${delaySeconds} s: ${done} of ${trials}`);
        const batch = Array.from({ length: Math.min(AT_ONCE, trials - done) }, (_, index) =>
          trial(registry, isolates, done + index, delaySeconds),
        );
        lastAllowedMs.push(...(await Promise.all(batch)));
      }
      rows.push({ delaySeconds, trials, lastAllowedMs });
    } finally {
      await Promise.all(running.map((worker) => worker.stop()));
    }
  }
  return rows;
}

/** One device: traffic, revocation, and the last request that passed. */
async function trial(
  registry: Workerd,
  isolates: Workerd[],
  index: number,
  delaySeconds: number,
): Promise<number> {
  const certificate = fingerprint(index + 1);
  const path = await enrol(registry, `user-${index}`, "phone", certificate);
  let revokedAt = Number.POSITIVE_INFINITY;
  const warm = Promise.withResolvers<void>();
  let warmIsolates = 0;
  const traffic = isolates.map(async (isolate) => {
    let lastAllowed = Number.NEGATIVE_INFINITY;
    let isWarm = false;
    for (;;) {
      const sentAt = performance.now();
      const { status } = await call(isolate, "GET", "/", { certificate });
      if (status === 200) {
        lastAllowed = sentAt;
        if (!isWarm) {
          isWarm = true;
          warmIsolates += 1;
          if (warmIsolates === isolates.length) warm.resolve();
        }
      } else if (sentAt > revokedAt) return lastAllowed;
      if (sentAt > revokedAt + (delaySeconds + 5) * 1000)
        throw new Error("requests still pass long after the revocation");
      await sleep(PAUSE_MS);
    }
  });
  await warm.promise;
  // So that the isolates' memories differ in age.
  await sleep((index % AT_ONCE) * delaySeconds * 100);
  const { status } = await call(registry, "POST", `${path}/revoke`, { body: {} });
  if (status !== 200) throw new Error(`revoke: ${status}`);
  revokedAt = performance.now();
  return Math.max(0, Math.max(...(await Promise.all(traffic))) - revokedAt);
}
