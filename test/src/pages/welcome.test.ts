// The page that hands out a certificate which an invitation brings along: the real Worker, asked as its script asks.
import { reset, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { LINK_QUESTION_EVERY_MS, LINK_QUESTIONS_MAX } from "../../../src/auth/invitation-codes.ts";
import type { AuditEntry, Device, NewInvitation } from "../../../src/contract/answers.ts";
import { ENROL_PATH, PATHS } from "../../../src/contract/paths.ts";
import type { SecretDigest } from "../../../src/domain/credential.ts";
import type { NewBundle } from "../../../src/domain/records.ts";
import { Invitations } from "../../../src/registry/client/invitations.ts";
import { RegistryClient } from "../../../src/registry/client/registry-client.ts";
import { OPEN_BUNDLES_MAX } from "../../../src/registry/user/rules/bundles.ts";
import { LAST_SEEN_EVERY_MS } from "../../../src/registry/user/rules/sightings.ts";
import { DEVICE_FINGERPRINT, DEVICE_PEM, expectProblem, NAMELESS_PEM } from "../api/fixtures.ts";
import { ADMIN_HOST, api, enrol, fingerprint } from "../fixtures.ts";
import { cf, Isolate, logged } from "../gate/fixtures.ts";
import { ALICE, BOB, by, DETAILS, intercepted, key, registryStub, UNLIMITED } from "../registry/fixtures.ts";

const ORIGIN = `https://${ADMIN_HOST}`;
const PROOF = "ab".repeat(32);
const CIPHERTEXT = "QUJD";
const FIREFOX = "Mozilla/5.0 (Android 16; Mobile; rv:149.0) Gecko/149.0 Firefox/149.0";

beforeEach(async () => {
  await reset();
  for (const user of [ALICE, BOB]) await api("PUT", `/users/${user}`, {});
});

const bundle = (change: Record<string, unknown> = {}) => ({
  id: crypto.randomUUID(),
  name: "Pixel 9",
  certificate: DEVICE_PEM,
  ciphertext: CIPHERTEXT,
  proof: PROOF,
  ...change,
});

async function invite(
  change: Record<string, unknown> = {},
  ofBundle: Record<string, unknown> = {},
): Promise<NewInvitation> {
  const body = { bundle: bundle(ofBundle), ...change };
  const response = await api("POST", `/users/${ALICE}/invitations`, body);
  if (response.status !== 201) throw new Error(`invite: ${response.status} ${await response.text()}`);
  return response.json();
}

interface Sent {
  proof?: string;
  browser?: string;
  look?: "yes";
  isolate?: Isolate;
  headers?: Record<string, string>;
}

/** What the page's script sends and gets. */
async function ask(code: string, { isolate = new Isolate(), headers = {}, ...fields }: Sent = {}) {
  const body = new URLSearchParams({ code, proof: PROOF, browser: "first browser", ...fields });
  const response = await isolate.fetch(`${ORIGIN}${PATHS.welcome}`, {
    method: "POST",
    body: body.toString(),
    headers: {
      origin: ORIGIN,
      "sec-fetch-site": "same-origin",
      "sec-fetch-dest": "empty",
      "content-type": "application/x-www-form-urlencoded;charset=UTF-8",
      "user-agent": FIREFOX,
      "cf-connecting-ip": "203.0.113.9",
      ...headers,
    },
    cf: { country: "DE" },
  });
  const text = await response.text();
  await isolate.idle();
  return { status: response.status, answer: response.status === 200 ? JSON.parse(text) : text };
}

const NOTHING = { status: 404, answer: '{"code":"unknown-invitation"}' };

async function devices(): Promise<Device[]> {
  return (await (await api("GET", `/users/${ALICE}/devices`)).json<{ devices: Device[] }>()).devices;
}

async function audit(): Promise<AuditEntry[]> {
  return (await (await api("GET", `/users/${ALICE}/audit`)).json<{ entries: AuditEntry[] }>()).entries;
}

/** What is stored of ciphertexts. */
function stored(): Promise<unknown[]> {
  return runInDurableObject(registryStub(ALICE), (_, state) =>
    state.storage.sql.exec("SELECT ciphertext FROM bundles").toArray(),
  );
}

/** The device comes to the gate with its certificate. */
async function come(of = DEVICE_FINGERPRINT): Promise<number> {
  const isolate = new Isolate();
  const response = await isolate.fetch("/", { cf: cf({}, of as Device["id"] as never) });
  await isolate.idle();
  return response.status;
}

describe("the page", () => {
  it("is there for anybody, may ask only its own host, and uses nothing up", async () => {
    const { link, code } = await invite();
    expect(link).toBe(`${ORIGIN}${PATHS.welcome}#${code}`);
    for (let n = 0; n < 3; n++) {
      const page = await new Isolate().fetch(`${ORIGIN}${PATHS.welcome}`);
      expect(page.status).toBe(200);
      const policy = page.headers.get("content-security-policy") ?? "";
      expect(policy).toContain("connect-src 'self'");
      expect(policy).toContain("default-src 'none'");
      expect(await page.text()).not.toContain("<script>");
    }
    expect(await devices()).toEqual([]);
    expect((await ask(code)).status).toBe(200);
  });

  it("is not on an app's host, nor is its script", async () => {
    for (const path of [PATHS.welcome, PATHS.welcomeScript]) {
      const page = await new Isolate().fetch(`https://app.example.com${path}`);
      expect(page.status).toBe(404);
    }
  });
});

describe("fetching", () => {
  it("gives the ciphertext and enrols the certificate; the log says who fetched it, and from where", async () => {
    const { code, id, status, bundle } = await invite();
    expect(status).toBe("open");
    expect(bundle).toEqual({ name: "Pixel 9", fingerprint: DEVICE_FINGERPRINT, renews: null });
    const { answer } = await ask(code);
    expect(answer).toEqual({
      ...{ invitation: id, user: "alice", name: "Pixel 9", isRenewal: false, isSeen: false },
      ...{ isWaiting: false, comparisonCode: null, ciphertext: CIPHERTEXT },
      apps: expect.arrayContaining(["https://app.example.com/"]),
      ...{ expiresAt: null, countries: null, onlyApps: null },
    });
    const [device] = await devices();
    expect(device).toMatchObject({ name: "Pixel 9", status: "active" });
    expect(device?.credentials).toMatchObject([
      { fingerprint: DEVICE_FINGERPRINT, subject: "O=Household, CN=alice-phone" },
    ]);
    const place = { actor: "invitation", ip: "203.0.113.9", country: "DE", outcome: "done" };
    expect((await audit()).slice(0, 3)).toMatchObject([
      { ...place, act: "fetch-certificate", detail: { invitation: id, client: "Firefox on Android" } },
      { ...place, act: "enrol", detail: { invitation: id } },
      { act: "invite", detail: { device: "Pixel 9", fingerprint: DEVICE_FINGERPRINT } },
    ]);
    expect(await come()).toBe(200);
  });

  it("gives it to the same browser again until the certificate is seen, and then to nobody", async () => {
    const { code } = await invite();
    expect((await ask(code)).answer).toMatchObject({ isSeen: false, ciphertext: CIPHERTEXT });
    expect((await ask(code)).answer).toMatchObject({ isSeen: false, ciphertext: CIPHERTEXT });
    expect(await devices()).toHaveLength(1);
    expect((await ask(code, { look: "yes" })).answer).toMatchObject({ isSeen: false, ciphertext: null });
    expect(await stored()).toEqual([{ ciphertext: CIPHERTEXT }]);

    expect(await come()).toBe(200);
    expect(await stored()).toEqual([{ ciphertext: null }]);
    expect((await ask(code)).answer).toMatchObject({ isSeen: true, ciphertext: null });
    expect((await ask(code, { look: "yes" })).answer).toMatchObject({ isSeen: true, ciphertext: null });
    const fetched = (await audit()).filter(({ act }) => act === "fetch-certificate");
    expect(fetched).toHaveLength(2);
  });

  it("lets a device wait for approval, and gives it the digits to compare", async () => {
    const { code } = await invite({ approval: true });
    const { answer } = await ask(code);
    const [device] = await devices();
    expect(device?.status).toBe("pending");
    expect(answer).toMatchObject({ isWaiting: true, comparisonCode: device?.comparisonCode });
    expect(await come()).toBe(404);
    expect((await ask(code, { look: "yes" })).answer).toMatchObject({ isWaiting: true, isSeen: true });
  });

  it("limits the device as the invitation says", async () => {
    const expiresAt = new Date(Date.now() + 86_400_000).toISOString();
    const limits = { apps: ["swiss.example.com"], countries: ["CH"], expiresAt };
    const { code } = await invite({ limits });
    const shown = { onlyApps: ["swiss.example.com"], countries: ["CH"], expiresAt };
    const { answer } = await ask(code);
    expect(answer).toMatchObject({ ...shown, apps: ["https://swiss.example.com/"] });
    expect((await devices())[0]).toMatchObject(limits);
    expect((await ask(code, { look: "yes" })).answer, "and a look").toMatchObject(shown);
  });

  it("gives it to one of many browsers that ask at the same time", async () => {
    const { code } = await invite();
    const asked = await Promise.all(
      ["a", "b", "c", "d"].map((browser) => ask(code, { browser, isolate: new Isolate() })),
    );
    expect(asked.map(({ status }) => status).sort()).toEqual([200, 404, 404, 404]);
  });
});

describe("nothing is given, and nothing used up,", () => {
  it("for a wrong code, which costs no question", async () => {
    const calls: string[] = [];
    const counted = intercepted(async (call) => {
      calls.push(call.name);
      return call.proceed();
    });
    const isolate = new Isolate({ ...counted });
    const { code } = await invite();
    const changed = `${code.startsWith("0") ? "1" : "0"}${code.slice(1)}`;
    // The key of the check, once.
    expect(await ask(changed, { isolate })).toEqual(NOTHING);
    calls.length = 0;
    for (const wrong of [changed, "", "x", `${code}${code}`, "0".repeat(26)]) {
      expect(await ask(wrong, { isolate })).toEqual(NOTHING);
    }
    expect(calls).toEqual([]);
    expect((await ask(code, { isolate })).status).toBe(200);
  });

  it("for a changed key, whose proof is another", async () => {
    const { code } = await invite();
    expect(await ask(code, { proof: "cd".repeat(32) })).toEqual(NOTHING);
    expect(await ask(code, { proof: "" })).toEqual(NOTHING);
    expect(await devices()).toEqual([]);
    expect((await ask(code)).status).toBe(200);
  });

  it("without a browser's secret, or to look before it was fetched", async () => {
    const { code } = await invite();
    expect(await ask(code, { browser: "" })).toEqual(NOTHING);
    expect(await ask(code, { browser: "x".repeat(101) })).toEqual(NOTHING);
    expect(await ask(code, { look: "yes" })).toEqual(NOTHING);
    expect((await ask(code)).status).toBe(200);
  });

  it("to another browser, which is looked up once an hour", async () => {
    const { code } = await invite();
    expect((await ask(code)).status).toBe(200);
    const calls: string[] = [];
    const isolate = new Isolate({
      ...intercepted(async (call) => {
        calls.push(call.name);
        return call.proceed();
      }),
    });
    for (let n = 0; n < 5; n++) expect(await ask(code, { browser: "second", isolate })).toEqual(NOTHING);
    expect(calls.filter((name) => name === "alice.checkBundle")).toHaveLength(1);
    expect((await ask(code)).answer).toMatchObject({ ciphertext: CIPHERTEXT });
  });

  it("to many made-up browsers, of which few are looked up; the right one is told to try again, and gets it", async () => {
    const { code, id } = await invite();
    expect((await ask(code)).status).toBe(200);
    const calls: string[] = [];
    const isolate = new Isolate({
      ...intercepted(async (call) => {
        calls.push(call.name);
        return call.proceed();
      }),
    });
    for (let n = 0; n < LINK_QUESTIONS_MAX; n++) {
      expect(await ask(code, { browser: `browser ${n}`, isolate })).toEqual(NOTHING);
    }
    calls.length = 0;
    logged();
    for (let n = 0; n < 50; n++)
      expect((await ask(code, { browser: `other ${n}`, isolate })).status).toBe(503);
    expect((await ask(code, { isolate })).status).toBe(503);
    expect(calls).toEqual([]);
    expect((await ask(code)).answer, "in another isolate").toMatchObject({ ciphertext: CIPHERTEXT });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + LINK_QUESTION_EVERY_MS });
    onTestFinished(() => void vi.useRealTimers());
    expect((await ask(code, { isolate })).answer).toMatchObject({ ciphertext: CIPHERTEXT, invitation: id });
  });

  it("when it was withdrawn", async () => {
    const { code, id } = await invite();
    expect((await api("DELETE", `/users/${ALICE}/invitations/${id}`)).status).toBe(204);
    expect(await stored()).toEqual([]);
    expect(await ask(code)).toEqual(NOTHING);
  });

  it("when it has expired: the alarm deletes what is stored", async () => {
    const { code } = await invite();
    await runInDurableObject(registryStub(ALICE), (_, state) => {
      state.storage.sql.exec("UPDATE invitations SET expires_at = 1");
      state.storage.sql.exec("UPDATE bundles SET expires_at = 1");
    });
    expect(await ask(code)).toEqual(NOTHING);
    expect(await runDurableObjectAlarm(registryStub(ALICE))).toBe(true);
    expect(await stored()).toEqual([]);
  });

  it("when it has expired, even while the storage refuses to delete it: that is tried again", async () => {
    await invite();
    await runInDurableObject(registryStub(ALICE), async (alice, { storage }) => {
      storage.sql.exec("UPDATE bundles SET expires_at = 1");
      await storage.deleteAlarm();
      const exec = storage.sql.exec.bind(storage.sql);
      const refusing = vi.spyOn(storage.sql, "exec").mockImplementation((query, ...values) => {
        if (query.startsWith("DELETE FROM bundles")) throw new Error("over the limit");
        return exec(query, ...values);
      });
      await alice.alarm();
      refusing.mockRestore();
    });
    const at = await runInDurableObject(registryStub(ALICE), (_, { storage }) => storage.getAlarm());
    expect(at).toBeGreaterThan(Date.now());
    expect(await runDurableObjectAlarm(registryStub(ALICE))).toBe(true);
    expect(await stored()).toEqual([]);
  });

  it("when the device was revoked or suspended since", async () => {
    const { code } = await invite();
    await ask(code);
    const [device] = await devices();
    await api("POST", `/users/${ALICE}/devices/${device?.id}/suspend`);
    expect(await ask(code)).toEqual(NOTHING);
    await api("POST", `/users/${ALICE}/devices/${device?.id}/revoke`);
    expect(await ask(code)).toEqual(NOTHING);
  });

  it("when the user is gone", async () => {
    const { code } = await invite();
    expect((await api("DELETE", `/users/${ALICE}`)).status).toBe(204);
    expect(await stored()).toEqual([]);
    expect(await ask(code)).toEqual(NOTHING);
  });

  it.each([
    ["another site", { origin: "https://evil.example", "sec-fetch-site": "cross-site" }],
    ["an app on a sister host", { "sec-fetch-site": "same-site" }],
    ["a form, not a script", { "sec-fetch-dest": "document" }],
    ["nobody says where", { origin: "null" }],
    ["another content type", { "content-type": "text/plain" }],
  ])("for a request of %s", async (_, headers) => {
    const { code } = await invite();
    const refused = await ask(code, { headers });
    expect(refused.status).toBeGreaterThanOrEqual(400);
    expect(refused.answer).not.toContain(CIPHERTEXT);
    expect((await ask(code)).status).toBe(200);
  });

  it("for an invitation that brings none; and one that brings some enrols no other certificate", async () => {
    const plain: NewInvitation = await (await api("POST", `/users/${ALICE}/invitations`, {})).json();
    expect(plain.bundle).toBeNull();
    expect(await ask(plain.code)).toEqual(NOTHING);

    const { code } = await invite();
    const page = await new Isolate().fetch(ENROL_PATH, {
      method: "POST",
      body: new URLSearchParams({ code, name: "Mine", user: "alice" }).toString(),
      headers: {
        origin: "https://app.example.com",
        "sec-fetch-site": "same-origin",
        "sec-fetch-dest": "document",
        "content-type": "application/x-www-form-urlencoded",
      },
      cf: cf(),
    });
    expect(page.status).toBe(422);
    expect(await devices()).toEqual([]);
  });
});

