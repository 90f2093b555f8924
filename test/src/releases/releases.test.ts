// Earlier releases with the code of today: their tables, their command line's calls, and their Worker's calls, which run
// beside new objects while a deploy is under way. What is compared is what was recorded: see recording.ts.
import { evictDurableObject, reset, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { API_PATH } from "../../../src/contract/paths.ts";
import { HOST, tlsClientAuth } from "../fixtures.ts";
import { type Cf, Isolate, NO_CERTIFICATE, VAULT_HOST } from "../gate/fixtures.ts";
import { directoryStub, dropAll, fingerprint, registryStub, rows, userId } from "../registry/fixtures.ts";
import { Recorded } from "./recorded.ts";
import type { ApiCall, RpcCall } from "./recording.ts";

const files = import.meta.glob<string>("../../fixtures/releases/*/*.{json,sql}", {
  query: "?raw",
  import: "default",
  eager: true,
});
const RELEASES = [...new Set(Object.keys(files).map((path) => path.split("/").at(-2) ?? ""))];

const read = (release: string, name: string) => files[`../../fixtures/releases/${release}/${name}`] ?? "";
const apiCalls = (release: string): ApiCall[] => JSON.parse(read(release, "api.json"));
const rpcCalls = (release: string): RpcCall[] => JSON.parse(read(release, "rpc.json"));

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
});
afterEach(async () => {
  vi.useRealTimers();
  await reset();
});

it("are there", () => {
  expect(RELEASES).toContain("4b51997");
});

