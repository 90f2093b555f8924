// How a browser that is signed in is signed out, in a real browser with a real identity provider: lost, at its person's
// wish, from the provider, with its identity or its device; and what is left when the provider is down.
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { startEdge } from "../../scripts/edge/edge.ts";
import type { Device } from "../../src/contract/answers.ts";
import { PATHS, WHOAMI_PATH } from "../../src/contract/paths.ts";
import type { IdentityList } from "../../src/contract/people.ts";
import { BROWSER_COOKIE, KNOWN_BROWSER_COOKIE } from "../../src/domain/request/own-cookies.ts";
import { launchBrowser, newPerson } from "./support/browser.ts";
import { inspect } from "./support/inspect.ts";
import { choose, heading, pageUrl, press } from "./support/pages.ts";
import {
  authenticate,
  browsersOf,
  cookieNames,
  type Name,
  newDevice,
  type SignInEdge,
  signInTo,
  startSignInEdge,
  statusOf,
  withoutAnswer,
} from "./support/sign-in.ts";
import { stablePort } from "./support/stable-port.ts";

const APP = "app.localhost";
const VAULT = "vault.localhost";
const APPS = { [APP]: { signIn: true }, [VAULT]: { signIn: true, profile: "bitwarden" } };
/** Asking the registry on every request: what ends shows at once. */
const VARS = { APPS, REVOCATION_DELAY_SECONDS: 0 };

let at: SignInEdge;
let port: number;
let browser: Browser;
const contexts: BrowserContext[] = [];

beforeAll(async () => {
  port = await stablePort();
  [at, browser] = await Promise.all([startSignInEdge({ port, vars: VARS }), launchBrowser()]);
  await at.test.api("PUT", "/users/carol", {});
});

afterAll(async () => {
  await browser?.close();
  await at?.test.stop();
});

const url = (path: string, host = APP) => `${at.test.edge.url(host)}${path}`;

/** The page of a browser of its own. */
async function newPage(): Promise<Page> {
  const context = await newPerson(browser, at.test.edge);
  contexts.push(context);
  return context.newPage();
}

/** A new browser in which this person has signed in to an app, and its device. */
async function signedIn(name: Name, path = "/"): Promise<{ page: Page; device: Device }> {
  const page = await newPage();
  const device = await newDevice(at.test, name, () => signInTo(page, url(path), name));
  return { page, device };
}

/** Signs in to another app, or again: from its offer to the provider, or past it. */
async function takeKnownOffer(page: Page, host: string): Promise<void> {
  await page.goto(url("/", host));
  await choose(page, "Sign in");
}

