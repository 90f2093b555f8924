// The page that an invitation's link opens: whose device it makes, and what it costs.
import { reset } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { NewInvitation } from "../../../src/contract/answers.ts";
import { ENROL_PATH } from "../../../src/contract/paths.ts";
import type { Fingerprint } from "../../../src/domain/fingerprint.ts";
import { api, enrol, fingerprint, HOST } from "../fixtures.ts";
import { cf, Isolate, logged, runtimeError, scripted, VAULT_HOST } from "../gate/fixtures.ts";
import { BOB, directoryStub, dump, intercepted, registryStub } from "../registry/fixtures.ts";

/** Alice's phone, which nobody has enrolled. */
const PHONE = fingerprint(1);

let isolate: Isolate;

beforeEach(async () => {
  logged();
  isolate = new Isolate();
  await api("PUT", "/users/alice", {});
  await api("PUT", "/users/bob", { name: "Bob Builder" });
});
afterEach(async () => {
  vi.restoreAllMocks();
  await isolate.idle();
  await reset();
});

async function invite(user: string, wanted: object = {}): Promise<string> {
  const made = await api("POST", `/users/${user}/invitations`, wanted);
  return ((await made.json()) as NewInvitation).code;
}

async function shown(answer: Response): Promise<{ status: number; text: string }> {
  return { status: answer.status, text: await answer.text() };
}

async function look(of: Fingerprint = PHONE) {
  return shown(await isolate.fetch(ENROL_PATH, { cf: cf({}, of) }));
}

