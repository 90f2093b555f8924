// What signing in leaves alone and what it keeps out, in a real browser over real TLS: whoever has a certificate, and
// pages of other hosts that would use what their visitor is signed in to.
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BROWSER_COOKIE } from "../../src/domain/request/own-cookies.ts";
import { launchBrowser, newPerson, type PersonOptions } from "./support/browser.ts";
import { type OtherSite, selfSendingForm, startOtherSite } from "./support/other-site.ts";
import { type SignInEdge, signInTo, startSignInEdge, statusOf } from "./support/sign-in.ts";

const APP = "app.localhost";
/** To browsers, the same site as the app: only its origin is another one. */
const SIBLING = "sibling.app.localhost";
/** The only host where Playwright's browsers can show a certificate. */
const WITH_CERTIFICATE = "localhost";

const APPS = {
  [APP]: { signIn: true },
  [WITH_CERTIFICATE]: { signIn: true },
  [SIBLING]: { public: ["/status/200"] },
};

let at: SignInEdge;
let browser: Browser;

beforeAll(async () => {
  [at, browser] = await Promise.all([
    startSignInEdge({ vars: { APPS, REVOCATION_DELAY_SECONDS: 0 } }),
    launchBrowser(),
  ]);
});

afterAll(async () => {
  await browser?.close();
  await at?.test.stop();
});

const url = (path: string, host = APP) => `${at.test.edge.url(host)}${path}`;

async function withPage(
  work: (page: Page, context: BrowserContext) => Promise<void>,
  options: PersonOptions = {},
): Promise<void> {
  const context = await newPerson(browser, at.test.edge, options);
  try {
    await work(await context.newPage(), context);
  } finally {
    await context.close();
  }
}

describe("a certificate on the same host", () => {
  it("goes on undisturbed, and decides alone", async () => {
    const credential = await at.test.issue("laptop");
    const device = await at.test.enrol("laptop", credential);
    let cookies: Awaited<ReturnType<BrowserContext["cookies"]>> = [];
    await withPage(async (page, context) => {
      await signInTo(page, url("/", WITH_CERTIFICATE), "carol");
      // The issuer is on this host, too, and cookies know no ports.
      const all = await context.cookies(url("/", WITH_CERTIFICATE));
      cookies = all.filter(({ name }) => name === BROWSER_COOKIE);
      expect(cookies).toHaveLength(1);
    });
    await withPage(
      async (page, context) => {
        expect(await statusOf(page, url("/", WITH_CERTIFICATE))).toBe(200);
        expect(await context.cookies(url("/", WITH_CERTIFICATE))).toEqual([]);
        await context.addCookies(cookies);
        expect(await statusOf(page, url("/", WITH_CERTIFICATE))).toBe(200);
        await at.test.act(device, "suspend");
        // With a browser's cookie that would open the app by itself.
        expect(await statusOf(page, url("/", WITH_CERTIFICATE))).toBe(404);
        expect(await page.locator("body").innerText()).toBe("Not Found");
      },
      { credential },
    );
    await withPage(async (page, context) => {
      await context.addCookies(cookies);
      expect(await statusOf(page, url("/", WITH_CERTIFICATE))).toBe(200);
    });
  });
});

describe("a page of another host", () => {
  let other: OtherSite;
  beforeAll(async () => {
    other = await startOtherSite(at.test.edge);
  });
  afterAll(() => other?.stop());

  /** Why the gate refused requests since then, at the app. */
  const reasons = (since: number) =>
    at.log
      .slice(since)
      .filter(({ app, event }) => app === APP && event === "refused")
      .map(({ reason }) => reason);

  it("that browsers take for the same site cannot use what its visitor is signed in to", () =>
    withPage(async (page) => {
      await signInTo(page, url("/"), "carol");
      expect(await statusOf(page, url("/status/200", SIBLING))).toBe(200);
      let since = at.log.length;
      const opened = await page.evaluate(
        async (address) => {
          const socket = new WebSocket(address);
          return new Promise((resolve) => {
            socket.onopen = () => resolve(true);
            socket.onclose = () => resolve(false);
          });
        },
        url("/ws").replace("https:", "wss:"),
      );
      expect(opened).toBe(false);
      await expect.poll(() => reasons(since)).toEqual(["cross-site"]);

      since = at.log.length;
      await page.evaluate(
        (address) => fetch(address, { method: "POST", mode: "no-cors", credentials: "include", body: "x" }),
        url("/upload"),
      );
      await expect.poll(() => reasons(since)).toEqual(["cross-site"]);

      since = at.log.length;
      const [response] = await Promise.all([
        page.waitForResponse(url("/upload")),
        page.setContent(selfSendingForm(url("/upload"), { x: "1" })),
      ]);
      expect(response.status()).toBe(404);
      await expect.poll(() => reasons(since)).toEqual(["cross-site"]);
      // A link is no attack.
      expect(await statusOf(page, url("/"))).toBe(200);
    }));

  it("of another site sends no cookie at all", () =>
    withPage(async (page) => {
      await signInTo(page, url("/"), "carol");
      other.pages.set("/", selfSendingForm(url("/upload"), { x: "1" }));
      const [response] = await Promise.all([
        page.waitForResponse(url("/upload")),
        page.goto(other.url("evil.localhost")),
      ]);
      expect(response.status()).toBe(404);
      expect(await response.request().headerValue("cookie")).toBeNull();
    }));
});
