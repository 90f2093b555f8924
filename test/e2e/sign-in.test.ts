// Signing in to an app, in a real browser over real TLS, with a real identity provider: a person without a certificate
// is offered it, lands where they were going and uses the app, until the browser is revoked.
import { createHash, randomBytes } from "node:crypto";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PATHS } from "../../src/contract/paths.ts";
import { BROWSER_COOKIE } from "../../src/domain/request/own-cookies.ts";
import { launchBrowser, newPerson, type PersonOptions } from "./support/browser.ts";
import { inspect } from "./support/inspect.ts";
import { choose, complaintsOf, follow, heading, pageUrl, press } from "./support/pages.ts";
import {
  browsersOf,
  cookieNames,
  newDevice,
  type SignInEdge,
  signInTo,
  startSignInEdge,
  statusOf,
  takeOffer,
} from "./support/sign-in.ts";

/** A revoked device is refused everywhere after this long. */
const DELAY_SECONDS = 1;
const PATIENCE = { timeout: DELAY_SECONDS * 1000 + 4_000 };

const APP = "app.localhost";
const VAULT = "vault.localhost";
const FILES = "files.localhost";
/** Another app, which shows one page to everybody. */
const SIBLING = "sibling.app.localhost";

const APPS = {
  [APP]: { signIn: true },
  [VAULT]: { signIn: true, profile: "bitwarden" },
  [FILES]: { signIn: true, profile: "sync" },
  [SIBLING]: { public: ["/status/200"] },
};

let at: SignInEdge;
let browser: Browser;

