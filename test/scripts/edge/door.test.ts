import { join } from "node:path";
import { build } from "esbuild";
import { afterEach, expect, it, vi } from "vitest";
import { BLOCKED_HEADER, behindDoor, SECRET_HEADER } from "../../../scripts/edge/workerd/door.ts";
import { withLatency } from "../../../scripts/edge/workerd/latency.ts";

afterEach(() => {
  vi.useRealTimers();
});

const secret = "secret";

/** A Worker that keeps what it was called with. */
function recorder() {
  const calls: { request: Request; env: object }[] = [];
  return {
    calls,
    fetch: async (request: Request, env: object) => {
      calls.push({ request, env });
      return new Response("worker");
    },
  };
}

const ask = (headers: Record<string, string> = {}) =>
  new Request("http://app.localhost/", { headers: { [SECRET_HEADER]: secret, ...headers } });

it("hands BLOCKED to the Worker, as another environment only when it has changed", async () => {
  const worker = recorder();
  const door = behindDoor(worker, { secret, latencyMs: 0 });
  const env = { APPS: {}, BLOCKED: "from the variables" };
  const blocked = { [BLOCKED_HEADER]: '"aa,bb"' };
  for (const headers of [{}, blocked, blocked, {}]) await door.fetch(ask(headers), env, {});
  const [first, second, third, last] = worker.calls.map((call) => call.env);
  expect(first).toBe(env);
  expect(second).toEqual({ APPS: {}, BLOCKED: "aa,bb" });
  expect(third).toBe(second);
  expect(last).toBe(env);
  for (const { request } of worker.calls) {
    expect([...request.headers.keys()]).toEqual([]);
    expect(request.url).toBe("https://app.localhost/");
  }
});

it("shows the Worker nothing of a request that does not know the secret", async () => {
  const worker = recorder();
  const door = behindDoor(worker, { secret, latencyMs: 0 });
  for (const guess of ["", "Secret", "secret2"]) {
    expect((await door.fetch(ask({ [SECRET_HEADER]: guess }), {}, {})).status).toBe(404);
  }
  expect(worker.calls).toEqual([]);
});

/** A binding whose objects answer with their name, at this moment. */
const namespace = {
  getByName: (name: string) => ({
    answer: async (...words: string[]) => ({ name, words, at: Date.now() }),
    fail: async () => {
      throw new Error("lost");
    },
  }),
};

it("puts latency before and after each call to an object, also before an error", async () => {
  vi.useFakeTimers({ now: 0 });
  vi.spyOn(Math, "random").mockReturnValue(0.5);
  const env = withLatency({ OBJECT: namespace, APPS: { a: 1 } }, 40) as {
    OBJECT: typeof namespace;
    APPS: object;
  };
  expect(env.APPS).toEqual({ a: 1 });
  const answered = env.OBJECT.getByName("alice")
    .answer("b", "c")
    .then((answer) => [answer, Date.now()]);
  await vi.runAllTimersAsync();
  expect(await answered).toEqual([{ name: "alice", words: ["b", "c"], at: 20 }, 40]);
  const failed = env.OBJECT.getByName("alice")
    .fail()
    .catch((error: Error) => [error.message, Date.now()]);
  await vi.runAllTimersAsync();
  expect(await failed).toEqual(["lost", 80]);
});

it("is the Worker's own environment without latency", () => {
  const env = { OBJECT: namespace };
  expect(withLatency(env, 0)).toBe(env);
});

it("is in the local edge alone: nothing of it is deployed", async () => {
  const root = join(import.meta.dirname, "..", "..", "..");
  const { metafile } = await build({
    entryPoints: [join(root, "src/index.ts")],
    absWorkingDir: root,
    ...{ bundle: true, write: false, metafile: true, format: "esm", logLevel: "silent" },
    ...{ conditions: ["workerd", "worker", "browser"], external: ["cloudflare:*", "node:*"] },
  });
  const inputs = Object.keys(metafile.inputs);
  expect(inputs).toContain("src/index.ts");
  expect(inputs.filter((path) => !/^(src|node_modules)\//.test(path))).toEqual([]);
});