/** What an API call answers now. */
async function ask(
  isolate: Isolate,
  { method, path, token, body }: Omit<ApiCall, "at" | "status" | "answer">,
) {
  const response = await isolate.fetch(`${API_PATH}${path}`, {
    method,
    cf: { country: "CH" },
    headers: {
      authorization: `Bearer ${token ?? env.ADMIN_TOKEN}`,
      "content-type": "application/json",
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, answer: text === "" ? null : JSON.parse(text) };
}

describe.each(RELEASES)("of %s:", (release) => {
  describe("the tables", () => {
    const calls = apiCalls(release);
    const made = (path: string, name: string): { token: string } =>
      calls.find(
        ({ path: of, body }) => of === path && (body as { name?: string } | undefined)?.name === name,
      )?.answer as { token: string };

    beforeEach(async () => {
      vi.setSystemTime(calls.at(-1)?.at ?? 0);
      for (const [name, stub] of [
        ["directory", directoryStub()],
        ...["alice", "bob"].map((user) => [user, registryStub(userId(user))] as const),
      ] as const) {
        await runInDurableObject(stub, (_, state) => {
          dropAll(state);
          state.storage.sql.exec(read(release, `${name}.sql`));
        });
        // The next call starts the object, which brings the tables up to date.
        await evictDurableObject(stub);
      }
    });

    it("have everything that was in them", async () => {
      const isolate = new Isolate();
      const lists = calls.filter(({ method, token }) => method === "GET" && token === undefined);
      expect(lists.length).toBeGreaterThan(10);
      for (const { method, path, status, answer } of lists) {
        expect(await ask(isolate, { method, path }), path).toMatchObject({ status, answer });
      }
    });

    it("have today's schema, as a new object makes it", async () => {
      const columns = (stub: DurableObjectStub) =>
        runInDurableObject(stub, (_, state) =>
          rows(
            state,
            `SELECT m.name AS "table", i.name, i.type, i.pk FROM sqlite_master m, pragma_table_info(m.name) i
             WHERE m.type = 'table' AND m.name NOT LIKE '\\_cf\\_%' ESCAPE '\\' ORDER BY m.name, i.name`,
          ),
        );
      const old = [await columns(directoryStub()), await columns(registryStub(userId("alice")))];
      await reset();
      expect(old).toEqual([await columns(directoryStub()), await columns(registryStub(userId("alice")))]);
    });

    it("let in whom they let in, and nobody else", async () => {
      const visit = async (url: string, of: Cf, headers: Record<string, string> = {}) => {
        // Each in an isolate of its own, which remembers nothing of earlier ones.
        const isolate = new Isolate();
        const response = await isolate.fetch(url, { cf: of, headers });
        await response.text();
        await isolate.idle();
        return response.status;
      };
      const by = (n: number, country = "CH"): Cf => ({
        tlsClientAuth: tlsClientAuth(fingerprint(n)),
        country,
      });
      const app = `https://${HOST}/`;
      const names: [number, string][] = [
        [1, "Pixel 9"],
        [2, "Laptop"],
        [10, "Desk"],
        [6, "Laptop's next certificate"],
      ];
      for (const [n, name] of names) expect(await visit(app, by(n)), name).toBe(200);
      const refused: [number, string][] = [
        [2, "Laptop's former certificate, since the next one was seen"],
        [3, "revoked"],
        [5, "suspended"],
        [7, "forgotten"],
        [8, "unknown"],
        [9, "never seen"],
      ];
      for (const [n, name] of refused) expect(await visit(app, by(n)), name).toBe(404);
      expect(await visit(app, by(1, "US"))).toBe(404);
      expect(await visit(`https://${VAULT_HOST}/api/sync`, by(4))).toBe(401);
      const radio = made("/users/alice/device-tokens", "Radio").token;
      const feed = made("/users/alice/device-tokens", "Calendar").token;
      expect(await visit(app, NO_CERTIFICATE, { "x-latchkey-token": radio })).toBe(200);
      expect(await visit(`${app}feeds/a?latchkey=${feed}`, NO_CERTIFICATE)).toBe(200);
      expect(await visit(`${app}?latchkey=${feed}`, NO_CERTIFICATE)).toBe(404);
      expect(await visit(`https://${VAULT_HOST}/`, NO_CERTIFICATE, { "x-latchkey-token": radio })).not.toBe(
        200,
      );
    });

    it("know whose tokens these are, and take changes", async () => {
      const isolate = new Isolate();
      const status = async (method: string, path: string, token?: string, body?: unknown) =>
        (await ask(isolate, { method, path, ...(token === undefined ? {} : { token }), body })).status;
      const script = made("/tokens", "script").token;
      expect(await status("GET", "/users/alice/devices", script)).toBe(200);
      expect(await status("GET", "/users/bob/devices", script)).toBe(404);
      expect(await status("GET", "/users/bob/devices", made("/tokens", "monitor").token)).toBe(200);
      expect(await status("PUT", "/users/carol", made("/tokens", "monitor").token, {})).toBe(403);
      expect(await status("GET", "/me", made("/tokens", "revoked").token)).toBe(401);
      const enrolment = { user: "bob", name: "New" };
      const unknown = `/unknown-certificates/${fingerprint(8)}/enrol`;
      expect(await status("POST", unknown, undefined, enrolment)).toBe(201);
      const taken = { name: "Desk 2", fingerprint: fingerprint(10) };
      expect(await status("POST", "/users/alice/devices", undefined, taken)).toBe(409);
      const again = { name: "Old phone 2", fingerprint: fingerprint(3) };
      expect(await status("POST", "/users/alice/devices", undefined, again)).toBe(409);
    });
  });

  it("its command line's calls get the same answers", async () => {
    const isolate = new Isolate();
    const recorded = new Recorded();
    for (const call of apiCalls(release)) {
      const { status, answer, ...asked } = recorded.now(call);
      vi.setSystemTime(call.at);
      const now = await ask(isolate, asked);
      const where = `${call.method} ${call.path}`;
      // Lists also show what the gate saw of requests to apps, which nobody makes here: the tables above have that.
      if (call.method === "GET") expect(now.status, where).toBe(status);
      else recorded.compare({ status, answer }, now, where);
    }
  });

  it("its Worker's calls to the objects get the same answers", async () => {
    const recorded = new Recorded();
    const objects = env as unknown as Record<string, { getByName(name: string): Stub }>;
    const calls = rpcCalls(release);
    expect(calls.length).toBeGreaterThan(50);
    for (const call of calls) {
      const { object, method, args, answer } = recorded.now(call);
      vi.setSystemTime(call.at);
      const stub = objects[object === "directory" ? "DIRECTORY" : "USER_REGISTRY"]?.getByName(object);
      // In a copy without what is `undefined`, as it was recorded.
      const now = JSON.parse(JSON.stringify((await stub?.[method]?.(...args)) ?? null));
      // The key with which secrets are checked is random.
      if (method !== "credentialCheck") recorded.compare(answer, now, `${object}.${method}`);
    }
  });
});

type Stub = Record<string, (...args: unknown[]) => Promise<unknown>>;
