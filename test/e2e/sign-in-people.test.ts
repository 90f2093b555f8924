// Who people are once the identity provider has signed them in: owners, members, and people who are not known yet; in a
// real browser, with a real provider.
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AuditList, UserList } from "../../src/contract/answers.ts";
import { PATHS } from "../../src/contract/paths.ts";
import type { WaitingPersonList } from "../../src/contract/people.ts";
import { launchBrowser, newPerson } from "./support/browser.ts";
import { inspect } from "./support/inspect.ts";
import { choose, complaintsOf, goTo, heading, pageUrl, press } from "./support/pages.ts";
import {
  authenticate,
  browsersOf,
  type Name,
  type SignInEdge,
  signInTo,
  startSignInEdge,
  statusOf,
  takeOffer,
} from "./support/sign-in.ts";

const APP = "app.localhost";

let at: SignInEdge;
let browser: Browser;
const contexts: BrowserContext[] = [];

beforeAll(async () => {
  const vars = { APPS: { [APP]: { signIn: true } }, REVOCATION_DELAY_SECONDS: 0 };
  [at, browser] = await Promise.all([startSignInEdge({ vars }), launchBrowser()]);
  await at.test.enrol("Alice’s laptop", await at.test.issue("laptop"));
});

afterAll(async () => {
  await browser?.close();
  await at?.test.stop();
});

const url = (path: string) => `${at.test.edge.url(APP)}${path}`;
const open = (page: Page, path: string) => page.goto(pageUrl(at.test.edge, path));

async function newPage(): Promise<Page> {
  const context = await newPerson(browser, at.test.edge);
  contexts.push(context);
  return context.newPage();
}

/** Signs in to Latchkey's own pages, which opens the page that was asked for. */
async function signInToPages(page: Page, name: Name, path: string = PATHS.home): Promise<void> {
  await open(page, path);
  await choose(page, "Sign in with the test provider");
  await authenticate(page, name);
}

describe("an owner by the configuration", () => {
  it("signs in to the pages with the provider, and is an owner who is a user from then on", async () => {
    const page = await newPage();
    const complaints = complaintsOf(page);
    await open(page, PATHS.home);
    expect(await inspect(page, "sign-in-with-provider")).toEqual([]);
    await signInToPages(page, "carol", PATHS.activity);
    await expect.poll(() => page.url()).toBe(pageUrl(at.test.edge, PATHS.activity));
    expect(await heading(page)).toBe("Activity");
    // Everybody's devices, and what only owners may do.
    await goTo(page, "Devices");
    expect(await page.getByRole("main").innerText()).toContain("Alice’s laptop");
    await goTo(page, "Invite");
    expect(await heading(page)).toBe("Invite");
    const { users } = (await at.test.api("GET", "/users")) as UserList;
    expect(users.find(({ id }) => id === "carol")).toMatchObject({
      role: "owner",
      emails: ["carol@example.com"],
    });
    const { entries } = (await at.test.api("GET", "/audit")) as AuditList;
    expect(entries.map(({ act }) => act)).toContain("bind-identity");
    expect(complaints).toEqual([]);

    await press(page, "Sign out");
    await open(page, PATHS.devices);
    expect(await heading(page)).toBe("Sign in");
  });

  it("is signed out of the pages, too, by signing out at the provider", async () => {
    const page = await newPage();
    await signInToPages(page, "carol");
    await expect.poll(() => heading(page)).toBe("Devices");
    await page.goto(`${at.issuer.issuer}/session/end`);
    await press(page, "Sign out");
    const title = async () => {
      await open(page, PATHS.devices);
      return heading(page);
    };
    await expect.poll(title).toBe("Sign in");
  });

  it("leaves the ADMIN_TOKEN as the way back in", async () => {
    const page = await newPage();
    await open(page, PATHS.home);
    await page.getByText("I have a token").click();
    await page.getByLabel("Your token").fill(at.test.edge.adminToken);
    await press(page, "Sign in");
    expect(await heading(page)).toBe("Devices");
  });
});

