import {
  abortAllDurableObjects,
  evictDurableObject,
  reset,
  runDurableObjectAlarm,
  runInDurableObject,
} from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { notifySettings } from "../../../../src/notify/settings.ts";
import { OUTBOX_MAX_TRIES, Outbox } from "../../../../src/registry/storage/outbox.ts";
import { logged } from "../../gate/fixtures.ts";
import { at, configure, HOOK, lost, NOW, NTFY, receivers } from "../../notify/fixtures.ts";
import { ALICE, registryStub, rows, totalChanges } from "../fixtures.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const H = "hooks.example.com";
const N = "ntfy.example.com";

beforeEach(() => at(NOW));
afterEach(reset);

/** Adds events inside Alice's registry, whose alarm then delivers them. */
function add(...events: ReturnType<typeof lost>[]): Promise<void> {
  return runInDurableObject(registryStub(ALICE), async (_, state) => {
    const outbox = new Outbox(state.storage, notifySettings(await settings()));
    state.storage.transactionSync(() => {
      for (const event of events) outbox.add(event, Date.now());
    });
  });
}
const settings = async () => (await import("cloudflare:workers")).env;

const stored = () =>
  runInDurableObject(registryStub(ALICE), (_, state) => rows(state, "SELECT * FROM outbox"));
const alarmAt = () => runInDurableObject(registryStub(ALICE), (_, state) => state.storage.getAlarm());
const ring = () => runDurableObjectAlarm(registryStub(ALICE));

/** Goes on to when the alarm is set, and lets it ring. */
async function next(): Promise<number> {
  const time = await alarmAt();
  if (time === null) throw new Error("no alarm is set");
  at(Math.max(time, Date.now()));
  await ring();
  return time;
}

describe("without targets", () => {
  it.each<[string, object]>([
    ["none are set", {}],
    ["they are malformed", { NOTIFY_URLS: "ftp://a.example" }],
    ["the secret is malformed", { NOTIFY_URLS: [HOOK], NOTIFY_SECRET: "x" }],
  ])("nothing is written: %s", async (_, variables) => {
    configure(variables);
    const changes = () => runInDurableObject(registryStub(ALICE), (_, state) => totalChanges(state));
    const before = await changes();
    await add(lost());
    expect(await changes()).toBe(before);
    expect([await stored(), await alarmAt()]).toEqual([[], null]);
  });
});

describe("an event", () => {
  beforeEach(() => configure({ NOTIFY_URLS: [HOOK, NTFY] }));

  it("goes to every target, at once and once", async () => {
    const posts = receivers();
    await add(lost());
    expect(await alarmAt()).toBe(NOW);
    expect(await next()).toBe(NOW);
    expect(posts.map(({ host }) => host)).toEqual([H, N]);
    expect(posts[0]?.json).toEqual(lost());
    expect([await stored(), await alarmAt()]).toEqual([[], null]);
  });

  it("that is added again while it waits is still one", async () => {
    const posts = receivers();
    await add(lost(), lost());
    await add(lost());
    await next();
    expect(posts).toHaveLength(2);
  });

  it("is left to a second alarm by nobody: alarms come at least once", async () => {
    const posts = receivers();
    await add(lost());
    await runInDurableObject(registryStub(ALICE), async (alice) => {
      await alice.alarm();
      await alice.alarm();
    });
    expect(posts).toHaveLength(2);
  });

  it("goes with its transaction", async () => {
    await runInDurableObject(registryStub(ALICE), async (_, state) => {
      const outbox = new Outbox(state.storage, notifySettings(await settings()));
      const work = () =>
        state.storage.transactionSync(() => {
          outbox.add(lost(), Date.now());
          throw new Error("rolled back");
        });
      expect(work).toThrow("rolled back");
    });
    expect(await stored()).toEqual([]);
  });

  it.each([
    ["an eviction", () => evictDurableObject(registryStub(ALICE))],
    ["an abort", () => abortAllDurableObjects()],
  ])("survives %s, and so does what is known of it", async (_, restart) => {
    logged();
    const posts = receivers({ [N]: 500 });
    await add(lost());
    await restart();
    await next();
    expect(posts.splice(0).map(({ host }) => host)).toEqual([H, N]);
    await restart();
    await next();
    expect(posts.map(({ host }) => host)).toEqual([N]);
  });
});