describe("a browser that is lost", () => {
  let lost: { page: Page; device: Device };
  let other: { page: Page; device: Device };

  beforeAll(async () => {
    lost = await signedIn("alice", "/pwa");
    other = await signedIn("alice");
    // Providers say only the second: whoever authenticates in the one of the loss counts as later.
    const second = () => Math.floor(Date.now() / 1000);
    const then = second();
    await vi.waitUntil(() => second() > then, { timeout: 2_000 });
  });

  it("deletes all that it stores of the app, and the receipt says so", async () => {
    const { page, device } = lost;
    await expect.poll(() => page.locator("#worker").innerText()).toBe("active");
    await page.evaluate(() => localStorage.setItem("draft", "a secret"));
    await page.evaluate(() => {
      // biome-ignore lint/suspicious/noDocumentCookie: as an app does.
      document.cookie = "app-session=1; Path=/";
    });
    const stored = () =>
      page.evaluate(async () => ({
        caches: await caches.keys(),
        workers: (await navigator.serviceWorker.getRegistrations()).length,
        items: localStorage.length,
      }));
    expect(await stored()).toEqual({ caches: ["demo"], workers: 1, items: 1 });
    expect(await cookieNames(page.context(), url("/"))).toEqual([BROWSER_COOKIE, "app-session"]);
    expect(device.wipe).toBeNull();

    await at.test.act(device, "lost", { confirm: device.name });
    const asked = await page.evaluate(async () => {
      const response = await fetch("/status/200");
      return [response.status, await response.text()];
    });
    expect(asked).toEqual([404, "Not Found"]);
    await expect.poll(stored).toEqual({ caches: [], workers: 0, items: 0 });
    expect(await cookieNames(page.context(), url("/"))).toEqual([]);
    const registered = async () => (await at.test.api("GET", `/users/alice/devices/${device.id}`)) as Device;
    await expect.poll(async () => (await registered()).wipe?.count).toBeGreaterThan(0);
    expect(await statusOf(page, url("/pwa"))).toBe(404);
    expect(await heading(page)).toBe("Sign in");
  });

  it("is known at the door, and shut out there", async () => {
    const { page } = lost;
    await takeKnownOffer(page, APP);
    expect(await heading(page)).toBe("This browser is shut out");
    expect(await inspect(page, "sign-in-shut-out")).toEqual([]);
    expect(await statusOf(page, url("/"))).toBe(404);
    // Nor does it open Latchkey's own pages, where it could say that it was found.
    await page.goto(pageUrl(at.test.edge, PATHS.home));
    await choose(page, "Sign in with the test provider");
    expect(await heading(page)).toBe("This browser is shut out");
  });

  it("leaves others of that person signed in, but they authenticate anew for another app", async () => {
    const { page } = other;
    expect(await statusOf(page, url("/"))).toBe(200);
    const before = at.issuer.requests.length;
    await takeKnownOffer(page, VAULT);
    const asked = at.issuer.requests.slice(before).filter(({ path }) => path.startsWith("/auth?"));
    expect(asked.map(({ path }) => path.includes("prompt=login"))).toEqual([false, true]);
    await authenticate(page, "alice");
    await press(page, `Open ${VAULT}`);
    expect(await statusOf(page, url("/", VAULT))).toBe(200);
  });

  it("opens nothing without its person either, once its cookie at the door is gone", async () => {
    const cookies = await lost.page.context().cookies();
    const thief = await newPage();
    await thief.context().addCookies(cookies.filter(({ name }) => name !== KNOWN_BROWSER_COOKIE));
    await takeKnownOffer(thief, APP);
    // The provider knows the browser, and asks for the password all the same.
    expect(new URL(thief.url()).origin).toBe(at.issuer.issuer);
    await authenticate(thief, "alice");
    await press(thief, `Open ${APP}`);
    expect(await statusOf(thief, url("/"))).toBe(200);
  });

  it("does not keep a new browser out whose person authenticates now", async () => {
    const { page } = await signedIn("alice");
    expect(await statusOf(page, url("/"))).toBe(200);
  });

  it("is the same device again once it was reinstated", async () => {
    await at.test.act(lost.device, "reinstate");
    await takeKnownOffer(lost.page, APP);
    // The thief's sign-in ended the one that the provider remembered.
    await authenticate(lost.page, "alice");
    await press(lost.page, `Open ${APP}`);
    expect(await statusOf(lost.page, url("/"))).toBe(200);
    const active = (await browsersOf(at.test, "alice")).filter(({ id }) => id === lost.device.id);
    expect(active).toMatchObject([{ status: "active" }]);
  });
});

