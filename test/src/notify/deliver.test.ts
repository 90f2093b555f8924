import { Webhook } from "standardwebhooks";
import { describe, expect, it, vi } from "vitest";
import { deliver } from "../../../src/notify/deliver.ts";
import type { Notification } from "../../../src/notify/event.ts";
import { notifySettings } from "../../../src/notify/settings.ts";
import { HOOK, lost, NTFY, receivers, SECRET } from "./fixtures.ts";

async function send(url: string, NOTIFY_SECRET?: string, notification: Notification = lost()) {
  const { targets, secret } = notifySettings({ NOTIFY_URLS: [url], NOTIFY_SECRET });
  const [target] = targets;
  if (target === undefined) throw new Error("no target");
  return deliver(target, notification, secret, Date.now());
}

describe("a delivery in generic JSON", () => {
  it("is signed so that the library of Standard Webhooks takes it", async () => {
    const posts = receivers();
    const notification = { ...lost(), title: "Zoë's phone 😀 was reported lost" };
    expect(await send(HOOK, SECRET, notification)).toEqual({ kind: "taken" });
    const [post] = posts;
    if (post === undefined) throw new Error("nothing was posted");
    expect(post.url).toBe(HOOK);
    expect(post.headers).toMatchObject({
      "content-type": "application/json",
      "webhook-id": notification.id,
      "webhook-timestamp": expect.stringMatching(/^\d{10}$/),
      "webhook-signature": expect.stringMatching(/^v1,[A-Za-z0-9+/]{43}=$/),
    });
    const webhook = new Webhook(SECRET);
    expect(webhook.verify(post.body, post.headers)).toEqual(notification);

    const other = new Webhook(`whsec_${btoa("x".repeat(32))}`);
    expect(() => other.verify(post.body, post.headers)).toThrow("No matching signature");
    expect(() => webhook.verify(post.body.replace("alice", "mallo"), post.headers)).toThrow();
    const replayed = { ...post.headers, "webhook-id": "device-lost:other:1" };
    expect(() => webhook.verify(post.body, replayed)).toThrow();
  });

  it("is not signed without a secret, and has its id all the same", async () => {
    const posts = receivers();
    await send(HOOK);
    expect(posts[0]?.headers).toMatchObject({ "webhook-id": lost().id });
    expect(posts[0]?.headers).not.toHaveProperty("webhook-signature");
    expect(posts[0]?.headers).not.toHaveProperty("authorization");
  });

  it("carries user and password in a header, not in the address", async () => {
    const posts = receivers();
    await send("https://user:pass@hooks.example.com/in");
    expect(posts[0]).toMatchObject({
      url: "https://hooks.example.com/in",
      headers: { authorization: `Basic ${btoa("user:pass")}` },
    });
  });
});

it("a delivery to ntfy is JSON at its root, without the id that only a webhook reads", async () => {
  const posts = receivers();
  expect(await send(NTFY, SECRET)).toEqual({ kind: "taken" });
  expect(posts[0]).toMatchObject({ url: "https://ntfy.example.com/", json: { topic: "SECRET-TOPIC" } });
  expect(Object.keys(posts[0]?.headers ?? {}).filter((name) => name.startsWith("webhook-"))).toEqual([]);
});

describe("an answer", () => {
  it.each([200, 201, 202, 204, 299])("of %d is taken", async (status) => {
    receivers({ "hooks.example.com": status });
    expect(await send(HOOK)).toEqual({ kind: "taken" });
  });

  it.each([301, 302, 303, 307, 308, 400, 401, 404, 410, 429, 500, 503])("of %d is not", async (status) => {
    const posts = receivers({ "hooks.example.com": status });
    expect(await send(HOOK)).toEqual({ kind: "refused", status });
    expect(posts, "no redirect is followed").toHaveLength(1);
  });

  it("that does not come is not, and says nothing of the address", async () => {
    receivers({ "hooks.example.com": undefined });
    expect(await send(HOOK)).toEqual({ kind: "unreachable", message: "TypeError" });
  });

  it("that does not come within ten seconds is not waited for", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    vi.spyOn(globalThis, "fetch").mockImplementation(
      (input) =>
        new Promise((_, reject) => {
          const { signal } = input as Request;
          signal.addEventListener("abort", () => reject(signal.reason));
        }),
    );
    let delivery: unknown;
    const sent = send(HOOK).then((value) => {
      delivery = value;
    });
    await vi.advanceTimersByTimeAsync(9_999);
    expect(delivery).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1);
    await sent;
    expect(delivery).toEqual({ kind: "unreachable", message: "TimeoutError" });
  });

  it("that breaks off after its status is taken", async () => {
    const body = new ReadableStream({
      cancel: () => Promise.reject(new Error("broken")),
    });
    vi.spyOn(globalThis, "fetch").mockResolvedValue(new Response(body, { status: 200 }));
    expect(await send(HOOK)).toEqual({ kind: "taken" });
  });
});

it("no timer is left behind, which would keep the object awake", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  receivers({ "ntfy.example.com": undefined });
  await send(HOOK);
  await send(NTFY);
  expect(vi.getTimerCount()).toBe(0);
});

it("the runtime's own fetch takes the request", async () => {
  // outboundService (vitest.config.ts) answers 200.
  expect(await send("https://user:pass@hooks.example.com/in", SECRET)).toEqual({ kind: "taken" });
});
