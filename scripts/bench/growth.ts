// What a call costs with 10, 1,000 and 100,000 devices: in time, and in rows as the plan counts them.
import { join } from "node:path";
import { Workerd } from "./workerd.ts";
import { bundleWorker, compatibility } from "./workers.ts";

const SIZES = [10, 1_000, 100_000] as const;
const OPERATIONS = ["lookup", "lookup of a stranger", "enrolment", "revocation", "listing"] as const;
const TIMES = 200;

export interface GrowthRow {
  object: "registry" | "directory";
  operation: string;
  devices: number;
  /** Microseconds a call, inside the object. */
  us: number;
  read: number;
  written: number;
}

export async function measureGrowth(folder: string, progress: (text: string) => void): Promise<GrowthRow[]> {
  const worker = await Workerd.start({
    folder: join(folder, "growth"),
    code: await bundleWorker("growth.ts"),
    durableObjects: { USER_REGISTRY: "GrowthRegistry", DIRECTORY: "GrowthDirectory" },
    ...compatibility(),
  });
  const ask = async (path: string, words: Record<string, string | number>) => {
    const query = new URLSearchParams(Object.entries(words).map(([name, value]) => [name, String(value)]));
    const response = await fetch(`${worker.url}${path}?${query}`);
    if (!response.ok) throw new Error(`${path} ${query}: ${await response.text()}`);
    return (await response.json()) as { read: number; written: number };
  };
  try {
    const rows: GrowthRow[] = [];
    for (const object of ["registry", "directory"] as const) {
      for (const devices of SIZES) {
        progress(`${object} with ${devices} devices`);
        await ask("/fill", { object, devices });
        for (const operation of OPERATIONS) {
          const words = { object, devices, operation };
          await ask("/measure", { ...words, from: 0, times: 5 });
          const begun = performance.now();
          const { read, written } = await ask("/measure", { ...words, from: 5, times: TIMES });
          rows.push({
            object,
            operation,
            devices,
            us: ((performance.now() - begun) * 1000) / TIMES,
            read,
            written,
          });
        }
      }
    }
    return rows;
  } finally {
    await worker.stop();
  }
}