describe("a browser is signed out", () => {
  it("by its person, on every app; when they sign in again, another device takes its place", async () => {
    const { page, device } = await signedIn("carol");
    await takeKnownOffer(page, VAULT);
    await press(page, `Open ${VAULT}`);
    await page.goto(url(WHOAMI_PATH));
    expect(await heading(page)).toBe("This device is let in");
    expect(await page.getByRole("main").innerText()).toContain(
      `This is ${device.name}, one of carol’s devices.`,
    );
    expect(await inspect(page, "sign-in-whoami")).toEqual([]);
    await press(page, "Sign out of every app");
    expect(await heading(page)).toBe("Signed out");
    expect(await inspect(page, "sign-in-signed-out")).toEqual([]);
    expect(await cookieNames(page.context(), url("/"))).toEqual([]);
    for (const host of [APP, VAULT]) expect(await statusOf(page, url("/", host))).toBe(404);

    await takeKnownOffer(page, APP);
    await press(page, `Open ${APP}`);
    expect(await statusOf(page, url("/"))).toBe(200);
    expect(await browsersOf(at.test, "carol")).toMatchObject([{ name: device.name, apps: [APP] }]);
  });

  it("from the provider: where that session opened it, and nowhere else", async () => {
    const [{ page }, other] = [await signedIn("carol"), await signedIn("carol")];
    await page.goto(`${at.issuer.issuer}/session/end`);
    await press(page, "Sign out");
    await expect.poll(() => statusOf(page, url("/"))).toBe(404);
    expect(await page.getByRole("main").innerText()).toContain("You are not signed in any more.");
    expect(await statusOf(other.page, url("/"))).toBe(200);
  });

  it("with its device", async () => {
    const { page, device } = await signedIn("carol");
    await at.test.act(device, "revoke");
    expect(await statusOf(page, url("/"))).toBe(404);
    expect(await page.getByRole("main").innerText()).toContain("This browser was signed out.");
    await at.test.api("DELETE", `/users/carol/devices/${device.id}`);
    expect(await statusOf(page, url("/"))).toBe(404);
    expect(await heading(page)).toBe("Sign in");
  });

  it("with the identity that it was opened by", async () => {
    const { page } = await signedIn("carol");
    const { identities } = (await at.test.api("GET", "/users/carol/identities")) as IdentityList;
    expect(identities).toMatchObject([{ user: "carol", subject: "carol" }]);
    await at.test.api("DELETE", `/users/carol/identities/${identities[0]?.id}`);
    expect(await statusOf(page, url("/"))).toBe(404);
    expect(await heading(page)).toBe("Sign in");
  });
});

describe("an app whose service worker passes every request on", () => {
  it("offers a sign-in, lets its person out and in, and is deleted when the browser is lost", async () => {
    const { page, device } = await signedIn("alice", "/pwa?pass");
    await expect.poll(async () => (await page.goto(url("/headers")))?.fromServiceWorker()).toBe(true);
    await at.test.act(device, "revoke");
    const refused = await page.goto(url("/headers"));
    expect([refused?.status(), refused?.fromServiceWorker()]).toEqual([404, true]);
    await choose(page, "Sign in");
    await press(page, `Open ${APP}`);
    expect(page.url()).toBe(url("/headers"));

    await page.goto(url(WHOAMI_PATH));
    await press(page, "Sign out of every app");
    expect(await heading(page)).toBe("Signed out");
    await takeKnownOffer(page, APP);
    const again = await newDevice(at.test, "alice", () => press(page, `Open ${APP}`));
    expect(await statusOf(page, url("/headers"))).toBe(200);

    await at.test.act(again, "lost", { confirm: again.name });
    expect(await statusOf(page, url("/headers"))).toBe(404);
    expect(await cookieNames(page.context(), url("/"))).toEqual([]);
    const workers = () =>
      page.evaluate(async () => (await navigator.serviceWorker.getRegistrations()).length);
    await expect.poll(workers).toBe(0);
    await at.test.act(again, "revoke");
  });
});

describe("while the provider does not answer", () => {
  it("whoever is signed in goes on, also after a restart, and a sign-in says so", async () => {
    const { page } = await signedIn("alice");
    const { folder } = at.test.edge.paths;
    await at.test.edge.stop();
    const edge = await startEdge({
      ...{ port, stateDir: folder, vars: VARS },
      startSignIn: withoutAnswer(at.issuer),
    });
    try {
      expect(await statusOf(page, url("/"))).toBe(200);
      const stranger = await newPage();
      expect(await statusOf(stranger, url("/"))).toBe(404);
      await choose(stranger, "Sign in");
      expect(await heading(stranger)).toBe("Please try again later");
      expect(await stranger.getByRole("main").innerText()).toContain(
        "The test provider does not answer. Browsers that are signed in stay signed in.",
      );
      expect(await inspect(stranger, "sign-in-provider-down")).toEqual([]);
      await choose(stranger, "Try again");
      expect(await heading(stranger)).toBe("Sign in");
    } finally {
      await edge.stop();
    }
  });
});
