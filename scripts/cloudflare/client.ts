import { setTimeout as delay } from "node:timers/promises";
import Cloudflare from "cloudflare";
import type { CloudflareConnection } from "./connection.ts";
import { CloudflareFailure, cloudflareFailure, ForeignAnswer, retryAfterSeconds } from "./failure.ts";
import type { PermissionName } from "./permissions.ts";

/** Calls in all, the first one included. */
const ATTEMPTS = 4;
/** Before the second call; doubled for each one after. */
const FIRST_PAUSE_MS = 500;
/** Longer than this, people would rather be told than kept waiting. */
const LONGEST_PAUSE_SECONDS = 30;

/** What `what` names is refused for want of this permission. */
interface Need {
  permission: PermissionName;
  /** What the call is to do, as in `could not ...`: `list the zone's client certificates`. */
  what: string;
}

/** Cloudflare's SDK, with our retries, and with failures that say cause and remedy (`CloudflareFailure`). */
export interface CloudflareClient {
  /** A call that may be repeated: one that reads, or that sets the same thing again. */
  ask<T>(need: Need, call: (sdk: Cloudflare) => PromiseLike<T>): Promise<T>;
  /** Every item of a list, over all its pages. */
  list<T>(need: Need, call: (sdk: Cloudflare) => AsyncIterable<T>): Promise<T[]>;
  /**
   * A call that makes something new each time. It is repeated only where Cloudflare surely did nothing;
   * else the failure's `outcome` is `unknown`, and the caller looks what is there.
   */
  once<T>(need: Need, call: (sdk: Cloudflare) => PromiseLike<T>): Promise<T>;
}

export function createCloudflareClient(connection: CloudflareConnection): CloudflareClient {
  const { token, baseUrl, timeoutMs } = connection;
  const sdk = new Cloudflare({
    apiToken: token,
    // The SDK would take these from the environment.
    apiKey: null,
    apiEmail: null,
    userServiceKey: null,
    baseURL: baseUrl,
    timeout: timeoutMs,
    maxRetries: 0,
    // Its log would show requests.
    logLevel: "off",
    fetch: fetchJson,
  });

  async function attempt<T>(need: Need, repeatable: boolean, call: () => PromiseLike<T>): Promise<T> {
    for (let attempts = 1; ; attempts++) {
      try {
        return await call();
      } catch (error) {
        const failure = cloudflareFailure(error, need.permission, need.what);
        const pause = pauseBefore(attempts, failure, retryAfterSeconds(error), repeatable);
        if (pause === undefined) throw failure;
        await delay(pause);
      }
    }
  }

  return {
    ask: (need, call) => attempt(need, true, () => call(sdk)),
    list: (need, call) => attempt(need, true, () => collect(call(sdk))),
    once: (need, call) => attempt(need, false, () => call(sdk)),
  };
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** How long to wait before the next attempt, in milliseconds; undefined when there is to be none. */
function pauseBefore(
  attempts: number,
  failure: unknown,
  retryAfter: number | undefined,
  repeatable: boolean,
): number | undefined {
  if (!(failure instanceof CloudflareFailure) || attempts >= ATTEMPTS) return undefined;
  const { kind } = failure.problem;
  const helps =
    kind === "rate-limit" || (kind === "unavailable" && (repeatable || failure.outcome === "not-done"));
  if (!helps || (retryAfter ?? 0) > LONGEST_PAUSE_SECONDS) return undefined;
  return retryAfter === undefined ? FIRST_PAUSE_MS * 2 ** (attempts - 1) : retryAfter * 1000;
}

/**
 * `fetch` for the SDK, which takes a good status with any body for an answer, and so a proxy's page for
 * an empty list.
 */
async function fetchJson(input: string | URL | Request, init?: RequestInit): Promise<Response> {
  const response = await fetch(input, { ...init, redirect: "manual" });
  if (!response.ok || response.status === 204) return response;
  const text = await response.text();
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {}
  if (typeof body !== "object" || body === null) {
    throw new ForeignAnswer(`something that is not Cloudflare's API answered ${response.status}`);
  }
  const status = "success" in body && body.success === false ? 400 : response.status;
  return new Response(text, { status, headers: { "content-type": "application/json" } });
}
