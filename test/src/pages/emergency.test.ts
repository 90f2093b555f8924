// An emergency card: typed into the sign-in page, it shows its user's devices and shuts them out, and does nothing else.
import { reset } from "cloudflare:test";
import { beforeEach, describe, expect, it } from "vitest";
import type { AuditList, Device, NewToken } from "../../../src/contract/answers.ts";
import { devicePath, PATHS } from "../../../src/contract/paths.ts";
import { PAGES } from "../../../src/pages/routes.ts";
import { ADMIN_HOST, api, bearer, enrol, fingerprint, makeToken } from "../fixtures.ts";
import { Isolate, logged, SIGN_IN } from "../gate/fixtures.ts";

const ORIGIN = `https://${ADMIN_HOST}`;

let phone: Device;
let laptop: Device;
let card: NewToken;

beforeEach(async () => {
  await reset();
  phone = await enrol("alice", "Phone", fingerprint(1));
  laptop = await enrol("alice", "Laptop", fingerprint(2));
  await enrol("bob", "Secret", fingerprint(3));
  card = await makeToken("alice", "emergency", "emergency card");
});

/** A browser, as it asks for pages and sends their forms. */
function browser(settings: Record<string, unknown> = {}) {
  const isolate = new Isolate(settings);
  let cookie = "";
  return async (path: string, fields?: Record<string, string>) => {
    const headers = { origin: ORIGIN, "content-type": "application/x-www-form-urlencoded", cookie };
    const sent = fields === undefined ? {} : { method: "POST", body: String(new URLSearchParams(fields)) };
    const init = { ...sent, headers, redirect: "manual", cf: { country: "CH" } } as const;
    const response = await isolate.fetch(`${ORIGIN}${path}`, init);
    cookie = response.headers.get("set-cookie")?.split(";")[0] ?? cookie;
    const text = await response.text();
    return { status: response.status, location: response.headers.get("location"), text };
  };
}

/** A browser that has signed in with the card. */
async function withCard(settings: Record<string, unknown> = {}) {
  const ask = browser(settings);
  expect(await ask(PATHS.signIn, { token: card.token, card: "card" })).toMatchObject({ status: 303 });
  return ask;
}

const statusOf = async ({ id }: Device) =>
  ((await (await api("GET", `/users/alice/devices/${id}`)).json()) as Device).status;

describe("the API", () => {
  it("makes one that never expires, unless it is to", async () => {
    expect(card).toMatchObject({ user: "alice", scope: "emergency", expiresAt: null });
    expect(card.token).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}$/);
    const body = { user: "alice", name: "short", scope: "emergency", expiresInSeconds: 3600 };
    const short: NewToken = await (await api("POST", "/tokens", body)).json();
    expect(Date.parse(short.expiresAt ?? "") - Date.parse(short.createdAt)).toBe(3_600_000);
  });

  it("makes none for everybody's devices", async () => {
    const made = await api("POST", "/tokens", { user: null, name: "x", scope: "emergency" });
    expect(made.status).toBe(422);
  });

  it("takes one, and says in the audit log that it was the card", async () => {
    const headers = { ...bearer(card.token.toLowerCase()).headers, "Content-Type": "application/json" };
    const url = `/.latchkey/api/v1/users/alice/devices/${phone.id}/revoke`;
    expect((await new Isolate().fetch(url, { method: "POST", headers, body: "{}", cf: {} })).status).toBe(
      200,
    );
    const { entries }: AuditList = await (await api("GET", "/users/alice/audit")).json();
    expect(entries[0]).toMatchObject({ act: "revoke", actor: "token alice/emergency card" });
  });
});

describe("the sign-in page", () => {
  it.each([
    ["as it is", (code: string) => code],
    ["in small letters, with spaces", (code: string) => code.toLowerCase().replaceAll(/.{4}/g, "$& ")],
    [
      "with hyphens, O and L",
      (code: string) => code.replaceAll(/0/g, "O").replaceAll(/1/g, "l").replace(/.{5}/, "$&-"),
    ],
  ])("takes the code %s", async (_, type) => {
    expect(await browser()(PATHS.signIn, { token: type(card.token), card: "card" })).toMatchObject({
      status: 303,
      location: PATHS.home,
    });
    // In the other form, too: it asks for a token.
    expect((await browser()(PATHS.signIn, { token: type(card.token), next: PATHS.home })).status).toBe(303);
  });

  it("shows a wrong code again, so that it can be corrected", async () => {
    logged();
    const wrong = `${card.token.slice(0, -1)}<`;
    const { status, text } = await browser()(PATHS.signIn, { token: wrong, card: "card" });
    expect(status).toBe(422);
    expect(text).toContain("This code is not valid.");
    expect(text).toContain(`value="${card.token.slice(0, -1)}&lt;"`);
    expect(text).toContain('<details class="card" open>');
    expect((await browser()(PATHS.signIn, { token: wrong })).text).not.toContain(card.token.slice(0, -1));
  });

  it("refuses a card that was revoked", async () => {
    logged();
    await api("DELETE", `/tokens/${card.id}`);
    expect((await browser()(PATHS.signIn, { token: card.token, card: "card" })).status).toBe(422);
  });
});