it("says that the device can't be added when its name was taken since, and uses nothing up", async () => {
  const { code } = await invite();
  const other = await enrol(ALICE, "pixel 9", fingerprint(7));
  expect(await ask(code)).toEqual({ status: 409, answer: '{"code":"name-taken"}' });
  await api("PATCH", `/users/${ALICE}/devices/${other.id}`, { name: "Old" });
  expect((await ask(code)).status).toBe(200);
});

describe("a renewal", () => {
  it("adds the next certificate when it is fetched; its first use ends the old one, and what is stored", async () => {
    const { id } = await enrol(ALICE, "Phone", fingerprint(1));
    const { code, bundle } = await invite({}, { name: undefined, device: id });
    expect(bundle).toEqual({ name: "Phone", fingerprint: DEVICE_FINGERPRINT, renews: id });
    expect((await devices())[0]?.credentials).toHaveLength(1);
    expect((await ask(code)).answer).toMatchObject({ name: "Phone", isRenewal: true, isSeen: false });
    expect(await come(fingerprint(1))).toBe(200);
    expect(await stored()).toEqual([{ ciphertext: CIPHERTEXT }]);

    expect(await come()).toBe(200);
    expect(await stored()).toEqual([{ ciphertext: null }]);
    expect(await come(fingerprint(1))).toBe(404);
    expect((await ask(code, { look: "yes" })).answer).toMatchObject({ isSeen: true });
    const [device] = await devices();
    expect(device?.credentials.map(({ retiredAt }) => retiredAt !== null)).toEqual([true, false]);
  });

  it("leaves nothing stored once it is used, though the old certificate was retired by hand before", async () => {
    const { id } = await enrol(ALICE, "Phone", fingerprint(1));
    const { code } = await invite({}, { name: undefined, device: id });
    expect(await come(fingerprint(1))).toBe(200);
    expect((await ask(code)).status).toBe(200);
    const retired = await api("DELETE", `/users/${ALICE}/devices/${id}/credentials/${fingerprint(1)}`);
    expect(retired.status).toBe(204);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + LAST_SEEN_EVERY_MS });
    onTestFinished(() => void vi.useRealTimers());
    expect(await come()).toBe(200);
    expect(await stored()).toEqual([{ ciphertext: null }]);
    expect((await ask(code)).answer).toMatchObject({ isSeen: true, ciphertext: null });
  });

  it("is refused for a device that was revoked since", async () => {
    const { id } = await enrol(ALICE, "Phone", fingerprint(1));
    const { code } = await invite({}, { name: undefined, device: id });
    await api("POST", `/users/${ALICE}/devices/${id}/revoke`);
    expect(await ask(code)).toEqual({ status: 409, answer: '{"code":"forbidden-transition"}' });
  });
});

