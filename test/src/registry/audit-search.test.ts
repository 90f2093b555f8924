import { reset, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { AuditList } from "../../../src/contract/answers.ts";
import type { AuditAct } from "../../../src/domain/audit-act.ts";
import { readAudit, SEARCHED_LINES, writeAudit } from "../../../src/registry/storage/audit-log.ts";
import { api } from "../fixtures.ts";
import { ALICE, by, cost, directory, directoryStub, registry, registryStub } from "./fixtures.ts";

const NOW = Date.UTC(2026, 10, 25, 12);

beforeEach(async () => {
  await directory().putUser(by({ at: NOW }), ALICE, undefined);
  await runInDurableObject(registryStub(ALICE), (_, state) => {
    const note = (
      act: AuditAct,
      name: string,
      detail: Record<string, string | null>,
      actor = "admin",
      ip = "192.0.2.1",
    ) =>
      writeAudit(state.storage.sql, by({ at: NOW, actor, ip, country: "CH" }), {
        act,
        outcome: act === "forget" ? "refused" : "done",
        target: { id: `id-${name}`, name },
        detail,
      });
    note("enrol", "Pixel 9", { note: "100% sure_of it" });
    note("suspend", "Laptop", { reason: null }, "token alice/desk");
    note("forget", "Zoë's phone", { reason: "not-revoked" }, "admin", "2001:db8::1");
    note("revoke", "Back\\slash", { note: 'said "no"' });
  });
});
afterEach(reset);

const found = async (search?: string) =>
  (await registry(ALICE).audit(10, null, search)).items.map(({ act }) => act);

describe("a search of the audit log", () => {
  it.each([
    ["the act", "enrol", ["enrol"]],
    ["the outcome", "refused", ["forget"]],
    ["the actor", "alice/desk", ["suspend"]],
    ["the address", "2001:db8", ["forget"]],
    ["the country", "ch", ["revoke", "forget", "suspend", "enrol"]],
    ["the target's id", "id-Lap", ["suspend"]],
    ["the target's name", "Pixel 9", ["enrol"]],
    ["the detail", "not-revoked", ["forget"]],
    ["any case", "PIXEL", ["enrol"]],
    ["letters beyond ASCII", "Zoë", ["forget"]],
    ["a quote", "Zoë's", ["forget"]],
    ["a backslash", "Back\\slash", ["revoke"]],
    ["a percent sign as itself", "100%", ["enrol"]],
    ["a percent sign as no wildcard", "P%9", []],
    ["an underscore as itself", "sure_of", ["enrol"]],
    ["an underscore as no wildcard", "Pixel_9", []],
    ["SQL as a text", "' OR 1=1 --", []],
    ["what is not there", "nothing", []],
  ])("finds %s", async (_, search, acts) => {
    expect(await found(search)).toEqual(acts);
  });

  it("without a text, finds all, newest first", async () => {
    expect(await found()).toEqual(["revoke", "forget", "suspend", "enrol"]);
  });

  it("is paged: each page is full of what was found", async () => {
    await runInDurableObject(directoryStub(), (_, { storage: { sql } }) => {
      for (let n = 0; n < 20; n++) {
        writeAudit(sql, by(), { act: n % 2 === 0 ? "enrol" : "forget", outcome: "done", target: null });
      }
      const pages: number[][] = [];
      for (let before: number | null = null; ; ) {
        const { items, next } = readAudit(sql, 4, before, "enrol");
        pages.push(items.map(({ id }) => id));
        if (next === null) break;
        before = Number(next);
      }
      expect(pages.map(({ length }) => length)).toEqual([4, 4, 2]);
      expect(pages.flat()).toEqual([...pages.flat()].sort((a, b) => b - a));
    });
  });
});

it("a search reads so many lines and no more, and goes on below them", async () => {
  await runInDurableObject(directoryStub(), (_, state) => {
    const { sql } = state.storage;
    writeAudit(sql, by(), { act: "dismiss", outcome: "done", target: null });
    sql.exec(
      `INSERT INTO audit (at, actor, act, outcome, detail)
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
         SELECT i, 'admin', 'often', 'done', '{}' FROM n`,
    );
    const found: string[] = [];
    let calls = 0;
    for (let before: number | null = null; ; calls += 1) {
      const { read } = cost(state, () => {
        const { items, next } = readAudit(sql, 10, before, "dismiss");
        found.push(...items.map(({ act }) => act));
        before = next === null ? null : Number(next);
      });
      expect(read).toBeLessThanOrEqual(SEARCHED_LINES + 10);
      if (before === null) break;
    }
    expect(found).toEqual(["dismiss"]);
    expect(calls).toBe(5);
    expect(readAudit(sql, 10, null).items).toHaveLength(10);
  });
});

describe("over the API", () => {
  const search = async (path: string, text: string) => {
    const response = await api("GET", `${path}?search=${encodeURIComponent(text)}`);
    return ((await response.json()) as AuditList).entries.map(({ act }) => act);
  };

  it("a user's log and the directory's are searched", async () => {
    expect(await search("/users/alice/audit", "pixel 9")).toEqual(["enrol"]);
    expect(await search("/audit", "create-user")).toEqual(["create-user"]);
    expect(await search("/audit", "enrol")).toEqual([]);
  });

  it.each([
    ["empty", "", 400],
    ["of 100 characters", "x".repeat(100), 200],
    ["of 101 characters", "x".repeat(101), 400],
  ])("a text %s", async (_, text, status) => {
    const response = await api("GET", `/audit?search=${text}`);
    expect(response.status).toBe(status);
    if (status !== 200)
      expect(await response.json()).toMatchObject({ code: "invalid-query", errors: [{ path: "search" }] });
  });
});
