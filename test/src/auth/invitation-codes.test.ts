import { reset } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DEAD_MS, DeadSecrets } from "../../../src/auth/dead-secrets.ts";
import { InvitationCodes } from "../../../src/auth/invitation-codes.ts";
import { KeyedSecrets } from "../../../src/auth/keyed-secrets.ts";
import { Invitations } from "../../../src/registry/client/invitations.ts";
import { directoryOf } from "../../../src/registry/client/objects.ts";
import { RegistryClient } from "../../../src/registry/client/registry-client.ts";
import { certificateKey, keyedSecrets } from "../fixtures.ts";
import { ALICE, by, type Call, directory, enrolment, intercepted, registry } from "../registry/fixtures.ts";

// What a code costs that is wrong, or has ended.

const APP = "app.example.com";
const INVALID = { ok: false, error: { code: "invalid-invitation" } };

let now: number;
let calls: string[];
let fails: boolean;
beforeEach(async () => {
  now = Date.now();
  calls = [];
  fails = false;
  await directory().putUser(by(), ALICE, undefined);
});
afterEach(reset);

/** What an isolate has. */
function isolate(): InvitationCodes {
  const bindings = intercepted(async (call: Call) => {
    calls.push(call.name);
    if (fails) throw new Error("connection lost");
    return call.proceed();
  });
  const caller = directoryOf(bindings);
  const clock = () => now;
  const waitUntil = () => undefined;
  const secrets = new KeyedSecrets(
    () => caller.ask((directory) => directory.credentialCheck()),
    clock,
    waitUntil,
  );
  const invitations = new Invitations(bindings, new RegistryClient(bindings));
  return new InvitationCodes(secrets, new DeadSecrets(clock, waitUntil), invitations);
}

const UNLIMITED = { apps: null, countries: null, expiresAt: null };

async function invite(change: { app?: string; expiresAt?: number } = {}): Promise<string> {
  const { code, digest } = await keyedSecrets().newCode();
  const expiresAt = change.expiresAt ?? now + 24 * 60 * 60_000;
  const indexed = await directory().indexInvitation(by(), digest, ALICE, expiresAt);
  if (!indexed.ok) throw new Error(indexed.error.code);
  const invitation = {
    id: crypto.randomUUID(),
    app: change.app ?? null,
    approval: false,
    expiresAt,
    limits: UNLIMITED,
  };
  const made = await registry(ALICE).invite(by(), invitation, digest, indexed.value.generation);
  if (!made.ok) throw new Error(made.error.code);
  return code;
}

/** The n-th certificate presents a code. */
function present(codes: InvitationCodes, code: string, n = 1, app = APP) {
  const wanted = enrolment({ name: `Phone ${n}`, key: certificateKey(n) });
  const presented = { by: by({ actor: "invitation", at: now }), code, app, enrolment: wanted };
  return codes.redeem(presented, ALICE);
}

const refusals = async () =>
  (await registry(ALICE).audit(500, null)).items.filter(({ outcome }) => outcome === "refused");

describe("a code that is wrong", () => {
  it("is refused in the isolate, however many come, and the right one works after them", async () => {
    const codes = isolate();
    const right = await invite();
    for (let n = 0; n < 500; n++) {
      expect(await present(codes, n.toString().padStart(26, "0"))).toEqual(INVALID);
    }
    expect(calls).toEqual(["directory.credentialCheck"]);
    expect(await present(codes, right.toLowerCase())).toMatchObject({ ok: true });
  });
});

describe("a code that has ended", () => {
  it("is asked about once an hour, and its refusal is audited as often", async () => {
    const codes = isolate();
    const code = await invite();
    await present(codes, code, 1);
    calls = [];
    await Promise.all(Array.from({ length: 50 }, () => present(codes, code, 2)));
    for (let n = 0; n < 50; n++) expect(await present(codes, code, 2)).toEqual(INVALID);
    expect(calls).toEqual(["directory.invitationOwner", "directory.user", "alice.checkEnrolment"]);
    expect(await refusals()).toHaveLength(1);
    now += DEAD_MS;
    for (let n = 0; n < 50; n++) expect(await present(codes, code, 2)).toEqual(INVALID);
    expect(calls).toHaveLength(6);
    expect(await refusals()).toHaveLength(2);
  });

  it("still shows the device that it enrolled that it is enrolled, whoever else was refused", async () => {
    const codes = isolate();
    const code = await invite();
    expect(await present(codes, code, 1)).toMatchObject({ ok: true, value: { created: true } });
    expect(await present(codes, code, 2)).toEqual(INVALID);
    for (const reader of [codes, isolate()]) {
      expect(await present(reader, code, 1)).toMatchObject({ ok: true, value: { created: false } });
    }
  });

  it("on one app's host is good on its own", async () => {
    const codes = isolate();
    const code = await invite({ app: "vault.example.com" });
    for (let n = 0; n < 3; n++) expect(await present(codes, code)).toEqual(INVALID);
    expect(await present(codes, code, 1, "vault.example.com")).toMatchObject({ ok: true });
  });

  it("is looked up just as rarely when somebody only looks at what it would do, and that is not audited", async () => {
    const codes = isolate();
    const code = await invite();
    await present(codes, code, 1);
    calls = [];
    const presented = { by: by(), code, app: APP, enrolment: enrolment({ key: certificateKey(2) }) };
    for (let n = 0; n < 50; n++) expect(await codes.offer(presented)).toEqual(INVALID);
    expect(calls).toEqual(["directory.invitationOwner", "alice.offer"]);
    expect(await refusals()).toEqual([]);
  });
});

it("a code is not used up by a name that is taken, and works with the next one", async () => {
  const codes = isolate();
  const [first, second] = [await invite(), await invite()];
  await present(codes, first, 1);
  const wanted = enrolment({ name: "Phone 1", key: certificateKey(2) });
  const taken = { ok: false, error: { code: "name-taken", name: "Phone 1" } };
  const presented = { by: by(), code: second, app: APP, enrolment: wanted };
  for (let n = 0; n < 3; n++) {
    expect(await codes.offer(presented)).toEqual(taken);
    expect(await codes.redeem(presented, ALICE)).toEqual(taken);
  }
  expect(await present(codes, second, 2)).toMatchObject({ ok: true });
});

it("a code for another user than the one who was agreed to enrols nothing, and stays good", async () => {
  const codes = isolate();
  const code = await invite();
  const presented = { by: by(), code, app: APP, enrolment: enrolment() };
  expect(await codes.redeem(presented, "bob")).toEqual({ ok: false, error: { code: "not-agreed" } });
  expect(await codes.redeem(presented, ALICE)).toMatchObject({ ok: true });
});

it("a registry that does not answer makes no code wrong", async () => {
  const codes = isolate();
  const code = await invite();
  await present(codes, "0".repeat(26));
  fails = true;
  for (let n = 0; n < 5; n++)
    await expect(present(codes, code)).rejects.toThrow("the registry does not answer");
  fails = false;
  expect(await present(codes, code)).toMatchObject({ ok: true });
});
