// On an app's host: what a ticket opens, for whom and how often; and how a browser is signed out.
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { Sealer } from "../../../../src/auth/sealed.ts";
import type { Device } from "../../../../src/contract/answers.ts";
import { BROWSERS_AN_HOUR } from "../../../../src/domain/browser.ts";
import { sealTicket } from "../../../../src/pages/sign-in/ticket.ts";
import { Browsers } from "../../../../src/registry/client/browsers.ts";
import { People } from "../../../../src/registry/client/people.ts";
import { RegistryClient } from "../../../../src/registry/client/registry-client.ts";
import { ADMIN_HOST, api, HOST } from "../../fixtures.ts";
import { logged } from "../../gate/fixtures.ts";
import { by, directory, userId } from "../../registry/fixtures.ts";
import {
  Browser,
  CLOSED_HOST,
  DOOR,
  handOverOf,
  isolate,
  type Login,
  newPerson,
  OTHER_HOST,
  sha256,
  TinyIssuer,
} from "./fixtures.ts";

const BROWSER_COOKIE = "__Host-latchkey-app";
const ENTRY_COOKIE = "__Host-latchkey-entry";
const ENTER = `https://${HOST}/.latchkey/enter`;

async function heading(response: Response): Promise<string> {
  return /<h1>([^<]*)/.exec(await response.text())?.[1] ?? "";
}

async function refused(browser: Browser, response: Response, title: string, host = HOST) {
  expect([response.status, await heading(response)]).toEqual([400, title]);
  expect(browser.cookies(host).has(BROWSER_COOKIE)).toBe(false);
  expect((await browser.ask(`https://${host}/`)).status).toBe(404);
}

async function devicesOf(user: string) {
  return (await (await api("GET", `/users/${user}/devices`)).json<{ devices: Device[] }>()).devices;
}

/** A person on the page that hands over to the app. */
async function arrived(of: { login?: Login; at?: ReturnType<typeof isolate> } = {}) {
  logged();
  const issuer = new TinyIssuer();
  const person = await newPerson();
  const { login = person.login, at = isolate() } = of;
  const browser = new Browser(at);
  return { ...person, issuer, at, browser, page: await browser.handOver(issuer, login) };
}