describe("what it shows", () => {
  it("says what reporting a device lost deletes, and on what", async () => {
    const lost = async (settings?: Record<string, unknown>) => {
      const { text } = await (await withCard(settings))(PATHS.devices);
      return /<dt>Lost<\/dt><dd>(.*?)<\/dd>/.exec(text)?.[1];
    };
    const web = { "app.example.com": { signIn: true } };
    expect(await lost()).toMatch(
      /^Blocks the device, and Bitwarden on it deletes its vault .*certificate\.$/,
    );
    expect(await lost({ APPS: { "app.example.com": {} } })).toBe(
      "Blocks the device. No app here has anything deleted on it.",
    );
    expect(await lost({ APPS: web, SIGN_IN })).toBe(
      "Blocks the device. A browser that is signed in is told to delete what it stores of the apps.",
    );
  });

  it("is its user's devices, what can be done, and no way to anywhere else", async () => {
    const { status, text } = await (await withCard())(PATHS.devices);
    expect(status).toBe(200);
    for (const shown of ["Phone", "Laptop", "Blocks the device for good."]) expect(text).toContain(shown);
    expect(text).not.toContain("Secret");
    expect(text).not.toContain("<nav");
    const links = [...text.matchAll(/<a [^>]*href="([^"]+)"/g)].map(([, href]) => href);
    const acts = [laptop, phone].flatMap((each) =>
      ["suspend", "lost", "revoke"].map((act) => devicePath(each, act)),
    );
    expect(links.sort()).toEqual(["#main", ...acts].sort());
  });

  it("are these pages alone", async () => {
    const ask = await withCard();
    const open = ["any own", "see own", "shut-out user"];
    for (const { method, path, needs, of } of PAGES) {
      const filled = path.replace(":user", "alice").replace(":device", phone.id).replace(":act", "suspend");
      const { status } = await ask(filled, method === "POST" ? { name: "x" } : undefined);
      expect([path, status === 404], path).toEqual([path, !open.includes(`${needs} ${of}`)]);
    }
    expect(await ask(`${PATHS.devices}/bob`)).toMatchObject({ status: 404 });
  });

  it("is nothing once its user is gone", async () => {
    const ask = await withCard();
    for (const { id } of [phone, laptop]) {
      await api("POST", `/users/alice/devices/${id}/revoke`);
      await api("DELETE", `/users/alice/devices/${id}`);
    }
    expect((await ask(PATHS.devices)).text).toContain("There are no devices.");
    expect((await api("DELETE", "/users/alice")).status).toBe(204);
    expect((await ask(PATHS.devices)).text).toContain("<h1>Sign in</h1>");
  });
});

describe("what it does", () => {
  it.each([
    ["suspend", "suspended", {}],
    ["revoke", "revoked", { reason: "stolen" }],
    ["lost", "lost", { confirm: "Phone" }],
  ])("%s, after a page that says what will happen", async (act, status, fields) => {
    const ask = await withCard();
    const asked = await ask(devicePath(phone, act));
    expect(asked).toMatchObject({ status: 200 });
    expect(asked.text).toContain("will be blocked everywhere");
    expect(asked.text).not.toMatch(/you let it back in|If you find it, let it/);
    expect(asked.text).not.toContain(`href="${devicePath(phone)}"`);
    expect(await ask(devicePath(phone, act), fields)).toEqual({
      status: 303,
      location: PATHS.devices,
      text: "",
    });
    expect(await statusOf(phone)).toBe(status);
    expect((await ask(PATHS.devices)).text).toContain(`<span class="status ${status}">`);
    const { entries }: AuditList = await (await api("GET", "/users/alice/audit")).json();
    expect(entries[0]?.actor).toMatch(/^token alice\/emergency card, session [0-9a-f]{8}$/);
  });

  it("reports nothing lost without its name", async () => {
    const ask = await withCard();
    expect((await ask(devicePath(phone, "lost"), { confirm: "Laptop" })).status).toBe(422);
    expect(await statusOf(phone)).toBe("active");
  });

  it.each([
    ["reinstate", "suspend", "suspended"],
    ["reinstate", "lost", "lost"],
    ["forget", "revoke", "revoked"],
  ])("never %s after %s", async (act, before, status) => {
    await api(
      "POST",
      `/users/alice/devices/${phone.id}/${before}`,
      before === "lost" ? { confirm: "Phone" } : {},
    );
    const ask = await withCard();
    expect((await ask(devicePath(phone, act))).status).toBe(409);
    expect((await ask(devicePath(phone, act), {})).status).toBe(409);
    expect(await statusOf(phone)).toBe(status);
    expect((await ask(PATHS.devices)).text).not.toContain(devicePath(phone, act));
  });

  it("never changes name or note", async () => {
    expect((await (await withCard())(devicePath(phone), { name: "Mine", note: "" })).status).toBe(404);
    expect(await (await api("GET", `/users/alice/devices/${phone.id}`)).json()).toMatchObject({
      name: "Phone",
    });
  });

  it("signs out", async () => {
    const ask = await withCard();
    expect((await ask(PATHS.signOut, {})).text).toContain("You are signed out.");
    expect((await ask(PATHS.devices)).text).toContain("<h1>Sign in</h1>");
  });
});
