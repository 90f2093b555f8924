import { createScheduledController, reset, runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, expect, it } from "vitest";
import { DAY_MS } from "../../src/domain/general/relative-time.ts";
import type { UserId } from "../../src/domain/user.ts";
import worker from "../../src/index.ts";
import { certificateKey } from "./fixtures.ts";
import { logged } from "./gate/fixtures.ts";
import { at, configure, HOOK, NOW, receivers } from "./notify/fixtures.ts";
import {
  by,
  DETAILS,
  directory,
  enrolment,
  intercepted,
  registry,
  registryStub,
} from "./registry/fixtures.ts";

beforeEach(() => {
  at(NOW);
  configure({ NOTIFY_URLS: [HOOK] });
});
afterEach(reset);

/** The cron, as a new isolate runs it. */
async function cron(change: object = {}): Promise<void> {
  await worker.scheduled(createScheduledController(), { ...env, ...change });
}

/** Users with a device each, whose certificate ends in five days. */
async function users(count: number): Promise<UserId[]> {
  const ids = Array.from({ length: count }, (_, n) => `user-${String(n).padStart(3, "0")}` as UserId);
  for (const [n, id] of ids.entries()) {
    await directory().putUser(by(), id, undefined);
    const details = { ...DETAILS, notAfter: NOW + 5 * DAY_MS };
    await registry(id).enrol(by(), enrolment({ key: certificateKey(n + 1), details }), Date.now(), 0);
  }
  return ids;
}

async function told(ids: UserId[]): Promise<string[]> {
  const posts = receivers();
  for (const id of ids) await runDurableObjectAlarm(registryStub(id));
  return posts.map(({ json }) => (json.data as { user: string }).user);
}

it("the cron asks every user's registry, page by page", async () => {
  const lines = logged();
  const ids = await users(101);
  await cron();
  expect(await told(ids)).toEqual(ids);
  expect(lines).toEqual([]);
  await cron();
  expect(await told(ids)).toEqual([]);
  // A hundred objects are made and asked: that takes a while on a busy machine.
}, 30_000);

it("a registry that does not answer keeps no other from it, and is named in the log", async () => {
  const lines = logged();
  const ids = await users(3);
  const bindings = intercepted((call) => {
    if (call.name === "user-001.noteExpiring") throw new Error("over its limit");
    return call.proceed();
  });
  await cron(bindings);
  expect(await told(ids)).toEqual(["user-000", "user-002"]);
  expect(lines).toEqual([
    {
      event: "daily-error",
      message: "RegistryUnavailable: the registry does not answer",
      cause: "Error: over its limit",
      object: "user-001",
    },
  ]);
  await cron();
  expect(await told(ids), "the next day").toEqual(["user-001"]);
});

it.each([
  ["directory.users", undefined],
  ["directory.resumeOutbox", "directory"],
])("a directory that fails at %s is a line in the log", async (name, object) => {
  const lines = logged();
  const bindings = intercepted((call) => {
    if (call.name === name) throw new Error("over its limit");
    return call.proceed();
  });
  await cron(bindings);
  expect(lines).toMatchObject([{ event: "daily-error", ...(object === undefined ? {} : { object }) }]);
});

it("without targets, the cron asks nobody", async () => {
  const calls: string[] = [];
  const bindings = intercepted((call) => {
    calls.push(call.name);
    return call.proceed();
  });
  await cron({ ...bindings, NOTIFY_URLS: undefined });
  await cron({ ...bindings, NOTIFY_URLS: [] });
  expect(calls).toEqual([]);
});

it("a misconfigured Worker does nothing, and says why", async () => {
  const lines = logged();
  await cron({ NOTIFY_URLS: ["http://a.example"] });
  expect(lines).toMatchObject([{ event: "misconfigured", variable: "NOTIFY_URLS.0" }]);
});