describe("somebody who is not known yet", () => {
  let page: Page;
  let code: string;

  const waitingPeople = async () =>
    ((await at.test.api("GET", "/waiting-people")) as WaitingPersonList).waitingPeople;

  beforeAll(async () => {
    page = await newPage();
  });

  it("waits with a code, which the owner sees as well, and is not let in meanwhile", async () => {
    await page.goto(url("/?from=bob"));
    await takeOffer(page, "bob");
    expect(await heading(page)).toBe("Nearly there");
    code = (await page.locator(".code").innerText()).replace(" ", "");
    expect(code).toMatch(/^\d{6}$/);
    expect(await inspect(page, "sign-in-waiting")).toEqual([]);
    expect(await waitingPeople()).toMatchObject([
      { comparisonCode: code, email: "bob@example.com", isEmailVerified: true, name: "bob at the provider" },
    ]);
    await choose(page, "I have been let in");
    expect(await heading(page)).toBe("Sign in");
    await choose(page, "Sign in");
    expect((await page.locator(".code").innerText()).replace(" ", "")).toBe(code);
    expect(await statusOf(page, url("/"))).toBe(404);
  });

  it("goes on where they were once they are admitted", async () => {
    await page.goto(url("/?from=bob"));
    await choose(page, "Sign in");
    const [person] = await waitingPeople();
    await at.test.api("PUT", "/users/bob", {});
    await at.test.api("POST", `/waiting-people/${person?.id}/admit`, { user: "bob" });
    expect(await waitingPeople()).toEqual([]);
    await choose(page, "I have been let in");
    await choose(page, "Sign in");
    expect(await page.getByRole("main").innerText()).toContain("You are bob");
    await press(page, `Open ${APP}`);
    expect(page.url()).toBe(url("/?from=bob"));
    expect(await heading(page)).toBe("You are through the gate");
    expect(await browsersOf(at.test, "bob")).toMatchObject([{ status: "active", apps: [APP] }]);
  });

  it("is a member then: sees only their own devices, may shut them out, and nothing else", async () => {
    const own = await newPage();
    await signInToPages(own, "bob");
    await expect.poll(() => heading(own)).toBe("Devices");
    const shown = await own.getByRole("main").innerText();
    const [device] = await browsersOf(at.test, "bob");
    expect(shown).toContain(device?.name);
    expect(shown).not.toContain("laptop");
    const links = await own.getByRole("navigation").getByRole("link").allInnerTexts();
    expect(links).not.toContain("Invite");
    for (const path of [`${PATHS.devices}/alice`, PATHS.invite, PATHS.waiting]) {
      expect((await open(own, path))?.status()).toBe(404);
    }
    await goTo(own, "Devices");
    await choose(own, `Revoke… ${device?.name}`);
    await press(own, `Revoke ${device?.name}`);
    expect(await statusOf(page, url("/"))).toBe(404);
  });
});

describe("people who share a browser", () => {
  it("are told apart: whoever signs in with another name gets a device of their own", async () => {
    const page = await newPage();
    await signInTo(page, url("/"), "alice");
    await page.goto(`${at.issuer.issuer}/session/end`);
    await press(page, "Sign out");
    await expect.poll(() => statusOf(page, url("/"))).toBe(404);
    await takeOffer(page, "carol");
    expect(await page.getByRole("main").innerText()).toContain("You are carol");
    await press(page, `Open ${APP}`);
    expect(await statusOf(page, url("/"))).toBe(200);
    expect(await browsersOf(at.test, "alice")).toMatchObject([{ user: "alice" }]);
    expect(await browsersOf(at.test, "carol")).toMatchObject([{ user: "carol" }]);
  });

  it("sign in to the pages with a token as before", async () => {
    const page = await newPage();
    const made = await at.test.api("POST", "/tokens", { user: "alice", name: "desk", scope: "devices" });
    await open(page, PATHS.home);
    await page.getByText("I have a token").click();
    await page.getByLabel("Your token").fill((made as { token: string }).token);
    await press(page, "Sign in");
    expect(await heading(page)).toBe("Devices");
  });
});
