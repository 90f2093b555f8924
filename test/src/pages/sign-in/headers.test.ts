// What every answer on the way says to browsers and caches, whatever came of it.
import { describe, expect, it } from "vitest";
import { ADMIN_HOST, HOST } from "../../fixtures.ts";
import { logged } from "../../gate/fixtures.ts";
import {
  Browser,
  CALLBACK,
  DOOR,
  handOverOf,
  ISSUER,
  isolate,
  type Login,
  newPerson,
  TinyIssuer,
} from "./fixtures.ts";

const FORM_ACTION = /form-action ([^;]+)/;

/** A browser on its way, and its person. */
async function traveller(change: Partial<Login> = {}) {
  logged();
  const issuer = new TinyIssuer();
  const { user, login } = await newPerson();
  return { issuer, user, login: { ...login, ...change }, browser: new Browser() };
}

type Traveller = Awaited<ReturnType<typeof traveller>>;

const back = async ({ browser, issuer, login }: Traveller, link?: string) =>
  issuer.callback(await browser.begin(link ?? (await browser.offered())), login);
const PAGES = `${DOOR}/.latchkey/sign-in?next=/.latchkey/devices`;

/** Each answer, by how a browser comes to it: its status, and the origins to which its forms go. */
const ANSWERS: Record<string, [number, string | null, (of: Traveller) => Promise<Response>]> = {
  "the offer": [404, "'none'", ({ browser }) => browser.ask(`https://${HOST}/`)],
  "to the provider": [302, null, async ({ browser }) => browser.ask(await browser.offered())],
  "an address that leads nowhere": [
    400,
    "'self'",
    ({ browser }) => browser.ask(`${DOOR}/.latchkey/sign-in?app=evil.example&e=x`),
  ],
  "the provider is down": [
    503,
    "'self'",
    ({ browser, issuer }) => {
      issuer.isDown = true;
      return browser.ask(PAGES);
    },
  ],
  "the hand-over": [200, "https:", async (of) => of.browser.ask(await back(of))],
  "no door": [400, "'self'", ({ browser }) => browser.ask(`${CALLBACK}?code=c&state=s`)],
  "the provider refused": [
    400,
    "'self'",
    async ({ browser }) => {
      const state = new URL(await browser.begin(PAGES)).searchParams.get("state");
      return browser.ask(`${CALLBACK}?error=access_denied&state=${state}&iss=${ISSUER}`);
    },
  ],
  "somebody who waits": [
    200,
    "'self'",
    async (of) => {
      const stranger = { ...of, login: { sub: `stranger ${crypto.randomUUID()}` } };
      return of.browser.ask(await back(stranger));
    },
  ],
  "our own pages": [200, "'self'", async (of) => of.browser.ask(await back(of, PAGES))],
  entered: [
    303,
    null,
    async (of) => of.browser.enter(await handOverOf(await of.browser.ask(await back(of)))),
  ],
  "a ticket that opens nothing": [
    400,
    "'self'",
    ({ browser }) => browser.enter({ action: `https://${HOST}/.latchkey/enter`, ticket: "x" }),
  ],
  left: [
    200,
    "'self'",
    ({ browser }) => browser.post(`https://${HOST}/.latchkey/leave`, {}, { Origin: `https://${HOST}` }),
  ],
  "a logout of the provider that is none": [
    400,
    null,
    ({ browser }) => browser.post(`${DOOR}/.latchkey/backchannel-logout`, { logout_token: "x" }),
  ],
};

describe.each(Object.entries(ANSWERS))("%s", (_, [status, formAction, ask]) => {
  it(`has the status ${status}, and is kept, framed and sniffed by nobody`, async () => {
    const response = await ask(await traveller());
    expect(response.status).toBe(status);
    expect(response.headers.get("cache-control")).toBe("no-store");
    const policy = response.headers.get("content-security-policy") ?? "";
    expect(FORM_ACTION.exec(policy)?.[1] ?? null).toBe(formAction);
    if (formAction === null) return;
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).toContain("base-uri 'none'");
    expect(policy).not.toContain("unsafe");
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(response.headers.get("referrer-policy")).toMatch(/^(no-referrer|same-origin|strict-origin)$/);
    expect(await response.text()).not.toMatch(/<script(?! src="\/\.latchkey\/)|<style|onclick=|style=/);
  });
});

describe("a cookie", () => {
  const HOST_ONLY =
    /^__Host-latchkey(-\w+)?=[^;]*; (Max-Age=\d+; )?Path=\/; Secure; HttpOnly; SameSite=(Strict|Lax|None)$/;

  it.each([
    ["the offer", ["entry=", "None"]],
    ["to the provider", ["door=", "Lax"]],
    ["the hand-over", ["browser=", "Lax"], ["door=;", "Lax"]],
    ["our own pages", ["latchkey=", "Strict"], ["door=;", "Lax"]],
    ["no door"],
    ["the provider refused", ["door=;", "Lax"]],
    ["somebody who waits", ["door=;", "Lax"]],
    ["entered", ["app=", "Lax"], ["entry=;", "None"]],
    ["a ticket that opens nothing"],
    ["left", ["app=;", "Lax"]],
  ] as [string, ...[string, string][]][])(
    "of %s is for this host only, and for no script",
    async (name, ...cookies) => {
      const [, , ask] = ANSWERS[name] ?? expect.fail();
      const set = (await ask(await traveller())).headers.getSetCookie();
      expect(set).toHaveLength(cookies.length);
      for (const [index, [value, sameSite]] of cookies.entries()) {
        expect(set[index]).toMatch(HOST_ONLY);
        expect(set[index]).toContain(value);
        expect(set[index]).toMatch(new RegExp(`; SameSite=${sameSite}$`));
        expect(/Max-Age=0;/.test(set[index] ?? "")).toBe(value.endsWith(";"));
      }
    },
  );
});

it("what hands over shows who somebody is, and neither who else there is nor the secret", async () => {
  const of = await traveller();
  const page = await (await of.browser.ask(await back(of))).text();
  expect(page).toContain(of.user);
  expect(page).toContain(`action="https://${HOST}/.latchkey/enter"`);
  expect(page).not.toMatch(/lkb_|sub-\d/);
});

it("the ADMIN_HOST is remembered as one with TLS, and an app's host decides that for itself", async () => {
  const of = await traveller();
  const handOver = await of.browser.ask(await back(of));
  expect(handOver.headers.get("strict-transport-security")).toBe("max-age=31536000");
  const entered = await of.browser.enter(await handOverOf(handOver));
  expect(entered.headers.has("strict-transport-security")).toBe(false);
});

it.each(["callback?code=c&state=s", "enter", "leave", "backchannel-logout", "sign-in?next=/"])(
  "without SIGN_IN there is nothing at %s",
  async (path) => {
    logged();
    const browser = new Browser(isolate({ SIGN_IN: undefined, APPS: { [HOST]: {} } }));
    const issuer = new TinyIssuer();
    for (const host of [HOST, ADMIN_HOST]) {
      const address = `https://${host}/.latchkey/${path}`;
      for (const response of [await browser.ask(address), await browser.post(address, { x: "y" })]) {
        expect(response.headers.getSetCookie()).toEqual([]);
        expect(response.headers.get("location") ?? "").not.toContain(ISSUER);
        expect(response.status).not.toBe(200);
      }
    }
    expect(issuer.asked).toEqual([]);
  },
);
