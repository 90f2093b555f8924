// What a call costs with 10, 1,000 and 100,000 devices: in time, and in rows as Cloudflare's plan counts them.
import { order, withWorker } from "./workers.ts";

const SIZES = [10, 1_000, 100_000] as const;
const OPERATIONS = ["lookup", "lookup of a stranger", "enrolment", "revocation", "listing"] as const;
const TIMES = 200;

export interface GrowthRow {
  object: "registry" | "directory";
  operation: string;
  devices: number;
  /** Microseconds per call, inside the object. */
  us: number;
  read: number;
  written: number;
}

export function measureGrowth(progress: (text: string) => void): Promise<GrowthRow[]> {
  const objects = { USER_REGISTRY: "GrowthRegistry", DIRECTORY: "GrowthDirectory" };
  return withWorker("growth.ts", objects, async (worker) => {
    const ask = (path: string, words: Record<string, string | number>) => {
      const query = new URLSearchParams(Object.entries(words).map(([name, value]) => [name, String(value)]));
      return order<{ read: number; written: number }>(worker, `${path}?${query}`, {});
    };
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
          const us = ((performance.now() - begun) * 1000) / TIMES;
          rows.push({ ...words, us, read, written });
        }
      }
    }
    return rows;
  });
}