describe("a target that does not take it", () => {
  it.each<[string, number | undefined]>([
    ["answers 500", 500],
    ["redirects", 302],
    ["does not answer", undefined],
  ])("keeps the others from nothing, and they get it once: it %s", async (_, status) => {
    const lines = logged();
    configure({ NOTIFY_URLS: [HOOK, NTFY] });
    const answers: Record<string, number | undefined> = { [H]: status };
    const posts = receivers(answers);
    await add(lost(1), lost(2));
    await next();
    const to = (host: string) => posts.filter((post) => post.host === host).length;
    expect(to(N)).toBe(2);
    expect(to(H), "what is silent is not waited for twice").toBe(status === undefined ? 1 : 2);
    answers[H] = 200;
    await next();
    expect(posts.splice(0).filter(({ host }) => host === N)).toHaveLength(2);
    expect([await stored(), await alarmAt()]).toEqual([[], null]);

    expect(lines[0]).toEqual({
      event: "notification-failed",
      id: lost(1).id,
      host: H,
      status: status ?? null,
      ...(status === undefined ? { message: "TypeError" } : {}),
    });
    expect(JSON.stringify(lines)).not.toContain("SECRET");
  });

  it("is tried again after a pause that doubles up to six hours, and given up after three days", async () => {
    const lines = logged();
    configure({ NOTIFY_URLS: [HOOK, NTFY] });
    const posts = receivers({ [H]: 503 });
    await add(lost());
    const times = [await next()];
    while ((await stored()).length > 0) times.push(await next());
    const pauses = times.slice(1).map((time, n) => time - (times[n] ?? 0));
    expect(pauses.slice(0, 4)).toEqual([0.5, 1, 2, 4].map((minutes) => minutes * MINUTE_MS));
    expect(pauses.slice(9)).toEqual([256 * MINUTE_MS, ...Array(10).fill(6 * HOUR_MS)]);
    expect(times).toHaveLength(OUTBOX_MAX_TRIES);
    const days = ((times.at(-1) ?? 0) - NOW) / (24 * HOUR_MS);
    expect(days).toBeGreaterThan(2.5);
    expect(days).toBeLessThan(3.5);

    expect(posts.filter(({ host }) => host === N)).toHaveLength(1);
    expect(await alarmAt()).toBeNull();
    expect(lines.filter(({ event }) => event === "notification-dropped")).toEqual([
      { event: "notification-dropped", id: lost().id, host: H },
    ]);
  });

  it("keeps no later event waiting", async () => {
    logged();
    configure({ NOTIFY_URLS: [HOOK] });
    const answers: Record<string, number> = { [H]: 500 };
    const posts = receivers(answers);
    await add(lost(1));
    await next();
    await next();
    answers[H] = 200;
    posts.splice(0);
    at(Date.now() + 1_000);
    await add(lost(2));
    expect(await alarmAt(), "at once, and not when the first is due").toBe(Date.now());
    await next();
    expect(posts.map(({ json }) => json.id)).toEqual([lost(2).id]);
    await next();
    expect(posts.map(({ json }) => json.id)).toEqual([lost(2).id, lost(1).id]);
  });

  it("is named in the log without the whole fingerprint", async () => {
    const lines = logged();
    configure({ NOTIFY_URLS: [HOOK] });
    receivers({ [H]: 404 });
    await add({ ...lost(), id: `certificate-expiring:${"3a1b09fe".repeat(8)}:7` });
    await next();
    expect(lines).toMatchObject([{ id: "certificate-expiring:3a1b09fe:7", status: 404 }]);
  });
});

