import { setTimeout as delay } from "node:timers/promises";

const PAUSE_MS = 1000;

/** In seconds, to a tenth. */
export function secondsSince(start: number): number {
  return Math.round((performance.now() - start) / 100) / 10;
}

/**
 * Tries once a second until there is a value, for at most `limitSeconds`. Rejects when the signal is aborted.
 */
export async function waitFor<T>(
  signal: AbortSignal,
  limitSeconds: number,
  attempt: () => Promise<T | undefined>,
): Promise<{ value: T; seconds: number } | undefined> {
  const start = performance.now();
  for (;;) {
    signal.throwIfAborted();
    const value = await attempt();
    if (value !== undefined) return { value, seconds: secondsSince(start) };
    if (secondsSince(start) >= limitSeconds) return undefined;
    await delay(PAUSE_MS, undefined, { signal });
  }
}
