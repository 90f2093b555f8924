import { afterEach, describe, expect, it, vi } from "vitest";
import { callObject, RegistryUnavailable } from "../../../../src/registry/client/call.ts";

afterEach(() => {
  vi.useRealTimers();
});

/** An error as the runtime marks it. */
function failure(marks: { retryable?: unknown; overloaded?: unknown }): Error {
  return Object.assign(new Error("broken"), marks);
}

const RETRYABLE = failure({ retryable: true });

/** Calls with each outcome in turn (an `Error` is thrown) on numbered stubs; pauses take no time. */
async function run(outcomes: unknown[], idempotent: boolean) {
  vi.useFakeTimers();
  const stubs: number[] = [];
  let made = 0;
  const result = callObject(
    () => ++made,
    async (stub) => {
      stubs.push(stub);
      const outcome = outcomes[stubs.length - 1];
      if (outcome instanceof Error) throw outcome;
      return outcome;
    },
    { idempotent },
  ).then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  await vi.runAllTimersAsync();
  return { ...(await result), stubs };
}

describe("callObject", () => {
  it("calls once when that goes well", async () => {
    expect(await run(["fine", "never"], true)).toEqual({ value: "fine", stubs: [1] });
    expect(await run([null], true)).toEqual({ value: null, stubs: [1] });
  });

  it("repeats with a new stub each time", async () => {
    expect(await run([RETRYABLE, "fine"], true)).toEqual({ value: "fine", stubs: [1, 2] });
    expect(await run([RETRYABLE, RETRYABLE, "fine"], true)).toEqual({ value: "fine", stubs: [1, 2, 3] });
  });

  it("gives up after three tries, and tells the last cause", async () => {
    const last = failure({ retryable: true });
    const { error, stubs } = (await run([RETRYABLE, RETRYABLE, last, "late"], true)) as {
      error: Error;
      stubs: number[];
    };
    expect(stubs).toEqual([1, 2, 3]);
    expect(error).toBeInstanceOf(RegistryUnavailable);
    expect(error.cause).toBe(last);
  });

  it.each([
    ["an ordinary error", true, failure({})],
    ["an error that is not retryable", true, failure({ retryable: false })],
    ["an error that only looks retryable", true, failure({ retryable: "true" })],
    ["an overloaded object", true, failure({ retryable: true, overloaded: true })],
    ["an overloaded object, not retryable", true, failure({ overloaded: true })],
    ["a call that is not idempotent", false, RETRYABLE],
  ])("does not repeat %s", async (_, idempotent, cause) => {
    const { error, stubs } = (await run([cause, "fine"], idempotent)) as { error: Error; stubs: number[] };
    expect(stubs).toEqual([1]);
    expect(error).toBeInstanceOf(RegistryUnavailable);
    expect(error.cause).toBe(cause);
  });

  it("stops repeating when the next error is of another kind", async () => {
    const overloaded = failure({ retryable: true, overloaded: true });
    expect(await run([RETRYABLE, overloaded, "fine"], true)).toMatchObject({ stubs: [1, 2] });
  });

  it.each([null, undefined, "text", 5])("takes %s as a cause", async (thrown) => {
    const call = callObject(
      () => null,
      () => Promise.reject(thrown),
      { idempotent: true },
    );
    await expect(call).rejects.toBeInstanceOf(RegistryUnavailable);
    await expect(call).rejects.toHaveProperty("cause", thrown);
  });

  it("takes a stub that cannot be made for an object that does not answer", async () => {
    const call = callObject(
      () => {
        throw new Error("no such binding");
      },
      () => Promise.resolve(1),
      { idempotent: true },
    );
    await expect(call).rejects.toBeInstanceOf(RegistryUnavailable);
  });

  it("pauses 50 ms, then 100 ms, before it tries again", async () => {
    vi.useFakeTimers();
    const call = vi.fn(() => Promise.reject(RETRYABLE));
    const settled = vi.fn();
    callObject(() => null, call, { idempotent: true }).catch(settled);
    const triesAfter = async (ms: number) => {
      await vi.advanceTimersByTimeAsync(ms);
      return call.mock.calls.length;
    };
    expect([await triesAfter(0), await triesAfter(49), await triesAfter(1)]).toEqual([1, 1, 2]);
    expect([await triesAfter(99), await triesAfter(1)]).toEqual([2, 3]);
    expect(settled).toHaveBeenCalledOnce();
  });

  it("does not wait for an object that never answers, and does not ask it again", async () => {
    vi.useFakeTimers();
    const call = vi.fn(() => new Promise(() => {}));
    const settled = vi.fn();
    callObject(() => null, call, { idempotent: true }).catch(settled);
    await vi.advanceTimersByTimeAsync(9_999);
    expect(settled).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(settled.mock.calls[0]?.[0]).toBeInstanceOf(RegistryUnavailable);
    expect(call).toHaveBeenCalledOnce();
  });

  it("leaves no timer behind", async () => {
    vi.useFakeTimers();
    await callObject(
      () => null,
      () => Promise.resolve(1),
      { idempotent: true, timeoutMs: 1000 },
    );
    expect(vi.getTimerCount()).toBe(0);
  });
});