describe("a change of targets", () => {
  it("reaches what still waits", async () => {
    logged();
    configure({ NOTIFY_URLS: [HOOK] });
    const posts = receivers({ [H]: 404 });
    await add(lost());
    await next();
    configure({ NOTIFY_URLS: [NTFY] });
    await evictDurableObject(registryStub(ALICE));
    await next();
    expect(posts.map(({ host }) => host)).toEqual([H, N]);
    expect(await stored()).toEqual([]);
  });

  it("to a new password repeats nothing", async () => {
    logged();
    configure({ NOTIFY_URLS: ["https://a:b@hooks.example.com/in", NTFY] });
    const posts = receivers({ [N]: 500 });
    await add(lost());
    await next();
    configure({ NOTIFY_URLS: ["https://a:c@hooks.example.com/in", NTFY] });
    await evictDurableObject(registryStub(ALICE));
    await next();
    expect(posts.map(({ host }) => host)).toEqual([H, N, N]);
  });

  it("to none, as by a slip of the pen, loses nothing that is mended in time", async () => {
    logged();
    configure({ NOTIFY_URLS: [HOOK] });
    const posts = receivers();
    await add(lost());
    configure({ NOTIFY_URLS: "slip" });
    await evictDurableObject(registryStub(ALICE));
    await next();
    expect(posts).toEqual([]);
    expect(await stored()).toHaveLength(1);
    configure({ NOTIFY_URLS: [HOOK] });
    await evictDurableObject(registryStub(ALICE));
    await next();
    expect(posts).toHaveLength(1);
  });
});

describe("a run of the alarm", () => {
  const many = (count: number) => Array.from({ length: count }, (_, n) => lost(n));

  it("makes forty requests at most, and the rest follows", async () => {
    configure({ NOTIFY_URLS: [HOOK, NTFY] });
    const posts = receivers();
    await add(...many(45));
    for (const expected of [40, 40, 10]) {
      await next();
      expect(posts.splice(0)).toHaveLength(expected);
    }
    expect([await stored(), await alarmAt()]).toEqual([[], null]);
  });

  it("waits for a silent receiver once", async () => {
    logged();
    configure({ NOTIFY_URLS: [HOOK] });
    const posts = receivers({ [H]: undefined });
    await add(...many(30));
    await next();
    expect(posts).toHaveLength(1);
    expect((await stored()).every(({ tries, next_at }) => tries === 1 && next_at === NOW + 30_000)).toBe(
      true,
    );
  });

  it("that fails inside is repeated later, and not over and over", async () => {
    const lines = logged();
    configure({ NOTIFY_URLS: [HOOK] });
    const posts = receivers();
    await add(lost());
    await runInDurableObject(registryStub(ALICE), async (alice, { storage }) => {
      const broken = vi.spyOn(storage.sql, "exec").mockImplementationOnce(() => {
        throw new Error("over the limit");
      });
      await alice.alarm();
      broken.mockRestore();
    });
    expect(lines).toEqual([{ event: "outbox-error", message: "Error: over the limit" }]);
    expect(await alarmAt()).toBe(NOW + 30_000);
    await next();
    expect(posts).toHaveLength(1);
  });

  it("that the runtime gave up is taken up again by resume", async () => {
    configure({ NOTIFY_URLS: [HOOK] });
    const posts = receivers();
    await add(lost());
    await runInDurableObject(registryStub(ALICE), async (_, { storage }) => storage.deleteAlarm());
    await registryStub(ALICE).noteExpiring(Date.now());
    await next();
    expect(posts).toHaveLength(1);
  });
});

it("without fake time, the runtime's own alarm delivers", async () => {
  vi.useRealTimers();
  configure({ NOTIFY_URLS: [HOOK] });
  const posts = receivers();
  await add(lost());
  await vi.waitFor(() => expect(posts).toHaveLength(1), { timeout: 5_000 });
  await vi.waitFor(async () => expect(await stored()).toEqual([]));
});
