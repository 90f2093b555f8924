import { runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, onTestFinished, vi } from "vitest";
import type { UserId } from "../../../src/domain/user.ts";
import { deviceLost } from "../../../src/notify/acts.ts";
import type { Notification } from "../../../src/notify/event.ts";

/** 32 bytes. */
export const SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
export const HOOK = "https://hooks.example.com/in?token=SECRET-QUERY";
export const NTFY = "ntfy+https://ntfy.example.com/SECRET-TOPIC";

/** So far ahead that no alarm goes off by itself: a test says when, with `runDurableObjectAlarm`. */
export const NOW = Date.UTC(2126, 10, 24, 12);

/** The variables, for every object that starts from now on, until the test ends. */
export function configure(variables: {
  NOTIFY_URLS?: unknown;
  NOTIFY_SECRET?: unknown;
  NOTIFY_OFF?: unknown;
}): void {
  Object.assign(env, variables);
  onTestFinished(() => {
    for (const name of ["NOTIFY_URLS", "NOTIFY_SECRET", "NOTIFY_OFF"]) Reflect.deleteProperty(env, name);
  });
}

/** Sets the clock until the test ends. */
export function at(now: number): void {
  vi.useFakeTimers({ toFake: ["Date"], now });
  onTestFinished(() => {
    vi.useRealTimers();
  });
}

export interface Post {
  host: string;
  url: string;
  headers: Record<string, string>;
  body: string;
  json: Record<string, unknown>;
}

/** Stands for all receivers: what was posted, and an answer by host (`undefined` = none comes). */
export function receivers(answers: Record<string, number | undefined> = {}): Post[] {
  const posts: Post[] = [];
  const spy = vi.spyOn(globalThis, "fetch").mockImplementation(async (input) => {
    const request = input as Request;
    const { host } = new URL(request.url);
    expect([request.method, request.redirect]).toEqual(["POST", "manual"]);
    const body = await request.text();
    const headers = Object.fromEntries(request.headers);
    posts.push({ host, url: request.url, headers, body, json: JSON.parse(body) });
    const status = host in answers ? answers[host] : 204;
    if (status === undefined) throw new TypeError(`cannot reach ${request.url}`);
    return new Response(status === 204 ? null : "an answer", { status });
  });
  onTestFinished(() => spy.mockRestore());
  return posts;
}

/** Lets an object's alarm ring, if one is set: what it posted since the last time. */
export async function toldBy(stub: DurableObjectStub, posts: Post[]): Promise<Record<string, unknown>[]> {
  await runDurableObjectAlarm(stub);
  return posts.splice(0).map(({ json }) => json);
}

/** The n-th of a test's events. */
export function lost(n = 1): Notification {
  const device = { id: `device-${n}`, name: "Pixel 9", kind: "certificate" as const };
  return deviceLost({ user: "alice" as UserId, device, by: "admin", since: NOW });
}
