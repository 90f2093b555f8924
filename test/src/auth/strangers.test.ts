import { reset } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, expect, it } from "vitest";
import { randomText } from "../../../src/auth/secrets.ts";
import type { Device, NewInvitation } from "../../../src/contract/answers.ts";
import { API_PATH, devicePath, PATHS } from "../../../src/contract/paths.ts";
import { SIGN_INS_AN_HOUR } from "../../../src/domain/credential.ts";
import { MAX_FORM_BYTES } from "../../../src/pages/html/forms.ts";
import { api, bearer, enrol, fingerprint, makeToken, tlsClientAuth } from "../fixtures.ts";
import { Isolate, logged } from "../gate/fixtures.ts";
import { directoryStub, dump, intercepted } from "../registry/fixtures.ts";

// Regressions: what strangers sent, and what it cost whom. Through the whole Worker, as an isolate runs it.

const ADMIN_HOST = "latchkey.example.com";

/** By name, in the order of the calls. */
let calls: string[];
let isolate: Isolate;
let phone: Device;
let alice: string;

beforeEach(async () => {
  phone = await enrol("alice", "Phone", fingerprint(1));
  alice = (await makeToken("alice", "devices")).token;
  calls = [];
  const bindings = intercepted((call) => {
    calls.push(call.name);
    return call.proceed();
  });
  isolate = new Isolate({ ADMIN_HOST, ...bindings });
});
afterEach(reset);

const forged = () => `lkt_${randomText(38)}`;
/** The n-th of 65,536 networks. */
const network = (n: number) => ({ "CF-Connecting-IP": `2001:db8:0:${(n % 65_536).toString(16)}::1` });

/** Sends a form as a page of ours does; without a certificate. */
function post(path: string, fields: Record<string, string>, headers: Record<string, string> = {}) {
  return isolate.fetch(`https://${ADMIN_HOST}${path}`, {
    method: "POST",
    headers: {
      "Content-Type": "application/x-www-form-urlencoded",
      Origin: `https://${ADMIN_HOST}`,
      ...headers,
    },
    body: new URLSearchParams(fields),
    cf: { country: "CH" },
  });
}

function callApi(path: string, token: string, method = "GET", headers: Record<string, string> = {}) {
  const init = { method, headers: { ...bearer(token).headers, ...headers }, cf: {} };
  return isolate.fetch(`https://${ADMIN_HOST}${API_PATH}${path}`, init);
}

const letIn = async (n = 1) =>
  (await isolate.fetch("/", { cf: { tlsClientAuth: tlsClientAuth(fingerprint(n)), country: "CH" } }))
    .status === 200;

/** Does something this often, ten at a time. */
async function inTens(count: number, work: (n: number) => Promise<void>): Promise<void> {
  for (let n = 0; n < count; n += 10) {
    await Promise.all(Array.from({ length: Math.min(10, count - n) }, (_, index) => work(n + index)));
  }
}

it("finding 1: 2,994 wrong sign-ins from rotating networks cost the directory nothing, and are in the log", async () => {
  const lines = logged();
  const before = await dump(directoryStub());
  await inTens(2_994, async (n) => {
    const token = n % 2 === 0 ? `hunter${n}` : forged();
    expect((await post(PATHS.signIn, { token }, network(n))).status).toBe(422);
  });
  expect(calls).toEqual(["directory.credentialCheck"]);
  expect(await dump(directoryStub())).toEqual(before);
  expect(await letIn()).toBe(true);
  const wrong = lines.filter(({ event }) => event === "wrong-credentials");
  expect(wrong.at(0)).toEqual({ event: "wrong-credentials", app: ADMIN_HOST, country: "CH" });
}, 30_000);

it("2,000 wrong codes of emergency cards cost the directory nothing, and keep no right one waiting", async () => {
  logged();
  const { token: card } = await makeToken("alice", "emergency");
  const invitation: NewInvitation = await (await api("POST", "/users/alice/invitations", {})).json();
  calls = [];
  const before = await dump(directoryStub());
  const wrong = (n: number) => String(n).padStart(26, "7");
  await inTens(2_000, async (n) => {
    expect((await post(PATHS.signIn, { token: wrong(n), card: "card" }, network(n))).status).toBe(422);
  });
  expect((await callApi("/me", wrong(1))).status).toBe(401);
  // A code of the same form that is good for something else.
  expect((await post(PATHS.signIn, { token: invitation.code, card: "card" })).status).toBe(422);
  expect(calls).toEqual(["directory.credentialCheck"]);
  expect(await dump(directoryStub())).toEqual(before);
  expect((await post(PATHS.signIn, { token: card, card: "card" }, network(1))).status).toBe(303);
}, 30_000);