describe("an invitation is not made", () => {
  const make = (body: Record<string, unknown>, user: string = ALICE) =>
    api("POST", `/users/${user}/invitations`, body);

  it.each([
    ["an app on whose host it works", { app: "app.example.com", bundle: bundle() }],
    ["a name and a device", { bundle: bundle({ device: "x" }) }],
    ["neither a name nor a device", { bundle: bundle({ name: undefined }) }],
    ["an end of a certificate that is not there", { bundle: bundle({ retireBy: 60 }) }],
    ["a ciphertext of more than 64 KiB", { bundle: bundle({ ciphertext: "A".repeat(87_400) }) }],
    ["a ciphertext that is none", { bundle: bundle({ ciphertext: "a b" }) }],
    ["an id that is no UUID", { bundle: bundle({ id: "1" }) }],
    ["a proof that is none", { bundle: bundle({ proof: "x" }) }],
    ["approval of a renewal", { approval: true, bundle: bundle({ name: undefined, device: "x" }) }],
  ])("with %s", async (_, body) => {
    await expectProblem(await make(body), "invalid-fields");
  });

  it("for a device or certificate that cannot be enrolled", async () => {
    await enrol(ALICE, "Phone", fingerprint(1));
    await expectProblem(await make({ bundle: bundle({ name: "phone" }) }), "name-taken");
    const renewal = { name: undefined, device: "nobody" };
    await expectProblem(await make({ bundle: bundle(renewal) }), "unknown-device");
    await expectProblem(await make({ bundle: bundle({ certificate: "x" }) }), "invalid-certificate");
    await expectProblem(await make({ bundle: bundle() }, "nobody"), "unknown-user");
    const { bundle: _ } = await invite();
    await expectProblem(await make({ bundle: bundle({ name: "Other" }) }), "fingerprint-taken");
  });

  it("under an id that another one has", async () => {
    const { id, code } = await invite();
    const again = bundle({ id, name: "Other", certificate: NAMELESS_PEM });
    await expectProblem(await make({ bundle: again }), "unknown-invitation");
    expect((await ask(code)).answer).toMatchObject({ name: "Pixel 9" });
  });

  it("without an ADMIN_HOST, where the page would be", async () => {
    const isolate = new Isolate({ ADMIN_HOST: undefined });
    const response = await isolate.fetch(
      `https://app.example.com/.latchkey/api/v1/users/${ALICE}/invitations`,
      {
        method: "POST",
        body: JSON.stringify({ bundle: bundle() }),
        headers: { authorization: `Bearer ${env.ADMIN_TOKEN}`, "content-type": "application/json" },
      },
    );
    await expectProblem(response, "invalid-fields");
  });

  it("when ten are open; one that was seen counts no more", async () => {
    const invitations = new Invitations(env, new RegistryClient(env));
    const create = (n: number) => {
      const id = crypto.randomUUID();
      const expiresAt = Date.now() + 60_000;
      const brought: NewBundle = {
        ...{ name: `Device ${n}`, renews: null, key: key(n), details: DETAILS, retireBy: null },
        ...{ ciphertext: CIPHERTEXT, proof: PROOF },
      };
      const invitation = { id, app: null, approval: false, expiresAt, limits: UNLIMITED };
      return invitations.create(by(), ALICE, invitation, `digest ${n}` as SecretDigest, brought);
    };
    for (let n = 0; n < OPEN_BUNDLES_MAX; n++) expect((await create(n + 1)).ok).toBe(true);
    expect(await create(50)).toEqual({ ok: false, error: { code: "too-many-bundles" } });
    await runInDurableObject(registryStub(ALICE), (_, state) =>
      state.storage.sql.exec("UPDATE bundles SET ciphertext = NULL WHERE key = ?", key(1)),
    );
    expect((await create(50)).ok).toBe(true);
  });
});