/** Sends the page's form. */
function send(fields: Record<string, string>, of: Fingerprint = PHONE, host = HOST): Promise<Response> {
  return isolate.fetch(`https://${host}${ENROL_PATH}`, {
    method: "POST",
    headers: { Origin: `https://${host}`, "Content-Type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams(fields),
    cf: cf({}, of),
  });
}

async function stored() {
  return { directory: await dump(directoryStub()), bob: await dump(registryStub(BOB)) };
}

const INVALID = "This code can’t be used.";
const OF_BOB = "This is <strong>Pixel</strong>, one of <strong>bob</strong>’s devices.";

describe("an invitation", () => {
  // Security review, finding 6: bob passes his link on, and alice's phone becomes his without a word.
  it("says whose device it makes before the person agrees, at once after, and later", async () => {
    const code = await invite("bob");
    expect((await look()).text).toContain("Enrol this device");
    const before = await stored();

    const asked = await shown(await send({ code, name: "Pixel" }));
    expect(asked.status).toBe(200);
    expect(asked.text).toContain("<h1>Make this one of bob’s devices?</h1>");
    expect(asked.text).toContain(
      "<strong>Pixel</strong>, for <strong>bob</strong> (<strong>Bob Builder</strong>).",
    );
    expect(asked.text).toContain(`<input type="hidden" name="code" value="${code}">`);
    // Nothing is used up, written or audited by looking.
    expect(await stored()).toEqual(before);
    expect((await isolate.fetch("/", { cf: cf({}, PHONE) })).status).toBe(404);

    const enrolled = await send({ code, name: "Pixel", user: "bob" });
    expect([enrolled.status, enrolled.headers.get("location")]).toEqual([303, ENROL_PATH]);
    // At once, though the gate remembered a moment ago that the certificate is unknown.
    for (const page of [await look(), await look()]) {
      expect(page.text).toContain("This device is enrolled");
      expect(page.text).toContain(OF_BOB);
    }
    expect((await isolate.fetch("/", { cf: cf({}, PHONE) })).status).toBe(200);
  });

  it("goes back to the form with what was typed, and asks nobody for it", async () => {
    const code = await invite("bob");
    await look();
    const calls: string[] = [];
    isolate = new Isolate({
      ...intercepted((call) => {
        calls.push(call.name);
        return call.proceed();
      }),
    });
    const { status, text } = await shown(await send({ code, name: "Pixel", user: "bob", back: "back" }));
    expect(status).toBe(200);
    expect(text).toContain(`name="code" value="${code}"`);
    expect(text).toContain('name="name" value="Pixel"');
    expect(calls).toEqual([]);
  });

  it("enrols for nobody but the user who was agreed to, and a made-up one counts as a wrong code", async () => {
    const code = await invite("bob");
    for (const user of ["alice", "Bob", "x".repeat(100)]) {
      const { status, text } = await shown(await send({ code, name: "Pixel", user }));
      expect(status).toBe(422);
      expect(text).toContain(INVALID);
    }
    expect((await stored()).bob.devices).toEqual([]);
    expect((await stored()).directory.claims).toEqual([]);
  });

  it("says before it is agreed to that the device will wait, and shows the code and whose it is after", async () => {
    const code = await invite("bob", { approval: true });
    const asked = await shown(await send({ code, name: "Pixel" }));
    expect(asked.text).toContain("once the person who invited you has approved it");
    await send({ code, name: "Pixel", user: "bob" });
    const { text } = await look();
    expect(text).toContain("Almost there");
    expect(text).toContain(OF_BOB);
    expect(text).toMatch(/class="code"[^>]*>\d{3} \d{3}</);
  });

  it.each([
    ["that is mistyped", { code: "0".repeat(26), name: "Pixel" }, INVALID],
    ["of another app", { name: "Pixel" }, INVALID],
    ["with a name that another device has", { name: "Laptop" }, "choose another name. The code still works."],
    ["with a name that cannot be", { name: "" }, "The code still works."],
  ])("%s is refused in the first step", async (what, fields, words) => {
    await enrol("bob", "Laptop", fingerprint(7));
    const app = what === "of another app" ? VAULT_HOST : null;
    const code = await invite("bob", { app });
    const before = (await stored()).bob;
    const { status, text } = await shown(await send({ code, ...fields }));
    expect([status, text.includes(words)]).toEqual([422, true]);
    expect((await stored()).bob).toEqual(before);
  });

  it("is not asked for, nor used, by a device that is enrolled: it is shown whose it is", async () => {
    await enrol("alice", "My phone", PHONE);
    const code = await invite("bob");
    const before = await stored();
    for (const fields of [
      { code, name: "Pixel" },
      { code, name: "Pixel", user: "bob" },
    ]) {
      const { status, text } = await shown(await send(fields));
      expect(status).toBe(200);
      expect(text).toContain("This is <strong>My phone</strong>, one of <strong>alice</strong>’s devices.");
    }
    expect(await stored()).toEqual(before);
  });

  it.each([
    ["the same user", "bob", 303, ""],
    ["another user", "alice", 422, "certificate is already enrolled. If it does not work"],
  ])(
    "is refused or changes nothing when the device became one of %s a moment ago",
    async (_, user, status, words) => {
      const code = await invite("bob");
      await look();
      await enrol(user, "Just now", PHONE);
      const before = (await stored()).bob.devices;
      const answer = await shown(await send({ code, name: "Pixel", user: "bob" }));
      expect(answer.status).toBe(status);
      expect(answer.text).toContain(words);
      const after = await stored();
      expect(after.bob.devices).toEqual(before);
      expect(after.bob.invitations).toMatchObject([{ used_at: null }]);
    },
  );

  it("needs a host, where the configuration names none", async () => {
    const wide = new Isolate({ APPS: { "*": {} } });
    const make = (body: object) =>
      wide.fetch("/.latchkey/api/v1/users/bob/invitations", {
        method: "POST",
        headers: {
          Authorization: `Bearer ${env.ADMIN_TOKEN}`,
          "Content-Type": "application/json",
        },
        body: JSON.stringify(body),
      });
    expect(await (await make({})).json()).toMatchObject({
      code: "invalid-fields",
      errors: [{ path: "app" }],
    });
    expect(await (await make({ app: "any.example.org" })).json()).toMatchObject({
      link: expect.stringMatching(/^https:\/\/any\.example\.org\/\.latchkey\/enrol#/),
    });
  });
});

describe("the page of a device that is enrolled", () => {
  it.each(["suspend", "revoke", "lost"])("says whose it is after: %s", async (act) => {
    const { id } = await enrol("bob", "Pixel", PHONE);
    await api("POST", `/users/bob/devices/${id}/${act}`, act === "lost" ? { confirm: "Pixel" } : {});
    const { text } = await look();
    expect(text).toContain("This device is not let in");
    expect(text).toContain(OF_BOB);
  });

  it("shows the registry's failure as such, with a way back that is there", async () => {
    isolate = new Isolate(scripted({ standing: () => Promise.reject(runtimeError({})) }).bindings);
    const { status, text } = await look();
    expect(status).toBe(503);
    expect(text).toContain("Please try again");
    expect(text).toContain(`href="${ENROL_PATH}"`);
    expect(text).not.toContain('href="/.latchkey/"');
  });
});

describe("a certificate that is blocked", () => {
  it("gets no page, and enrols nothing with a right code", async () => {
    const code = await invite("bob");
    isolate = new Isolate({ BLOCKED: PHONE });
    const before = await stored();
    for (const answer of [await look(), await shown(await send({ code, name: "Pixel", user: "bob" }))]) {
      expect(answer).toMatchObject({ status: 404, text: "Not Found" });
    }
    expect(await stored()).toEqual(before);
  });
});

describe("a certificate that asks for the app and the page by turns, once a second for 100 seconds", () => {
  /** The calls to objects; the clock is ours. */
  async function callsOf(of: Fingerprint, paths: readonly string[]): Promise<Record<string, number>> {
    const calls: Record<string, number> = {};
    const bindings = intercepted((call) => {
      calls[call.name] = (calls[call.name] ?? 0) + 1;
      return call.proceed();
    });
    let now = Date.now();
    vi.spyOn(Date, "now").mockImplementation(() => now);
    isolate = new Isolate({ ...bindings, REVOCATION_DELAY_SECONDS: 10 });
    for (let second = 0; second < 100; second++) {
      const path = paths[second % paths.length] ?? "/";
      await (await isolate.fetch(path, { cf: cf({}, of) })).text();
      await isolate.idle();
      now += 1_000;
    }
    return calls;
  }
  const BOTH = ["/", ENROL_PATH];

  // Security review, finding 13: the page had a memory of its own, and asked twice.
  it("costs one call in two seconds, for gate and page together, while it is enrolled nowhere", async () => {
    expect(await callsOf(PHONE, BOTH)).toEqual({ "directory.resolve": 50 });
  });

  it("costs no more on the page than at the gate when it was revoked", async () => {
    const { id } = await enrol("bob", "Pixel", PHONE);
    await api("POST", `/users/bob/devices/${id}/revoke`);
    // It is remembered for 30 seconds.
    const expected = { "directory.resolve": 1, "bob.standing": 4 };
    expect(await callsOf(PHONE, ["/"])).toEqual(expected);
    vi.restoreAllMocks();
    logged();
    expect(await callsOf(PHONE, BOTH)).toEqual(expected);
  });

  it("costs one call more in two seconds for its code, while it waits for approval", async () => {
    const code = await invite("bob", { approval: true });
    await send({ code, name: "Pixel", user: "bob" });
    expect(await callsOf(PHONE, [ENROL_PATH])).toEqual({
      "directory.resolve": 1,
      "bob.standing": 50,
      "bob.deviceOf": 50,
    });
  });
});