beforeAll(async () => {
  [at, browser] = await Promise.all([
    startSignInEdge({ vars: { APPS, REVOCATION_DELAY_SECONDS: DELAY_SECONDS } }),
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

/** Every redirect on the way of this page: from where, and where to. */
function redirectsOf(page: Page): { from: URL; to: URL }[] {
  const redirects: { from: URL; to: URL }[] = [];
  page.on("response", (response) => {
    const { location } = response.headers();
    if (location === undefined) return;
    const from = new URL(response.url());
    redirects.push({ from, to: new URL(location, from) });
  });
  return redirects;
}

describe("a stranger", () => {
  it("is offered a sign-in with the status of the refusal, and lands on the very page it asked for", () =>
    withPage(async (page, context) => {
      const complaints = complaintsOf(page);
      const redirects = redirectsOf(page);
      const asked = url("/?folder=1&q=a%20%26b");
      expect(await statusOf(page, asked)).toBe(404);
      expect(await heading(page)).toBe("Sign in");
      expect(page.url()).toBe(asked);
      expect(await inspect(page, "sign-in-offer")).toEqual([]);

      await takeOffer(page, "alice");
      expect(await heading(page)).toBe("Signed in");
      expect(await page.getByRole("main").innerText()).toContain("You are alice");
      expect(await inspect(page, "sign-in-hand-over")).toEqual([]);
      await press(page, `Open ${APP}`);

      expect(page.url()).toBe(asked);
      expect(await heading(page)).toBe("You are through the gate");
      expect(await page.getByRole("main").innerText()).toContain("GET /?folder=1&q=a%20%26b");
      // The app sees nothing of how its people are let in.
      expect(await page.getByRole("main").innerText()).not.toContain("__Host-latchkey");
      expect(await cookieNames(context, asked)).toEqual([BROWSER_COOKIE]);
      const fromApp = redirects.filter(({ from }) => from.hostname === APP);
      expect(fromApp.map(({ to }) => to.href)).toEqual([asked]);
      expect(complaints).toEqual([]);

      const [device, ...others] = await browsersOf(at.test, "alice");
      expect(others).toEqual([]);
      expect(device).toMatchObject({ status: "active", apps: [APP] });
    }));

  it("may go back: to the app's page, which is open now, and to what says that the sign-in is over", () =>
    withPage(async (page) => {
      await signInTo(page, url("/"), "alice");
      await follow(page, () => page.evaluate(() => history.back()));
      expect(await heading(page)).toBe("Please begin again");
      // Over the provider's form.
      await follow(page, () => page.evaluate(() => history.go(-2)));
      expect(page.url()).toBe(url("/"));
      expect(await heading(page)).toBe("You are through the gate");
    }));

  it("needs no script", () =>
    withPage(
      async (page) => {
        await signInTo(page, url("/headers?x=1"), "carol");
        expect(page.url()).toBe(url("/headers?x=1"));
        expect(JSON.parse(await page.locator("body").innerText())).toMatchObject({ url: "/headers?x=1" });
      },
      { javaScriptEnabled: false, viewport: "phone" },
    ));

  it("is offered it with the status of every profile, and not in a frame", () =>
    withPage(async (page) => {
      for (const [host, status] of [
        [VAULT, 404],
        [FILES, 503],
      ] as const) {
        expect(await statusOf(page, url("/", host))).toBe(status);
        expect(await heading(page)).toBe("Sign in");
      }
      // The offer allows no frames in itself.
      await page.goto(url("/status/200", SIBLING));
      await page.setContent(`<iframe src="${url("/")}"></iframe>`);
      await expect.poll(() => page.frames()[1]?.locator("body").innerText()).toBe("Not Found");
    }));
});

describe("an app that works offline, with a service worker that answers navigations itself", () => {
  const ask = (page: Page) => page.getByRole("button", { name: "Ask the server" }).click();

  /** As with Shift and the button for reloading: past the worker. */
  const byReload = async (page: Page, context: BrowserContext, address: string) => {
    const tools = await context.newCDPSession(page);
    await page.goto(address);
    await follow(page, () => tools.send("Page.reload", { ignoreCache: true }));
    expect(await heading(page)).toBe("Sign in");
    await choose(page, "Sign in");
  };

  /** As the list of devices links to it. */
  const byDoor = async (page: Page) => {
    await page.goto(pageUrl(at.test.edge, `${PATHS.signIn}?app=${APP}`));
    expect(await inspect(page, "sign-in-to-app")).toEqual([]);
    await press(page, "Sign in");
  };

  it.each([
    ["/pwa", byReload, "/pwa"],
    ["/pwa?shell", byReload, "/pwa?shell"],
    ["/pwa?shell", byDoor, "/"],
  ])("is used at %s, refused, and opened again", (path, way, then) =>
    withPage(async (page, context) => {
      const device = await newDevice(at.test, "alice", () => signInTo(page, url(path), "alice"));
      await expect.poll(() => page.locator("#worker").innerText()).toBe("active");
      await expect.poll(() => page.locator("#socket").innerText()).toBe("echo: hello");
      const data = randomBytes(200_000);
      await page.locator("#file").setInputFiles({ name: "x.bin", mimeType: "application/x", buffer: data });
      await page.getByRole("button", { name: "Send by script" }).click();
      const digest = createHash("sha256").update(data).digest("hex");
      await expect.poll(() => page.locator("#upload").innerText()).toContain(digest);

      const shown = await page.goto(url(path));
      expect(shown?.fromServiceWorker()).toBe(true);
      await ask(page);
      await expect.poll(() => page.locator("#server").innerText()).toBe("status 200");

      await at.test.act(device, "revoke");
      await expect
        .poll(async () => {
          await ask(page);
          return page.locator("#server").innerText();
        }, PATIENCE)
        .toBe("answered 404");
      // The worker shows its shell for whatever the gate refuses: nobody sees the offer, and nothing breaks.
      const refused = await page.goto(url("/status/200"));
      expect([refused?.status(), refused?.fromServiceWorker()]).toEqual([200, true]);
      expect(await heading(page)).toBe("A web app that works offline");
      await expect.poll(() => page.locator("#socket").innerText()).toBe("closed with 1006");
      expect(
        await page.evaluate(async () => {
          const response = await fetch("/status/200");
          return [response.status, response.redirected, await response.text()];
        }),
      ).toEqual([404, false, "Not Found"]);

      await way(page, context, url(path));
      // The provider still knows the person.
      await press(page, `Open ${APP}`);
      expect(page.url()).toBe(url(then));
      expect(await heading(page)).toBe("A web app that works offline");
      await expect.poll(() => page.locator("#socket").innerText()).toBe("echo: hello");
    }),
  );
});

describe("browsers of two people", () => {
  const pages: Record<string, Page> = {};
  const open = (name: string) => {
    const page = pages[name];
    if (page === undefined) throw new Error(`no page ${name}`);
    return page;
  };

  beforeAll(async () => {
    for (const name of ["first", "second", "other"]) {
      pages[name] = await (await newPerson(browser, at.test.edge)).newPage();
      await signInTo(open(name), url("/"), name === "other" ? "carol" : "alice");
    }
  });

  afterAll(() => Promise.all(Object.values(pages).map((page) => page.context().close())));

  it("are one device each, for every app that they signed in to", async () => {
    const before = await browsersOf(at.test, "alice");
    const page = open("first");
    await page.goto(url("/", VAULT));
    await choose(page, "Sign in");
    await press(page, `Open ${VAULT}`);
    expect(await statusOf(page, url("/", VAULT))).toBe(200);
    expect(await statusOf(page, url("/"))).toBe(200);
    const after = await browsersOf(at.test, "alice");
    expect(after.length).toBe(before.length);
    expect(after.filter(({ apps }) => apps?.length === 2)).toMatchObject([{ apps: [APP, VAULT] }]);
  });

  it("are revoked one by one: within the delay, and nobody else's", async () => {
    const [device] = (await browsersOf(at.test, "alice")).filter(({ apps }) => apps?.length === 2);
    if (device === undefined) throw new Error("no browser with two apps");
    await at.test.act(device, "revoke");
    for (const host of [APP, VAULT]) {
      await expect.poll(() => statusOf(open("first"), url("/", host)), PATIENCE).toBe(404);
      expect(await open("first").getByRole("main").innerText()).toContain("This browser was signed out.");
    }
    for (const name of ["second", "other"]) expect(await statusOf(open(name), url("/"))).toBe(200);
  });

  it("are signed in for an hour where the computer is somebody else's", () =>
    withPage(async (page, context) => {
      await page.goto(url("/"));
      await takeOffer(page, "carol");
      await page.getByLabel("This is not my computer").check();
      const from = Date.now();
      await press(page, `Open ${APP}`);
      expect(await heading(page)).toBe("You are through the gate");
      const ends = (await browsersOf(at.test, "carol")).map(({ expiresAt, credentials }) =>
        Date.parse(expiresAt ?? credentials[0]?.notAfter ?? ""),
      );
      const HOUR_MS = 3_600_000;
      expect(
        ends.filter((end) => end >= from + HOUR_MS - 60_000 && end <= Date.now() + HOUR_MS),
      ).toHaveLength(1);
      const cookies = await context.cookies(url("/"));
      // It ends with the browser, too.
      expect(cookies.map(({ name, expires }) => [name, expires])).toEqual([[BROWSER_COOKIE, -1]]);
    }));
});