describe("a ticket", () => {
  it("makes the browser a device of this app, for 30 days", async () => {
    const { user, browser, page } = await arrived();
    expect((await browser.enter(page)).status).toBe(303);
    const [device, ...others] = await devicesOf(user);
    expect(others).toEqual([]);
    expect(device).toMatchObject({ kind: "browser", apps: [HOST], status: "active", expiresAt: null });
    expect((await browser.ask(`https://${HOST}/`)).status).toBe(200);
    expect((await browser.ask(`https://${OTHER_HOST}/`)).status).toBe(404);
    expect(browser.cookies(HOST).has(ENTRY_COOKIE)).toBe(false);
  });

  it("has room for the longest address, and the longest names that a provider may give", async () => {
    const issuer = new TinyIssuer();
    const { login } = await newPerson();
    const browser = new Browser();
    const link = await browser.offered(HOST, `/${"a".repeat(1_499)}`);
    const long = { ...login, sub: "\u4e2d".repeat(255), sid: "\u4e2d".repeat(255) };
    const page = await handOverOf(await browser.ask(issuer.callback(await browser.begin(link), long)));
    expect((await browser.enter(page)).status).toBe(303);
  });

  it("works once", async () => {
    const { user, browser, page } = await arrived();
    const entry = browser.cookies(HOST).get(ENTRY_COOKIE) ?? "";
    await browser.enter(page);
    // Whoever has seen it all in between.
    const thief = new Browser();
    thief.cookies(HOST).set(ENTRY_COOKIE, entry);
    await refused(thief, await thief.enter(page), "Not signed in");
    expect(await devicesOf(user)).toHaveLength(1);
  });

  it("works once, even at the same time", async () => {
    const { user, browser, page } = await arrived();
    const answers = await Promise.all([1, 2, 3].map(() => browser.enter(page)));
    expect(answers.map(({ status }) => status).sort()).toEqual([303, 400, 400]);
    expect(await devicesOf(user)).toHaveLength(1);
  });

  it("does not open another browser, without the entry or with one of its own", async () => {
    const { page } = await arrived();
    const thief = new Browser();
    await refused(thief, await thief.enter(page), "Please begin again");
    await thief.offered();
    await refused(thief, await thief.enter(page), "Please begin again");
  });

  it("of somebody else, planted in a browser, does not sign its person in as them", async () => {
    const { page } = await arrived();
    const victim = new Browser();
    await victim.offered();
    // What another host of the domain can set, and the browser does not take for our name.
    for (const name of ["\u2000", "\u00a0", "\u3000"]) {
      victim.cookies(HOST).set(`${name}${ENTRY_COOKIE}`, "A".repeat(22));
    }
    await refused(victim, await victim.enter(page), "Please begin again");
  });

  it("opens no other host", async () => {
    const { browser, page } = await arrived();
    const entry = browser.cookies(HOST).get(ENTRY_COOKIE) ?? "";
    browser.cookies(OTHER_HOST).set(ENTRY_COOKIE, entry);
    const elsewhere = { ...page, action: `https://${OTHER_HOST}/.latchkey/enter` };
    await refused(browser, await browser.enter(elsewhere), "Please begin again", OTHER_HOST);
    for (const host of [CLOSED_HOST, ADMIN_HOST, "unknown.example.com"]) {
      const action = `https://${host}/.latchkey/enter`;
      expect((await browser.enter({ ...page, action })).headers.getSetCookie()).toEqual([]);
    }
  });

  const forged = async (change: { key?: string; ageMs?: number; purpose?: string }) => {
    const { key = "test-admin-token-of-more-than-32-characters", ageMs = 0, purpose } = change;
    const entry = await sha256("A".repeat(22));
    const ticket = {
      ...{ id: "x", user: userId("person-1"), secret: "lkb_x", former: null, authTime: null },
      destination: { kind: "app" as const, host: HOST, to: "/", entry },
      opener: { issuer: "https://id.example.com", subject: "sub-1", session: null },
    };
    const at = Date.now() - ageMs;
    const sealer = new Sealer(key, () => at);
    return purpose === undefined
      ? sealTicket(sealer, at, ticket)
      : sealer.seal(purpose, { ...ticket, endsAt: at + 60_000 }, 60_000);
  };
  it.each<[string, () => Promise<string>]>([
    ["empty", async () => ""],
    ["garbage", async () => "garbage"],
    ["long", async () => "A".repeat(10_000)],
    ["not base64url", async () => "+/+/"],
    ["sealed with another key", () => forged({ key: "another-admin-token-of-more-than-32-characters" })],
    ["too old", () => forged({ ageMs: 10 * 60_000 + 1 })],
    ["sealed for the door", () => forged({ purpose: "door" })],
  ])("that is %s opens nothing", async (_, ticketOf) => {
    const browser = new Browser();
    browser.cookies(HOST).set(ENTRY_COOKIE, "A".repeat(22));
    const ticket = await ticketOf();
    await refused(browser, await browser.enter({ action: ENTER, ticket }), "Please begin again");
  });

  it("of an identity that is its user's no more, or of a user who is gone, opens nothing", async () => {
    const first = await arrived();
    const [identity] = await directory().identities(userId(first.user));
    await directory().unbindIdentity(by(), userId(first.user), identity?.id ?? "");
    await refused(first.browser, await first.browser.enter(first.page), "Not signed in");

    const second = await arrived();
    expect((await api("DELETE", `/users/${second.user}`, { confirm: second.user })).status).toBeLessThan(300);
    await refused(second.browser, await second.browser.enter(second.page), "Not signed in");
    await api("PUT", `/users/${second.user}`, {});
    await refused(second.browser, await second.browser.enter(second.page), "Not signed in");
  });

  it("of an identity that is taken from its user at that very moment opens nothing", async () => {
    const { user, browser, page } = await arrived();
    const [identity] = await directory().identities(userId(user));
    const people = new People(env, new RegistryClient(env), new Map());
    const { open } = Browsers.prototype;
    const spy = vi.spyOn(Browsers.prototype, "open").mockImplementation(async function (
      this: Browsers,
      ...of
    ) {
      await people.unbind(by(), userId(user), identity?.id ?? "");
      return open.apply(this, of);
    });
    onTestFinished(() => spy.mockRestore());
    await refused(browser, await browser.enter(page), "Not signed in");
    const [device] = await devicesOf(user);
    expect(Date.parse(device?.credentials[0]?.notAfter ?? "")).toBeLessThanOrEqual(Date.now());
  });

  it("of before a browser was reported lost opens nothing", async () => {
    const { user, login, issuer, at, browser } = await arrived();
    await browser.signIn(issuer, login);
    const later = new Browser(at);
    const page = await later.handOver(issuer, { ...login, auth_time: Math.floor(Date.now() / 1000) - 60 });
    const [device] = await devicesOf(user);
    await api("POST", `/users/${user}/devices/${device?.id}/lost`, { confirm: device?.name });
    await refused(later, await later.enter(page), "Not signed in");
  });

  it("that would make too many new browsers within an hour is refused, for this user only", async () => {
    logged();
    const { user, login, issuer, at, browser, page } = await arrived();
    await browser.enter(page);
    const registry = env.USER_REGISTRY.getByName(user);
    await runInDurableObject(registry, (_, { storage }) => {
      for (let index = 1; index < BROWSERS_AN_HOUR; index++) {
        storage.sql.exec(
          `INSERT INTO devices (id, name, name_key, kind, status, status_since, enrolled_at)
           VALUES (?, ?, ?, 'browser', 'active', 0, ?)`,
          ...[`id-${index}`, `b${index}`, `b${index}`, Date.now()],
        );
      }
    });
    const next = new Browser(at, "203.0.113.9");
    await refused(next, await next.enter(await next.handOver(issuer, login)), "Not signed in");
    // The one that is signed in goes on.
    expect((await browser.enter(await browser.handOver(issuer, login, OTHER_HOST))).status).toBe(303);
    const other = await newPerson();
    await new Browser(at, "203.0.113.9").signIn(issuer, other.login);
  });

  it("for a browser that is not the person's own makes a device of one hour", async () => {
    const { user, browser, page } = await arrived();
    const known = browser.cookies(ADMIN_HOST).get("__Host-latchkey-browser");
    const response = await browser.post(page.action, { ticket: page.ticket, short: "on" }, { Origin: DOOR });
    expect(response.headers.getSetCookie()[0]).not.toMatch(/max-age|expires/i);
    const [device] = await devicesOf(user);
    const left = Date.parse(device?.expiresAt ?? "") - Date.now();
    expect(left).toBeGreaterThan(3_590_000);
    expect(left).toBeLessThanOrEqual(3_600_000);
    // What stays on the ADMIN_HOST is no device's.
    expect(browser.cookies(HOST).get(BROWSER_COOKIE)).not.toBe(known);
  });
});

