import { reset } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, expect, it, vi } from "vitest";
import { digestOf } from "../../../src/auth/secrets.ts";
import type { NewInvitation } from "../../../src/contract/answers.ts";
import { API_PATH, ENROL_PATH } from "../../../src/contract/paths.ts";
import { ADMIN_HOST, bearer, fingerprint, HOST, makeToken, tlsClientAuth } from "../fixtures.ts";
import { Isolate } from "../gate/fixtures.ts";
import { ALICE, directoryStub, dump, registryStub } from "../registry/fixtures.ts";

afterEach(async () => {
  vi.restoreAllMocks();
  await reset();
});

const form = (fields: Record<string, string>, host = ADMIN_HOST) => ({
  method: "POST",
  headers: { Origin: `https://${host}`, "Content-Type": "application/x-www-form-urlencoded" },
  body: new URLSearchParams(fields),
});

it("tokens, codes and cookies are stored nowhere, nor logged: their digests alone", async () => {
  const log = vi.spyOn(console, "log").mockImplementation(() => {});
  const isolate = new Isolate();
  const { token } = await makeToken("alice", "devices");
  const cookies: string[] = [];
  for (const each of [token, env.ADMIN_TOKEN]) {
    const signedIn = await isolate.fetch("/.latchkey/sign-in", form({ token: each }));
    expect(signedIn.status).toBe(303);
    cookies.push(/__Host-latchkey=([^;]+)/.exec(signedIn.headers.get("set-cookie") ?? "")?.[1] ?? "");
  }
  const invited = async () => {
    const init = { method: "POST", ...bearer(env.ADMIN_TOKEN) };
    const made = await isolate.fetch(`${API_PATH}/users/alice/invitations`, init);
    return ((await made.json()) as NewInvitation).code;
  };
  const [used, open] = [await invited(), await invited()];
  const cf = { tlsClientAuth: tlsClientAuth(fingerprint(5)) };
  const enrolled = await isolate.fetch(ENROL_PATH, {
    ...form({ code: used, name: "Phone", user: "alice" }, HOST),
    cf,
  });
  expect(enrolled.status).toBe(303);
  // Wrong ones of each kind.
  await isolate.fetch(ENROL_PATH, {
    ...form({ code: used, name: "Phone 2" }, HOST),
    cf: { tlsClientAuth: tlsClientAuth(fingerprint(6)) },
  });
  const wrong = `${token.slice(0, -1)}${token.endsWith("x") ? "y" : "x"}`;
  await isolate.fetch("/.latchkey/sign-in", form({ token: wrong }));
  await isolate.fetch(`${API_PATH}/me`, bearer(wrong));

  const tables = { directory: await dump(directoryStub()), alice: await dump(registryStub(ALICE)) };
  const stored = JSON.stringify(tables);
  expect(tables.directory.tokens).toHaveLength(1);
  expect(tables.directory.sign_ins).toHaveLength(2);
  expect(tables.directory.invitation_index).toHaveLength(2);
  expect(tables.alice.invitations).toHaveLength(2);
  const secrets = [token, env.ADMIN_TOKEN, ...cookies, used, open, wrong];
  const logged = JSON.stringify(log.mock.calls);
  for (const secret of secrets) {
    expect(secret.length).toBeGreaterThan(20);
    expect(stored).not.toContain(secret);
    // Not in parts either: what comes after the prefix, and half of it.
    expect(stored).not.toContain(secret.slice(4, 24));
    expect(logged).not.toContain(secret.slice(4, 24));
  }
  for (const secret of [token, cookies[0]?.split(".")[0] ?? "", used, open])
    expect(stored).toContain(await digestOf(secret));
});
