import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { CheckStatus } from "../../../scripts/cloudflare/doctor/check.ts";
import {
  judgePages,
  judgeRequests,
  type Observation,
  type Seen,
} from "../../../scripts/cloudflare/doctor/outside/judge-requests.ts";
import { observeAdminHost } from "../../../scripts/cloudflare/doctor/outside/requests.ts";
import { startEdge } from "../../../scripts/edge/edge.ts";

const answer = (status: number, body = "", location: string | null = null): Seen => ({
  kind: "answer",
  status,
  body,
  location,
});
const REFUSED = answer(404, "Not Found");
const APP = answer(200, "<!doctype html>");
const silence: Seen = { kind: "silence", why: "ECONNREFUSED" };
const whoami = (status: string | null) =>
  answer(200, JSON.stringify({ device: status === null ? null : { status } }));

const GOOD: Observation = {
  host: "vault.example.com",
  expected: { status: 404, body: "Not Found" },
  stranger: REFUSED,
  page: answer(404, "<!doctype html><title>No certificate – Latchkey</title>"),
  forged: REFUSED,
  http: REFUSED,
  whoami: whoami("active"),
  visit: APP,
};

// biome-ignore format: a table is read by its columns.
const TABLE: [id: string, status: CheckStatus, what: string, seen: Partial<Observation>][] = [
  ["outside-without-certificate", "failed", "the app answers", { stranger: APP }],
  ["outside-without-certificate", "failed", "a firewall answers 403", { stranger: answer(403, "error code: 1020") }],
  ["outside-without-certificate", "failed", "Access asks for a sign-in", { stranger: answer(302, "", "https://house.cloudflareaccess.com/x") }],
  ["outside-without-certificate", "failed", "the tunnel is down and no gate in front", { stranger: answer(530) }],
  ["outside-without-certificate", "failed", "the gate does not know the host", { stranger: answer(503, "Service Unavailable") }],
  ["outside-without-certificate", "failed", "the app itself answers Not Found", { page: REFUSED }],
  ["outside-without-certificate", "unknown", "nobody answers", { stranger: silence }],
  ["outside-without-certificate", "unknown", "nobody answers for the page", { page: silence }],
  ["outside-forged-headers", "failed", "a forged header lets in", { forged: APP }],
  ["outside-forged-headers", "unknown", "nobody answers", { forged: silence }],
  ["outside-forged-headers", "ok", "the app is open anyway: the other check says so", { stranger: APP, forged: APP }],
  ["outside-http", "failed", "http reaches the app", { http: APP }],
  ["outside-http", "failed", "http is sent elsewhere", { http: answer(301, "", "https://www.example.com/") }],
  ["outside-http", "ok", "http is sent to https", { http: answer(301, "", "https://vault.example.com/") }],
  ["outside-http", "unknown", "nobody answers", { http: silence }],
  ["outside-http", "unknown", "it was not asked", { http: undefined }],
  ["outside-with-certificate", "unknown", "no certificate was given", { whoami: undefined, visit: undefined }],
  ["outside-with-certificate", "unknown", "it is enrolled nowhere", { whoami: whoami(null) }],
  ["outside-with-certificate", "unknown", "its device is suspended", { whoami: whoami("suspended") }],
  ["outside-with-certificate", "failed", "Cloudflare does not verify it", { whoami: REFUSED }],
  ["outside-with-certificate", "warning", "the app answers as the gate would", { visit: REFUSED }],
];

const statusOf = (id: string, ...seen: Observation[]) =>
  judgeRequests(seen).find((check) => check.id === id)?.status;

describe("the doctor's look from outside", () => {
  it("passes where the gate does what it should", () => {
    expect(judgeRequests([GOOD, GOOD]).map(({ status }) => status)).toEqual(["ok", "ok", "ok", "ok"]);
  });

  it.each(TABLE)("%s: %s when %s", (id, status, _, seen) => {
    expect(statusOf(id, { ...GOOD, ...seen })).toBe(status);
    // One bad host among good ones is enough.
    expect(statusOf(id, GOOD, { ...GOOD, ...seen })).toBe(status);
  });
});

describe("the admin host, from outside", () => {
  it.each<[CheckStatus, string, Seen]>([
    ["ok", "the sign-in page answers", answer(200, "<!doctype html><title>Sign in – Latchkey</title>")],
    ["failed", "another page answers", APP],
    ["failed", "Access asks for a sign-in", answer(302, "", "https://house.cloudflareaccess.com/x")],
    ["failed", "no Worker runs there", answer(522)],
    ["unknown", "nobody answers", silence],
  ])("%s: %s", (status, _, seen) => {
    expect(judgePages("latchkey.example.com", seen).status).toBe(status);
  });

  it("is asked over TLS, without a certificate", async () => {
    const folder = mkdtempSync(join(tmpdir(), "latchkey-outside-"));
    const host = "latchkey.localhost";
    const edge = await startEdge({
      port: 0,
      stateDir: folder,
      vars: { APPS: { "app.localhost": {} }, ADMIN_HOST: host },
    });
    try {
      const seen = await observeAdminHost(host, {
        connectTo: { hostname: "127.0.0.1", port: edge.port },
        ca: edge.ca,
        timeoutMs: 10_000,
        credential: undefined,
      });
      expect(judgePages(host, seen)).toMatchObject({ id: "outside-pages", status: "ok" });
    } finally {
      await edge.stop();
      rmSync(folder, { recursive: true });
    }
  });
});