describe("an app that gets hold of a ticket for its own host", () => {
  it("gets a secret that opens no other host, nor lets it pass for the browser at the door", async () => {
    const { issuer, login, user, at, browser, page } = await arrived();
    await browser.enter(page);
    // The app asked for an entry of its own, made its person sign in with that, and its service worker saw the form.
    const app = new Browser(at);
    const link = await app.offered(OTHER_HOST);
    const back = issuer.callback(await browser.begin(link), login);
    await app.enter(await handOverOf(await browser.ask(back)));
    const stolen = app.cookies(OTHER_HOST).get(BROWSER_COOKIE) ?? "";
    // That it opens its own host is nothing that it did not have.
    expect((await app.ask(`https://${OTHER_HOST}/`)).status).toBe(200);
    expect(await devicesOf(user)).toMatchObject([{ apps: [HOST, OTHER_HOST] }]);
    expect(browser.cookies(HOST).get(BROWSER_COOKIE)).not.toBe(stolen);
    app.cookies(HOST).set(BROWSER_COOKIE, stolen);
    expect((await app.ask(`https://${HOST}/`)).status).toBe(404);
    // As if it were a browser that the door knows: it becomes a new device.
    app.cookies(ADMIN_HOST).set("__Host-latchkey-browser", stolen);
    await app.signIn(issuer, login);
    expect(await devicesOf(user)).toHaveLength(2);
  });
});

describe("a browser that somebody else signed in with", () => {
  it("becomes another device, which opens nothing that the first person's did", async () => {
    const { issuer, at, browser, page, user } = await arrived();
    await browser.enter(page);
    const other = await newPerson();
    expect((await browser.enter(await browser.handOver(issuer, other.login, OTHER_HOST))).status).toBe(303);
    expect((await devicesOf(user))[0]?.apps).toEqual([HOST]);
    expect((await devicesOf(other.user))[0]?.apps).toEqual([OTHER_HOST]);
    const onlyOther = new Browser(at);
    const secret = browser.cookies(OTHER_HOST).get(BROWSER_COOKIE) ?? "";
    onlyOther.cookies(HOST).set(BROWSER_COOKIE, secret);
    expect((await onlyOther.ask(`https://${HOST}/`)).status).toBe(404);
  });
});

