// The provider says that somebody signed out there.
import { describe, expect, it } from "vitest";
import { ADMIN_HOST, HOST } from "../../fixtures.ts";
import { logged } from "../../gate/fixtures.ts";
import { intercepted } from "../../registry/fixtures.ts";
import {
  Browser,
  CLIENT_ID,
  DOOR,
  ISSUER,
  isolate,
  newPerson,
  OTHER_HOST,
  OTHER_KEYS,
  signed,
  TinyIssuer,
} from "./fixtures.ts";

const LOGOUT = `${DOOR}/.latchkey/backchannel-logout`;
const EVENTS = { "http://schemas.openid.net/event/backchannel-logout": {} };
let addresses = 0;

/** The provider's own server: from a new address each time. */
const send = (logout_token: string, at = isolate(), headers: Record<string, string> = {}) =>
  new Browser(at, `192.0.2.${++addresses}`).post(LOGOUT, { logout_token }, headers);

function token(change: Record<string, unknown> = {}, key?: CryptoKey, typ = "logout+jwt"): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: ISSUER,
    aud: CLIENT_ID,
    iat: now,
    exp: now + 120,
    jti: crypto.randomUUID(),
    events: EVENTS,
  };
  return signed({ ...claims, ...change }, key, typ);
}

/** A person with a browser on an app, and a session of our own pages. */
async function signedIn() {
  logged();
  const issuer = new TinyIssuer();
  const { login } = await newPerson();
  const browser = new Browser();
  await browser.signIn(issuer, login);
  const link = `${DOOR}/.latchkey/sign-in?next=/.latchkey/devices`;
  await browser.ask(issuer.callback(await browser.begin(link), login));
  /** Whether the app and the pages let the browser in, as a new isolate sees it. */
  const isIn = async () => {
    const later = new Browser(isolate());
    for (const host of [HOST, ADMIN_HOST]) later.jar.set(host, new Map(browser.cookies(host)));
    const app = await later.ask(`https://${HOST}/`);
    const pages = await later.ask(`${DOOR}/.latchkey/devices`);
    return [app.status === 200, !(await pages.text()).includes("<h1>Sign in</h1>")];
  };
  return { issuer, login, browser, isIn };
}

describe("a logout token", () => {
  it("signs the person out, of the apps and of the pages, and may come twice", async () => {
    const { login, isIn } = await signedIn();
    expect(await isIn()).toEqual([true, true]);
    const said = await token({ sub: login.sub });
    for (let index = 0; index < 2; index++) {
      const response = await send(said);
      expect([response.status, await response.text()]).toEqual([200, ""]);
    }
    expect(await isIn()).toEqual([false, false]);
  });

  it("of one session there leaves the browsers of others alone", async () => {
    const { issuer, login, isIn } = await signedIn();
    const other = new Browser();
    await other.signIn(issuer, { ...login, sid: "another" }, OTHER_HOST);
    await send(await token({ sub: login.sub, sid: "another" }));
    expect((await isIn())[0]).toBe(true);
    const later = new Browser(isolate());
    later.jar.set(OTHER_HOST, new Map(other.cookies(OTHER_HOST)));
    expect((await later.ask(`https://${OTHER_HOST}/`)).status).toBe(404);
  });

  it("of somebody who is nobody here does nothing, and says no more", async () => {
    const { isIn } = await signedIn();
    const response = await send(await token({ sub: "nobody" }));
    expect([response.status, await response.text()]).toEqual([200, ""]);
    expect(await isIn()).toEqual([true, true]);
  });

  const now = () => Math.floor(Date.now() / 1000);
  it.each<[string, Record<string, unknown>, (CryptoKey | undefined)?, string?]>([
    ["signed by somebody else", {}, OTHER_KEYS.privateKey],
    ["of another issuer", { iss: "https://evil.example" }],
    ["for another client", { aud: "other" }],
    ["without an event", { events: undefined }],
    ["with another event", { events: { "http://example.com/other": {} } }],
    ["with a nonce, as an ID token has", { nonce: "n" }],
    ["without an id", { jti: undefined }],
    ["without a person", { sub: undefined }],
    ["with a session alone", { sub: undefined, sid: "s" }],
    ["that has expired", { iat: now() - 400, exp: now() - 120 }],
    ["that is old", { iat: now() - 1_000 }],
    ["from the future", { iat: now() + 1_000, exp: now() + 2_000 }],
    ["of another type", {}, undefined, "at+jwt"],
  ])("%s ends nothing", async (_, change, key, typ) => {
    const { login, isIn } = await signedIn();
    const response = await send(await token({ sub: login.sub, ...change }, key, typ));
    expect([response.status, await response.json()]).toEqual([400, { error: "invalid_request" }]);
    expect(await isIn()).toEqual([true, true]);
  });

  it.each([
    ["nothing", ""],
    ["garbage", "garbage"],
    ["an unsigned token", `${btoa('{"alg":"none"}')}.${btoa("{}")}.`],
    ["a token with our own secret's algorithm", `${btoa('{"alg":"HS256"}')}.${btoa("{}")}.AAAA`],
    ["a long text", "A".repeat(16_000)],
  ])("that is %s is refused", async (_, text) => {
    logged();
    new TinyIssuer();
    expect((await send(text)).status).toBe(400);
  });
});

describe("a flood of logout tokens", () => {
  it("costs no Durable Object call, asks the issuer for its keys once, and keeps nobody else waiting", async () => {
    logged();
    const issuer = new TinyIssuer();
    const { login } = await newPerson();
    const calls: string[] = [];
    const bindings = intercepted((call) => {
      calls.push(call.name);
      return call.proceed();
    });
    const at = isolate({ ...bindings });
    const stranger = new Browser(at, "203.0.113.77");
    const forged = await token({ sub: login.sub }, OTHER_KEYS.privateKey);
    const statuses: number[] = [];
    for (let index = 0; index < 40; index++) {
      statuses.push((await stranger.post(LOGOUT, { logout_token: forged })).status);
    }
    expect(new Set(statuses)).toEqual(new Set([400, 429]));
    expect(statuses.at(-1)).toBe(429);
    expect(calls).toEqual([]);
    expect(issuer.asked.filter((path) => path === "/keys")).toHaveLength(1);
    expect((await send(await token({ sub: login.sub }), at)).status).toBe(200);
  });

  it.each(["GET", "HEAD", "PUT", "OPTIONS"])("sent by %s is none", async (method) => {
    new TinyIssuer();
    const response = await new Browser().ask(LOGOUT, { method });
    expect([404, 405]).toContain(response.status);
  });

  it("on an app's host is none", async () => {
    new TinyIssuer();
    const response = await new Browser().post(`https://${HOST}/.latchkey/backchannel-logout`, {
      logout_token: "x",
    });
    expect(response.status).toBe(404);
  });
});
