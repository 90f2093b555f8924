import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import { findUnknownCertificate } from "../../../scripts/cli/devices/unknown.ts";
import { type Api, createApi } from "../../../scripts/client/api.ts";
import { API_PATH } from "../../../src/contract/paths.ts";

// More than the real registry is filled with in a test: pages, and fingerprints that begin alike.
let server: Server;
let api: Api;
const asked: string[] = [];
const AT = "2026-11-24T00:00:00.000Z";
const user = (id: string) => ({ id, name: null, createdAt: AT, role: "member", emails: [] });
const TOKEN = {
  ...{ id: "t", user: null, name: "all", scope: "read" },
  ...{ createdAt: AT, expiresAt: null, lastUsedAt: null },
};
const body: Record<string, unknown> = {
  "/users?limit=500": { users: [user("a")], next: "a" },
  "/users?limit=500&after=a": { users: [user("b")], next: "b c" },
  "/users?limit=500&after=b+c": { users: [user("c")], next: null },
  "/audit?limit=500": { entries: entries(500, 1000), next: "501" },
  "/audit?limit=100&before=501": { entries: entries(100, 500), next: "401" },
  "/audit?limit=50&search=x": { entries: [], next: "4001" },
  "/audit?limit=50&before=4001&search=x": { entries: entries(2, 3500), next: "3001" },
  "/audit?limit=48&before=3001&search=x": { entries: [], next: null },
  "/audit?limit=7": { entries: [], next: "3" },
  "/tokens": { tokens: [{ ...TOKEN, colour: "blue" }], total: 1 },
  "/sessions": { sessions: [{ id: "x", token: null, person: null, createdAt: AT, expiresAt: "soon" }] },
  "/blocked": { blocked: ["A".repeat(64), "none"] },
  "/unknown-certificates": {
    unknownCertificates: ["a".repeat(63), `${"a".repeat(62)}b`, "c".repeat(63)].map((digits) => ({
      fingerprint: `${digits}0`,
      ...{ subject: "CN=Cloudflare", issuer: null, serial: null, notAfter: null },
      ...{ firstSeen: AT, lastSeen: AT, app: "vault.example.com", country: null, count: 1 },
    })),
  },
};

function entries(count: number, newest: number) {
  return Array.from({ length: count }, (_, index) => ({
    ...{ id: newest - index, at: AT, actor: "admin", ip: null, country: null },
    ...{ act: "an-act-of-a-newer-gate", outcome: "done", target: null, detail: {} },
  }));
}

beforeAll(async () => {
  server = createServer((request, response) => {
    const path = request.url?.slice(API_PATH.length) ?? "";
    asked.push(path);
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body[path]));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  api = createApi({ origin: `http://127.0.0.1:${port}`, token: "t", ca: undefined, timeoutMs: 5000 });
});
afterAll(() => server.close());

it("a list is whole: every page is asked for", async () => {
  expect((await api.users()).map(({ id }) => id)).toEqual(["a", "b", "c"]);
});

it("an audit log is as long as asked for, over several pages, and says where it continues", async () => {
  const { entries, next } = await api.audit(undefined, 600, undefined);
  expect(entries).toHaveLength(600);
  expect(next).toBe("401");
});

it("a search goes on where the gate found nothing in the lines that it looked at", async () => {
  const { entries, next } = await api.audit(undefined, 50, undefined, "x");
  expect(entries.map(({ id }) => id)).toEqual([3500, 3499]);
  expect(next).toBeNull();
  await expect(
    api.audit(undefined, 7, undefined),
    "without a search, that is no gate's answer",
  ).rejects.toThrow();
});

it("fields that only a newer Worker has are ignored", async () => {
  expect(await api.tokens()).toEqual([TOKEN]);
});

it.each([
  ["GET /sessions", "sessions.0.expiresAt", () => api.sessions()],
  ["GET /blocked", "blocked.1", () => api.blocked()],
])(
  "an answer of another form is a failure that names the call and the field: %s, %s",
  async (call, field, ask) => {
    await expect(ask()).rejects.toMatchObject({
      message: `${api.origin} answered ${call} with JSON that is not the API's: see ${field}`,
      hint: "update the latchkey command or deploy the Worker: their versions do not match",
    });
  },
);

it("the first digits stand for an unknown fingerprint only when no other begins with them", async () => {
  expect(await findUnknownCertificate(api, "CC:CC:CC:CC")).toBe(`${"c".repeat(63)}0`);
  await expect(findUnknownCertificate(api, "aaaaaaaa")).rejects.toMatchObject({
    exitCode: 1,
    message: "2 unknown certificates begin with aaaaaaaa",
    list: [`${"a".repeat(63)}0  CN=Cloudflare`, `${"a".repeat(62)}b0  CN=Cloudflare`],
  });
  // A whole fingerprint needs no list.
  asked.length = 0;
  await findUnknownCertificate(api, "d".repeat(64));
  expect(asked).toEqual([]);
});
