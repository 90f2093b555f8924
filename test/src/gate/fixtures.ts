import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { onTestFinished, vi } from "vitest";
import worker from "../../../src/index.ts";
import type { RegistryBindings } from "../../../src/registry/objects.ts";
import { HOST, tlsClientAuth } from "../fixtures.ts";

/** What outboundService, the app of the tests, says of the request that reached it. */
export interface Echo {
  method: string;
  url: string;
  headers: Record<string, string>;
  body: string;
}

export const SWISS_HOST = "swiss.example.com";

export type Cf = Record<string, unknown>;
export type Init = Omit<RequestInit, "cf"> & { cf?: Cf };

/** What every refusal looks like to a client, but for failures of our own. */
export const NOT_FOUND = {
  status: 404,
  headers: { "cache-control": "no-store", "content-type": "text/plain; charset=utf-8" },
  body: "Not Found",
};
export const UNAVAILABLE = {
  status: 503,
  headers: { ...NOT_FOUND.headers, "retry-after": "30" },
  body: "Service Unavailable",
};

export async function seen(response: Response) {
  const { "content-length": _, ...headers } = Object.fromEntries(response.headers);
  return { status: response.status, headers, body: await response.text() };
}

/**
 * The Worker as a new isolate would run it: with an environment, and thus a memory, of its own.
 * `undefined` removes a variable.
 */
export class Isolate {
  readonly #env: object;
  readonly #contexts: ExecutionContext[] = [];

  constructor(change: Record<string, unknown> = {}) {
    const changed = { ...env, ...change };
    this.#env = Object.fromEntries(Object.entries(changed).filter(([, value]) => value !== undefined));
  }

  /** A request of the phone whose fingerprint is `fingerprint(1)`, unless `cf` says otherwise. */
  fetch(pathOrUrl = "/", { cf = { tlsClientAuth: tlsClientAuth(), country: "CH" }, ...init }: Init = {}) {
    const url = new URL(pathOrUrl, `https://${HOST}`);
    return this.handle(new Request(url, { ...init, cf } as RequestInit));
  }

  handle(request: Request): Promise<Response> {
    const ctx = createExecutionContext();
    this.#contexts.push(ctx);
    return worker.fetch(request as Parameters<typeof worker.fetch>[0], this.#env, ctx);
  }

  /** Until all that goes on behind the answers is done. */
  async idle(): Promise<void> {
    for (const ctx of this.#contexts.splice(0)) await waitOnExecutionContext(ctx);
  }
}

/** Collects what is logged until the test ends. */
export function logged(): Record<string, unknown>[] {
  const lines: Record<string, unknown>[] = [];
  const spy = vi.spyOn(console, "log").mockImplementation((line) => lines.push(JSON.parse(line)));
  onTestFinished(() => spy.mockRestore());
  return lines;
}

/** Bindings whose objects are scripted; each `getByName` and each call is counted. */
export function scripted(answers: { resolve?: () => unknown; standing?: (user: string) => unknown } = {}) {
  const counts = { directoryStubs: 0, resolve: 0, registryStubs: 0, standing: 0 };
  const bindings = {
    DIRECTORY: {
      getByName: () => {
        counts.directoryStubs++;
        return {
          resolve: async () => {
            counts.resolve++;
            return (answers.resolve ?? (() => "alice"))();
          },
        };
      },
    },
    USER_REGISTRY: {
      getByName: (user: string) => {
        counts.registryStubs++;
        return {
          standing: async () => {
            counts.standing++;
            return (answers.standing ?? (() => ({ status: "active", name: "phone", since: 0 })))(user);
          },
        };
      },
    },
  } as unknown as RegistryBindings;
  return { bindings: { ...bindings }, counts };
}

/** An error as the runtime marks it. */
export function runtimeError(marks: { retryable?: boolean; overloaded?: boolean }): Error {
  return Object.assign(new Error("the object said no"), marks);
}