it.each([40, 4_000])(
  "finding 2: after %d forged tokens, alice's own revokes a lost phone, over the API and on the pages",
  async (many) => {
    logged();
    await inTens(many, async (n) => {
      const answer = await callApi("/me", forged(), "GET", { "CF-Connecting-IP": `127.0.0.${2 + (n % 4)}` });
      expect(answer.status).toBe(401);
    });
    expect(calls).toEqual(["directory.credentialCheck"]);
    const { id } = await enrol("alice", "Tablet", fingerprint(2));
    const revoked = await callApi(`/users/alice/devices/${id}/revoke`, alice, "POST");
    expect(revoked.status).toBe(200);
    // From the very network.
    const signedIn = await post(PATHS.signIn, { token: alice }, { "CF-Connecting-IP": "127.0.0.2" });
    expect(signedIn.status).toBe(303);
    const Cookie = signedIn.headers.get("set-cookie")?.split(";")[0] ?? "";
    expect((await post(devicePath(phone, "revoke"), {}, { Cookie })).status).toBe(303);
    for (const n of [1, 2]) expect(await letIn(n)).toBe(false);
  },
  30_000,
);

it("finding 3: wrong sign-ins of its own network never make the right ADMIN_TOKEN wait", async () => {
  logged();
  const headers = { "CF-Connecting-IP": "198.51.100.7" };
  for (let round = 0; round < SIGN_INS_AN_HOUR; round++) {
    for (let n = 0; n < 10; n++)
      expect((await post(PATHS.signIn, { token: "hunter2" }, headers)).status).toBe(422);
    expect((await post(PATHS.signIn, { token: env.ADMIN_TOKEN }, headers)).status).toBe(303);
  }
});

it("finding 4: of 300 right sign-ins with a token that only reads, 20 are let in; others go on", async () => {
  const reader = (await makeToken("alice", "read")).token;
  const statuses: number[] = [];
  for (let n = 0; n < 300; n++) {
    const answer = await post(PATHS.signIn, { token: reader }, network(n));
    statuses.push(answer.status);
    if (answer.status !== 303) continue;
    const Cookie = answer.headers.get("set-cookie")?.split(";")[0] ?? "";
    expect((await post(PATHS.signOut, {}, { Cookie })).status).toBe(200);
  }
  expect(statuses.slice(0, SIGN_INS_AN_HOUR)).toEqual(Array(SIGN_INS_AN_HOUR).fill(303));
  expect(new Set(statuses.slice(SIGN_INS_AN_HOUR))).toEqual(new Set([429]));
  const refused = await post(PATHS.signIn, { token: reader });
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(3_500);
  expect(await refused.text()).toContain("You signed in 20 times within an hour with this token.");
  const { audit } = await dump(directoryStub());
  expect((audit as { act: string }[]).filter(({ act }) => act === "sign-in")).toHaveLength(SIGN_INS_AN_HOUR);
  for (const token of [alice, env.ADMIN_TOKEN])
    expect((await post(PATHS.signIn, { token })).status).toBe(303);
});

it("a form is read no further than the longest that a person fills in", async () => {
  const longest = new URLSearchParams({ name: "😀".repeat(64), note: "中".repeat(500) });
  expect(longest.toString().length).toBeLessThan(MAX_FORM_BYTES / 2);
  const empty = new URLSearchParams({ next: "", token: "x" }).toString().length;
  const next = (more: number) => "a".repeat(MAX_FORM_BYTES - empty + more);
  expect((await post(PATHS.signIn, { next: next(0), token: "x" })).status).toBe(422);
  const tooLong = await post(PATHS.signIn, { next: next(1), token: "x" });
  expect(tooLong.status).toBe(413);
  expect(await tooLong.text()).not.toContain("aaaa");
  expect(calls).toEqual([]);
});
