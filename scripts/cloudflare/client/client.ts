import { setTimeout as delay } from "node:timers/promises";
import Cloudflare from "cloudflare";
import type * as v from "valibot";
import { parseAnswer, sliceOf } from "./answers.ts";
import type { CloudflareConnection } from "./connection.ts";
import {
  CloudflareFailure,
  cloudflareFailure,
  ForeignAnswer,
  notUnderstood,
  retryAfterSeconds,
} from "./failure.ts";
import type { PermissionName } from "./permissions.ts";

/** Calls in all, the first one included. */
const ATTEMPTS = 4;
/** Before the second call; doubled for each one after. */
const FIRST_PAUSE_MS = 500;
/** A longer pause is reported instead of waited for. */
const LONGEST_PAUSE_SECONDS = 30;

/** What `what` names is refused for want of this permission. */
interface Need {
  permission: PermissionName;
  /** What the call is to do, as in `could not ...`: `list the zone's client certificates`. */
  what: string;
}

/** A call of the SDK, before its answer is read: the SDK would take whatever comes for what it expects. */
type Call = (sdk: Cloudflare) => { asResponse(): Promise<Response> };

/** The same for a slice of a list, which begins there: `page` counts from 1, `offset` from 0. */
type ListCall = (sdk: Cloudflare, at: { page: number; offset: number }) => ReturnType<Call>;

/** What an answer must contain, and what is made of it. */
type Answer<T> = v.GenericSchema<unknown, T>;

/**
 * Cloudflare's SDK, with our retries, answers that are parsed, and failures that say cause and remedy
 * (`CloudflareFailure`). An answer in another form is one of them, and names the call.
 */
export interface CloudflareClient {
  /** A call that may be repeated: one that reads, or that sets the same thing again. */
  ask<T>(need: Need, call: Call, answer: Answer<T>): Promise<T>;
  /** Every item of a list that comes in pages. Half a list is a failure. */
  list<T>(need: Need, call: ListCall, item: Answer<T>): Promise<T[]>;
  /**
   * A call that makes something new each time. It is repeated only where Cloudflare surely did nothing;
   * else the failure's `outcome` is `unknown`, and the caller looks what is there.
   */
  once<T>(need: Need, call: Call, answer: Answer<T>): Promise<T>;
  /** Waits, in milliseconds: what Cloudflare has done may show late. */
  pause(ms: number): Promise<unknown>;
}

/** `pause` waits before a call is repeated. */
export function createCloudflareClient(
  connection: CloudflareConnection,
  pause: (ms: number) => Promise<unknown> = delay,
): CloudflareClient {
  const { token, baseUrl, timeoutMs } = connection;
  const received = new WeakMap<Response, Received>();
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
    fetch: async (input, init) => {
      const { response, body } = await fetchJson(input, init);
      const method = init?.method?.toUpperCase() ?? "GET";
      const path = new URL(input instanceof Request ? input.url : input).pathname;
      received.set(response, { call: `${method} ${path.replace(new URL(baseUrl).pathname, "")}`, body });
      return response;
    },
  });

  async function attempt<T>(
    need: Need,
    repeatable: boolean,
    call: Call,
    answer: Answer<T>,
  ): Promise<{ value: T; call: string }> {
    for (let attempts = 1; ; attempts++) {
      try {
        const { call: name, body } = received.get(await call(sdk).asResponse()) ?? NOTHING;
        return { value: parseAnswer(answer, body, name, need.what), call: name };
      } catch (error) {
        const failure = cloudflareFailure(error, need.permission, need.what);
        const pauseMs = pauseBefore(attempts, failure, retryAfterSeconds(error), repeatable);
        if (pauseMs === undefined) throw failure;
        await pause(pauseMs);
      }
    }
  }

  async function list<T>(need: Need, call: ListCall, item: Answer<T>): Promise<T[]> {
    const found: T[] = [];
    let before = "";
    for (let page = 1; ; page++) {
      const at = { page, offset: found.length };
      const { value, call: name } = await attempt(need, true, (sdk) => call(sdk, at), sliceOf(item));
      const { items, total } = value;
      const text = JSON.stringify(items);
      // The same slice once more: where it should begin was not understood.
      const isNew = items.length > 0 && text !== before;
      if (isNew) found.push(...items);
      if (isNew && found.length !== total) {
        before = text;
        continue;
      }
      if (total === undefined || found.length >= total) return found;
      throw notUnderstood(need.what, name, `it lists ${found.length} of ${total}`);
    }
  }

  return {
    pause,
    ask: async (need, call, answer) => (await attempt(need, true, call, answer)).value,
    list,
    once: async (need, call, answer) => (await attempt(need, false, call, answer)).value,
  };
}

interface Received {
  /** `GET /zones`: without the query. */
  call: string;
  /** The parsed JSON; undefined where the answer has no body. */
  body: unknown;
}

const NOTHING: Received = { call: "a call", body: undefined };

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
async function fetchJson(
  input: string | URL | Request,
  init?: RequestInit,
): Promise<{ response: Response; body: unknown }> {
  const response = await fetch(input, { ...init, redirect: "manual" });
  if (!response.ok || response.status === 204) return { response, body: undefined };
  const text = await response.text();
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {}
  if (typeof body !== "object" || body === null) {
    throw new ForeignAnswer(`something that is not Cloudflare's API answered ${response.status}`);
  }
  const status = "success" in body && body.success === false ? 400 : response.status;
  return { response: new Response(text, { status, headers: { "content-type": "application/json" } }), body };
}