describe("the address to enter by", () => {
  it.each<[string, Record<string, string>]>([
    ["the app itself", { Origin: `https://${HOST}`, "Sec-Fetch-Site": "same-origin" }],
    ["a sibling host", { Origin: `https://${OTHER_HOST}` }],
    ["a host that begins like the ADMIN_HOST", { Origin: `${DOOR}.evil.example` }],
    ["the ADMIN_HOST without TLS", { Origin: `http://${ADMIN_HOST}` }],
    ["the ADMIN_HOST on another port", { Origin: `${DOOR}:8443` }],
    ["the ADMIN_HOST in upper case", { Origin: DOOR.toUpperCase() }],
    ["nowhere", { Origin: "null" }],
    ["an empty origin", { Origin: "" }],
    ["a script", { "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty" }],
    ["a frame", { "Sec-Fetch-Dest": "iframe" }],
  ])("takes no form from %s", async (_, headers) => {
    const { browser, page } = await arrived();
    await refused(browser, await browser.enter(page, headers), "That did not work");
  });

  it("takes no form that says nothing of its origin", async () => {
    const { browser, page } = await arrived();
    await refused(browser, await browser.post(page.action, { ticket: page.ticket }), "That did not work");
  });

  it.each(["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])("is not entered by %s", async (method) => {
    const { browser, page } = await arrived();
    const response = await browser.ask(`${page.action}?ticket=${page.ticket}`, {
      method,
      headers: { Origin: DOOR },
    });
    expect([404, 405]).toContain(response.status);
    expect(response.headers.getSetCookie()).toEqual([]);
    await browser.enter(page);
    expect((await browser.ask(`https://${HOST}/`)).status).toBe(200);
  });

  it("takes no JSON, no text, no large form, and nothing without TLS", async () => {
    const { browser, page } = await arrived();
    const send = (body: string, type: string, address = page.action) =>
      browser.ask(address, { method: "POST", body, headers: { Origin: DOOR, "Content-Type": type } });
    const form = `ticket=${page.ticket}`;
    expect((await send(JSON.stringify({ ticket: page.ticket }), "application/json")).status).toBe(415);
    expect((await send(form, "text/plain")).status).toBe(415);
    const large = await send(`${form}&x=${"x".repeat(20_000)}`, "application/x-www-form-urlencoded");
    expect(large.status).toBe(413);
    const plain = page.action.replace("https:", "http:");
    expect((await send(form, "application/x-www-form-urlencoded", plain)).status).toBe(400);
    expect((await browser.ask(`https://${HOST}/`)).status).toBe(404);
  });
});

describe("leaving", () => {
  const leave = (browser: Browser, headers: Record<string, string>, host = HOST) =>
    browser.post(`https://${host}/.latchkey/leave`, {}, headers);
  const OWN = { Origin: `https://${HOST}`, "Sec-Fetch-Site": "same-origin" };

  it("signs a browser out on every app for good: another device takes its place", async () => {
    const { user, login, issuer, at, browser, page } = await arrived();
    await browser.enter(page);
    await browser.signIn(issuer, login, OTHER_HOST);
    const kept = new Browser(at);
    for (const host of [HOST, OTHER_HOST]) {
      kept.cookies(host).set(BROWSER_COOKIE, browser.cookies(host).get(BROWSER_COOKIE) ?? "");
    }
    const left = await leave(browser, OWN);
    const text = await left.text();
    expect([left.status, text.includes("<h1>Signed out")]).toEqual([200, true]);
    expect(text).toContain("You may still be signed in with ");
    expect(browser.cookies(HOST).has(BROWSER_COOKIE)).toBe(false);
    // Also where somebody kept the cookie.
    const fresh = isolate();
    for (const host of [HOST, OTHER_HOST]) {
      const copy = new Browser(fresh);
      copy.cookies(host).set(BROWSER_COOKIE, kept.cookies(host).get(BROWSER_COOKIE) ?? "");
      expect((await copy.ask(`https://${host}/`)).status).toBe(404);
    }
    await browser.signIn(issuer, login);
    expect(await devicesOf(user)).toHaveLength(1);
    expect((await browser.ask(`https://${HOST}/`)).status).toBe(200);
    const copy = new Browser(isolate());
    copy.cookies(HOST).set(BROWSER_COOKIE, kept.cookies(HOST).get(BROWSER_COOKIE) ?? "");
    expect((await copy.ask(`https://${HOST}/`)).status).toBe(404);
  });

  it.each<[string, Record<string, string>]>([
    ["another site", { Origin: "https://evil.example", "Sec-Fetch-Site": "cross-site" }],
    ["a sibling host", { Origin: `https://${OTHER_HOST}`, "Sec-Fetch-Site": "same-site" }],
    ["the ADMIN_HOST", { Origin: DOOR, "Sec-Fetch-Site": "same-site" }],
    ["nowhere", { Origin: "null", "Sec-Fetch-Site": "cross-site" }],
    ["nobody", {}],
  ])("is not for %s to order", async (_, headers) => {
    const { browser, page } = await arrived();
    await browser.enter(page);
    expect((await leave(browser, headers)).status).toBe(400);
    expect((await browser.ask(`https://${HOST}/`)).status).toBe(200);
  });

  it("without a session, or with a forged one, says the same", async () => {
    const browser = new Browser();
    expect((await leave(browser, OWN)).status).toBe(200);
    browser.cookies(HOST).set(BROWSER_COOKIE, `lkb_${"A".repeat(65)}`);
    expect((await leave(browser, OWN)).status).toBe(200);
  });
});
